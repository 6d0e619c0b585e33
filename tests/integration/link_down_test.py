#!/usr/bin/env python3
"""Training on two hosts: their link goes down for 20 s (T10), and nothing restarts, no bit changes; the name of rank
0's host leads to its loopback address there, as Debian writes it into /etc/hosts; a rank gives an address that the
other does not reach.

The hosts are two network namespaces joined by a pair of virtual interfaces. Usage: link_down_test.py PROGRAM SOURCE_FOLDER
"""
import json
import os
import re
import select
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
DOWN_SECONDS, TIMEOUT = 20, 60
RANK_VARIABLES = re.compile(r"(SLURM|OMPI|TORCHELASTIC)_.*|(LOCAL_)?(RANK|WORLD_SIZE)|MASTER_.*|PRECINCT_.*")


def ip(*words):
    subprocess.run(["ip", *map(str, words)], check=True, capture_output=True, text=True, timeout=20)


class Link:
    """Namespaces with the addresses 198.18.0.1 and 198.18.0.2 (of two ranks that have one, the lower waits to be
    called: a loopback address must not go unseen) and a link between them."""

    def __init__(self):
        self.names = [f"precinct-{os.getpid()}-{side}" for side in "ab"]
        self.ends = [f"pl{os.getpid()}{side}"[:15] for side in "ab"]

    def __enter__(self):
        for name in self.names:
            ip("netns", "add", name)
        ip("link", "add", self.ends[0], "netns", self.names[0], "type", "veth", "peer", "name", self.ends[1], "netns",
           self.names[1])
        for side, (name, end) in enumerate(zip(self.names, self.ends)):
            ip("-n", name, "addr", "add", f"198.18.0.{side + 1}/24", "dev", end)
            for device in ("lo", end):
                ip("-n", name, "link", "set", device, "up")
        return self

    def __exit__(self, *_):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=20)

    def set(self, state):
        ip("-n", self.names[0], "link", "set", self.ends[0], state)


class LinkDown(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="precinct-link-")
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = Path(cls.temporary.name)
        subprocess.run([PROGRAM, *chicago_ingest(SOURCE)[0], "--out", cls.folder / "panel.h5"], check=True,
                       capture_output=True, timeout=120)

    def start(self, link, run, master="198.18.0.1", hosts=None, more=(), timeout=TIMEOUT):
        """Two ranks that train, each in its namespace; `hosts`: the text of /etc/hosts there; `more`: own variables."""
        return self.start_ranks(link, [
            PROGRAM, "train", SOURCE / "configs/chicago/dnn.yaml", "--set", f"data.panel={self.folder / 'panel.h5'}",
            "--set", "train.epochs=4", "--set", "train.refit=none", "--set", "model.hidden=16", "--set", "log.every=1",
            "--set", "parallel.heartbeat_seconds=1", "--set", f"parallel.timeout_seconds={timeout}", "--no-score",
            "--run-dir", self.folder / run], master, hosts, more)

    def start_ranks(self, link, words, master="198.18.0.1", hosts=None, more=()):
        base = {key: value for key, value in os.environ.items() if not RANK_VARIABLES.fullmatch(key)}
        ranks = []
        for rank, name in enumerate(link.names):
            variables = {"RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1,
                         "MASTER_ADDR": master, "MASTER_PORT": 29500, "OMP_NUM_THREADS": 1}
            if more:
                variables |= more[rank]
            place = ["ip", "netns", "exec", name]
            if hosts:
                file = self.folder / f"hosts-{rank}"
                file.write_text(hosts[rank])
                place += ["unshare", "-m", "sh", "-c", f'mount --bind {file} /etc/hosts && exec "$@"', "sh"]
            ranks.append(subprocess.Popen([*place, *map(str, words)],
                                          env=base | {key: str(value) for key, value in variables.items()},
                                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return ranks

    def said(self, ranks):
        """What each wrote to its end."""
        try:
            return [rank.communicate(timeout=TIMEOUT + 60)[1] for rank in ranks]
        finally:
            for rank in ranks:
                if rank.poll() is None:
                    rank.kill()
                    rank.communicate()

    def end(self, ranks):
        for rank, text in zip(ranks, self.said(ranks)):
            self.assertEqual(rank.returncode, 0, text)

    def steps(self, run):
        path = self.folder / run / "metrics.jsonl"
        return path.read_text().count("train/loss") if path.exists() else 0

    def result(self, run):
        folder = self.folder / run
        return (folder / "artifact/model.safetensors").read_bytes(), (folder / "metrics.jsonl").read_text()

    def wait_for_steps(self, run, ranks, count):
        deadline = time.monotonic() + 60
        while self.steps(run) < count:
            for rank in ranks:
                self.assertIsNone(rank.poll(), "a rank ended early")
            self.assertLess(time.monotonic(), deadline, "training did not begin")
            select.select([], [], [], 0.01)

    def undisturbed(self, link):
        """The result of a run that nothing happens to, made once."""
        if not (self.folder / "undisturbed").exists():
            self.end(self.start(link, "undisturbed"))
        return self.result("undisturbed")

    def test_a_name_that_is_loopback_on_its_own_host(self):
        with Link() as link:
            ranks = self.start(link, "named", "precinct-a.test",
                               ["127.0.0.1 localhost\n127.0.1.1 precinct-a.test\n",
                                "127.0.0.1 localhost\n198.18.0.1 precinct-a.test\n"])
            self.end(ranks)
            self.assertEqual(self.result("named"), self.undisturbed(link))

    def test_an_address_that_the_other_host_does_not_reach(self):
        with Link() as link:
            begin = time.monotonic()
            ranks = self.start(link, "unreached", more=({"GLOO_SOCKET_IFNAME": "lo"}, {}), timeout=12)
            said = self.said(ranks)
            self.assertLess(time.monotonic() - begin, 12)
            for number, (rank, text) in enumerate(zip(ranks, said)):
                self.assertEqual(rank.returncode, 4, text)
                lines = [line for line in text.splitlines() if line.startswith("precinct: ")]
                self.assertEqual(len(lines), 1, text)
                self.assertRegex(lines[0], f"rank {number}: group world: expected that all 2 ranks reach each other")
                self.assertIn(f"this one at {('127.0.0.1', '198.18.0.2')[number]}, found", lines[0])
                self.assertIn("GLOO_SOCKET_IFNAME", lines[0])
                print(lines[0], file=sys.stderr)

    def test_doctor_names_the_interface_of_each_host(self):
        with Link() as link:
            name = 'hostname host-$RANK && exec "$@"'
            ranks = self.start_ranks(link, ["unshare", "-u", "sh", "-c", name, "sh", PROGRAM, "doctor", "--json",
                                            "--timeout", 30])
            out = ranks[0].communicate(timeout=60)[0]
            self.end(ranks)
            found = json.loads(out)
            self.assertEqual([rank["host"] for rank in found["job"]["ranks"]], ["host-0", "host-1"])
            network = next(one for one in found["findings"] if one["name"] == "network")
            self.assertEqual(network["level"], "note")
            for end in link.ends:
                self.assertIn(f"{end} (rank", network["found"])
            self.assertIn("they meet at 198.18.0.1 port 29500, held by rank 0", network["found"])
            self.assertIn("GLOO_SOCKET_IFNAME", network["remedy"])
            self.assertTrue(found["job"]["all_reduce"][0]["sums_right"])

    def test_twenty_seconds_without_a_link_change_no_bit(self):
        with Link() as link:
            expected = self.undisturbed(link)
            total = self.steps("undisturbed")
            ranks = self.start(link, "disturbed")
            self.wait_for_steps("disturbed", ranks, 5)
            begin = time.monotonic()
            link.set("down")
            while time.monotonic() - begin < DOWN_SECONDS:
                for rank in ranks:
                    self.assertIsNone(rank.poll(), "a rank ended while the link was down")
                select.select([], [], [], 0.2)
            during = self.steps("disturbed")
            self.assertLess(during, total, "training ended before the link went down")
            link.set("up")
            self.end(ranks)
            self.assertEqual(self.result("disturbed"), expected)
            print(f"link down {DOWN_SECONDS} s at step {during} of {total}: 0 restarts, equal bits, "
                  f"{time.monotonic() - begin:.1f} s from there to the end", file=sys.stderr)


if __name__ == "__main__":
    try:
        ip("netns", "list")
        with Link():
            pass
    except (OSError, subprocess.CalledProcessError) as error:
        found = (getattr(error, "stderr", None) or str(error)).strip().replace("\n", "; ")
        print(f"[  SKIPPED ] link_down (expected 'ip netns' and the right to use it, found {found})")
        sys.exit(77)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    unittest.main(argv=sys.argv[:1])
