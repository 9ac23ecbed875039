"""``geneeg-sk sample``: generate windows."""

from __future__ import annotations

import math
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geneeg_sk._files import check_writable, write_whole
from geneeg_sk.cli._channels import read_channels
from geneeg_sk.cli._options import Seed

if TYPE_CHECKING:
    import mne
    import numpy as np

    from geneeg_sk._typing import Label
    from geneeg_sk.generation import LatentDiffusionGenerator


PART_BYTES = 1 << 27  # of windows that `sample` makes at once
ROW_BYTES = 1000  # of memory for what is known of a window beside its signal
EDF_COPIES = 4  # of all windows in double precision, while they become EDF


def sample(
    generator: Annotated[Path, typer.Argument(help="Folder of a saved generator.")],
    state: Annotated[str, typer.Option(help="State to generate, such as ictal.")],
    out: Annotated[Path, typer.Option(help="x.npz, x.edf, or a folder for a window store.")],
    n: Annotated[int, typer.Option("--n", min=1, help="Number of windows.")] = 100,
    patient: Annotated[str | None, typer.Option(help="Known patient to imitate.")] = None,
    guidance: Annotated[float, typer.Option(help="Above 1: more typical, less diverse.")] = 1.0,
    seed: Seed = 0,
) -> None:
    """Generate windows with a saved generator."""
    from geneeg_sk.generation import LatentDiffusionGenerator

    if out.suffix not in (".npz", ".edf", ""):
        raise typer.BadParameter(f"{out} ends in {out.suffix}; expected .npz, .edf or a folder.")
    model = LatentDiffusionGenerator.load(generator)
    label = _label(model.classes_, state, "state")
    known = None if patient is None else _label(model.patients_, patient, "patient")
    _refuse_too_many(n, model, out)
    parts = _parts(model, label, n, patient=known, guidance=guidance, seed=seed)
    _write_synthetic(out, parts, n, label, _info(generator, model), patient or "synthetic")
    typer.echo(f"{n} windows of {state} in {out}")


def _label(known: np.ndarray, text: str, what: str) -> Label:
    """Return the label that `text` spells: labels may be numbers."""
    found = [label for label in known if str(label) == text]
    if not found:
        raise ValueError(f"unknown {what} {text!r}; the generator knows {list(map(str, known))}.")
    return found[0]


def _info(folder: Path, model: LatentDiffusionGenerator) -> mne.Info:
    """Return the ``mne.Info`` of a saved generator's windows."""
    import mne

    names = read_channels(folder) or [f"EEG{k + 1:03d}" for k in range(model.n_channels_)]
    if model.sfreq_ is None:
        raise ValueError(
            f"the generator in {folder} does not know the sampling frequency of its windows; fit "
            "it with sfreq=."
        )
    info = mne.create_info(names, model.sfreq_, "eeg", verbose="ERROR")
    info.set_montage("standard_1005", on_missing="ignore", verbose="ERROR")
    return info


def _refuse_too_many(n: int, model: LatentDiffusionGenerator, out: Path) -> None:
    """Say before anything is generated what does not fit on the disk or into memory."""
    free = shutil.disk_usage(check_writable(out.parent)).free
    values = n * model.n_channels_ * model.n_times_
    is_edf = out.suffix == ".edf"
    on_disk = values * (2 if is_edf else model.dtype_.itemsize)
    in_memory = n * ROW_BYTES + (values * 8 * EDF_COPIES if is_edf else 0)
    for what, needed, there in (
        (f"on the disk of {out}", on_disk, free),
        ("of memory", in_memory, _free_memory()),
    ):
        if needed > there:
            raise ValueError(
                f"{n} windows take about {needed / 1e9:,.3g} GB {what}, where {there / 1e9:,.3g} "
                "GB are free. Ask for fewer with --n"
                + (", or for a folder instead of EDF." if is_edf else ".")
            )


def _free_memory() -> float:
    """Return how many bytes of memory are available; infinity where nobody says."""
    path = Path("/proc/meminfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(found[0]) if found else math.inf


def _parts(
    model: LatentDiffusionGenerator,
    state: Label,
    n: int,
    *,
    patient: Label | None,
    guidance: float,
    seed: int,
) -> Iterator[np.ndarray]:
    """Yield `n` windows, as many at once as memory is meant for.

    The first part is what `sample` gives for the seed; each further one has a seed of its own.
    """
    import numpy as np

    window = model.n_channels_ * model.n_times_ * model.dtype_.itemsize
    size = max(PART_BYTES // window, 1)
    for k, start in enumerate(range(0, n, size)):
        some = min(size, n - start)
        own = seed if k == 0 else int(np.random.SeedSequence([seed, k]).generate_state(1)[0])
        groups = None if patient is None else np.full(some, patient)
        yield model.sample(np.full(some, state), groups=groups, guidance=guidance, random_state=own)


def _write_synthetic(
    out: Path, parts: Iterator[np.ndarray], n: int, state: Label, info: mne.Info, patient: str
) -> None:
    import numpy as np
    import pandas as pd
    from sklearn.utils import Bunch

    from geneeg_sk.datasets import write_edf, write_windows

    def bunches() -> Iterator[Bunch]:
        for X in parts:
            y, groups = np.full(len(X), state), np.full(len(X), patient)
            table = pd.DataFrame({"patient": groups, "recording": "synthetic", "state": y})
            yield Bunch(X=X, y=y, groups=groups, metadata=table, info=info, DESCR="Synthetic.")

    if out.suffix == ".edf":
        write_edf(out, np.concatenate(list(parts)), np.full(n, state), info)
    elif out.suffix == ".npz":
        arrays = {"y": np.full(n, state), "sfreq": info["sfreq"], "channels": info.ch_names}
        with write_whole(out) as part:
            _write_long_npz(part, n, parts, arrays)
    else:
        write_windows(out, bunches())


def _write_long_npz(
    path: Path, n: int, parts: Iterator[np.ndarray], arrays: dict[str, Any]
) -> None:
    """Write what ``np.savez_compressed`` would, `X` part by part."""
    import numpy as np

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("X.npy", "w", force_zip64=True) as file:
            for k, X in enumerate(parts):
                if k == 0:
                    form = np.lib.format.header_data_from_array_1_0(X)
                    np.lib.format.write_array_header_2_0(file, {**form, "shape": (n, *X.shape[1:])})
                file.write(np.ascontiguousarray(X).tobytes())
        for name, value in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(value), allow_pickle=False)
