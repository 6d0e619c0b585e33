#!/usr/bin/env python3
"""Each preset of CMakePresets.json configures, says what it is for, and sets what it says. Nothing is compiled here:
scripts/test builds ci, asan and tsan, and with --long minimal and debug; scripts/quickstart builds release.

Usage: presets_test.py SOURCE_FOLDER DEPENDENCIES_FOLDER
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, DEPENDENCIES = Path(sys.argv[1]), sys.argv[2]
PRESETS = json.loads((SOURCE / "CMakePresets.json").read_text())
SHOWN = {preset["name"]: preset for preset in PRESETS["configurePresets"] if not preset.get("hidden")}


def configure(preset, folder, *words, **variables):
    return subprocess.run(["cmake", "--preset", preset, "-B", str(folder), *words], cwd=SOURCE, capture_output=True, text=True,
                          timeout=300, env={**os.environ, "PRECINCT_DEPS": DEPENDENCIES, **variables})


def cached(folder):
    return dict(re.findall(r"(?m)^(\w+):\w+=(.*)$", (Path(folder) / "CMakeCache.txt").read_text()))


class Presets(unittest.TestCase):
    def test_each_configures_with_the_values_that_it_names(self):
        base = next(preset for preset in PRESETS["configurePresets"] if preset["name"] == "base")
        for name, preset in SHOWN.items():
            with self.subTest(name), tempfile.TemporaryDirectory(prefix="precinct-preset-") as folder:
                result = configure(name, folder)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertNotIn("CMake Warning", result.stderr)
                cache = cached(folder)
                for key, value in {**base["cacheVariables"], **preset["cacheVariables"]}.items():
                    self.assertEqual(cache[key], value, key)
                rules = (Path(folder) / "build.ninja").read_text()
                self.assertIn("bin/precinct", rules)
                torch_free = preset["cacheVariables"].get("PRECINCT_TORCH") == "OFF"
                self.assertEqual("libtorch_cpu" in rules, not torch_free)
                self.assertEqual("test_base" in rules, preset["cacheVariables"].get("PRECINCT_TESTS") != "OFF")

    def test_an_empty_variable_is_no_variable_as_in_setup(self):
        with tempfile.TemporaryDirectory(prefix="precinct-preset-") as folder:
            result = configure("minimal", folder, PRECINCT_DEPS="", XDG_CACHE_HOME="", HOME="/planted")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(cached(folder)["PRECINCT_DEPS"], "/planted/.cache/precinct")

    def test_without_nvcc_the_cpu_build_is_complete_and_says_once_that_gpu_support_is_off(self):
        with tempfile.TemporaryDirectory(prefix="precinct-preset-") as folder:
            result = configure("ci", folder, "-DPRECINCT_NVCC=")  # as if it had been looked for in vain
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(re.findall("GPU support is off: [^.]*", result.stdout), ["GPU support is off: no nvcc found"])
            rules = (Path(folder) / "build.ninja").read_text()
            self.assertIn("bin/precinct", rules)
            self.assertNotIn("libprecinct_cuda.so", rules)

    def test_a_preset_that_is_none_is_refused(self):
        with tempfile.TemporaryDirectory(prefix="precinct-preset-") as folder:
            result = configure("planted", folder)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn("planted", result.stderr)

    def test_the_list_is_the_one_that_is_promised_and_each_can_be_built_by_name(self):
        self.assertEqual(set(SHOWN), {"release", "debug", "asan", "tsan", "minimal", "ci"})
        self.assertEqual({preset["configurePreset"] for preset in PRESETS["buildPresets"]}, set(SHOWN))
        for preset in PRESETS["buildPresets"]:
            self.assertEqual(preset["name"], preset["configurePreset"])
        for name, preset in SHOWN.items():
            self.assertGreater(len(preset["displayName"]), 20, name)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
