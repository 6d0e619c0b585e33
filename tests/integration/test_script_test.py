#!/usr/bin/env python3
"""scripts/failed_tests.py, and scripts/test --filter and --only: what ctest and GoogleTest are asked for. A copy of
the script runs in a tree made here, with programs in the place of scripts/setup, cmake and ctest that say what they
were called with.

Usage: test_script_test.py SOURCE_FOLDER
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(sys.argv[1]).absolute()
# knows the GoogleTest programs train and parallel, whose cases are Trainer.*, Each.* and Mesh.*, and the program slurm
CTEST = r'''#!/usr/bin/env python3
import fnmatch, os, re, sys
words = sys.argv[1:]
value = lambda name: words[words.index(name) + 1] if name in words else None
tests = {"train": ["Trainer.Saves", "All/Each.Learns/0"], "parallel": ["Mesh.Axes"]} if "-L" in words else {"slurm": [""]}
chosen = [t for t in tests if re.search(value("-R") or "", t) and not (value("-E") and re.search(value("-E"), t))]
for number, test in enumerate(chosen):
    if "-N" in words:
        print(f"  Test #{number}: {test}")
        continue
    patterns = os.environ.get("GTEST_FILTER", "*").split(":")
    ran = [c for c in tests[test] if any(fnmatch.fnmatchcase(c, p) for p in patterns)]
    with open(os.environ["CALLS"], "a") as calls:
        calls.write("".join(f"{test} {case}".strip() + "\n" for case in ran))
    if os.environ.get("FAILS") == test:
        print(f"1: the reason\n1/1 Test #1: {test} ....***Failed   0.01 sec")
        sys.exit(8)
    print(f"1: [  PASSED  ] {len(ran) if tests[test] != [''] else 0} tests.")
if "-N" in words:
    print(f"Total Tests: {len(chosen)}")
'''


FAILED = """
13: [ RUN      ] Ranks.Meet
13: ranks.cpp:16: Failure
13: rank 0 of 2, ended by signal 11, said:
13: [ RUN      ] Ranks.Meet
13: ranks.cpp:16: Failure
13: rank 1 of 2 said:
13: [ RUN      ] Ranks.Meet
13: meet_test.cpp:14: Failure
13: connection lost
13: [  FAILED  ] Ranks.Meet (4 ms)
7: [ RUN      ] Other.Passes
13: [  FAILED  ] Ranks.Meet (9 ms)
7: [       OK ] Other.Passes (1 ms)
13: [  FAILED  ] Ranks.Meet
 2/38 Test #13: parallel ....***Failed   57.38 sec
9: [ RUN      ] Reader.Reads
9: before the crash
 3/38 Test #9: reader .......***Exception: SegFault  0.10 sec
13: [ RUN      ] Ranks.Part
13: in the middle of it
 3/38 Test #13: parallel ...Subprocess aborted***Exception:   0.10 sec
 4/38 Test #38: crosscheck ..***Skipped   0.10 sec
"""


class FailedTests(unittest.TestCase):
    def said_of(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
            log.write(text)
            log.flush()
            return subprocess.run([SOURCE / "scripts/failed_tests.py", log.name], capture_output=True, text=True,
                                  timeout=60, check=True).stdout

    def test_each_case_comes_once_with_its_reason(self):
        self.assertEqual(self.said_of(FAILED), """
failed:
  Ranks.Meet
    ranks.cpp:16: Failure
    rank 0 of 2, ended by signal 11, said:
    [ RUN      ] Ranks.Meet
    ranks.cpp:16: Failure
    rank 1 of 2 said:
    [ RUN      ] Ranks.Meet
    meet_test.cpp:14: Failure
    connection lost
  reader (Exception: SegFault)
    [ RUN      ] Reader.Reads
    before the crash
  parallel (Subprocess aborted Exception:)
    [ RUN      ] Ranks.Part
    in the middle of it
""")

    def test_nothing_failed(self):
        self.assertEqual(self.said_of("7: [       OK ] Other.Passes (1 ms)\n"), "")


class OptionsWithoutAValue(unittest.TestCase):
    def test_are_refused_in_one_line(self):
        for script, *words in (("scripts/test", "--only"), ("scripts/test", "--filter"), ("scripts/test", "--filter", ""),
                               ("scripts/quickstart", "--out"), ("bench/accuracy/run", "p1", "--seeds")):
            with self.subTest(" ".join([script, *words])):
                done = subprocess.run([SOURCE / script, *words], capture_output=True, text=True, timeout=60)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, rf"^{script}: {words[-1] or words[-2]}: expected a \w+ after it, found nothing; [^\n]+\n$")


class Filter(unittest.TestCase):
    def run_with(self, *words, **variables):
        """Exit code, output and the cases that ran."""
        with tempfile.TemporaryDirectory(prefix="precinct-filter-") as name:
            folder = Path(name)
            for path, text in {"scripts/setup": "#!/bin/sh\n", "bin/cmake": "#!/bin/sh\n", "bin/ctest": CTEST,
                               "tests/train/trainer_test.cpp": "TEST(Trainer, Saves) {}\nTEST_P(Each, Learns) {}\n",
                               "tests/parallel/mesh_test.cpp": "TEST(Mesh, Axes) {}\n", "calls": ""}.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text)
                (folder / path).chmod(0o755)
            for script in ("test", "failed_tests.py"):
                shutil.copy(SOURCE / "scripts" / script, folder / "scripts" / script)
            done = subprocess.run([folder / "scripts/test", *words], capture_output=True, text=True, timeout=60,
                                  env=dict(os.environ, PATH=f"{folder / 'bin'}:{os.environ['PATH']}", CALLS=str(folder / "calls"), **variables))
            return done.returncode, done.stdout, sorted((folder / "calls").read_text().splitlines())

    def expect_run(self, name, *cases):
        code, out, ran = self.run_with("--filter", name)
        self.assertEqual((code, ran), (0, sorted(cases)), out)
        self.assertTrue(out.endswith("3 passed, 0 failed\n"), out)

    def test_the_name_of_a_program_runs_all_of_it_once(self):
        for name in ("test_train", "train_test", "test_train_test"):
            with self.subTest(name):
                self.expect_run(name, "train All/Each.Learns/0", "train Trainer.Saves")
        self.expect_run("parallel", "parallel Mesh.Axes")

    def test_the_name_of_a_file_runs_its_suites(self):
        self.expect_run("trainer_test", "train All/Each.Learns/0", "train Trainer.Saves")
        self.expect_run("mesh_test", "parallel Mesh.Axes")

    def test_the_name_of_a_case_runs_it_alone(self):
        self.expect_run("Saves", "train Trainer.Saves")
        self.expect_run("Each.Learns", "train All/Each.Learns/0")

    def test_the_name_of_a_program_without_cases_runs_it(self):
        self.expect_run("slurm", "slurm")

    def test_parts_run_alone(self):
        for parts, phases in (("ci", 3), ("asan,tsan", 5), ("ci,asan,tsan", 7), ("minimal", 3), ("debug", 2)):
            with self.subTest(parts):
                code, out, _ = self.run_with("--only", parts)
                self.assertEqual(code, 0, out)
                self.assertTrue(out.endswith(f"{phases} passed, 0 failed\n"), out)
        for words in (("--only", "ci,hose"), ("--only", ","), ("--only", "asan", "--filter", "X")):
            self.assertEqual(self.run_with(*words)[0], 2, words)

    def test_sanitizers_beside_the_tests_fail_the_run(self):
        code, out, _ = self.run_with("--only", "ci,asan,tsan", FAILS="slurm")
        self.assertEqual(code, 1)
        self.assertIn("== sanitizers, beside the tests\n", out)
        self.assertRegex(out, r"(?m)^tests-tsan +\d+ s  FAILED$")
        self.assertIn("\n4 passed, 3 failed\n", out)

    def test_what_failed_is_the_last_that_is_said(self):
        code, out, _ = self.run_with("--filter", "slurm", FAILS="slurm")
        self.assertEqual(code, 1)
        self.assertRegex(out, r"\nfailed:\n  slurm \(Failed\)\n(    .*\n)*    the reason\n$")

    def test_a_name_of_nothing_is_a_failure_that_says_so(self):
        code, out, ran = self.run_with("--filter", "parallell")
        self.assertEqual((code, ran), (1, []))
        self.assertIn("scripts/test: --filter: expected a part of a test's name, found 'parallell', which is in none; ", out)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
