#!/usr/bin/env python3
"""`precinct train` below mpirun (Open MPI) and torchrun: the weights are those of `precinct launch`, bit for bit.

A launcher that is not installed is listed by name as not run; without both the program ends with 77.
Usage: foreign_launchers_test.py PROGRAM SOURCE_FOLDER
"""
import atexit
import functools
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from readme_commands import chicago_ingest  # noqa: E402

PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).absolute()
LIMIT_SECONDS = 100
RANK_VARIABLES = re.compile(r"(SLURM|OMPI|PMIX|TORCHELASTIC)_.*|(LOCAL_)?(RANK|WORLD_SIZE)|MASTER_.*|PRECINCT_.*")
INSTALL = {"mpirun": "install with scripts/setup --with-slurm", "torchrun": "it comes with the Python package torch 2.11"}
# each rank leaves its process number in <run>.pids/<rank>; not written $$, which torchrun makes one $
NOTE_PID = 'echo ${$} >"$0/${RANK:-$OMPI_COMM_WORLD_RANK}"; exec "$@"'


def free_port():
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        return port.getsockname()[1]


class Project:
    """A folder with a panel; runs lie in it."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="precinct-foreign-")
        atexit.register(self.temporary.cleanup)
        self.folder = Path(self.temporary.name)
        subprocess.run([PROGRAM, *chicago_ingest(SOURCE)[0], "--out", self.folder / "panel.h5"], check=True,
                       capture_output=True, timeout=120)
        # with no host beside this one, mpirun's way to another host is a shell here, with a folder of its own
        self.other_host = self.folder / "other_host"
        self.other_host.write_text(f'#!/bin/sh\nexport TMPDIR="{self.folder}/$1"\nmkdir -p "$TMPDIR"\nshift\n'
                                   'exec /bin/sh -c "$*"\n')
        self.other_host.chmod(0o755)

    def words(self, run):
        """What each rank runs."""
        (self.folder / f"{run}.pids").mkdir(exist_ok=True)
        return ["/bin/sh", "-c", NOTE_PID, self.folder / f"{run}.pids", PROGRAM, "train",
                SOURCE / "configs/chicago/dnn.yaml", "--set", f"data.panel={self.folder / 'panel.h5'}", "--set",
                "train.epochs=8", "--set", "train.refit=none", "--set", "train.checkpoint.every=8st", "--set",
                "model.hidden=16", "--set", "log.every=1", "--set", "parallel.timeout_seconds=20", "--no-score",
                "--run-dir", self.folder / run]

    def start(self, launcher, run):
        variables = {key: value for key, value in os.environ.items() if not RANK_VARIABLES.fullmatch(key)}
        if os.geteuid() == 0:
            variables |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        output = (self.folder / f"{run}.output").open("a")
        return subprocess.Popen(list(map(str, [*launcher, *self.words(run)])), env=variables | {"OMP_NUM_THREADS": "1"},
                                stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def output(self, run):
        return (self.folder / f"{run}.output").read_text()

    def steps(self, run):
        path = self.folder / run / "metrics.jsonl"
        return path.read_text().count("train/loss") if path.exists() else 0

    def result(self, run):
        folder = self.folder / run
        return (folder / "artifact/model.safetensors").read_bytes(), (folder / "metrics.jsonl").read_text()


@functools.cache
def project():
    return Project()


class TwoRanks(unittest.TestCase):
    """What both launchers are asked."""

    def end(self, launched, run):
        try:
            return launched.wait(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.fail(f"no end within {LIMIT_SECONDS} s:\n{project().output(run)}")
        finally:
            if launched.poll() is None:
                launched.terminate()
                launched.wait(timeout=30)

    def train(self, launcher, run):
        code = self.end(project().start(launcher, run), run)
        self.assertEqual(code, 0, project().output(run))

    def expect_the_weights_of_precinct_launch(self, run):
        if not (project().folder / "own/artifact").exists():
            self.train([PROGRAM, "launch", "--nproc", "2", "--"], "own")
        self.assertGreater(project().steps("own"), 40)
        self.assertEqual(project().result(run), project().result("own"))

    def disturb(self, launcher, run, strike):
        """Starts a run, calls `strike` with the launcher once it has made some steps, and returns the launcher's code."""
        launched = project().start(launcher, run)
        deadline = time.monotonic() + LIMIT_SECONDS
        while project().steps(run) < 10 and launched.poll() is None and time.monotonic() < deadline:
            select.select([], [], [], 0.005)
        if launched.poll() is None:
            strike(launched)
        return self.end(launched, run)

    @staticmethod
    def kill_rank_1(run):
        os.kill(int((project().folder / f"{run}.pids/1").read_text()), signal.SIGKILL)


class OpenMpi(TwoRanks):
    PROGRAM = "mpirun"
    LAUNCHER = ["mpirun", "--oversubscribe", "-np", "2"]
    TWO_HOSTS = ["mpirun", "-np", "2", "-host", "nodea:1,nodeb:1", "--mca", "oob_tcp_if_include", "lo", "--mca",
                 "plm_rsh_agent"]

    def test_two_ranks_end_with_the_weights_of_precinct_launch(self):
        self.train(self.LAUNCHER, "mpirun")
        self.expect_the_weights_of_precinct_launch("mpirun")

    def test_ranks_of_two_hosts_meet_at_the_address_that_they_are_given(self):
        launcher = [*self.TWO_HOSTS, project().other_host]
        self.assertEqual(self.end(project().start(launcher, "lost"), "lost"), 2, project().output("lost"))
        self.assertIn("precinct: MASTER_ADDR: expected rank 0's address, ", project().output("lost"))
        self.train([*launcher, "-x", "MASTER_ADDR=127.0.0.1", "-x", f"MASTER_PORT={free_port()}"], "two_hosts")
        self.expect_the_weights_of_precinct_launch("two_hosts")

    def test_a_killed_rank_ends_the_job_and_the_same_command_goes_on(self):
        code = self.disturb(self.LAUNCHER, "mpirun_killed", lambda _: self.kill_rank_1("mpirun_killed"))
        self.assertNotEqual(code, 0, project().output("mpirun_killed"))
        self.train(self.LAUNCHER, "mpirun_killed")
        self.assertIn("info resumed from step-", project().output("mpirun_killed"))
        self.expect_the_weights_of_precinct_launch("mpirun_killed")

    def test_sigusr1_saves_on_all_ranks_and_the_same_command_goes_on(self):
        code = self.disturb(self.LAUNCHER, "mpirun_stopped", lambda launched: launched.send_signal(signal.SIGUSR1))
        self.assertEqual(code, 75, project().output("mpirun_stopped"))
        self.assertTrue((project().folder / "mpirun_stopped/checkpoints/STOPPED").exists())
        self.train(self.LAUNCHER, "mpirun_stopped")
        self.expect_the_weights_of_precinct_launch("mpirun_stopped")


class Torchrun(TwoRanks):
    PROGRAM = "torchrun"
    LAUNCHER = ["torchrun", "--standalone", "--no-python", "--nproc-per-node", "2"]

    def test_two_ranks_end_with_the_weights_of_precinct_launch(self):
        self.train(self.LAUNCHER, "torchrun")
        self.expect_the_weights_of_precinct_launch("torchrun")

    def test_two_agents_with_a_rank_each(self):
        port = free_port()
        agents = [project().start(["torchrun", "--nnodes", "2", "--node-rank", node, "--master-addr", "127.0.0.1",
                                   "--master-port", port, "--no-python", "--nproc-per-node", "1"], "agents")
                  for node in range(2)]
        codes = [self.end(agent, "agents") for agent in agents]
        self.assertEqual(codes, [0, 0], project().output("agents"))
        self.expect_the_weights_of_precinct_launch("agents")

    def test_a_killed_rank_is_started_again_and_no_bit_changes(self):
        code = self.disturb([*self.LAUNCHER[:-3], "--max-restarts", "2", *self.LAUNCHER[-3:]], "torchrun_killed",
                            lambda _: self.kill_rank_1("torchrun_killed"))
        self.assertEqual(code, 0, project().output("torchrun_killed"))
        self.assertIn("info resumed from step-", project().output("torchrun_killed"))
        self.expect_the_weights_of_precinct_launch("torchrun_killed")

    def test_sigterm_saves_on_all_ranks_and_the_same_command_goes_on(self):
        self.disturb(self.LAUNCHER, "torchrun_stopped", lambda launched: launched.terminate())
        self.assertRegex(project().output("torchrun_stopped"), r"(?s)signal 15: saved step .*signal 15: saved step ")
        self.train(self.LAUNCHER, "torchrun_stopped")
        self.expect_the_weights_of_precinct_launch("torchrun_stopped")


if __name__ == "__main__":
    suite = unittest.TestSuite()
    for launcher in (OpenMpi, Torchrun):
        if shutil.which(launcher.PROGRAM):
            suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(launcher))
        else:
            print(f"[  SKIPPED ] foreign_launchers.{launcher.__name__} (expected {launcher.PROGRAM}, found none; "
                  f"{INSTALL[launcher.PROGRAM]})", flush=True)
    if not suite.countTestCases():
        sys.exit(77)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())
