#!/usr/bin/env python3
"""A file that one can read in one sitting: at most 600 lines, 100 columns."""
import os
import sys

MAX_LINES = 600
MAX_COLUMNS = 100
# path: the reason why it may be longer.
LONGER = {}
KINDS = (".c", ".h", ".py", ".sh")


def columns_of(line):
    return len(line.rstrip("\n").expandtabs(8))


def main(root):
    failures, seen = [], 0
    for top in ("backend", "fs", "tools", "tests", "contrib"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), root)
                if not name.endswith(KINDS):
                    continue
                seen += 1
                with open(os.path.join(root, path), encoding="utf-8") as file:
                    lines = file.readlines()
                if len(lines) > MAX_LINES and path not in LONGER:
                    failures.append(f"{path}: {len(lines)} lines, more than {MAX_LINES}")
                if name.endswith((".c", ".h")):
                    failures += [
                        f"{path}:{number}: {columns_of(line)} columns, more than {MAX_COLUMNS}"
                        for number, line in enumerate(lines, 1)
                        if columns_of(line) > MAX_COLUMNS
                    ]
    for path in LONGER:
        if not os.path.exists(os.path.join(root, path)):
            failures.append(f"{path}: may be longer, but is gone")
    print("\n".join(sorted(failures)) or f"{seen} files, none too long")
    return 1 if failures or not seen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
