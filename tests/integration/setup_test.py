#!/usr/bin/env python3
"""scripts/setup without a network: a copy of it runs as a user without rights, with a PATH that this test fills, small
wheels made here in the place of the real ones, and lists of packages and hashes to match.

Usage: setup_test.py SOURCE_FOLDER
Each test that a machine cannot run is listed by name as not run; with all of them not run the program ends with 77.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

SOURCE = Path(sys.argv[1])
NOBODY = 65534
IS_ROOT = os.geteuid() == 0
INSTALL = "apt-get install -y --no-install-recommends"
ABSENT = "precinct-test-absent"
FAKE_PIP = """#!/bin/bash
# python3 -m pip download ... -d FOLDER NAME==VERSION...: from the folder of made wheels; anything else is python3's
if [ "$1 $2 $3" != "-m pip download" ]; then exec /usr/bin/python3 "$@"; fi
echo "$*" >>"{log}"
while [ $# -gt 0 ]; do
  case $1 in -d) mkdir -p "$2"; to=$2; shift ;; *==*) name=${{1%%==*}}; cp "{wheels}/${{name//-/_}}"-*.whl "$to/" ;; esac
  shift
done
"""


def why_not():
    """What keeps this machine from running these tests; nothing when it can."""
    if not shutil.which("dpkg-query") or not shutil.which("apt-get"):
        return "no Debian packages here"
    if IS_ROOT:
        try:
            subprocess.run(["/bin/true"], user=NOBODY, group=NOBODY, extra_groups=[], check=True)
        except (OSError, subprocess.SubprocessError) as error:
            return f"this root may not become another user: {error}"
    return None


class Machine:
    """A folder with a copy of the scripts, a PATH of links to all programs but sudo and nvcc, and a cache folder."""

    def __init__(self, packages):
        self.temporary = tempfile.TemporaryDirectory(prefix="precinct-setup-")
        self.path = Path(self.temporary.name)
        self.bin, self.deps, self.log = self.path / "bin", self.path / "deps", self.path / "log"
        for folder in (self.path / "scripts", self.bin, self.deps, self.path / "wheels"):
            folder.mkdir()
        for name in ("setup", "fetch_wheels"):
            shutil.copy(SOURCE / "scripts" / name, self.path / "scripts" / name)
        (self.path / "scripts/packages.txt").write_text(packages)
        for folder in ("/usr/local/bin", "/usr/bin", "/bin"):
            for program in Path(folder).iterdir() if Path(folder).is_dir() else ():
                link = self.bin / program.name
                if program.name not in ("sudo", "nvcc", "python3") and not os.path.lexists(link):
                    link.symlink_to(program)
        self.program("python3", FAKE_PIP.format(log=self.log, wheels=self.path / "wheels"))
        self.program("nvcc", "#!/bin/sh\necho 'Cuda compilation tools, release 13.0, V13.0.48'\n")
        self.make_wheels()

    def program(self, name, text):
        file = self.bin / name
        file.unlink(missing_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def make_wheels(self):
        contents = {
            "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl": [
                "torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", "torch/lib/libtorch.so",
                "torch/lib/libtorch_cuda.so", "torch/lib/libc10_cuda.so", "torch/lib/libtorch_python.so",
                "torch/lib/libshm.so", "torch/lib/libtorch_nvshmem.so", "torch/lib/libcaffe2_nvrtc.so",
                "torch/include/torch/torch.h", "torch/include/fmt/core.h", "torch/include/google/x.h",
                "torch/include/pybind11/x.h", "torch/share/cmake/Torch/x.cmake", "torch/nn/functional.py"],
            "nvidia_cuda_runtime-13.0.96.whl": ["nvidia/cu13/lib/libcudart.so.13"],
            "nvidia_cuda_cupti-13.0.85.whl": ["nvidia/cu13/lib/libcupti.so.13"],
            "nvidia_cusparselt_cu13-0.8.0.whl": ["nvidia/cusparselt/lib/libcusparseLt.so.0"],
            "nvidia_nvshmem_cu13-3.4.5.whl": ["nvidia/nvshmem/lib/libnvshmem_host.so.3"],
            "nvidia_cufile-1.15.1.6.whl": ["nvidia/cufile/lib/libcufile.so.0"],
            "plotly-7.1.0-py3-none-any.whl": ["plotly/package_data/plotly.min.js", "plotly/__init__.py"]}
        hashes = ""
        for name, files in contents.items():
            wheel = self.path / "wheels" / name
            with zipfile.ZipFile(wheel, "w") as archive:
                for file in files:
                    archive.writestr(file, file)
            hashes += f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {name}\n"
        (self.path / "scripts/wheels.sha256").write_text(hashes)

    def setup(self, *words, **variables):
        """The script as a user without rights."""
        for place, folders, files in os.walk(self.path):
            for name in [".", *folders, *files]:
                entry = Path(place) / name
                if IS_ROOT and not entry.is_symlink():
                    os.chown(entry, NOBODY, NOBODY)
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if IS_ROOT else {}
        return subprocess.run([str(self.path / "scripts/setup"), *words], capture_output=True, text=True, timeout=120,
                              env={"PATH": str(self.bin), "HOME": str(self.path), "PRECINCT_DEPS": str(self.deps),
                                   "LC_ALL": "C.UTF-8", **variables}, cwd="/", **user)

    def listing(self):
        return sorted((str(entry.relative_to(self.deps)), entry.stat().st_mtime_ns) for entry in self.deps.rglob("*"))

    def names(self):
        return {str(entry.relative_to(self.deps)) for entry in self.deps.rglob("*") if entry.is_file()}

    def downloads(self):
        text = self.log.read_text() if self.log.exists() else ""
        return sorted(re.findall(r"(\S+)==\S+", text))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.temporary.cleanup()


PRESENT = "bash  a shell\n# a remark\n\ncoreutils  ls\n"


class Setup(unittest.TestCase):
    def test_without_root_and_sudo_it_prints_the_exact_package_command_and_ends_with_two(self):
        packages = (PRESENT + f"{ABSENT}-a  first reason\nsed  a tool\n{ABSENT}-b  second reason\n"
                    f"{ABSENT}-browser  [browser] for pages\n{ABSENT}-slurm  [slurm] for jobs\n"
                    f"{ABSENT}-tidy  [tidy] for analysis\n")
        for words, more in (([], ""), (["--with-browser"], f" {ABSENT}-browser"),
                            (["--cpu-only", "--with-slurm"], f" {ABSENT}-slurm"), (["--with-tidy"], f" {ABSENT}-tidy")):
            with self.subTest(words=words), Machine(packages) as machine:
                result = machine.setup(*words)
                self.assertEqual(result.returncode, 2, result.stderr)
                first, second = result.stderr.splitlines()
                self.assertEqual(first, f"setup: {3 if more else 2} Debian packages are missing and neither root nor "
                                 "sudo is at hand; run as root, then again scripts/setup:")
                self.assertEqual(second, f"  apt-get update && {INSTALL} {ABSENT}-a {ABSENT}-b{more}")
                self.assertEqual((result.stdout, machine.names(), machine.downloads()), ("", set(), []))

    def test_with_sudo_it_installs_what_is_missing_and_nothing_else(self):
        with Machine(PRESENT + f"{ABSENT}  a reason\n") as machine:
            record = f'echo "$(basename "$0") $*" >>{machine.path}/calls'
            machine.program("sudo", f'#!/bin/bash\n{record}\n[ "$1" = -n ] && shift\nexec "$@"\n')
            machine.program("apt-get", f"#!/bin/bash\n{record}\n")
            result = machine.setup()
            self.assertEqual(result.returncode, 0, result.stderr)
            calls = (machine.path / "calls").read_text().splitlines()
            self.assertEqual([call for call in calls if call.startswith("apt-get")],
                             ["apt-get update -qq", f"{INSTALL} {ABSENT}"])
            self.assertTrue(all(call.startswith("sudo -n ") for call in calls if not call.startswith("apt-get")), calls)

    def test_packages_that_apt_cannot_install_are_six_with_the_log(self):
        with Machine(PRESENT + f"{ABSENT}  a reason\n") as machine:
            machine.program("sudo", '#!/bin/bash\n[ "$1" = -n ] && shift\nexec "$@"\n')
            machine.program("apt-get", '#!/bin/bash\n[ "$1" = update ] || { echo "E: planted"; exit 100; }\n')
            result = machine.setup()
            self.assertEqual(result.returncode, 6, result.stderr)
            self.assertEqual(result.stderr, f"E: planted\nsetup: apt-get failed; whole log: {machine.deps}/apt.log\n")

    def test_the_packages_of_this_repository_are_here_and_a_second_run_changes_nothing_in_seconds(self):
        with Machine((SOURCE / "scripts/packages.txt").read_text()) as machine:
            first = machine.setup("--cpu-only")
            self.assertEqual(first.returncode, 0, first.stderr)
            downloads, before, start = machine.downloads(), machine.listing(), time.monotonic()
            second = machine.setup("--cpu-only")
            seconds = time.monotonic() - start
            self.assertEqual(second.returncode, 0, second.stderr)
            self.assertEqual((machine.downloads(), machine.listing()), (downloads, before))
            self.assertLess(seconds, 30)
            for version in (r"g\+\+ .*cmake version 3\..*ninja 1\.", r"LibTorch 2\.11\.0 cpu; CUDA toolkit: 13\.0",
                            r"HDF5 1\.\S+; GEOS 3\.\S+; PROJ \S+; Plotly 7\.1\.0", r"complete in \d+ s"):
                self.assertRegex(second.stdout, "(?m)^setup: " + version)

    def test_cpu_only_leaves_the_cuda_parts_out_and_a_later_run_without_it_fetches_them(self):
        with Machine(PRESENT) as machine:
            result = machine.setup("--cpu-only")
            self.assertEqual(result.returncode, 0, result.stderr)
            common = {f"libtorch-2.11.0/{name}" for name in (
                "lib/libtorch_cpu.so", "lib/libc10.so", "lib/libcudart.so.13", "lib/libcupti.so.13",
                "include/torch/torch.h", "share/cmake/Torch/x.cmake", ".complete")}
            plotly = {"plotly/plotly.min.js", "plotly/.complete"}
            # libcudart and libcupti are what libtorch_cpu asks for by itself
            self.assertEqual(machine.names(), common | plotly)
            self.assertEqual(machine.downloads(), ["nvidia-cuda-cupti", "nvidia-cuda-runtime", "plotly", "torch"])
            self.assertEqual(machine.setup("--cpu-only").returncode, 0)
            self.assertEqual(len(machine.downloads()), 4, "nothing was fetched again")
            whole = machine.setup()
            self.assertEqual(whole.returncode, 0, whole.stderr)
            self.assertIn("LibTorch 2.11.0 cuda", whole.stdout)
            self.assertIn("libtorch-2.11.0/lib/libtorch_cuda.so", machine.names())
            self.assertIn("libtorch-2.11.0/lib/libnvshmem_host.so.3", machine.names())
            fetched = machine.downloads()
            self.assertEqual(fetched.count("torch"), 2)
            self.assertEqual(machine.setup("--cpu-only").returncode, 0, "the whole one has all that the small one has")
            self.assertEqual(machine.downloads(), fetched)

    def test_without_nvcc_it_says_that_gpu_support_is_off_and_how_to_get_it(self):
        with Machine(PRESENT) as machine:
            (machine.bin / "nvcc").unlink()
            result = machine.setup(CUDA_HOME="/nowhere")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(re.findall("(?m)^setup: GPU support is off: .*$", result.stdout), [
                "setup: GPU support is off: no nvcc found. Install the CUDA 13.0 toolkit with cuDNN 9 and NCCL 2.28, "
                "then run scripts/setup again."])
            self.assertIn("setup: LibTorch 2.11.0 cpu", result.stdout)
            self.assertNotIn("libtorch-2.11.0/lib/libtorch_cuda.so", machine.names())

    def test_a_wheel_with_another_hash_is_six_and_nothing_is_installed(self):
        with Machine(PRESENT) as machine:
            wheel = next((machine.path / "wheels").glob("torch-*.whl"))
            wheel.write_bytes(wheel.read_bytes() + b"planted")
            result = machine.setup("--cpu-only")
            self.assertEqual(result.returncode, 6, result.stderr)
            self.assertIn(f"setup: {wheel.name}: its sha256 is not the one in scripts/wheels.sha256; nothing was "
                          "installed\n", result.stderr)
            self.assertEqual(machine.names(), set())

    def test_the_packages_are_printed_and_nothing_is_done(self):
        with Machine(PRESENT + f"# a note\n\n{ABSENT}  a reason\nslow-{ABSENT}  [slurm] a scheduler\n") as machine:
            before = machine.listing()
            plain = machine.setup("--print-packages")
            self.assertEqual(plain.returncode, 0, plain.stderr)
            self.assertEqual(plain.stdout.split()[-1], ABSENT)
            self.assertNotIn(f"slow-{ABSENT}", plain.stdout)
            self.assertEqual(machine.setup("--print-packages", "--with-slurm").stdout,
                             plain.stdout + f"slow-{ABSENT}\n")
            self.assertEqual((machine.listing(), machine.names(), machine.downloads()), (before, set(), []))

    def test_an_unknown_word_is_two(self):
        with Machine(PRESENT) as machine:
            result = machine.setup("--cpu")
            self.assertEqual(result.returncode, 2)
            self.assertEqual(result.stderr, "setup: expected --cpu-only, --with-browser, --with-slurm, "
                             "--with-tidy or --print-packages, found '--cpu'; "
                             "see --help\n".replace("setup:", "scripts/setup:", 1))


if __name__ == "__main__":
    if reason := why_not():
        for test in unittest.defaultTestLoader.getTestCaseNames(Setup):
            print(f"[  SKIPPED ] Setup.{test} (not run: {reason})")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], "-v"])
