"""A cluster of dask on this machine, whose workers share as little as those of several machines."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil

# A worker sees a /tmp of its own, with one folder of everybody in it, at its usual place.
ALONE = """
mount --bind "$1" /mnt && mount -t tmpfs tmpfs /tmp && mkdir -p "$1" "$TMPDIR" "$2"
mount --move /mnt "$1" && cd "$2" && shift 2 && exec "$@"
"""


def can_be_alone():
    """Tell whether processes may have a view of the file system of their own here."""
    needed = [Path(place).resolve() for place in (sys.prefix, sys.base_prefix, __file__)]
    if shutil.which("unshare") is None or any(Path("/tmp") in p.parents for p in needed):
        return False
    done = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])
    return done.returncode == 0


class Cluster:
    """A scheduler and workers in processes, ended with the block.

    Parameters
    ----------
    folder : Path
        Where everything of theirs is.
    n_workers : int
        One thread each, with working directories and folders for temporary files of their own.
    shared : Path or None
        Folder that all workers see. Where the system allows it, they see nothing else of what
        other processes have in /tmp; None hides nothing.
    options : sequence of str
        Further options of each worker.
    path : str or None
        PYTHONPATH of the workers, in place of that of this process.
    """

    def __init__(self, folder, n_workers=2, *, shared=None, options=(), path=None):
        self.folder, self.n_workers, self.shared = folder, n_workers, shared
        self.options, self.path = options, path
        self.workers = []

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        about = self.folder / "scheduler.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file"]
        self.scheduler = self._start("scheduler", [*options, about], self.folder)
        self.address = self._address(about)
        for _ in range(self.n_workers):
            self.add_worker()
        return self

    def _address(self, about):
        """Wait for the scheduler to write its address; what it has half written is no JSON yet."""
        while True:
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
                return json.loads(about.read_text())["address"]
            assert self.scheduler.poll() is None, (self.folder / "scheduler.log").read_text()
            time.sleep(0.05)

    def add_worker(self):
        """Start one more."""
        name = f"worker-{len(self.workers)}"
        home, temporary = self.folder / name / "home", self.folder / name / "tmp"
        temporary.mkdir(parents=True)
        home.mkdir()
        options = ["--nthreads", "1", "--no-dashboard", "--local-directory", temporary]
        options = [self.address, "--name", name, *options, *self.options]
        alone = ()
        if self.shared is not None and can_be_alone():
            alone = ["unshare", "--mount", "bash", "-e", "-c", ALONE, "alone", self.shared, home]
        self.workers.append(self._start("worker", options, home, temporary, alone=alone, log=name))

    def _start(self, what, options, home, temporary=None, *, alone=(), log=None):
        command = [*alone, sys.executable, "-m", f"distributed.cli.dask_{what}", *options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        environment |= {} if temporary is None else {"TMPDIR": str(temporary)}
        environment |= {} if self.path is None else {"PYTHONPATH": self.path}
        with (self.folder / f"{log or what}.log").open("w") as file:
            return subprocess.Popen(
                list(map(str, command)), cwd=home, env=environment, stdout=file, stderr=file
            )

    def __exit__(self, *exception):
        for process in [*self.workers, self.scheduler]:
            kill(process)


def kill(process):
    """End a process that was started here, and what it started, as a loss of power would."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
    process.kill()
    process.wait()


def kill_children(process):
    """End what a nanny watches over; it starts another."""
    for child in psutil.Process(process.pid).children(recursive=True):
        if "spawn_main" in " ".join(child.cmdline()):
            child.kill()
