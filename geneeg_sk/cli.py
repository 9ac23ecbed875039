"""The command line: ``geneeg-sk windows | fit | sample | benchmark | report | detect | quiz``.

Everything heavy is imported inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

import functools
import json
import math
import shlex
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geneeg_sk._files import write_whole
from geneeg_sk._version import __version__

if TYPE_CHECKING:
    from sklearn.utils import Bunch

app = typer.Typer(
    help="Generative EEG augmentation for seizure detection.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# Of packages on which numbers depend; a report lists them.
PACKAGES = ("imbalanced-learn", "mne", "numpy", "scikit-learn", "skorch", "torch")

# The band-pass filter of the loaders, Hz: `windows` has no option for it.
BAND = {"l_freq": 0.5, "h_freq": 45.0}

# In a folder of results, so that `report` can make the whole page again: EEG of patients.
SHOWN, HISTORY = "report-windows.npz", "history.csv"
MAX_SHOWN = 200  # windows of each state and set that are kept for it: as many as are scored

CHANNELS = "channels.json"  # beside a saved generator: the names that its windows lack

PART_BYTES = 1 << 27  # of windows that `sample` makes at once
ROW_BYTES = 1000  # of memory for what is known of a window beside its signal
EDF_COPIES = 4  # of all windows in double precision, while they become EDF


class Groups(StrEnum):
    """What a fold must not tear apart."""

    patient = "patient"
    recording = "recording"


Chbmit = Annotated[Path | None, typer.Option(help="Folder in CHB-MIT's layout.")]
Siena = Annotated[Path | None, typer.Option(help="Folder in Siena's layout.")]
Bids = Annotated[Path | None, typer.Option(help="BIDS folder with seizure events.")]
Length = Annotated[float, typer.Option(help="Length of a window, in seconds.")]
Sfreq = Annotated[float | None, typer.Option(max=1e5, help="Resample to this frequency, in Hz.")]
Channels = Annotated[str | None, typer.Option(help="Names with commas; by default the common.")]
Patients = Annotated[str | None, typer.Option(help="Only these patients, with commas.")]
Preictal = Annotated[float, typer.Option(help="Seconds before a seizure that are preictal.")]
Postictal = Annotated[float, typer.Option(help="Seconds after a seizure that are left out.")]
Distance = Annotated[float, typer.Option(help="Seconds from any seizure to a normal window.")]
Seed = Annotated[int, typer.Option(help="Of everything that is random.")]
VaeSteps = Annotated[int | None, typer.Option(min=1, help="Steps of the autoencoder.")]
DiffusionSteps = Annotated[int | None, typer.Option(min=1, help="Steps of the diffusion model.")]


def _clear_errors(command: Callable) -> Callable:
    """Turn an error of input or files into one message and exit code 1."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except MemoryError as error:
            typer.secho(f"Error: there is not enough memory. {error}", err=True, fg="red")
            raise typer.Exit(1) from error
        except (ValueError, OSError, OverflowError) as error:
            typer.secho(f"Error: {' '.join(str(error).split())}", err=True, fg="red")
            raise typer.Exit(1) from error

    return run


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="And exit.")
    ] = False,
) -> None:
    """Generative EEG augmentation for seizure detection."""


@app.command()
@_clear_errors
def windows(
    out: Annotated[Path, typer.Option(help="Folder of the window store to write.")],
    chbmit: Chbmit = None,
    siena: Siena = None,
    bids: Bids = None,
    length: Length = 4.0,
    sfreq: Sfreq = None,
    channels: Channels = None,
    patients: Patients = None,
    preictal: Preictal = 300.0,
    postictal: Postictal = 300.0,
    min_distance: Distance = 900.0,
    overwrite: Annotated[bool, typer.Option(help="Replace an earlier store.")] = False,
) -> None:
    """Cut recordings into labelled windows and store them."""
    source = _one_source(chbmit=chbmit, siena=siena, bids=bids)
    _refuse_existing(out, overwrite)
    cut = {
        "length": length,
        "preictal": preictal,
        "postictal": postictal,
        "min_distance": min_distance,
    }
    from geneeg_sk._console import print_counts
    from geneeg_sk.datasets import read_windows, write_windows

    def load() -> Iterator[Bunch]:
        yield _load(source, sfreq=sfreq, channels=channels, patients=patients, **cut)

    # The folder is looked at before the first recording is.
    write_windows(out, load(), overwrite=overwrite)
    table = read_windows(out, verify=False).metadata
    print_counts(table)
    typer.echo(f"{len(table)} windows in {out}")


@app.command()
@_clear_errors
def fit(
    windows: Annotated[Path, typer.Argument(help="Window store, as `windows` writes it.")],
    out: Annotated[Path, typer.Option(help="Folder of the generator to write.")],
    vae_steps: VaeSteps = None,
    diffusion_steps: DiffusionSteps = None,
    profiles: Annotated[bool, typer.Option(help="Keep ids and profiles of patients.")] = True,
    seed: Seed = 0,
) -> None:
    """Train a generator on stored windows and save it."""
    from geneeg_sk.datasets import read_windows
    from geneeg_sk.generation import LatentDiffusionGenerator
    from geneeg_sk.generation._storage import SAVED

    SAVED.check_place(out)
    bunch = read_windows(windows)
    steps = {"vae_steps": vae_steps, "diffusion_steps": diffusion_steps}
    generator = LatentDiffusionGenerator(
        sfreq=float(bunch.sfreq),
        random_state=seed,
        verbose=1,
        **{name: n for name, n in steps.items() if n is not None},
    )
    generator.fit(bunch.X, bunch.y, groups=bunch.groups)
    generator.save(out, profiles=profiles)
    _write_channels(out, list(bunch.info.ch_names))
    states = ", ".join(map(str, generator.classes_))
    typer.echo(f"generator of {states} in {out}")


@app.command()
@_clear_errors
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


@app.command()
@_clear_errors
def benchmark(
    cohort: Annotated[bool, typer.Option("--cohort", help="A simulated cohort.")] = False,
    chbmit: Chbmit = None,
    siena: Siena = None,
    bids: Bids = None,
    windows: Annotated[Path | None, typer.Option(help="Window store.")] = None,
    groups: Annotated[Groups, typer.Option(help="What no fold tears apart.")] = Groups.patient,
    quick: Annotated[bool, typer.Option("--quick", help="Minutes; smaller, and worse.")] = False,
    folds: Annotated[int | None, typer.Option(min=2, help="Default: 5, quick 3.")] = None,
    repeats: Annotated[int | None, typer.Option(min=1, help="Default: 3, quick 1.")] = None,
    seed: Seed = 0,
    out: Annotated[Path, typer.Option(help="Folder of results.")] = Path("out/benchmark"),
    jobs: Annotated[int | None, typer.Option(help="Processes; default: one a core.")] = None,
    length: Length = 4.0,
    sfreq: Sfreq = None,
    channels: Channels = None,
    patients: Patients = None,
    preictal: Preictal = 300.0,
    postictal: Postictal = 300.0,
    min_distance: Distance = 900.0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of the classifier.")] = None,
    vae_steps: VaeSteps = None,
    diffusion_steps: DiffusionSteps = None,
) -> None:
    """Compare ways of augmentation on unseen patients; results as tables and a report.

    Run it again with the same folder, and it goes on where it was.
    """
    from geneeg_sk._files import check_writable

    source = _one_source(cohort=cohort or None, chbmit=chbmit, siena=siena, bids=bids, win=windows)
    check_writable(out)
    cut = {
        "length": length,
        "preictal": preictal,
        "postictal": postictal,
        "min_distance": min_distance,
    }
    bunch = _load(
        source,
        sfreq=sfreq,
        channels=channels,
        patients=patients,
        quick=quick,
        seed=seed,
        **cut,
    )

    from geneeg_sk._console import print_comparison, print_counts
    from geneeg_sk.model_selection._benchmark import Benchmark, group_labels

    budget = _budget(quick, epochs=epochs, vae_steps=vae_steps, diffusion_steps=diffusion_steps)
    run = Benchmark(
        bunch,
        group_labels(bunch, groups.value),
        out=out,
        budget=budget,
        n_folds=folds or (3 if quick else 5),
        n_repeats=repeats or (1 if quick else 3),
        seed=seed,
    )
    print_counts(bunch.metadata)
    comparison = run.run(n_jobs=jobs or _cores())
    print_comparison(comparison, unit=groups.value)
    how = _how(run, comparison, groups.value)
    with write_whole(out / "how.json") as part:
        part.write_text(json.dumps(how, indent=1))
    if (comparison.frame["error"] != "").all():
        typer.secho(f"Error: every candidate failed; see {out / 'results.csv'}", err=True, fg="red")
        raise typer.Exit(1)
    _report_benchmark(run, comparison, how, out / "report.html")
    run.forget()
    for name in ("results.csv", "patients.csv", "report.html"):
        typer.echo(out / name)


@app.command()
@_clear_errors
def report(
    folder: Annotated[Path, typer.Argument(help="Results of a benchmark, or real windows.")],
    synthetic: Annotated[Path | None, typer.Argument(help="Synthetic windows.")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: report.html in the folder.")] = None,
) -> None:
    """Write an HTML report of a benchmark, or of real beside synthetic windows.

    Windows are window stores, or what `sample` wrote as .npz.
    """
    from geneeg_sk.inspection import make_report

    if synthetic is None:
        out = out or folder / "report.html"
        make_report(out, **_read_benchmark(folder))
    else:
        out = out or Path("report.html")
        make_report(out, **_read_both(folder, synthetic), title="Real and synthetic EEG")
    typer.echo(out)


@app.command()
@_clear_errors
def detect(
    recordings: Annotated[list[Path], typer.Argument(help="EDF or BDF files.")],
    out: Annotated[Path, typer.Option(help="Folder for NAME_events.tsv of each recording.")],
    windows: Annotated[Path | None, typer.Option(help="Window store to train on.")] = None,
    detector: Annotated[Path | None, typer.Option(help="Or: a saved detector.")] = None,
    save: Annotated[Path | None, typer.Option(help="Folder to save the trained detector.")] = None,
    step: Annotated[float, typer.Option(help="Seconds from one window to the next.")] = 1.0,
    smoothing: Annotated[float, typer.Option(help="Seconds of the moving average.")] = 10.0,
    threshold: Annotated[float, typer.Option(help="Probability that is a detection.")] = 0.5,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of the classifier.")] = None,
    seed: Seed = 0,
) -> None:
    """Find seizures in recordings, and write them as BIDS events.

    The CNN-BiLSTM is trained on stored windows, or read from where an earlier call saved it;
    reading it runs no code that is not geneeg-sk's own.
    """
    source = _one_source(windows=windows, detector=detector)
    targets = _events_files(recordings, out)
    if save is not None and detector is not None:
        raise typer.BadParameter("--save goes with --windows: a --detector is saved already.")
    from geneeg_sk._console import print_detections
    from geneeg_sk.classification import detect_seizures
    from geneeg_sk.classification._storage import SAVED, read_detector, write_detector
    from geneeg_sk.datasets import write_events

    if save is not None:
        SAVED.check_place(save)
    if source[0] == "detector":
        classifier, prepared = read_detector(source[1])
    else:
        classifier, prepared = _trained_detector(source[1], epochs=epochs, seed=seed)
    if save is not None:
        write_detector(save, classifier, prepared)
    found = {}
    how = {"step": step, "smoothing": smoothing, "threshold": threshold}
    for recording, target in targets.items():
        found[recording] = one = detect_seizures(recording, classifier, **prepared, **how)
        write_events(target, one.events, duration=one.duration, start=one.annotations.orig_time)
    print_detections(found)
    typer.echo(f"events of {len(found)} recording(s) in {out}")


@app.command()
@_clear_errors
def quiz(
    windows: Annotated[Path, typer.Argument(help="Real windows.")],
    synthetic: Annotated[Path, typer.Argument(help="Synthetic windows.")],
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("quiz.html"),
    n: Annotated[int, typer.Option("--n", min=2, help="Number of questions.")] = 20,
    pairs: Annotated[bool, typer.Option("--pairs", help="A real beside a synthetic one.")] = False,
    seed: Seed = 0,
) -> None:
    """Write an HTML page on which a clinician tells synthetic from real windows.

    Windows are window stores, or what `sample` wrote as .npz. The right answers are in the page,
    obfuscated but not encrypted.
    """
    from geneeg_sk.inspection import make_quiz
    from geneeg_sk.inspection._quiz import check_alike

    X, y, info, _ = _read_windows(windows)
    X_synthetic, y_synthetic, other, _ = _read_windows(synthetic)
    check_alike(info, other)
    make_quiz(
        X,
        X_synthetic,
        out=out,
        y_real=y,
        y_synthetic=y_synthetic,
        sfreq=info["sfreq"],
        ch_names=info.ch_names,
        n_questions=n,
        pairs=pairs,
        random_state=seed,
    )
    typer.echo(out)


def _events_files(recordings: list[Path], out: Path) -> dict[Path, Path]:
    """Return where the events of each recording go; say before training what is wrong."""
    missing = [str(path) for path in recordings if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"no such recording: {', '.join(missing)}")
    targets = {
        path: out / f"{path.stem.removesuffix('_eeg')}_events.tsv"  # as BIDS names them
        for path in recordings
    }
    twice = {str(p) for p, t in targets.items() if list(targets.values()).count(t) > 1}
    if twice:
        raise ValueError(
            f"recordings of the same name would write the same file: {', '.join(sorted(twice))}. "
            "Run them one by one, each with its own --out."
        )
    return targets


def _trained_detector(store: Path, *, epochs: int | None, seed: int) -> tuple[Any, dict[str, Any]]:
    """Return a classifier trained on stored windows, and how to prepare a recording for it."""
    from geneeg_sk.datasets import read_windows
    from geneeg_sk.model_selection._candidates import benchmark_classifier

    bunch = read_windows(store)
    states = sorted(map(str, set(bunch.y)))
    if "ictal" not in states or len(states) < 2:
        raise ValueError(f"{store} has windows of {states}; expected ictal ones, and others.")
    sfreq = float(bunch.sfreq)
    classifier = benchmark_classifier(sfreq, _budget(False, epochs=epochs))
    classifier.set_params(class_weight="balanced", random_state=seed, verbose=1)
    classifier.fit(bunch.X, bunch.y)
    prepared = {
        "length": bunch.X.shape[2] / sfreq,
        "channels": list(bunch.info.ch_names),
        "sfreq": sfreq,
        **BAND,
    }
    return classifier, prepared


def _one_source(**sources: Any) -> tuple[str, Any]:
    """Return the one source that was given, by name."""
    given = [(name, value) for name, value in sources.items() if value is not None]
    if len(given) != 1:
        names = ", ".join(f"--{'windows' if name == 'win' else name}" for name in sources)
        raise typer.BadParameter(f"give exactly one of {names}; got {len(given)}.")
    return given[0]


def _load(source: tuple[str, Any], **options: Any) -> Bunch:
    """Return the windows of a source; options that do not concern it are left out."""
    from geneeg_sk import datasets

    name, path = source
    quick, seed = options.pop("quick", False), options.pop("seed", 0)
    if name == "win":
        return datasets.read_windows(path)
    if name == "cohort":
        sfreq = options["sfreq"] or (128.0 if quick else 256.0)
        return datasets.make_eeg_cohort(
            n_patients=6 if quick else 8,
            sfreq=sfreq,
            length=options["length"],
            random_state=seed,
        )
    load = {
        "chbmit": datasets.load_chbmit,
        "siena": datasets.load_siena,
        "bids": datasets.load_bids,
    }[name]
    for key in ("channels", "patients"):
        text = options.pop(key)
        if text is not None:
            options[key] = [part.strip() for part in text.split(",") if part.strip()]
    return load(path, **options)


def _budget(quick: bool, **given: int | None) -> Any:
    from geneeg_sk.model_selection._candidates import QUICK, BenchmarkBudget

    return (QUICK if quick else BenchmarkBudget()).changed(**given)


def _report_benchmark(run: Any, comparison: Any, how: dict, out: Path) -> None:
    """Keep what the report shows, and write it."""
    from geneeg_sk.inspection import make_report

    shown = run.generated(comparison)
    if shown:
        _write_shown(out.parent, shown, run.windows.info)
    make_report(out, comparison=comparison, how=how, **_read_shown(out.parent))


def _write_shown(folder: Path, shown: dict[str, Any], info: Any) -> None:
    """Store some windows of each state and set, evenly spaced, and the history."""
    import numpy as np

    arrays = {"sfreq": info["sfreq"], "channels": np.array(info.ch_names)}
    states = {str(state): state for state in shown["synthetic"]}
    for name in ("real", "groups", "holdout", "synthetic"):
        for text, state in states.items():
            X = shown[name].get(state, ())
            if len(X):
                rows = np.unique(np.linspace(0, len(X) - 1, MAX_SHOWN).astype(int))
                arrays[f"{name}/{text}"] = X[rows]
    with write_whole(folder / SHOWN) as part:
        np.savez_compressed(part, **arrays)
    with write_whole(folder / HISTORY) as part:
        shown["history"].to_csv(part, index=False)


def _read_shown(folder: Path) -> dict[str, Any]:
    """Return what `_write_shown` stored, for `make_report`; nothing where it is not there."""
    import mne

    from geneeg_sk.model_selection._comparison import read_csv

    if not (folder / SHOWN).is_file():
        return {}
    found: dict[str, Any] = {name: {} for name in ("real", "groups", "holdout", "synthetic")}
    with _open_npz(folder / SHOWN, ("channels", "sfreq")) as arrays:
        for key in arrays:
            name, _, state = key.partition("/")
            if state:
                found[name][state] = arrays[key]
        names, sfreq = arrays["channels"].tolist(), float(arrays["sfreq"])
        found["info"] = mne.create_info(names, sfreq, "eeg", verbose="ERROR")
    if (folder / HISTORY).is_file():
        found["history"] = read_csv(folder / HISTORY, ["stage"], ["step", "loss"])
    return found


@contextmanager
def _open_npz(path: Path, needed: Iterable[str]) -> Iterator[Any]:
    """Open a file of arrays; whatever is wrong with it becomes a clear error."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = sorted(set(needed) - set(arrays))
            if missing:
                raise ValueError(f"{missing} are missing")
            yield arrays
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path} is damaged, or not written by geneeg-sk: {error}. Write it again."
        ) from error


def _read_benchmark(folder: Path) -> dict[str, Any]:
    """Return what a report of a benchmark's folder shows."""
    from geneeg_sk.model_selection._benchmark import read_results

    return {
        "comparison": read_results(folder),
        "how": _read_how(folder / "how.json"),
        "title": "Augmentation on unseen patients",
        **_read_shown(folder),
    }


def _read_how(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_bytes()))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}. Delete it, or run again.") from error


def _read_both(folder: Path, synthetic: Path) -> dict[str, Any]:
    """Return what a report of real beside synthetic windows shows."""
    real, info, groups = _read_states(folder)
    fake, _, _ = _read_states(synthetic)
    both = [state for state in fake if state in real]
    if not both:
        raise ValueError(
            f"{folder} has states {list(real)}, {synthetic} has {list(fake)}: none is in both."
        )
    return {
        "real": {state: real[state] for state in both},
        "synthetic": {state: fake[state] for state in both},
        "groups": None if groups is None else {state: groups[state] for state in both},
        "info": info,
        "how": {
            "real": str(folder),
            "synthetic": str(synthetic),
            "left out, for it is in one only": ", ".join(sorted(set(real) ^ set(fake)))
            or "nothing",
            "command": shlex.join(["geneeg-sk", *sys.argv[1:]]),
        },
    }


def _how(run: Any, comparison: Any, groups: str) -> dict[str, str]:
    """Say how the table was made, in words that a report can show."""
    from importlib.metadata import version

    counts = run.windows.metadata["state"].value_counts()
    how = {
        "data": str(run.windows.get("DESCR", "")).strip(),
        "windows": ", ".join(f"{n} {state}" for state, n in counts.items()),
        "folds": f"{len(run.folds)}, by {groups}; {run.n_repeats} seed(s) from {run.seed}",
        "classifier": repr(run.estimator),
        "command": shlex.join(["geneeg-sk", *sys.argv[1:]]),
        "geneeg_sk": __version__,
        **{package: version(package) for package in PACKAGES},
    }
    how |= {f"candidate {n}": " ".join(repr(one).split()) for n, one in run.candidates.items()}
    failed = comparison.frame[comparison.frame["error"] != ""]
    how |= {f"failed: {row.candidate}, fold {row.fold}": row.error for row in failed.itertuples()}
    return how


def _cores() -> int:
    import joblib

    return min(joblib.cpu_count(), 8)


def _label(known: Any, text: str, what: str) -> Any:
    """Return the label that `text` spells: labels may be numbers."""
    found = [label for label in known if str(label) == text]
    if not found:
        raise ValueError(f"unknown {what} {text!r}; the generator knows {list(map(str, known))}.")
    return found[0]


def _write_channels(folder: Path, names: list[str]) -> None:
    """Keep the names of channels beside a generator, sealed and bound to it."""
    from geneeg_sk._files import seal

    content = {"channels": names, "generator": _seal_of(folder)}
    text = json.dumps({"seal": seal(content), **content})
    with write_whole(folder / CHANNELS) as part:
        part.write_text(text)


def _read_channels(folder: Path) -> list[str] | None:
    """Return the names beside a generator; None without, or where they are of an earlier one."""
    from geneeg_sk._files import seal

    path = folder / CHANNELS
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
        if content.pop("seal") != seal(content):
            raise ValueError("its content is not what its seal says")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}. Delete it, or fit again.") from error
    return content["channels"] if content["generator"] == _seal_of(folder) else None


def _seal_of(folder: Path) -> str:
    return json.loads((folder / "generator.json").read_bytes())["seal"]


def _info(folder: Path, model: Any) -> Any:
    """Return the ``mne.Info`` of a saved generator's windows."""
    import mne

    names = _read_channels(folder) or [f"EEG{k + 1:03d}" for k in range(model.n_channels_)]
    if model.sfreq_ is None:
        raise ValueError(
            f"the generator in {folder} does not know the sampling frequency of its windows; fit "
            "it with sfreq=."
        )
    info = mne.create_info(names, model.sfreq_, "eeg", verbose="ERROR")
    info.set_montage("standard_1005", on_missing="ignore", verbose="ERROR")
    return info


def _refuse_too_many(n: int, model: Any, out: Path) -> None:
    """Say before anything is generated what does not fit on the disk or into memory."""
    from geneeg_sk._files import check_writable

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
    model: Any, state: Any, n: int, *, patient: Any, guidance: float, seed: int
) -> Iterator[Any]:
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
    out: Path, parts: Iterator[Any], n: int, state: Any, info: Any, patient: str
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


def _write_long_npz(path: Path, n: int, parts: Iterator[Any], arrays: dict[str, Any]) -> None:
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


def _read_states(path: Path) -> tuple[dict[str, Any], Any, dict[str, Any] | None]:
    """Return the windows of each state, their ``mne.Info``, and their patients if known."""
    from geneeg_sk.model_selection._benchmark import by_state

    X, y, info, groups = _read_windows(path)
    return by_state(X, y), info, None if groups is None else by_state(groups, y)


def _read_windows(path: Path) -> tuple[Any, Any, Any, Any]:
    """Return windows, states, ``mne.Info``, and patients if known, of a store or .npz."""
    from geneeg_sk.datasets import read_windows

    if path.suffix != ".npz":
        bunch = read_windows(path)
        return bunch.X, bunch.y, bunch.info, bunch.groups
    import mne

    with _open_npz(path, ("X", "y", "sfreq", "channels")) as arrays:
        info = mne.create_info(arrays["channels"].tolist(), float(arrays["sfreq"]), "eeg")
        return arrays["X"], arrays["y"], info, None


def _refuse_existing(out: Path, overwrite: bool) -> None:
    """Say before the recordings are read, not after, that there is no place to write."""
    if out.exists() and not overwrite:
        raise FileExistsError(f"{out} exists; choose another folder, or --overwrite a store.")
