#!/usr/bin/env python3
"""The three shells offer commands, options and the paths of a real repository."""
import os
import shutil
import subprocess

from lib import HOLDFAST, ROOT, main, skip

SHELLS = [shell for shell in ("bash", "zsh", "fish") if shutil.which(shell)]
FOLDER = os.path.join(ROOT, "contrib", "completion")

# What bash's readline does: the line is cut at its word breaks, and the last piece is replaced.
BASH = r"""
source "$FOLDER/holdfast.bash"
COMP_LINE=$LINE COMP_POINT=${#LINE}
mapfile -t COMP_WORDS < <(python3 - "$LINE" <<'PYTHON'
import re, sys
line = sys.argv[1]
piece = r'''"[^"]*"?|'[^']*'?|(?:\\.|[^\s:=])+|[:=]+'''
words = re.findall(piece, line)
print("\n".join(words + ([""] if line[-1:].isspace() and not line.endswith("\\ ") else [])))
PYTHON
)
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_holdfast
printf '%s\n' "${COMPREPLY[@]}"
"""

# A zsh in a terminal of its own; what compadd would get is what counts.
ZSH = r"""
words=(${(z)LINE}); [[ $LINE == *[!\\]' ' ]] && words+=('')
CURRENT=$#words
compadd() { local -a all; while [[ $1 == -S ]]; do shift 2; done; all=("${(@P)2}"); print -l -- $all }
_files() { print :files }
source "$FOLDER/_holdfast"
"""


def offered(bench, shell, line):
    env = {**bench.env, "LINE": line, "FOLDER": FOLDER,
           "PATH": os.path.dirname(HOLDFAST) + ":" + os.environ["PATH"]}
    command = {
        "bash": ["bash", "--norc", "-c", BASH],
        "zsh": ["zsh", "-f", "-c", ZSH],
        "fish": ["fish", "--no-config", "-c", f"source {FOLDER}/holdfast.fish; complete -C $LINE"],
    }[shell]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert "Sanitizer" not in done.stderr, done.stderr
    return [word.split("\t")[0] for word in done.stdout.splitlines() if word]


def expect(bench, line, *wanted, only=True):
    for shell in SHELLS:
        got = offered(bench, shell, line)
        if only:
            assert sorted(got) == sorted(wanted), (shell, line, got)
        else:
            assert set(wanted) <= set(got), (shell, line, got)


def stored(bench):
    bench.write("plain.txt")
    bench.write("with blank/inner file")
    bench.write("it's")
    bench.run("init")
    bench.run("backup", "--source", "tree", bench.path("tree"))


def commands_are_offered(bench):
    expect(bench, "holdfast ba", "backup")
    expect(bench, "holdfast key ", "add", "list", "revoke", only=False)
    expect(bench, "holdfast rest", "restore")


def options_are_offered(bench):
    expect(bench, "holdfast --repo", "--repository")
    expect(bench, "holdfast backup --exclude-", "--exclude-from", "--exclude-caches")
    expect(bench, "holdfast --log-format ", "text", "json")


def view_paths_are_offered(bench):
    stored(bench)
    expect(bench, "holdfast ls ", "at/", "labels/", "latest/", "sources/")
    expect(bench, "holdfast ls latest/fi", "latest/files/")
    expect(bench, "holdfast cat latest/files/tree/pl", "latest/files/tree/plain.txt")


def the_words_before_say_which_repository(bench):
    stored(bench)
    other = bench.env.pop("HOLDFAST_REPOSITORY")
    expect(bench, "holdfast ls latest/fi")
    expect(bench, f"holdfast -r {other} ls latest/fi", "latest/files/")
    expect(bench, f"holdfast ls --repository={other} latest/fi", "latest/files/")


def repositories_of_the_configuration_are_offered(bench):
    stored(bench)
    with open(bench.path("config.yaml"), "w", encoding="utf-8") as file:
        file.write("repositories:\n"
                   f"- {{name: tenant-a, url: {bench.env.pop('HOLDFAST_REPOSITORY')},"
                   f" key-file: {bench.env.pop('HOLDFAST_KEY_FILE')}}}\n"
                   "- {name: tenant-b, url: /nowhere}\n")
    expect(bench, "holdfast -r ten", "tenant-a", "tenant-b")
    expect(bench, "holdfast -r tenant-a ls latest/fi", "latest/files/")
    expect(bench, "holdfast ls latest/fi")


def names_with_blanks_are_quoted(bench):
    stored(bench)
    for shell in SHELLS:
        got = offered(bench, shell, "holdfast ls latest/files/tree/wi")
        # zsh and fish quote what they insert by themselves
        quoted = r"latest/files/tree/with\ blank/" if shell == "bash" else "latest/files/tree/with blank/"
        assert got in ([quoted], [quoted.replace("\\", "")], [r"latest/files/tree/with\ blank/"]), (
            shell, got)
        got = offered(bench, shell, r"holdfast ls latest/files/tree/with\ blank/in")
        assert [word.replace("\\", "") for word in got] == [
            "latest/files/tree/with blank/inner file"], (shell, got)


def a_time_with_colons_is_one_word(bench):
    stored(bench)
    got = offered(bench, "bash", "holdfast ls at/2099-01-01T10:00/fi")
    assert got == ["00/files/"], got


def what_is_local_is_the_shells_business(bench):
    got = offered(bench, "bash", f"holdfast backup {bench.dir}/")
    assert got == [] or all(word.startswith(bench.dir) for word in got), got


if __name__ == "__main__":
    if not SHELLS:
        skip("no shell is installed")
    print("with", ", ".join(SHELLS))
    main(commands_are_offered, options_are_offered, view_paths_are_offered,
         the_words_before_say_which_repository, repositories_of_the_configuration_are_offered, names_with_blanks_are_quoted,
         a_time_with_colons_is_one_word, what_is_local_is_the_shells_business)
