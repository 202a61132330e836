#!/usr/bin/env python3
"""Every page renders without a warning, names what it should, and is what --help says."""
import os
import re
import subprocess

from lib import ROOT, main, need

def rendered(source):
    done = subprocess.run(["groff", "-t", "-man", "-Tutf8", "-ww", "-P-cbou"], input=source,
                          capture_output=True, check=True)
    assert not done.stderr, done.stderr.decode()
    return re.sub(r"\s+", " ", done.stdout.decode().replace("‐\n", ""))


def page(bench, name):
    return bench.run("__man", name).stdout


def pages_of(bench):
    return {name: page(bench, name) for name in {"holdfast", *bench.commands().values()}}


def every_page_of_a_command_renders(bench):
    for name, source in pages_of(bench).items():
        source.decode("ascii")
        assert "NAME" in rendered(source), name


def every_command_and_option_stands_on_its_page(bench):
    pages = {name: rendered(source) for name, source in pages_of(bench).items()}
    for command, own in bench.commands().items():
        text = bench.run(*command.split(), "--help").stdout.decode()
        for option in re.findall(r"^  .{4}(--[a-z-]+)", text, re.M):
            assert option in pages[own], (command, option)
        assert f"holdfast {command}" in pages[own], command
        assert f"{own}(1)" in pages["holdfast"], command


def the_environment_the_files_and_the_exit_statuses_are_told(bench):
    text = rendered(page(bench, "holdfast"))
    for word in ("HOLDFAST_REPOSITORY", "HOLDFAST_KEY_FILE", "HOLDFAST_KEY_COMMAND",
                 "HOLDFAST_PASSPHRASE_FILE", "HOLDFAST_PASSPHRASE", "HOLDFAST_CACHE_DIR",
                 "HOLDFAST_CONFIG", "CONFIGURATION FILE", "key-command: pass show", "config.yaml",
                 "NO_COLOR", "FILES", "ENVIRONMENT", "EXIT STATUS", "130 interrupted"):
        assert word in text, word


def the_format_is_a_page_too(_):
    source = subprocess.run(
        ["python3", os.path.join(ROOT, "docs", "man.py"), os.path.join(ROOT, "docs", "format.md"),
         "holdfast-format", "5", "0", "the format"], capture_output=True, check=True).stdout
    source.decode("ascii")
    text = rendered(source)
    with open(os.path.join(ROOT, "docs", "format.md"), encoding="utf-8") as file:
        headings = re.findall(r"^##+ (.*)", file.read(), re.M)
    for heading in headings:
        assert heading in text, heading


def an_unknown_page_is_refused(bench):
    bench.run("__man", "holdfast-nothing", status=6)


if __name__ == "__main__":
    need("groff")
    main(every_page_of_a_command_renders, every_command_and_option_stands_on_its_page,
         the_environment_the_files_and_the_exit_statuses_are_told, the_format_is_a_page_too,
         an_unknown_page_is_refused)
