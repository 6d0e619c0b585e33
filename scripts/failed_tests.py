#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The precinct authors
# SPDX-License-Identifier: Apache-2.0
"""What failed in the logs of `ctest -V`: each GoogleTest case, or test of another kind, with the
lines that say why. Prints nothing when nothing failed.

usage: scripts/failed_tests.py LOG...
"""
import re
import sys

LINES_SHOWN = 25  # of one case
CASES_SHOWN = 8

OUTPUT = re.compile(r"(\d+): (.*)")
BEGIN = re.compile(r"\[ RUN      \] (\S+)")
FAILED_CASE = re.compile(r"\[  FAILED  \] (\S+)(?:, where .*)? \(\d+ ms\)$")
FAILED_TEST = re.compile(r"\s*\d+/\d+ Test\s+#(\d+): (\S+) \.*(.*?)\s*\*\*\*\s*(.*?)\s+[\d.]+ sec")


def why(lines):
    """From the first failure on; of a program that says none, its end."""
    for first, line in enumerate(lines):
        if re.search(r": (Failure|error:)|^error: |Traceback|terminate called|ERROR: \w+Sanitizer", line):
            return lines[first : first + LINES_SHOWN]
    return lines[-LINES_SHOWN:]


def failures(text):
    """Pairs of a name and the lines that say why."""
    said, open_case, found, with_cases = {}, {}, [], set()
    for line in text.splitlines():
        if match := OUTPUT.match(line):
            test, words = match.groups()
            if (match := BEGIN.match(words)) and match[1] != open_case.get(test):
                said[test] = []  # of this case alone
                open_case[test] = match[1]
            if match := FAILED_CASE.match(words):
                # A rank's output stands in that of the test that started it, behind how the rank
                # ended: what the case said up to its first such line has the reason.
                if match[1] not in [name for name, _ in found]:
                    found.append((match[1], why(said.get(test, []))))
                with_cases.add(test)
                said[test] = []
            else:
                said.setdefault(test, []).append(words)
        elif match := FAILED_TEST.match(line):
            test, name, *how = match.groups()
            how = " ".join(filter(None, how))
            if how != "Skipped" and not (how == "Failed" and test in with_cases):
                found.append((f"{name} ({how})", why(said.get(test, []))))
    return found


def main():
    found = []
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8", errors="replace") as log:
            found += failures(log.read())
    if found:
        print("\nfailed:")
    for name, lines in found[:CASES_SHOWN]:
        print(f"  {name}")
        for line in lines:
            print(f"    {line[:300]}")
    for name, _ in found[CASES_SHOWN:]:
        print(f"  {name}")


if __name__ == "__main__":
    main()
