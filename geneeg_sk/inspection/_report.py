"""One page that says what came out, and how."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from geneeg_sk._checks import is_mne, resolve_sfreq
from geneeg_sk._files import write_whole
from geneeg_sk._typing import Label, WindowsByState
from geneeg_sk._version import __version__
from geneeg_sk.inspection import _realism, _verdict
from geneeg_sk.inspection._benchmark import BenchmarkDisplay
from geneeg_sk.inspection._display import Display
from geneeg_sk.inspection._embedding import EmbeddingDisplay
from geneeg_sk.inspection._features import FeaturesDisplay
from geneeg_sk.inspection._history import HistoryDisplay
from geneeg_sk.inspection._spectra import SpectraDisplay
from geneeg_sk.inspection._tables import error_table, flatten, window_table
from geneeg_sk.inspection._topomap import TopomapDisplay
from geneeg_sk.inspection._traces import TracesDisplay
from geneeg_sk.inspection._verdict import join_names
from geneeg_sk.metrics import _patient_test
from geneeg_sk.metrics._predictions import SCORES
from geneeg_sk.metrics._registry import METRICS
from geneeg_sk.metrics._window_scores import (
    MAX_WINDOWS,
    MIN_WINDOWS,
    N_SPLITS,
    SEED,
    score_training,
    score_windows,
)
from geneeg_sk.model_selection._comparison import SamplerComparison
from geneeg_sk.model_selection._score_table import COST, make_score_table, write_html

if TYPE_CHECKING:
    import mne
    from matplotlib.figure import Figure

IMAGE = "webp"
DPI = 150

# MNE's page is made for wide screens: on narrow ones, contents go, and text gets the room.
CSS = """
#content p, #content ul { max-width: 62rem; }
#content h4 { font-size: 1.15rem; margin-top: 1.2rem; }
#content .lead { font-weight: 600; }
#content table { width: auto; font-variant-numeric: tabular-nums; font-size: 0.85rem; }
#content th, #content td { padding: 0.25rem 0.45rem; border-bottom: 1px solid #ddd; }
#content td { white-space: nowrap; }
#content .wrap td { white-space: normal; overflow-wrap: anywhere; }
#content .wrap td:first-child { overflow-wrap: normal; }
#content .scroll { overflow-x: auto; }
#content img { max-width: 100%; height: auto; }
#filter-by-tags-dropdown-menu, .accordion-header .badge { display: none !important; }
footer nav { position: static !important; }
@media (max-width: 800px) {
  #toc { display: none; }
  #content { margin-left: 0 !important; width: 100% !important; }
  #content .accordion-body { padding: 0.7rem; }
  #content figure { overflow-x: auto; }
  #content img[alt^="Features"], #content img[alt^="Maps"] { width: 640px; max-width: none; }
  #top-bar .fs-3 { font-size: 1.2rem !important; white-space: normal; }
  #top-bar img { width: 50px; }
}
@media print { #top-bar { position: static !important; } #toc { display: none; } }
"""
TRACES = "Windows picked at random, divided by lines; positive is up."
PACKAGES = ("numpy", "scikit-learn", "mne", "matplotlib", "torch")
# MNE's own handler of resizing fails on a page that is not loaded yet.
HEAD = """<meta name="viewport" content="width=device-width, initial-scale=1">
<script>
window.addEventListener("resize", (event) => {
  if (document.readyState !== "complete") event.stopImmediatePropagation();
}, true);
</script>
"""


def make_report(
    out: str | Path,
    *,
    comparison: SamplerComparison | None = None,
    real: WindowsByState | None = None,
    synthetic: WindowsByState | None = None,
    groups: Mapping[Any, ArrayLike] | None = None,
    holdout: WindowsByState | None = None,
    sfreq: float | None = None,
    info: mne.Info | None = None,
    history: pd.DataFrame | BaseEstimator | None = None,
    title: str = "geneeg_sk",
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Write one HTML page: verdict, tables, pictures, and how they were made.

    The verdict answers four questions in plain sentences: is the synthetic EEG real, diverse,
    private and useful? Each with its number, the same number for real windows in place of the
    synthetic ones (the reference), and their intervals. The page needs no other file and asks no
    server for anything. What is not given is left out, with a sentence that says so.

    Parameters
    ----------
    out : str or Path
        File to write, ending in ``.html``. It appears when it is complete; an older one of that
        name is replaced.
    comparison : SamplerComparison, default=None
        From ``compare_samplers``.
    real, synthetic : dict of state to windows, default=None
        Windows of shape (n_windows, n_channels, n_times) in microvolts, or ``mne.Epochs``. The
        real ones are those that the generator was trained on, or of the same recordings.
    groups : dict of state to array, default=None
        Patient of each real window. With four or more, references are between patients.
    holdout : dict of state to windows, default=None
        Real windows that the generator has not seen, for the test of membership.
    sfreq : float, default=None
        Sampling frequency, Hz. None: that of `info`, or of the ``mne.Epochs``.
    info : mne.Info, default=None
        Names of the channels, and sampling frequency.
    history : DataFrame or estimator, default=None
        A fitted generator, or its `history_`.
    title : str, default="geneeg_sk"
        Heading of the page.
    metadata : dict, default=None
        How to repeat it: versions, seeds, numbers of windows, command, ...; may be nested.

    Returns
    -------
    out : Path
        The file.

    Raises
    ------
    ValueError
        If `out` does not end in ``.html``, or what is given is not a set of windows, or contradicts
        itself.

    See Also
    --------
    TracesDisplay, SpectraDisplay, TopomapDisplay, FeaturesDisplay, EmbeddingDisplay,
    BenchmarkDisplay, HistoryDisplay : The pictures.

    Notes
    -----
    At most 200 windows of each state, evenly spaced, are scored, and at most 2,000 drawn; the page
    says how many. So the cost hardly grows with the number of windows.

    Whether windows are real is answered by two-sample tests on signals and on features. Without
    `groups` of at least four, or with too few windows for the tests to see Fourier surrogates or
    windows of other patients, it cannot be said that they are.

    Examples
    --------
    >>> import tempfile
    >>> from geneeg_sk.inspection import make_report
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = make_report(f"{folder}/report.html", metadata={"seed": 0})
    ...     "How it was made" in page.read_text(encoding="utf-8")
    True
    """
    import matplotlib
    import mne

    out = Path(out)
    if out.suffix.lower() != ".html":
        raise ValueError(f"out={str(out)!r}; expected the name of a page, ending in '.html'.")
    real, synthetic = dict(real or {}), dict(synthetic or {})
    sfreq = resolve_sfreq(sfreq, info, *real.values(), *synthetic.values())

    report = mne.Report(title=str(title), image_format=IMAGE, verbose="ERROR")
    report.include += HEAD
    report.add_custom_css(CSS)
    scores = _compute_scores(real, synthetic, sfreq, groups, holdout)
    report.add_html(_verdicts(comparison, real, synthetic, sfreq, scores), "Verdict")
    report.add_html(_tables(comparison, scores.windows), "Tables")
    with matplotlib.rc_context({"text.parse_math": False}):  # "$" in a name is a character
        for heading, figure, caption in _pictures(
            comparison, real, synthetic, sfreq, info, history
        ):
            if figure is None:
                report.add_html(_paragraph(caption), heading)
            else:
                figure.set_dpi(DPI)
                report.add_figure(figure, heading, caption=caption)
    counts = _counts(real, synthetic, holdout, groups, sfreq)
    report.add_html(_how(metadata, counts), "How it was made")
    _save(report, out)
    return out


# Heading, figure and caption; without a figure, the caption says why there is none.
Picture: TypeAlias = "tuple[str, Figure | None, str]"


class _Scores(NamedTuple):
    """What was computed on windows."""

    windows: pd.DataFrame  # empty where nothing could be compared
    useful: dict[str, float] | None


def _compute_scores(
    real: WindowsByState,
    synthetic: WindowsByState,
    sfreq: float | None,
    groups: Mapping[Any, ArrayLike] | None,
    holdout: WindowsByState | None,
) -> _Scores:
    if sfreq is None:
        return _Scores(pd.DataFrame(), None)
    table = score_windows(real, synthetic, sfreq=sfreq, groups=groups, holdout=holdout)
    if table.empty:
        return _Scores(table, None)
    return _Scores(table, score_training(real, synthetic, sfreq=sfreq, groups=groups))


def _verdicts(
    comparison: SamplerComparison | None,
    real: WindowsByState,
    synthetic: WindowsByState,
    sfreq: float | None,
    scores: _Scores,
) -> str:
    table = scores.windows
    parts = []
    for question, answer in (
        ("Is it real?", _realism.judge_realism),
        ("Is it diverse?", _verdict.judge_diversity),
        ("Is it private?", _verdict.judge_privacy),
    ):
        parts.append(f"<h4>{question}</h4>")
        if table.empty:
            parts.append(_paragraph(_why_not_compared(real, synthetic, sfreq)))
        else:
            parts.append(_answer(*answer(table)))
    parts.append("<h4>Is it useful?</h4>")
    if comparison is not None:
        parts.append(_answer(*_verdict.judge_benefit(comparison)))
    if scores.useful is not None:
        headline, sentences = _verdict.judge_usefulness(scores.useful)
        if comparison is None:
            parts.append(_answer(headline, sentences))
        else:  # the benchmark's answer counts
            parts += [_paragraph(sentence) for sentence in sentences]
    if comparison is None and scores.useful is None:
        text = "No comparison was given, and no two states have enough windows: left open."
        parts.append(_paragraph(text))
    if not table.empty:
        parts.append(_not_compared(table, real, synthetic))
    parts.append(_reading(comparison, table))
    return "".join(parts)


def _reading(comparison: SamplerComparison | None, table: pd.DataFrame) -> str:
    """How to read the numbers above, in small print."""
    text = []
    if not table.empty:
        how = "patient by patient" if table["by_patient"].all() else "one by one"
        if table["by_patient"].any() and not table["by_patient"].all():
            how = "by patient, in states with fewer than four patients one by one"
        text.append(
            "“In their place”: the same number for real windows that stand in for the synthetic "
            "ones, which is what a perfect generator would score. Half of the real windows stand "
            f"in, beside the other half; windows are split {how}, {N_SPLITS} times (tests: "
            f"{_patient_test.N_SPLITS} times, by blocks of time), and intervals hold 95 % of the "
            "splits (of copies and discharges: binomial; of tests on synthetic windows: bootstrap "
            "over patients, but no narrower than of real ones). At most "
            f"{MAX_WINDOWS} windows of each state, evenly spaced, are compared; copies are looked "
            "for among more."
        )
        text.append(
            "Words: told, where the interval of an AUC lies above 0.5 and above that of real "
            f"windows in their place; easily, from {_realism.EASY_AUC}; not told, where tests that "
            f"would have seen {join_names([*_realism.MUST_SEE.values()])} give intervals that end "
            f"below {_realism.MAX_UPPER_END}, within {_realism.NEAR_REFERENCE} of real windows in "
            "their place, and nothing leaks; otherwise it cannot be said. What tests would have "
            "seen was measured on known damage to real windows (simulated ones, for one channel "
            f"those of Bonn). As diverse: within {_verdict.NEARLY} of real windows in their place; "
            f"hardly any copies: the same, and never above {2 * _verdict.NEARLY:.0%}."
        )
    if comparison is not None:
        text.append(
            "Differences in macro F1 are paired by patient; intervals are of the mean over "
            "patients, by bootstrap, one method at a time. p-values: corrected resampled t-test "
            "over folds, adjusted for the number of methods (Holm)."
        )
    return "".join(_paragraph(one, small=True) for one in text)


def _why_not_compared(real: WindowsByState, synthetic: WindowsByState, sfreq: float | None) -> str:
    if not real or not synthetic:
        missing = " and ".join(n for n, X in (("real", real), ("synthetic", synthetic)) if not X)
        return f"No {missing} windows were given, so this is left open."
    if sfreq is None:
        return "No sampling frequency was given, so windows could not be described."
    return (
        f"No state has enough windows ({2 * MIN_WINDOWS} real and {MIN_WINDOWS} synthetic) to "
        "compare, so this is left open."
    )


def _not_compared(table: pd.DataFrame, real: WindowsByState, synthetic: WindowsByState) -> str:
    compared = set(table["state"])
    left_out = [str(state) for state in {**real, **synthetic} if state not in compared]
    if not left_out:
        return ""
    return _paragraph(
        f"Not compared, for lack of windows ({2 * MIN_WINDOWS} real and {MIN_WINDOWS} synthetic "
        f"are needed): {', '.join(left_out)}."
    )


def _tables(comparison: SamplerComparison | None, windows: pd.DataFrame) -> str:
    parts = ["<h4>Synthetic windows</h4>"]
    if windows.empty:
        parts.append(_paragraph("No windows were compared, so there are no scores."))
    else:
        text = (
            "Mean and 95 % interval of each score. Better: higher, lower, or as real: the nearer "
            "to the number of real windows in their place."
        )
        parts.append(_paragraph(text))
        parts.append(write_html(window_table(windows)))
    parts.append("<h4>Methods of augmentation</h4>")
    return "".join(parts) + _scores(comparison)


def _scores(comparison: SamplerComparison | None) -> str:
    if comparison is None:
        return _paragraph("No comparison was given, so there are no scores.")
    baseline = comparison.baselines[0]
    table = make_score_table(comparison)
    lower = [METRICS[name].label for name in SCORES if METRICS[name].better == "lower"]
    parts = [
        _paragraph(
            "Mean ± standard deviation over patients, on patients unseen in training (a patient's "
            "score is its mean over seeds). “Δ macro F1”: paired difference to "
            f"“{baseline}”, with its 95 % interval. Of {join_names(lower)}, lower is better."
        ),
        write_html(table.drop(columns=COST, errors="ignore")),
        "<h4>Calibration and cost</h4>",
        write_html(table[["method", *(c for c in COST if c in table)]]),
    ]
    errors = error_table(comparison.results)
    if len(errors):
        parts.append("<h4>Fits that failed</h4>")
        parts.append(write_html(errors, wrap=True))
    return "".join(parts)


def _pictures(
    comparison: SamplerComparison | None,
    real: WindowsByState,
    synthetic: WindowsByState,
    sfreq: float | None,
    info: mne.Info | None,
    history: pd.DataFrame | BaseEstimator | None,
) -> list[Picture]:
    """Headings, figures and captions; a figure of None is explained by its caption."""
    pictures = []
    if comparison is not None:
        draw = partial(BenchmarkDisplay.from_comparison, comparison)
        pictures.append(_picture("Benefit for each patient", draw, "Right is better."))
    states = list(dict.fromkeys([*real, *synthetic]))
    names = None if info is None else list(info.ch_names)
    if not states:
        pictures.append(("Pictures of windows", None, "No windows were given, so none are shown."))
    elif sfreq is None:
        text = "No sampling frequency was given, so windows cannot be drawn in seconds and hertz."
        pictures.append(("Pictures of windows", None, text))
    else:
        for state in states:
            pictures += _windows(state, real.get(state), synthetic.get(state), sfreq, names)
    if history is None:
        pictures.append(("Training", None, "No history of a training was given."))
    else:
        frame = getattr(history, "history_", history)
        figure = HistoryDisplay(history=frame).plot().figure_
        pictures.append(("Training", figure, "Losses of the generator, stage by stage."))
    return pictures


def _picture(heading: str, draw: Callable[[], Display], caption: str) -> Picture:
    """Draw; the error says why where it cannot be, as with one candidate or too few channels."""
    try:
        return heading, draw().figure_, caption
    except ValueError as error:
        return heading, None, str(error)


def _windows(
    state: Label,
    real: np.ndarray | mne.BaseEpochs | None,
    synthetic: np.ndarray | mne.BaseEpochs | None,
    sfreq: float,
    names: list[str] | None,
) -> list[Picture]:
    real, synthetic = (X if X is not None and len(X) else None for X in (real, synthetic))
    if real is None and synthetic is None:
        return [(f"Traces: {state}", None, "There are no windows of this state.")]
    missing = [n for n, X in (("real", real), ("synthetic", synthetic)) if X is None]
    note = f" There are no {missing[0]} windows of this state." if missing else ""
    traces = TracesDisplay.from_windows(real, synthetic, sfreq=sfreq, ch_names=names)
    spectra = SpectraDisplay.from_windows(real, synthetic, sfreq=sfreq)
    features = FeaturesDisplay.from_windows(real, synthetic, sfreq=sfreq)
    return [
        (f"Traces: {state}", traces.figure_, f"{TRACES}{note}"),
        (f"Spectra: {state}", spectra.figure_, f"Mean over channels.{note}"),
        _picture(
            f"Maps of band power: {state}",
            partial(TopomapDisplay.from_windows, real, synthetic, sfreq=sfreq, ch_names=names),
            "Median over windows; one scale of colors for each band.",
        ),
        (f"Features: {state}", features.figure_, f"Mean over channels.{note}"),
        _picture(
            f"Principal components: {state}",
            partial(EmbeddingDisplay.from_windows, real, synthetic, sfreq=sfreq),
            "A point is a window, by its features; synthetic ones should lie among the real.",
        ),
    ]


def _how(metadata: Mapping[str, Any] | None, counts: dict[str, str]) -> str:
    rows: dict[str, Any] = {**(metadata or {}), **counts}
    rows["this page"] = {
        "geneeg_sk": __version__,
        "Python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        "seed": SEED,
    }
    said = "" if metadata else _paragraph("How the data were made was not recorded.")
    return said + write_html(flatten(rows), header=False, wrap=True)


def _counts(
    real: WindowsByState,
    synthetic: WindowsByState,
    holdout: WindowsByState | None,
    groups: Mapping[Any, ArrayLike] | None,
    sfreq: float | None,
) -> dict[str, str]:
    """How many windows were given, and of what shape."""
    rows = {}
    given = {"real": real, "synthetic": synthetic, "unseen real": holdout or {}}
    for name, sets in given.items():
        if sets:
            rows[f"{name} windows given"] = ", ".join(f"{len(X):,} {s}" for s, X in sets.items())
    arrays = [X for sets in given.values() for X in sets.values() if len(X)]
    if arrays and sfreq is not None:
        shape = (arrays[0].get_data(copy=False) if is_mne(arrays[0]) else arrays[0]).shape
        n_channels = shape[1] if len(shape) == 3 else 1
        rows["a window"] = (
            f"{n_channels} channels, {shape[-1]} samples at {sfreq:g} Hz ({shape[-1] / sfreq:g} s)"
        )
    if groups:
        n_patients = len({p for state in groups for p in np.unique(groups[state]).tolist()})
        rows["patients of the real windows"] = str(n_patients)
    return rows


def _answer(headline: str, sentences: list[str]) -> str:
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<p class="lead">{escape(headline)}</p><ul>{items}</ul>'


def _paragraph(text: str, small: bool = False) -> str:
    return f'<p class="small text-muted">{escape(text)}</p>' if small else f"<p>{escape(text)}</p>"


def _save(report: mne.Report, out: Path) -> None:
    with write_whole(out) as part:
        page = part.with_name("page.html")  # MNE goes by the ending
        report.save(page, open_browser=False, overwrite=True, verbose="ERROR")
        page.replace(part)
