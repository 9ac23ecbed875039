"""Random writes, kills, full disks and flipped bits: is anything ever lost, mixed or believed?

    python tools/soak.py --minutes 60 --seed 0

Each operation is drawn from the seed. Processes are forked, and killed at a random moment, or find
no room on the disk after a random number of bytes. After each operation, what is on the
disk has to be all of the old or all of the new, and damage has to be refused with a documented
error. The first broken promise ends the run with its operation and number. At the end, counts as
one JSON line. Linux and macOS.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk.datasets import WindowRows, make_eeg_cohort, read_windows, write_windows
from geneeg_sk.features import EEGFeatures
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.model_selection import compare_samplers
from geneeg_sk.over_sampling import FourierSurrogateSampler

MODEL = make_pipeline(EEGFeatures(sfreq=64, average=True), StandardScaler(), LogisticRegression())
REFUSED = (ValueError, OSError)  # what is documented for damaged files


class Soak:
    """Files of each kind, what they may hold, and the operations on them."""

    def __init__(self, folder: Path, seed: int):
        self.folder, self.rng, self.counts = folder, random.Random(seed), Counter()
        small = {"n_windows": {"normal": 6, "preictal": 3, "ictal": 3}, "channels": ["C3", "C4"]}
        small |= {"n_patients": 3, "sfreq": 64, "length": 2}
        self.cohorts = [make_eeg_cohort(**small, random_state=k) for k in range(2)]
        self.generators = [
            LatentDiffusionGenerator(
                sfreq=64, latent_channels=2, width=8, vae_steps=2, diffusion_steps=2, random_state=k
            ).fit(cohort.X, cohort.y, groups=cohort.groups)
            for k, cohort in enumerate(self.cohorts)
        ]
        self.seconds = {}
        self.samples = [self.sampled(generator) for generator in self.generators]
        self.store, self.model = folder / "store", folder / "model"
        for write in (self.write_store, self.write_model):
            started = time.perf_counter()
            write(0)
            self.seconds[write.__name__] = time.perf_counter() - started
        self.rows = folder / "rows.jsonl"
        started = time.perf_counter()
        self.table = self.compared(None)
        self.seconds["compare"] = time.perf_counter() - started

    # what is written and read

    def write_store(self, which):
        """Write one of two cohorts over the store."""
        write_windows(self.store, self.cohorts[which], overwrite=True)

    def read_store(self, folder):
        """Return which of the cohorts the store holds."""
        windows = read_windows(folder, mmap=self.rng.random() < 0.5)
        return self.only(
            np.array_equal(windows.X, cohort.X)
            and np.array_equal(windows.y, cohort.y)
            and np.array_equal(windows.groups, cohort.groups)
            for cohort in self.cohorts
        )

    def write_model(self, which):
        """Save one of two generators over the model."""
        self.generators[which].save(self.model)

    def read_model(self, folder):
        """Return which of the generators the model is."""
        windows = self.sampled(LatentDiffusionGenerator.load(folder))
        return self.only(np.array_equal(windows, expected) for expected in self.samples)

    def compared(self, rows):
        """Return the table of a comparison, without times."""
        cohort = self.cohorts[0]
        found = compare_samplers(
            {"none": None, "surrogates": FourierSurrogateSampler()},
            MODEL,
            WindowRows(np.asarray(cohort.X)),
            cohort.y,
            cohort.groups,
            cv=3,
            n_repeats=1,
            store=rows,
            random_state=0,
        )
        return found.results.drop(columns="fit_seconds")

    @staticmethod
    def sampled(generator):
        """Return a few windows, which tell generators apart."""
        return generator.sample(["ictal", "normal"], solver_steps=1, random_state=0)

    @staticmethod
    def only(matches):
        """Return the number of the one that matches; it is a broken promise if none does."""
        (which,) = [k for k, match in enumerate(matches) if match]
        return which

    # operations

    def overwrite(self, kind, how):
        """Write in another process that is killed or finds no room; read the old or the new."""
        folder = getattr(self, kind)
        before, new = getattr(self, f"read_{kind}")(folder), self.rng.randrange(2)
        write = getattr(self, f"write_{kind}")
        ended = self.in_process(lambda: write(new), how, self.seconds[write.__name__])
        after = getattr(self, f"read_{kind}")(folder)
        assert after in ((new,) if ended == "done" else (before, new)), (before, new, after, ended)
        self.counts[f"{kind} {how}: {ended}, {'new' if after == new else 'old'} one read"] += 1

    def damage(self, kind):
        """Flip a bit in a copy, or cut it; it is refused, if it is no leftover of a kill."""
        copy, read = self.folder / "damaged", getattr(self, f"read_{kind}")
        before = read(getattr(self, kind))
        shutil.copytree(getattr(self, kind), copy)
        try:
            path = self.rng.choice(sorted(path for path in copy.iterdir() if path.is_file()))
            whole = path.read_bytes()
            how = self.harm(path)
            try:
                assert read(copy) == before, f"{path.name}, {how}, was believed"
            except REFUSED:
                self.counts[f"{kind} {how}: refused"] += 1
                return
            if path.suffix == ".json" and json.loads(path.read_bytes()) == json.loads(whole):
                # A number written as 1E-05 instead of 1e-05 is the same number.
                self.counts[f"{kind} {how}: says the same"] += 1
            else:
                path.unlink()
                assert read(copy) == before, f"{path.name}, {how}, was not noticed"
                self.counts[f"{kind} {how}: leftover of a kill, not read"] += 1
        finally:
            shutil.rmtree(copy)

    def resume(self, how):
        """Kill a comparison, or let it run out of room; go on, and get the same table."""
        ended = self.in_process(lambda: self.compared(self.rows), how, self.seconds["compare"])
        if self.rows.exists() and self.rows.stat().st_size and self.rng.random() < 0.5:
            ended += f", rows {self.harm(self.rows)}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that rows are damaged
            try:
                table = self.compared(self.rows)
            except ValueError as error:
                if "Name another file" not in str(error):  # as it says where no row is whole
                    raise
                ended += ", refused"
            else:
                assert table.equals(self.table)
                ended += ", same table"
        self.rows.unlink(missing_ok=True)
        self.counts[f"comparison {how}: {ended}"] += 1

    def harm(self, path):
        """Flip a bit of a file or cut off its end, and say which."""
        content = bytearray(path.read_bytes())
        if self.rng.random() < 0.2:
            path.write_bytes(content[: self.rng.randrange(len(content))])
            return "cut short"
        content[self.rng.randrange(len(content))] ^= 1 << self.rng.randrange(8)
        path.write_bytes(content)
        return "bit flipped"

    def in_process(self, action, how, seconds):
        """Fork, and return how the other process ended."""
        delay, room = self.rng.uniform(0, 1.2 * seconds), self.rng.randrange(1, 60_000)
        pid = os.fork()
        if pid == 0:
            self.act(action, room if how == "disk full" else None)
        if how == "killed":
            time.sleep(delay)
            os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code in (0, 3, -signal.SIGKILL), f"ended with {code}"
        return {0: "done", 3: "failed", -signal.SIGKILL: "killed"}[code]

    @staticmethod
    def act(action, room):
        """Do something in a forked process, and end it."""
        code = 4
        try:
            if room is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
            action()
            code = 0
        except OSError:
            code = 3
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def step(self):
        """Do one of the operations, and look for what should not be there."""
        kind, how = self.rng.choice(["store", "model"]), self.rng.choice(["killed", "disk full"])
        draw = self.rng.random()
        if draw < 0.4:
            self.overwrite(kind, how)
        elif draw < 0.8:
            self.damage(kind)
        else:
            self.resume(how)

    def tidy(self):
        """Write once more: nothing is left of all that was killed."""
        for write in (self.write_store, self.write_model):
            write(0)
        left = sorted(path.name for path in self.folder.iterdir())
        assert left == ["model", "store"], left


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        soak, n = Soak(Path(folder), args.seed), 0
        while time.monotonic() - began < 60 * args.minutes:
            n += 1
            try:
                soak.step()
            except BaseException:
                print(f"operation {n} of seed {args.seed} broke a promise:", file=sys.stderr)
                raise
        soak.tidy()
    counts = dict(sorted(soak.counts.items()))
    minutes = round((time.monotonic() - began) / 60, 1)
    about = {"soak": n, "seed": args.seed, "minutes": minutes}
    print(json.dumps(about | {"counts": counts}))


if __name__ == "__main__":
    main()
