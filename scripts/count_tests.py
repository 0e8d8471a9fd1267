#!/usr/bin/env python3
"""Counts test cases in what the test runners leave behind.

    count_tests.py meson LOG.json    one line for each test program: name passed failed
    count_tests.py tap FILE STATUS   passed and failed of Node's TAP output; STATUS is the runner's exit status
    count_tests.py failures FILE     the failed tests of a TAP file with their diagnostics

A program that ends badly without saying which case failed counts as one failure, so that a crash is never
mistaken for success.
"""

import json
import re
import sys


def count_cmocka(text):
    passed = sum(int(n) for n in re.findall(r"\[\s+PASSED\s+\] (\d+) test", text))
    failed = sum(int(n) for n in re.findall(r"\[\s+FAILED\s+\] \S*: (\d+) test", text))
    if failed == 0:
        # cmocka before 1.1.7: each name once while it runs and once in the sum.
        failed = len(set(re.findall(r"^\[\s+FAILED\s+\] (\w+)$", text, re.M)))
    return passed, failed


def meson(path):
    try:
        with open(path, encoding="utf-8") as handle:
            entries = [json.loads(line) for line in handle if line.strip()]
    except FileNotFoundError:
        entries = []
    if not entries:
        print("unit 0 1")
        return
    for entry in entries:
        good = entry["result"] in ("OK", "EXPECTEDFAIL")
        passed, failed = count_cmocka((entry.get("stdout") or "") + "\n" + (entry.get("stderr") or ""))
        if good and passed == 0:
            passed = 1
        if good:
            failed = 0
        elif failed == 0:
            failed = 1
        print(re.sub(r"\s+", "", entry["name"].split("/")[-1]), passed, failed)


def tap(path, status):
    with open(path, encoding="utf-8", errors="replace") as handle:
        text = handle.read()
    totals = {k: int(v) for k, v in re.findall(r"^# (pass|fail|cancelled) (\d+)$", text, re.M)}
    passed = totals.get("pass", 0)
    failed = totals.get("fail", 0) + totals.get("cancelled", 0)
    if failed == 0 and (int(status) != 0 or "pass" not in totals):
        failed = 1
    print(passed, failed)


def failures(path):
    with open(path, encoding="utf-8", errors="replace") as handle:
        lines = handle.read().split("\n")
    shown = 0
    for i, line in enumerate(lines):
        if re.match(r"\s*not ok ", line):
            print(line)
            for detail in lines[i + 1 : i + 400]:  # what a server said last is part of it
                print(detail)
                if detail.strip() == "...":
                    break
            shown += 1
    over = [line for line in lines if line.startswith("# ended by its limit")]
    if shown == 0 or over:
        # What was under way stands before that.
        print("\n".join(lines[-60:]))


def main():
    what = sys.argv[1]
    if what == "meson":
        meson(sys.argv[2])
    elif what == "tap":
        tap(sys.argv[2], sys.argv[3])
    elif what == "failures":
        failures(sys.argv[2])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
