#!/usr/bin/env python3
"""scripts/container: the OCI recipe and the Apptainer recipe make the same image, of the packages that scripts/setup names.

Usage: container_test.py SOURCE_FOLDER DEPENDENCIES_FOLDER
No image is built here: it takes a base image from a registry. What can be held against the tree is.
"""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, DEPS = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute()
FOLDER = SOURCE / "scripts" / "container"
STEPS = ["packages", "libtorch", "precinct"]


class Containerfile:
    """The instructions of the OCI recipe."""

    def __init__(self):
        text = (FOLDER / "Containerfile").read_text()
        self.lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
        self.base = self.all("ARG")[0].removeprefix("BASE=")
        self.folder = self.all("WORKDIR")[0]
        self.steps = self.all("RUN")
        self.variables = set(shlex.split(self.all("ENV")[0]))
        self.files = {}
        for words in map(str.split, self.all("COPY")):
            for name in words[:-1]:
                # a file goes into the folder that is named; of a folder only what is in it goes there
                into = os.path.normpath(words[-1])
                self.files[name] = into if (SOURCE / name).is_dir() else os.path.normpath(f"{into}/{Path(name).name}")

    def all(self, instruction):
        return [line[1] for line in self.lines if line[0] == instruction]


class Definition:
    """The sections of the Apptainer recipe."""

    def __init__(self):
        self.sections, name = {"": []}, ""
        for line in (FOLDER / "precinct.def").read_text().splitlines():
            if line.startswith("%"):
                name = line[1:]
                self.sections[name] = []
            elif line.strip() and not line.startswith("#"):
                self.sections[name].append(line.strip())
        self.head = dict(line.split(": ", 1) for line in self.sections[""])
        self.post = self.sections["post"]
        self.files = dict(line.split() for line in self.sections["files"])


class Container(unittest.TestCase):
    def setUp(self):
        self.oci, self.apptainer = Containerfile(), Definition()

    def test_both_start_from_the_same_image_and_set_the_same_variables(self):
        self.assertEqual(self.apptainer.head, {"Bootstrap": "docker", "From": self.oci.base})
        self.assertEqual(self.oci.all("FROM"), ["${BASE}"])
        for line in (self.apptainer.post[0], self.apptainer.sections["environment"][0]):
            self.assertEqual(set(shlex.split(line)) - {"export"}, self.oci.variables)

    def test_both_run_the_steps_of_image_step_and_nothing_else(self):
        steps = [f"scripts/container/image_step {step}" for step in STEPS]
        self.assertEqual(self.oci.steps, steps)
        self.assertEqual(self.apptainer.post[1:], ["export PRECINCT_COMMIT={{ PRECINCT_COMMIT }}", f"cd {self.oci.folder}", *steps])

    def test_both_copy_the_same_files_and_these_are_there(self):
        inside = {name: f"{self.oci.folder}/{to}" for name, to in self.oci.files.items()}
        self.assertEqual(self.apptainer.files, inside)
        tracked = subprocess.run(["git", "ls-files"], cwd=SOURCE, capture_output=True, text=True).stdout.split("\n")
        for name in inside:
            with self.subTest(name):
                self.assertTrue((SOURCE / name).exists())
                self.assertTrue(any(file == name or file.startswith(name + "/") for file in tracked))

    def test_what_is_copied_is_enough_to_configure_and_install(self):
        with tempfile.TemporaryDirectory(prefix="precinct-image-") as folder:
            for name, to in self.oci.files.items():
                into = Path(folder) / to
                into.parent.mkdir(parents=True, exist_ok=True)
                (shutil.copytree if (SOURCE / name).is_dir() else shutil.copy)(SOURCE / name, into)
            done = subprocess.run(["cmake", "--preset", "release", "-DPRECINCT_CUDA=OFF", f"-DPRECINCT_DEPS={DEPS}"],
                                  cwd=folder, capture_output=True, text=True, timeout=200)
            self.assertEqual(done.returncode, 0, done.stderr)
            header = Path(folder) / "git_commit.h"  # there is no .git in an image
            subprocess.run(["cmake", f"-DSOURCE={folder}", f"-DOUTPUT={header}", "-P", "cmake/git_commit.cmake"], cwd=folder,
                           env=dict(os.environ, PRECINCT_COMMIT="abc", GIT_CEILING_DIRECTORIES=str(Path(folder).parent)),
                           check=True)
            self.assertEqual(header.read_text(), '#define PRECINCT_GIT_COMMIT "abc"\n')
            rules = (Path(folder) / "build/release/cmake_install.cmake").read_text()
            installed = [Path(path) for path in re.findall(rf'"({re.escape(folder)}/[^"]+)"', rules)]
            self.assertGreater(len(installed), 4, rules)
            for path in installed:
                if "/build/" not in str(path):
                    self.assertTrue(path.exists(), path)

    def test_the_packages_are_those_of_setup(self):
        with tempfile.TemporaryDirectory(prefix="precinct-image-") as folder:
            for program in ("apt-get", "rm"):
                file = Path(folder) / program
                file.write_text(f'#!/bin/sh\necho "{program} $*" >>"{folder}/calls"\n')
                file.chmod(0o755)
            done = subprocess.run([FOLDER / "image_step", "packages"], capture_output=True, text=True, timeout=60,
                                  env=dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}"))
            self.assertEqual(done.returncode, 0, done.stderr)
            calls = (Path(folder) / "calls").read_text().splitlines()
        packages = subprocess.run([SOURCE / "scripts/setup", "--print-packages"], capture_output=True, text=True,
                                  check=True).stdout.split()
        self.assertIn("libhdf5-dev", packages)
        self.assertEqual(calls, ["apt-get update -qq",
                                 "apt-get install -y -qq --no-install-recommends " + " ".join(packages),
                                 "rm -rf " + " ".join(calls[2].split()[2:])])

    def test_another_step_is_two(self):
        done = subprocess.run([FOLDER / "image_step", "all"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("expected packages, libtorch or precinct, found 'all'; ", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v"])
