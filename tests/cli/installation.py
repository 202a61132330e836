#!/usr/bin/env python3
"""What `meson install` puts where."""
import json
import os
import shutil
import subprocess

from lib import main, need

BUILD = os.environ["BUILD"]
UNITS = ("holdfast-backup@.service", "holdfast-backup@.timer", "holdfast-check.service",
         "holdfast-check.timer", "holdfast-prune.service", "holdfast-prune.timer")
BELOW_PREFIX = {
    "bin/holdfast",
    "share/bash-completion/completions/holdfast",
    "share/zsh/site-functions/_holdfast",
    "share/fish/vendor_completions.d/holdfast.fish",
    "share/man/man5/holdfast-format.5",
    "share/man/man8/mount.holdfast.8",
    "share/doc/holdfast/README.md",
    "share/doc/holdfast/CHANGELOG.md",
    "share/doc/holdfast/json.md",
}


def prefix_of_build():
    told = subprocess.run(["meson", "introspect", "--buildoptions", BUILD], check=True,
                          capture_output=True).stdout
    options = {option["name"]: option["value"] for option in json.loads(told)}
    return options["prefix"]


def installed(bench):
    dest = bench.path("dest")
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", dest],
                   check=True, stdout=subprocess.DEVNULL)
    return dest, {
        "/" + os.path.relpath(os.path.join(at, name), dest)
        for at, _, names in os.walk(dest) for name in names
    }


def expected(bench, prefix):
    """The units are systemd's and the mount helper mount(8)'s: those look in one place only."""
    files = {f"{prefix}/{path}" for path in BELOW_PREFIX}
    files |= {f"{prefix}/share/man/man1/{page}.1"
              for page in {"holdfast", *bench.commands().values()}}
    if prefix in ("/usr", "/usr/local"):
        return files | {"/usr/sbin/mount.holdfast"} | {f"/systemd/{unit}" for unit in UNITS}
    return files | {f"{prefix}/sbin/mount.holdfast"} | {f"/systemd/{unit}" for unit in UNITS}


def units_apart(path):
    """Distributions differ in where systemd's own units lie: /lib or /usr/lib."""
    folder, name = os.path.split(path)
    return f"/systemd/{name}" if folder.endswith("lib/systemd/system") else path


def all_is_where_a_distribution_expects_it(bench):
    prefix = prefix_of_build()
    dest, got = installed(bench)
    got = {units_apart(path) for path in got}
    want = expected(bench, prefix)
    assert got == want, ("not expected", got - want, "missing", want - got)
    helper = next(path for path in want if path.endswith("/mount.holdfast"))
    assert os.readlink(dest + helper) == f"{prefix}/bin/holdfast"


def the_units_are_valid(bench):
    if not shutil.which("systemd-analyze"):
        return
    dest, got = installed(bench)
    units = [dest + path for path in got if path.endswith((".timer", "check.service"))]
    env = {**os.environ, "SYSTEMD_UNIT_PATH": os.path.dirname(units[0]) + ":"}
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], env=env,
                          capture_output=True, text=True, check=False)
    # The program is not installed here, only in the folder.
    told = [line for line in done.stderr.splitlines() if "holdfast" in line
            and "is not executable" not in line and "Command holdfast" not in line]
    assert not told, told


if __name__ == "__main__":
    need("meson")
    main(all_is_where_a_distribution_expects_it, the_units_are_valid)
