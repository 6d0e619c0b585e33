#!/usr/bin/env python3
"""Two ranks whose clocks are a day apart: heartbeats, deadlines, training and going on after a stop do not notice, and
`precinct doctor` shows the difference. libfaketime sets one rank's clock of the day; its monotonic clock stays.

Usage: clocks_test.py PROGRAM SOURCE_FOLDER
"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from readme_commands import chicago_ingest  # noqa: E402

PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).absolute()
LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
DAY_MS = 86_400_000
RANK_VARIABLES = re.compile(r"(SLURM|OMPI|TORCHELASTIC)_.*|(LOCAL_)?(RANK|WORLD_SIZE)|MASTER_.*|PRECINCT_.*|FAKETIME.*")
# the words of a rank: rank 1 is given another clock
SHIFTED = ('[ "$RANK" = 0 ] || { export LD_PRELOAD="$0" FAKETIME="$1" FAKETIME_DONT_FAKE_MONOTONIC=1; }; shift; '
           'exec "$@"')


class Clocks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="precinct-clocks-")
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = Path(temporary.name)
        subprocess.run([PROGRAM, *chicago_ingest(SOURCE)[0], "--out", cls.folder / "panel.h5"], check=True,
                       capture_output=True, timeout=120)

    def launch(self, shift, *words):
        """Two ranks; rank 1's clock is off by `shift`."""
        launcher = [PROGRAM, "launch", "--nproc", "2", "--"]
        rank = ["/bin/sh", "-c", SHIFTED, LIBRARY, shift, PROGRAM] if shift else [PROGRAM]
        variables = {key: value for key, value in os.environ.items() if not RANK_VARIABLES.fullmatch(key)}
        return subprocess.Popen(list(map(str, [*launcher, *rank, *words])), env=variables | {"OMP_NUM_THREADS": "1"},
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, launched):
        try:
            out, err = launched.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            launched.terminate()
            self.fail(f"no end: {launched.communicate(timeout=30)[1]}")
        return launched.returncode, out, err

    def train(self, shift, run, stop_after=None):
        words = ["train", SOURCE / "configs/chicago/dnn.yaml", "--set", f"data.panel={self.folder / 'panel.h5'}", "--set",
                 "train.epochs=8", "--set", "train.refit=none", "--set", "train.checkpoint.every=8st", "--set",
                 "model.hidden=16", "--set", "log.every=1", "--set", "parallel.timeout_seconds=20", "--set",
                 "parallel.heartbeat_seconds=1", "--no-score", "--run-dir", self.folder / run]
        launched = self.launch(shift, *words)
        if stop_after:
            metrics, deadline = self.folder / run / "metrics.jsonl", time.monotonic() + 60
            while not metrics.exists() or metrics.read_text().count("train/loss") < stop_after:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.005)
            launched.send_signal(signal.SIGUSR1)
        return self.end(launched)

    def weights(self, run):
        return (self.folder / run / "artifact/model.safetensors").read_bytes()

    def test_a_day_ahead_or_behind_changes_no_bit(self):
        code, _, err = self.train("", "same")
        self.assertEqual(code, 0, err)
        for shift in "+1d", "-1d":
            with self.subTest(shift):
                run = f"shifted{shift}"
                code, _, err = self.train(shift, run, stop_after=10)
                self.assertEqual(code, 75, err)
                code, _, err = self.train(shift, run)
                self.assertEqual(code, 0, err)
                self.assertIn("resumed from step-", err)
                self.assertEqual(self.weights(run), self.weights("same"))

    def test_doctor_shows_the_difference_and_says_that_it_does_no_harm(self):
        code, out, err = self.end(self.launch("+1d", "doctor", "--json"))
        self.assertEqual(code, 0, err)
        report = json.loads(re.sub(r"(?m)^\[rank 0\] ", "", out))
        self.assertAlmostEqual(report["job"]["ranks"][1]["clock_ms"], DAY_MS, delta=10_000)
        clocks = next(finding for finding in report["findings"] if finding["name"] == "clocks")
        self.assertIn("no harm", clocks["remedy"])


if __name__ == "__main__":
    if not LIBRARY:
        print("[  SKIPPED ] clocks (expected libfaketime, found none; install with scripts/setup --with-slurm)")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], "-v"])
