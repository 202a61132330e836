#!/usr/bin/env python3
"""Counts what meson recorded in each build directory, names failures and the reason of each skip."""
import json
import os
import sys

PASSED = ("OK", "EXPECTEDFAIL")


def results_of(build):
    path = os.path.join(build, "meson-logs", "testlog.json")
    try:
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.strip()]
    except OSError:
        return []


def reason_of(result):
    """The last line that says SKIP, else the last line."""
    lines = [line for line in result.get("stdout", "").splitlines() if line.strip()]
    said = [line for line in lines if "SKIP" in line] or lines
    return said[-1].removeprefix("SKIP:").strip() if said else "no reason given"


def main(builds):
    passed = failed = skipped = 0
    for build in builds:
        results = results_of(build)
        if not results:
            print(f"failed: {build}: no test ran")
            failed += 1
        for result in results:
            if result["result"] in PASSED:
                passed += 1
            elif result["result"] == "SKIP":
                skipped += 1
                print(f"skipped: {result['name']}: {reason_of(result)}")
            else:
                failed += 1
                print(f"failed: {result['name']} ({build}): {result['result']}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
