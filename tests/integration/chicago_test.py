#!/usr/bin/env python3
"""configs/chicago/* on the panel that `precinct ingest` makes of data/chicago, with the command of README.md.

Usage: chicago_test.py PROGRAM SOURCE_FOLDER
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from readme_commands import chicago_ingest  # noqa: E402

PROGRAM, SOURCE = sys.argv[1], Path(sys.argv[2])
CONFIGS = sorted((SOURCE / "configs" / "chicago").glob("*.yaml"))
NETWORKS = ["crimenet", "dnn", "gat_tcn"]


def precinct(*words):
    return subprocess.run([PROGRAM, "--quiet", *map(str, words)], capture_output=True, text=True, timeout=300,
                          env=dict(os.environ, OMP_NUM_THREADS="1"))


class Chicago(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="precinct-chicago-")
        cls.folder = Path(cls.temporary.name)
        cls.panel = cls.folder / "panel.h5"
        words, cls.out = chicago_ingest(SOURCE)
        cls.ingest = precinct(*words, "--out", cls.panel)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_the_panel_is_the_one_that_the_configurations_speak_of(self):
        self.assertEqual(self.ingest.returncode, 0, self.ingest.stderr)
        self.assertIn("731 bins (day) from 2016-01-01 x 98 districts x 4 categories, 235 borders", self.ingest.stdout)
        for config in CONFIGS:
            head = config.read_text().splitlines()[0]
            self.assertIn("Chicago 2016-17: 98 districts, 4 categories; 28 days in, 7 days out.", head)

    def test_each_configuration_is_good_and_names_the_panel_of_the_readme(self):
        self.assertEqual([config.stem for config in CONFIGS], ["baselines", *NETWORKS])
        for config in CONFIGS:
            with self.subTest(config.name):
                check = precinct("config", "check", config)
                self.assertEqual(check.returncode, 0, check.stderr)
                self.assertEqual(check.stderr, "")
                shown = precinct("config", "show", config).stdout
                panel = re.search(r"(?m)^ +panel: \"?([^\"\n]+)\"?$", shown).group(1)
                self.assertEqual(os.path.normpath(panel), str(SOURCE / self.out))
                self.assertRegex(shown, rf"(?m)^model:\n  name: \"{config.stem}\"$")

    def test_a_network_trains_an_epoch(self):
        run = self.folder / "dnn"
        result = precinct("train", SOURCE / "configs/chicago/dnn.yaml", "--set", f"data.panel={self.panel}", "--set",
                          "train.epochs=1", "--set", "evaluate.bootstrap.replicates=50", "--run-dir", run)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"(?m)^dnn +\d\.\d{5} .* than gamma_poisson$")
        self.assertRegex(result.stdout, r"(?m)^gamma_poisson \* +1\.11266 ", "all days and districts were scored")
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        self.assertLessEqual({"fit", "refit"}, {line["phase"] for line in lines})
        self.assertTrue((run / "artifact" / "model.safetensors").exists())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
