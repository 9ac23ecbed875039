"""Damaged annotations, recordings and saved files by a coverage-guided fuzzer.

    python -m pip install atheris
    python tools/fuzz.py annotations --minutes 10

Whatever is in a file, reading it ends with what it says, or with one of the documented errors. Any
other error ends the run, and is written to ``crash-...`` in this folder. Headers of stores and
generators get the seal of whatever is in them, as a forger's would have: without it nothing behind
the seal is ever reached.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import warnings
from pathlib import Path

import atheris
import numpy as np
import torch

with atheris.instrument_imports(include=["geneeg_sk"]):
    from geneeg_sk._files import seal
    from geneeg_sk.datasets import make_eeg_cohort, read_seizures, read_windows, write_windows
    from geneeg_sk.datasets._edf import open_recording
    from geneeg_sk.generation import LatentDiffusionGenerator
    from geneeg_sk.model_selection._store import RowStore

REFUSED = (ValueError, OSError)
CORPUS = Path(__file__).parent / "fuzz_corpus"
ANNOTATIONS = ("chb01-summary.txt", "Seizures-list-PN00.txt", "sub-01_task-sz_events.tsv")


def annotations(folder):
    """Annotations of one of three kinds, which the first byte chooses."""

    def read(data):
        kind, rest = data[0] % 3 if data else 0, data[1:]
        path = folder / ANNOTATIONS[kind]
        path.write_bytes(rest)
        try:
            read_seizures(folder)
        finally:
            path.unlink()

    return read, []


def edf(folder):
    """A recording of two channels, of which the header is damaged."""
    from edfio import Edf, EdfSignal

    signals = [
        EdfSignal(np.linspace(-100, 100, 64), 64, label=name, physical_dimension="uV")
        for name in ("C3", "C4")
    ]
    path = folder / "recording.edf"
    Edf(signals).write(path)
    seed = path.read_bytes()

    def read(data):
        path.write_bytes(data)
        open_recording(path)

    return read, [seed]


def sealed(path, name, load):
    """A header in JSON; if it is an object, it gets the right seal under `name`."""
    seed = json.loads(path.read_bytes())
    seed.pop(name)

    def read(data):
        try:
            header = json.loads(data)
            header = {name: seal(header), **header} if isinstance(header, dict) else header
            data = json.dumps(header).encode()
        except (ValueError, RecursionError):
            pass  # as it is, then
        path.write_bytes(data)
        load(path.parent)

    return read, [json.dumps(seed).encode()]


def cohort():
    """Return the smallest windows that a generator is fitted on."""
    counts = {"normal": 4, "ictal": 3}
    return make_eeg_cohort(
        n_patients=2, n_windows=counts, channels=["C3"], sfreq=32, length=1, random_state=0
    )


def store(folder):
    """The header of a store of windows."""
    write_windows(folder / "store", cohort())
    return sealed(folder / "store/header.json", "sha256", read_windows)


def generator(folder):
    """The header of a saved generator."""
    windows = cohort()
    fitted = LatentDiffusionGenerator(
        sfreq=32, latent_channels=2, width=8, vae_steps=1, diffusion_steps=1, random_state=0
    ).fit(windows.X, windows.y, groups=windows.groups)
    fitted.save(folder / "generator")
    load = LatentDiffusionGenerator.load
    return sealed(folder / "generator/generator.json", "seal", load)


def rows(folder):
    """The rows of a comparison."""
    path = folder / "rows.jsonl"
    RowStore(path).append("key", {"row": {"macro_f1": 0.5, "auc": float("nan")}, "patients": []})

    def read(data):
        path.write_bytes(data)
        RowStore(path)

    return read, [path.read_bytes()]


TARGETS = {f.__name__: f for f in (annotations, edf, store, generator, rows)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    (folder / "files").mkdir()
    read, seeds = TARGETS[args.target](folder / "files")
    found = folder / "corpus"  # the fuzzer adds to the first folder that it is given
    found.mkdir()
    for k, seed in enumerate(seeds):
        (found / f"seed-{k}").write_bytes(seed)

    def one(data):
        with contextlib.suppress(REFUSED):
            read(data)

    options = [f"-max_total_time={round(60 * args.minutes)}", f"-seed={args.seed}"]
    options += ["-max_len=20000", "-timeout=20", "-rss_limit_mb=4000", "-print_final_stats=1"]
    own = [str(CORPUS / args.target)] if (CORPUS / args.target).is_dir() else []
    atheris.Setup([sys.argv[0], *options, str(found), *own], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
