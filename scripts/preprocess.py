#!/usr/bin/env python3
"""What a source file looks like to its compiler, by the build's compile_commands.json.

    preprocess.py BUILD FILE      prints the preprocessed source, comments kept
    preprocess.py BUILD --known   passes on those paths from standard input that the build compiles
"""

import json
import os
import shlex
import subprocess
import sys


def commands(build):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as handle:
        entries = json.load(handle)
    found = {}
    for entry in entries:
        path = os.path.realpath(os.path.join(entry["directory"], entry["file"]))
        found[path] = entry
    return found


def preprocess(entry):
    words = shlex.split(entry["command"])
    kept = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("-o", "-MF", "-MQ", "-MT"):
            skip = True
        elif word not in ("-c", "-MD"):
            kept.append(word)
    return subprocess.run(kept + ["-E", "-C"], cwd=entry["directory"], check=False).returncode


def main():
    build, what = sys.argv[1], sys.argv[2]
    known = commands(build)
    if what == "--known":
        for line in sys.stdin:
            if os.path.realpath(line.strip()) in known:
                print(line.strip())
        return 0
    return preprocess(known[os.path.realpath(what)])


if __name__ == "__main__":
    sys.exit(main())
