#!/usr/bin/env python3
"""scripts/slurm on a real Slurm: train with 2 and 4 tasks, stop and go on, a killed task, a lost node, plain srun.

Usage: slurm_test.py PROGRAM SOURCE_FOLDER
"""
import hashlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "support")]
import cluster as slurm  # noqa: E402
from readme_commands import chicago_ingest  # noqa: E402

PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).absolute()
LONG_EPOCHS = 200  # for more than a minute


class Slurm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="precinct-slurm-")
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.folder = Path(cls.temporary.name)
        # a copy: without the site.env that may be beside the scripts
        cls.script = shutil.copytree(SOURCE / "scripts/slurm", cls.folder / "scripts",
                                     ignore=shutil.ignore_patterns("site.env")) / "train.sbatch"
        cls.cluster = slurm.Cluster(cls.folder / "cluster")
        cls.addClassCleanup(cls.cluster.stop)
        done = cls.cluster.run(PROGRAM, *chicago_ingest(SOURCE)[0], "--out", cls.folder / "panel.h5")
        assert done.returncode == 0, done.stderr

    def words(self, run, epochs=1, score=False):
        """Arguments of `precinct train`: equal bits for any number of ranks."""
        return [SOURCE / "configs/chicago/dnn.yaml", "--set", f"data.panel={self.folder / 'panel.h5'}", "--set",
                f"train.epochs={epochs}", "--set", "train.deterministic=true", "--set", "train.refit=none", "--set",
                "model.hidden=16", "--set", "train.checkpoint.every=5st", "--set", "log.every=1", "--set",
                "train.early_stop.patience=1000", *([] if score else ["--no-score"]), "--run-dir", self.folder / run]

    def submit(self, run, *options, epochs=1, more=(), program=PROGRAM, site="", score=False):
        """`options` are sbatch's, `more` those of `precinct train`, `site` the text of site.env."""
        env = {"PRECINCT": str(program)}
        if site:
            env["PRECINCT_SITE_ENV"] = str(self.folder / f"{run}.env")
            Path(env["PRECINCT_SITE_ENV"]).write_text(site)
        return self.cluster.submit("--output", self.folder / f"{run}.out", *options, self.script,
                                   *self.words(run, epochs, score), *more, env=env, cwd=self.folder)

    def program(self, name, text):
        """A shell script of this name."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def said(self, run):
        path = self.folder / f"{run}.out"
        return path.read_text(errors="replace") if path.exists() else ""

    def weights(self, run):
        return hashlib.sha256((self.folder / run / "artifact" / "model.safetensors").read_bytes()).hexdigest()

    def serial(self, epochs=1):
        """The weights of one process."""
        run = f"serial-{epochs}"
        if not (self.folder / run / "artifact").exists():
            done = self.cluster.run(PROGRAM, "train", *self.words(run, epochs), timeout=200)
            self.assertEqual(done.returncode, 0, done.stderr)
        return self.weights(run)

    def steps(self, run):
        path = self.folder / run / "metrics.jsonl"
        return path.read_text().count("train/loss") if path.exists() else 0

    def wait_for_steps(self, run, count):
        slurm.wait_for(lambda: self.steps(run) >= count, 60, lambda: f"{count} steps: {self.said(run)}")

    def ranks_of(self, run):
        """Process ids by rank."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                variables = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[1:2] != [b"train"] or str(self.folder / run).encode() not in words:
                continue
            for one in variables:
                if one.startswith(b"SLURM_PROCID="):
                    found[int(one.split(b"=")[1])] = int(entry.name)
        return found

    def test_two_and_four_tasks_end_with_the_weights_of_one_process(self):
        for tasks, nodes in ((2, 2), (4, 2)):
            run = f"tasks-{tasks}"
            with self.subTest(run):
                job = self.submit(run, f"--ntasks={tasks}", f"--nodes={nodes}")
                self.assertEqual(self.cluster.finish(job), 0, self.said(run))
                self.assertIn(f"dp {tasks} x pp 1", self.said(run))
                self.assertIn("train.sbatch: no values of the cluster were read: ", self.said(run))
                self.assertEqual(self.weights(run), self.serial())

    def test_plain_srun_needs_no_other_variable(self):
        done = self.cluster.run("srun", "--wait=0", "--ntasks=2", "--nodes=2", PROGRAM, "train", *self.words("srun"),
                                timeout=100)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.weights("srun"), self.serial())

    @unittest.skipUnless(shutil.which("mpirun"), "no mpirun")
    def test_mpirun_inside_an_allocation(self):
        """Its daemons are the tasks of a step; two ranks on one node and one on the other."""
        # each "node" has a folder for temporary files of its own, as hosts have
        daemon = self.program("orted", f'export TMPDIR="{self.folder}/$SLURMD_NODENAME"\nmkdir -p "$TMPDIR"\nexec orted "$@"')
        batch = self.program("mpirun.sh", "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1\n"
                             f"exec mpirun --mca oob_tcp_if_include lo --mca orte_launch_agent {daemon} -np 3 "
                             '-x MASTER_ADDR=127.0.0.1 "$@"')
        job = self.cluster.submit("--output", self.folder / "mpirun.out", "--nodes=2", "--ntasks=4", "--ntasks-per-node=2",
                                  batch, PROGRAM, "train", *self.words("mpirun"))
        self.assertEqual(self.cluster.finish(job), 0, self.said("mpirun"))
        self.assertIn("dp 3 x pp 1", self.said("mpirun"))
        self.assertEqual(self.weights("mpirun"), self.serial())

    def test_a_wrapper_as_for_a_container_is_entered_once_a_task(self):
        """And rank 0 scores alone for longer than the cluster's WaitTime after the other has left."""
        wrapper = self.program("wrapper", f'echo "$1 $2 $3 $4 $5" >>{self.folder}/entered\n'
                               f'[ "$SLURM_PROCID" = 0 ] || exec {PROGRAM} "$@"\n{PROGRAM} "$@" && exec sleep 4')
        job = self.submit("wrapped", "--ntasks=2", "--nodes=2", program=wrapper, score=True)
        self.assertEqual(self.cluster.finish(job), 0, self.said("wrapped"))
        self.assertTrue((self.folder / "wrapped" / "evaluation.json").exists())
        self.assertEqual((self.folder / "entered").read_text(), "launch --agent -- precinct train\n" * 2)
        self.assertEqual(self.weights("wrapped"), self.serial())

    def test_submit_queues_a_job_that_trains_and_says_where_its_log_and_run_are(self):
        words = self.words("submitted")
        (self.folder / "site.env").write_text("echo values of this site\n")
        done = self.cluster.run(PROGRAM, "submit", *words[:words.index("--no-score")], *words[-2:], "--nodes", "2",
                                "--time", "10", "--json", env={"PRECINCT_SITE_ENV": str(self.folder / "site.env")},
                                cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        job = json.loads(done.stdout)
        self.assertEqual(self.cluster.finish(job["job"]), 0, job)
        said = Path(job["log"]).read_text(errors="replace")
        self.assertIn("values of this site", said)
        self.assertIn("dp 2 x pp 1", said)
        self.assertEqual(Path(job["run_folder"]), self.folder / "submitted")
        self.assertEqual(self.weights("submitted"), self.serial())

    def test_what_site_env_exports_reaches_the_tasks_wherever_the_job_came_from(self):
        """Also with sbatch --export=NONE; and the file may look at variables that are not set."""
        stand_in = self.program("stand_in", 'echo "task $SLURM_PROCID has $OF_THE_SITE"')
        beside = shutil.copytree(self.script.parent, self.folder / "a site")
        (beside / "site.env").write_text('[ "$NEVER_SET" ] || PRECINCT="' + str(stand_in) + '"\nexport OF_THE_SITE=values\n')
        named = {"PRECINCT_SLURM_SCRIPTS": str(beside)}
        jobs = [(name, script, self.cluster.submit("--output", self.folder / f"{name}.out", f"--export={export}",
                                                   "--ntasks=2", script, "x.yaml", "--run-dir", "r", env=env,
                                                   cwd=self.folder))
                for name, script, export, env in (
                    ("beside", beside / "train.sbatch", "NONE", {}),
                    ("bench-beside", beside / "bench.sbatch", "NONE", {}),
                    ("named", self.script, "ALL", named),
                    ("bench-named", self.script.with_name("bench.sbatch"), "ALL", named))]
        for name, script, job in jobs:
            with self.subTest(name):
                self.assertEqual(self.cluster.finish(job), 0, self.said(name))
                for task in 0, 1:
                    self.assertIn(f"task {task} has values\n", self.said(name))
                self.assertIn(f"{script.name}: the cluster's values are those of {beside}/site.env\n", self.said(name))

    def test_what_slurm_refuses_is_one_line_and_code_two(self):
        words = self.words("refused-by-slurm")
        done = self.cluster.run(PROGRAM, "submit", *words[:words.index("--no-score")], *words[-2:],
                                "--sbatch=--partition=absent", cwd=self.folder)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, r"^precinct: sbatch: expected the job to be queued, found '.*absent.*'; .*\n$")

    def test_doctor_between_tasks_prints_one_table(self):
        done = self.cluster.run("srun", "--ntasks=2", "--nodes=2", PROGRAM, "doctor", "--timeout", "60", "--json",
                                timeout=100)
        self.assertEqual(done.returncode, 0, done.stderr)
        job = json.loads(done.stdout)["job"]
        self.assertEqual((job["source"], job["store_holder"]), ("slurm", "rank 0"))
        self.assertEqual([rank["rank"] for rank in job["ranks"]], [0, 1])
        self.assertTrue(job["all_reduce"][0]["sums_right"])

    def test_three_signals_save_queue_again_and_go_on_to_the_same_bits(self):
        job = self.submit("stopped", "--ntasks=2", "--nodes=2", epochs=8)
        for restarts in 1, 2, 3:
            self.wait_for_steps("stopped", 10 * restarts)
            self.cluster.run("scancel", "--batch", "--signal=USR1", job)
            slurm.wait_for(lambda: self.cluster.state(job).get("Restarts") == str(restarts), 40,
                           lambda: self.said("stopped"))
        self.assertEqual(self.cluster.finish(job), 0, self.said("stopped"))
        self.expect_queued_again(job, "stopped", 3, epochs=8)

    def expect_queued_again(self, job, run, least, epochs):
        said = self.said(run)
        times = len(re.findall(rf"step-\d+ was saved; job {job} is queued again", said))
        self.assertGreaterEqual(times, least, said)
        self.assertEqual(len(re.findall(r"resumed from step-\d+ ", said)), times, said)
        self.assertFalse((self.folder / run / "checkpoints" / "STOPPED").exists())
        self.assertEqual(self.weights(run), self.serial(epochs))
        print(f"{run}: queued again {times} times, equal bits", file=sys.stderr)

    @unittest.skipUnless(os.environ.get("PRECINCT_LONG"), "only with scripts/test --long: the shortest limit is a minute")
    def test_the_end_of_its_time_saves_queues_again_and_goes_on_to_the_same_bits(self):
        job = self.submit("limited", "--ntasks=2", "--nodes=2", "--time=1", "--signal=B:USR1@40", epochs=LONG_EPOCHS)
        self.assertEqual(self.cluster.finish(job, 400), 0, self.said("limited"))
        self.expect_queued_again(job, "limited", 1, epochs=LONG_EPOCHS)

    def preempt(self, run, partition, *options):
        """A job of another user takes all nodes while the run trains."""
        job = self.submit(run, "--ntasks=2", "--nodes=2", f"--partition={partition}", *options, epochs=16)
        self.wait_for_steps(run, 10)
        urgent = self.cluster.submit("--partition=urgent", f"--nodes={slurm.NODES}", "--exclusive", "--output", "/dev/null",
                                     "--wrap", "sleep 2")
        self.assertEqual(self.cluster.finish(urgent), 0)
        self.assertEqual(self.cluster.finish(job), 0, self.said(run))
        self.assertEqual(self.cluster.state(job)["Restarts"], "1")
        said = self.said(run)
        self.assertEqual(len(re.findall(r"resumed from step-\d+ ", said)), 1, said)
        self.assertEqual(self.weights(run), self.serial(16))
        return said

    def test_a_preempted_job_saves_and_goes_on_to_the_same_bits(self):
        self.preempt("preempted", "p")

    def test_a_job_preempted_with_time_to_save_goes_on_to_the_same_bits(self):
        """GraceTime: the tasks get SIGTERM, and Slurm queues nothing again that has ended before the time is over."""
        self.assertIn("was saved; job", self.preempt("graced", "graced"))

    def test_a_cancelled_job_saves_and_is_not_queued_again(self):
        job = self.submit("cancelled", "--ntasks=2", "--nodes=2", epochs=40)
        self.wait_for_steps("cancelled", 6)
        self.cluster.run("scancel", job)
        stopped = self.folder / "cancelled" / "checkpoints" / "STOPPED"
        slurm.wait_for(lambda: stopped.exists() and not self.ranks_of("cancelled"), 40, lambda: self.said("cancelled"))
        slurm.wait_for(lambda: self.cluster.state(job)["JobState"] != "COMPLETING", 40, lambda: self.said("cancelled"))
        state = self.cluster.state(job)
        self.assertEqual((state["JobState"], state["Restarts"]), ("CANCELLED", "0"), self.said("cancelled"))

    def test_a_killed_task_ends_the_step_with_its_code_and_a_table(self):
        for rank in 0, 1:
            run = f"killed-{rank}"
            with self.subTest(run):
                job = self.submit(run, "--ntasks=2", "--nodes=2", epochs=40)
                self.wait_for_steps(run, 12)
                os.kill(self.ranks_of(run)[rank], signal.SIGKILL)
                self.assertEqual(self.cluster.finish(job, 40), 4, self.said(run))
                self.assertRegex(self.said(run), rf"(?m)^ +{rank} +\S+ +\d+ +\S+ s +\d+ +killed by SIGKILL")
                self.assertEqual(self.ranks_of(run), {})

    def test_a_stopped_task_is_named_whichever_it_is(self):
        """Its agent sees it; the other rank waits for it. Heartbeats of 1 s, a timeout of 60 s."""
        for rank in 0, 1:
            run = f"held-{rank}"
            with self.subTest(run):
                job = self.submit(run, "--ntasks=2", "--nodes=2", epochs=40,
                                  more=["--set", "parallel.heartbeat_seconds=1"])
                self.wait_for_steps(run, 30)
                os.kill(self.ranks_of(run)[rank], signal.SIGSTOP)
                self.assertEqual(self.cluster.finish(job, 40), 4, self.said(run))
                self.assertRegex(self.said(run), rf"rank {rank} \(\S+, pid \d+\): expected to join .* found it stopped by a signal")
                self.assertNotIn("frame #", self.said(run))
                self.assertEqual(self.ranks_of(run), {})

    def test_a_signal_before_the_step_begins_is_not_lost(self):
        job = self.submit("early", "--ntasks=2", "--nodes=2",
                          site=f"touch {self.folder}/began; [ -e {self.folder}/again ] || sleep 4; "
                               f"touch {self.folder}/again\n")
        slurm.wait_for(lambda: (self.folder / "began").exists(), 40, lambda: self.said("early"))
        self.cluster.run("scancel", "--batch", "--signal=USR1", job)
        self.assertEqual(self.cluster.finish(job), 0, self.said("early"))
        self.assertIn("before its step began; job", self.said("early"))
        self.assertEqual(self.weights("early"), self.serial())

    def test_a_signal_that_ends_what_does_not_listen_yet_is_not_lost(self):
        wrapper = self.program("deaf.sh", f"if mkdir {self.folder}/met; then\n"
                               f"scancel --batch --signal=USR1 $SLURM_JOB_ID\nexec sleep 30\nfi\nexec {PROGRAM} \"$@\"")
        job = self.submit("deaf", "--ntasks=1", program=wrapper)
        self.assertEqual(self.cluster.finish(job), 0, self.said("deaf"))
        self.assertIn(f"asked to end while its step began; job {job} is queued again", self.said("deaf"))
        self.assertEqual(self.weights("deaf"), self.serial())

    def test_a_job_whose_step_never_begins_ends_after_four_starts(self):
        job = self.submit("never", "--ntasks=1", site="kill -USR1 $$\n")
        self.assertEqual(self.cluster.finish(job, 60), 75, self.said("never"))
        self.assertEqual(self.said("never").count("before its step began; job"), 3, self.said("never"))
        wrapper = self.program("always_deaf.sh", "scancel --batch --signal=USR1 $SLURM_JOB_ID\nexec sleep 30")
        job = self.submit("deafer", "--ntasks=1", program=wrapper)
        self.assertEqual(self.cluster.finish(job, 90), 75, self.said("deafer"))
        self.assertEqual(self.said("deafer").count("while its step began; job"), 3, self.said("deafer"))
        self.assertIn("while its step began; expected a step to begin before --signal comes, found none in 4 starts", self.said("deafer"))
        self.assertIn("found none in 4 starts; ask for more time than its lead", self.said("never"))

    def asked_to_save(self, run, site):
        """The job gets USR1 in training; `site` is in the way of its being queued again."""
        job = self.submit(run, "--ntasks=2", "--nodes=2", epochs=40, site=site)
        self.wait_for_steps(run, 6)
        self.cluster.run("scancel", "--batch", "--signal=USR1", job)
        return job

    def test_a_job_that_slurm_does_not_queue_again_says_so_with_its_code(self):
        job = self.asked_to_save("kept", 'scontrol() { [ "$1" != requeue ] && command scontrol "$@"; }\n')
        self.assertEqual(self.cluster.finish(job), 75, self.said("kept"))
        self.assertRegex(self.said("kept"), r"step-\d+ was saved; expected job \d+ to be queued again, found it cancelled "
                                            r"or refused; give the same command again")
        self.assertTrue((self.folder / "kept" / "checkpoints" / "STOPPED").exists())

    def test_a_job_that_is_cancelled_while_it_saves_is_not_queued_again(self):
        job = self.asked_to_save("late", 'scontrol() { scancel "$SLURM_JOB_ID"; command scontrol "$@"; }\n')
        slurm.wait_for(lambda: self.cluster.state(job)["JobState"] not in ("RUNNING", "COMPLETING"), 40,
                       lambda: self.said("late"))
        state = self.cluster.state(job)
        self.assertEqual((state["JobState"], state["Restarts"]), ("CANCELLED", "0"), self.said("late"))
        self.assertTrue((self.folder / "late" / "checkpoints" / "STOPPED").exists(), self.said("late"))

    def test_a_lost_node_costs_a_restart_and_no_bit(self):
        job = self.submit("lost", "--ntasks=2", "--nodes=2", epochs=4)
        self.wait_for_steps("lost", 6)
        node = self.cluster.state(job)["NodeList"].removeprefix("n[")[0].removeprefix("n")
        self.cluster.run("scontrol", "update", f"nodename=n{node}", "state=down", "reason=test")
        slurm.wait_for(lambda: self.cluster.state(job).get("Restarts") == "1", 40, lambda: self.said("lost"))
        self.cluster.run("scontrol", "update", f"nodename=n{node}", "state=resume")
        self.assertEqual(self.cluster.finish(job), 0, self.said("lost"))
        self.assertEqual(self.weights("lost"), self.serial(4))

    def test_a_sweep_trains_each_line_of_its_file_in_a_folder_of_its_own(self):
        (self.folder / "sweep.txt").write_text("run.seed=1 model.hidden=8\nrun.seed=2\n")
        words = [word for word in self.words("sweep") if word != "--no-score"]
        job = self.cluster.submit("--array=1-2", "--output", self.folder / "sweep-%a.out",
                                  self.script.with_name("sweep_array.sbatch"), self.folder / "sweep.txt", *words,
                                  env={"PRECINCT": PROGRAM, "PRECINCT_SLURM_SCRIPTS": str(self.script.parent)},
                                  cwd=self.folder)
        for task, settings in ((1, ("seed: 1", "hidden: 8")), (2, ("seed: 2", "hidden: 16"))):
            said = f"sweep-{task}"
            self.assertEqual(self.cluster.finish(f"{job}_{task}"), 0, self.said(said))
            config = (self.folder / "sweep" / str(task) / "config.yaml").read_text()
            for setting in settings:
                self.assertIn(setting, config)
            self.assertIn("picked before the test range was seen", self.said(said))

    def test_a_sweep_that_cannot_begin_says_why_in_one_line(self):
        (self.folder / "two.txt").write_text("run.seed=1\nrun.seed=2")  # without the last line's end
        (self.folder / "empty.txt").write_text("")
        for task, words, says in (
                (1, ["two.txt", "x.yaml", "--run-dir"], "--run-dir: expected a folder after it, found none; "),
                (1, ["two.txt", "x.yaml", "--run-dir="], "--run-dir: expected a folder after it, found none; "),
                (3, ["two.txt", "x.yaml", "--run-dir", "r"], "expected a line 3, found none; --array=1-2 fits"),
                (1, ["empty.txt", "x.yaml", "--run-dir", "r"], "empty.txt: expected a file with a line of settings")):
            done = self.cluster.run("bash", self.script.with_name("sweep_array.sbatch"), *words, cwd=self.folder,
                                    env={"SLURM_ARRAY_TASK_ID": str(task), "PRECINCT_SLURM_SCRIPTS": str(self.script.parent)})
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertRegex(done.stderr, r"^sweep_array\.sbatch: .*; .*\n$")
            self.assertIn(says, done.stderr)

    def test_one_task_of_an_array_is_queued_again_alone(self):
        """The one that Slurm gives the number of the whole array."""
        (self.folder / "array.txt").write_text("run.seed=1\nrun.seed=2\n")
        words = [word for word in self.words("array", epochs=16) if word != "--no-score"]
        job = self.cluster.submit("--array=1-2", "--output", self.folder / "array-%a.out",
                                  self.script.with_name("sweep_array.sbatch"), self.folder / "array.txt", *words,
                                  env={"PRECINCT": PROGRAM, "PRECINCT_SLURM_SCRIPTS": str(self.script.parent)},
                                  cwd=self.folder)
        for task in 1, 2:
            self.wait_for_steps(f"array/{task}", 6)
        numbers = {task: self.cluster.state(f"{job}_{task}")["JobId"] for task in (1, 2)}
        stopped = next(task for task, number in numbers.items() if number == job)
        self.cluster.run("scancel", "--batch", "--signal=USR1", f"{job}_{stopped}")
        for task in 1, 2:
            self.assertEqual(self.cluster.finish(f"{job}_{task}"), 0, self.said(f"array-{task}"))
            self.assertEqual(self.cluster.state(f"{job}_{task}")["Restarts"], "1" if task == stopped else "0")
        self.assertIn(f"job {job}_{stopped} is queued again", self.said(f"array-{stopped}"))

    def test_bash_and_slurm_take_every_batch_file(self):
        scripts = sorted(self.script.parent.glob("*.sbatch"))
        self.assertEqual([script.stem for script in scripts], ["bench", "sweep_array", "train"])
        for script in scripts:
            with self.subTest(script.name):
                self.assertEqual(self.cluster.run("bash", "-n", script).stderr, "")
                asked = self.cluster.run("sbatch", "--test-only", "--nodes=2", "--ntasks-per-node=2", script, "x.yaml",
                                         cwd=self.folder)
                self.assertEqual(asked.returncode, 0, asked.stderr)
                self.assertRegex(asked.stderr, r"to start at .* using [48] processors on nodes n")

    def bench_words(self, out):
        return [SOURCE / "configs/chicago/dnn.yaml", "--set", f"data.panel={self.folder / 'panel.h5'}", "--set",
                "model.hidden=16", "--rounds", "2", "--steps", "2", "--layouts", "dp2", "--out", self.folder / out]

    def test_the_shell_of_an_allocation_is_a_world_of_one(self):
        """With LaunchParameters=use_interactive_step a step whose variables are in part those of the whole job."""
        for size in "--ntasks=4", "--nodes=1":
            done = self.cluster.run("salloc", size, "srun", "--ntasks=1", "--preserve-env", PROGRAM, "train",
                                    *self.words("shell"), "--dry-run")
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_bench_in_a_step_of_one_task_starts_its_own_ranks(self):
        done = self.cluster.run("srun", "--ntasks=1", "--cpus-per-task=2", PROGRAM, "bench", "scaling",
                                *self.bench_words("alone"), "--nproc", "2", timeout=100)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("dp2", (self.folder / "alone" / "scaling.txt").read_text())

    def test_bench_measures_two_tasks_against_one_process(self):
        words = self.bench_words("bench")
        job = self.cluster.submit("--output", self.folder / "bench.out", "--ntasks=2", "--nodes=2",
                                  self.script.with_name("bench.sbatch"), *words, env={"PRECINCT": PROGRAM}, cwd=self.folder)
        self.assertEqual(self.cluster.finish(job), 0, self.said("bench"))
        self.assertIn("dp2", (self.folder / "bench" / "scaling.txt").read_text())
        self.assertIn((self.folder / "bench" / "scaling.txt").read_text().splitlines()[0], self.said("bench"))

    def test_a_bench_without_arguments_is_refused(self):
        job = self.cluster.submit("--output", self.folder / "bench-refused.out", self.script.with_name("bench.sbatch"),
                                  env={"PRECINCT": PROGRAM}, cwd=self.folder)
        self.assertEqual(self.cluster.finish(job), 2)
        self.assertIn("expected CONFIG... --out FOLDER", self.said("bench-refused"))

    def test_outside_a_job_it_says_so(self):
        done = self.cluster.run("bash", self.script, *self.words("outside"))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, r"^train\.sbatch: expected a job of Slurm, found none; .*\n$")

    def test_a_run_that_may_not_go_on_is_refused(self):
        job = self.cluster.submit("--output", self.folder / "never.out", self.script, "some.yaml", "--run-dir",
                                  self.folder / "never", "--resume", "never", cwd=self.folder)
        self.assertEqual(self.cluster.finish(job), 2)
        self.assertIn("found --resume never; choose a new --run-dir", self.said("never"))

    def test_a_run_without_a_folder_is_refused(self):
        job = self.cluster.submit("--output", self.folder / "refused.out", self.script, "some.yaml",
                                  env={"PRECINCT": PROGRAM}, cwd=self.folder)
        self.assertEqual(self.cluster.finish(job), 2)
        self.assertIn("expected --run-dir FOLDER", self.said("refused"))


if __name__ == "__main__":
    missing = slurm.missing_programs()
    if missing:
        print(f"[  SKIPPED ] slurm (expected {', '.join(missing)}, found none; install with scripts/setup --with-slurm)")
        sys.exit(77)
    if not os.environ.get("PRECINCT_LONG"):
        print("[  SKIPPED ] Slurm.test_the_end_of_its_time (only with scripts/test --long: the shortest limit is a minute)")
    if not shutil.which("mpirun"):
        print("[  SKIPPED ] Slurm.test_mpirun_inside_an_allocation (expected mpirun, found none; install with scripts/setup "
              "--with-slurm)", flush=True)
    unittest.main(argv=[sys.argv[0], "-v"])
