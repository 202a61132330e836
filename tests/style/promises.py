#!/usr/bin/env python3
"""docs/security.md names tests that exist, and has the tables of attacks on a store."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORDS = {"HARMLESS": "harmless", "NOTED": "notes", "FOUND": "finds", "LACKS": "lacks", "HINTED": "*hints*",
         "UNSEEN": "**nothing**", "REFUSED": "refuses"}


def attacks(test):
    text = (ROOT / "tests/unit/repo" / test).read_text()
    rows = text[text.index("attacks[] = {"):].split("\n};")[0]
    for what, known, fresh in re.findall(r'\{"([^"]+)",[^}]*?\b([A-Z]{5,}),\s*([A-Z]{5,})\}', rows):
        yield f"{what} | {WORDS[known]} | {WORDS[fresh]} |"


def known_tests():
    names = {path.name for path in (ROOT / "tests").rglob("*")}
    for path in (ROOT / "tests").rglob("test_*.c"):
        names.update(re.findall(r"START_TEST\((\w+)\)", path.read_text()))
    return names


def main():
    page = (ROOT / "docs/security.md").read_text()
    table = re.findall(r"^\| \d+ \| (.*\|)$", page, re.M)
    rows = [*attacks("test_hostile_store.c"), *attacks("test_hostile_pruned.c")]
    bad = [f"not in the table: {row}" for row in rows if row not in table]
    names = known_tests()
    for word in re.findall(r"`([\w./-]+)`", page):
        if re.fullmatch(r"[\w/.-]*\.(sh|c)|[a-z]+(_[a-z0-9]+){3,}", word) and word.rsplit("/", 1)[-1] not in names:
            bad.append(f"no such test: {word}")
    if len(rows) < 80:
        bad.append("fewer than 80 attacks on the store")
    print("\n".join(f"docs/security.md: {line}" for line in bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
