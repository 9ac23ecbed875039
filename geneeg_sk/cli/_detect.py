"""``geneeg-sk detect``: find seizures in recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geneeg_sk.cli._options import Seed, budget_of, one_source
from geneeg_sk.datasets._options import PreparationOptions

if TYPE_CHECKING:
    from geneeg_sk.classification import CNNBiLSTMClassifier

# The band-pass filter of the loaders: `windows` has no option for it.
BAND = {"l_freq": PreparationOptions.l_freq, "h_freq": PreparationOptions.h_freq}


def detect(
    recordings: Annotated[list[Path], typer.Argument(help="EDF or BDF files.")],
    out: Annotated[Path, typer.Option(help="Folder for NAME_events.tsv of each recording.")],
    windows: Annotated[Path | None, typer.Option(help="Window store to train on.")] = None,
    detector: Annotated[Path | None, typer.Option(help="Or a saved detector.")] = None,
    save: Annotated[Path | None, typer.Option(help="Folder to save the trained detector.")] = None,
    step: Annotated[float, typer.Option(help="Seconds from one window to the next.")] = 1.0,
    smoothing: Annotated[float, typer.Option(help="Seconds of the moving average.")] = 10.0,
    threshold: Annotated[float, typer.Option(help="Smallest probability of a detection.")] = 0.5,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of the classifier.")] = None,
    seed: Seed = 0,
) -> None:
    """Find seizures in recordings, and write them as BIDS events.

    The CNN-BiLSTM is trained on stored windows, or read from a folder where an earlier call saved
    it; no code in that folder is run.
    """
    source = one_source(windows=windows, detector=detector)
    targets = _events_files(recordings, out)
    if save is not None and detector is not None:
        raise typer.BadParameter("--save goes with --windows: a --detector is saved already.")
    from geneeg_sk.classification import detect_seizures
    from geneeg_sk.classification._storage import DETECTOR, read_detector, write_detector
    from geneeg_sk.cli._tables import print_detections
    from geneeg_sk.datasets import write_events

    if save is not None:
        DETECTOR.check_place(save)
    if source[0] == "detector":
        classifier, prepared = read_detector(source[1])
    else:
        classifier, prepared = _trained_detector(source[1], epochs=epochs, seed=seed)
    if save is not None:
        write_detector(save, classifier, prepared)
    found = {}
    how: dict[str, Any] = {"step": step, "smoothing": smoothing, "threshold": threshold}
    for recording, target in targets.items():
        found[recording] = one = detect_seizures(recording, classifier, **prepared, **how)
        write_events(target, one.events, duration=one.duration, start=one.annotations.orig_time)
    print_detections(found)
    typer.echo(f"events of {len(found)} recording(s) in {out}")


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


def _trained_detector(
    store: Path, *, epochs: int | None, seed: int
) -> tuple[CNNBiLSTMClassifier, dict[str, Any]]:
    """Return a classifier trained on stored windows, and how to prepare a recording for it."""
    from geneeg_sk.cli._candidates import benchmark_classifier
    from geneeg_sk.datasets import read_windows

    bunch = read_windows(store)
    states = sorted(map(str, set(bunch.y)))
    if "ictal" not in states or len(states) < 2:
        raise ValueError(f"{store} has windows of {states}; expected ictal ones, and others.")
    sfreq = float(bunch.sfreq)
    classifier = benchmark_classifier(sfreq, budget_of(False, epochs=epochs))
    classifier.set_params(class_weight="balanced", random_state=seed, verbose=1)
    classifier.fit(bunch.X, bunch.y)
    prepared = {
        "length": bunch.X.shape[2] / sfreq,
        "channels": list(bunch.info.ch_names),
        "sfreq": sfreq,
        **BAND,
    }
    return classifier, prepared
