#!/usr/bin/env python3
"""Includes go down only: fails on one that goes up or sideways, on a cycle, and on a path that is
not written from the root. docs/style.md has the layers."""
import os
import re
import sys

# The rank of each layer; what is not listed is of no layer and may include all (tests).
RANKS = {
    "backend/base": 0,
    "backend/format": 1,
    "backend/store": 1,
    "backend/repo": 2,
    "backend/tree": 3,
    "fs/view": 4,
    "fs/fuse": 5,
    "tools/cli": 6,
    "tools": 8,
}
TOOL_RANK = 7  # tools/<peer>: may use tools/cli, never another peer

# Libraries that one layer keeps to itself: header prefix, who may include it.
OWNED = {
    "openssl/": ("backend/format/", "backend/store/sigv4.c", "backend/store/http.c"),
    "sqlite3.h": ("backend/repo/",),
    "fuse": ("fs/fuse/",),
    "yaml.h": ("tools/cli/",),
    "zstd": ("backend/format/",),
    "libpq": ("tools/pg/",),
}
OURS = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
SYSTEM = re.compile(r"^\s*#\s*include\s+<([^>]+)>", re.M)


def layer_of(path):
    folder = os.path.dirname(path)
    while folder and folder not in RANKS:
        if os.path.dirname(folder) == "tools":
            return folder, TOOL_RANK
        folder = os.path.dirname(folder)
    return (folder, RANKS[folder]) if folder else (None, None)


def sources(root):
    for top in ("backend", "fs", "tools", "tests"):
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), root)


def wrong_include(root, path, included):
    if not os.path.exists(os.path.join(root, included)):
        return "is not written from the root"
    layer, rank = layer_of(path)
    other, other_rank = layer_of(included)
    if layer is None or layer == other:
        return None
    if other is None:
        return "is no part of the program"
    if other_rank > rank:
        return f"goes up: {layer} must not know {other}"
    if other_rank == rank:
        return f"goes sideways: {layer} and {other} must not know each other"
    return None


def wrong_library(path, header):
    for prefix, owners in OWNED.items():
        if header.startswith(prefix) and layer_of(path)[0] and not path.startswith(owners):
            return f"belongs to {' '.join(owners)}"
    return None


def find_cycle(graph):
    """The first cycle as a list of paths, or None."""
    state, trail = {}, []

    def visit(path):
        state[path] = "open"
        trail.append(path)
        for included in graph.get(path, ()):
            if state.get(included) == "open":
                return trail[trail.index(included):] + [included]
            if included not in state and (found := visit(included)):
                return found
        state[path] = "done"
        trail.pop()
        return None

    for path in graph:
        if path not in state and (found := visit(path)):
            return found
    return None


def main(root):
    failures, graph = [], {}
    for path in sources(root):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        graph[path] = OURS.findall(text)
        for included in graph[path]:
            if wrong := wrong_include(root, path, included):
                failures.append(f'{path}: "{included}" {wrong}')
        for header in SYSTEM.findall(text):
            if wrong := wrong_library(path, header):
                failures.append(f"{path}: <{header}> {wrong}")
    if cycle := find_cycle(graph):
        failures.append("cycle: " + " -> ".join(cycle))
    print("\n".join(failures) or f"{len(graph)} files, no include goes up")
    return 1 if failures or not graph else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
