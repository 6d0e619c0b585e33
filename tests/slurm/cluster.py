"""A Slurm cluster of four nodes on this machine: slurmctld and four slurmd on loopback, in a folder of its own."""
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

NODES = 4
CONF = """ClusterName=t
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
SlurmctldPort={port}
StateSaveLocation={w}/state
SlurmdSpoolDir={w}/spool-%n
SlurmctldPidFile={w}/ctld.pid
SlurmdPidFile={w}/%n.pid
SlurmctldLogFile={w}/log/ctld.log
SlurmdLogFile={w}/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=bf_interval=1,sched_interval=1
ReturnToService=2
KillWait=5
WaitTime=3
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=4 RealMemory=1000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=p Nodes=n[1-{nodes}] Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=graced Nodes=n[1-{nodes}] MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=20
PartitionName=urgent Nodes=n[1-{nodes}] MaxTime=INFINITE State=UP PriorityTier=2 PreemptMode=OFF
"""


def missing_programs():
    paths = os.environ["PATH"] + ":/usr/sbin:/sbin"
    return [name for name in ("slurmctld", "slurmd", "sbatch", "srun", "scancel") if not shutil.which(name, path=paths)]


def free_ports(count):
    """So many consecutive free ports, below those that the kernel hands out by itself."""
    for base in range(21000 + os.getpid() % 500 * 20, 32000, 20):
        sockets = []
        try:
            for port in range(base, base + count):
                one = socket.socket()
                sockets.append(one)
                one.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise RuntimeError("no free ports")


def wait_for(condition, seconds, what):
    """What the condition returns once it is true; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.1)


class Cluster:
    def __init__(self, folder):
        self.folder = Path(folder)
        for name in ["state", "log", *(f"spool-n{i}" for i in range(1, NODES + 1))]:
            (self.folder / name).mkdir(parents=True)
        port = free_ports(NODES + 1)
        import getpass
        (self.folder / "slurm.conf").write_text(
            CONF.format(host=socket.gethostname().split(".")[0], user=getpass.getuser(), port=port, w=self.folder,
                        nodes=NODES, first=port + 1, last=port + NODES))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        self.environment.update(SLURM_CONF=str(self.folder / "slurm.conf"), OMP_NUM_THREADS="1",
                                PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
        self.daemons = [self._start("ctld", "slurmctld", "-D")]
        self.daemons += [self._start(f"n{i}", "slurmd", "-D", "-N", f"n{i}") for i in range(1, NODES + 1)]
        try:
            wait_for(lambda: self.run("sinfo", "-h", "-o", "%T %D").stdout.strip() == f"idle {NODES}", 60,
                     lambda: "four idle nodes: " + self.logs())
        except BaseException:
            self.stop()
            raise

    def _start(self, name, *words):
        with open(self.folder / "log" / f"{name}.out", "wb") as out:
            return subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, env=self.environment,
                                    start_new_session=True)

    def run(self, *words, timeout=60, **more):
        return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=timeout,
                              env=dict(self.environment, **more.pop("env", {})), **more)

    def submit(self, *words, env=None, cwd=None):
        """sbatch; the job's number."""
        result = self.run("sbatch", "--parsable", *words, env=env or {}, cwd=cwd)
        if result.returncode != 0:
            raise AssertionError(result.stderr)
        return result.stdout.strip().split(";")[0]

    def state(self, job):
        found = self.run("scontrol", "-o", "show", "job", job).stdout
        return dict(word.split("=", 1) for word in found.split() if "=" in word)

    def finish(self, job, seconds=90):
        """The exit code of a job, 128 + n when signal n ended it, once it has ended."""
        ended = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")
        state = wait_for(lambda: (s := self.state(job)) and s.get("JobState") in ended and s, seconds,
                         lambda: f"the end of job {job}: {self.state(job)} {self.logs()}")
        code, signal = map(int, state["ExitCode"].split(":"))
        return code or signal and 128 + signal

    def logs(self):
        return "\n".join(f"{path.name}: {path.read_text(errors='replace')[-600:]}"
                         for path in sorted((self.folder / "log").glob("*")))

    def stop(self):
        self.run("scancel", "--full", "--state=RUNNING")
        for daemon in self.daemons[1:] + self.daemons[:1]:
            daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
