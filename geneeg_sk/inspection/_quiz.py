"""A page on which a clinician says which windows are real: which windows, and the key."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import column_or_1d

from geneeg_sk._checks import is_mne
from geneeg_sk._files import write_whole
from geneeg_sk._typing import RandomStateLike
from geneeg_sk.datasets._channels import standard_name
from geneeg_sk.inspection._quiz_page import DATA, Question, quiz_page, scramble
from geneeg_sk.inspection._sets import check_pair, get_channel_names
from geneeg_sk.metrics._readers import FIRST, REAL, SECOND, SYNTHETIC

if TYPE_CHECKING:
    import mne


def make_quiz(
    real: np.ndarray | mne.BaseEpochs,
    synthetic: np.ndarray | mne.BaseEpochs,
    *,
    out: str | Path,
    y_real: ArrayLike | None = None,
    y_synthetic: ArrayLike | None = None,
    sfreq: float | None = None,
    ch_names: Sequence[str] | None = None,
    n_questions: int = 20,
    pairs: bool = False,
    title: str = "Real or synthetic EEG?",
    random_state: RandomStateLike = 0,
) -> Path:
    """Write one HTML page on which a reader tells synthetic from real windows.

    The reader sees windows one by one, or in pairs, as on a clinical screen: 10-20 order, scales
    in microvolts and seconds, a choice of montage and filter. After the last answer the page
    shows the score with its interval and gives the answers as a CSV file for `reader_agreement`.
    It needs no other file and asks no server for anything.

    Half of the windows are real. All are treated alike: median of each channel removed, rounded
    to the same step, drawn at the same scale; their order is random. So only the EEG itself can
    reveal the answer.

    Parameters
    ----------
    real, synthetic : array of shape (n_windows, n_channels, n_times) or (n_windows, n_times)
        Windows in microvolts, or ``mne.Epochs``. Those that are shown are picked at random.
    out : str or Path
        File to write, ending in ``.html``. It appears when it is complete; an older one of that
        name is replaced.
    y_real, y_synthetic : array-like of shape (n_windows,), default=None
        State of each window; both or neither. With two states or more, the reader also names the
        state. Each state has as many real as synthetic windows; a state that is in one set only
        is left out, and the page says so.
    sfreq : float, default=None
        Sampling frequency, Hz. None: that of the ``mne.Epochs``.
    ch_names : sequence of str, default=None
        Names of the channels; None: those of the ``mne.Epochs``, else ``ch0``, ``ch1``, ... Names
        of the 10-20 or 10-10 system give the order and the montages; others come last.
    n_questions : int, default=20
        Number of questions.
    pairs : bool, default=False
        Show a real and a synthetic window of the same state together, and ask which is synthetic.
    title : str, default="Real or synthetic EEG?"
        Heading of the page.
    random_state : int, RandomState or None, default=0
        Seed of which windows are shown, and of their order.

    Returns
    -------
    out : Path
        The file.

    Raises
    ------
    ValueError
        If `out` does not end in ``.html``, there are too few windows for so many questions,
        states are given for one set only or have another length, real and synthetic windows
        differ in shape, channels or sampling frequency, hold NaN or infinity, or two channels
        bear the same name.

    See Also
    --------
    read_quiz_key : The right answers of a page.
    geneeg_sk.metrics.reader_agreement : Scores of readers, and how far they agree.
    make_report : Two-sample tests for the same question.

    Notes
    -----
    The right answers are in the page, obfuscated but not encrypted: nobody reads them by accident,
    but they can be read on purpose. The page holds EEG of patients: treat it like a recording.

    Windows above 256 Hz are resampled to it, and the page says so. Signals are stored in steps of
    0.1 µV, or larger ones where a window exceeds 3.2 mV. A page of 20 windows of 19 channels and
    4 s at 256 Hz takes about 1 MB, of 20 pairs 2 MB.

    Examples
    --------
    >>> import tempfile
    >>> from geneeg_sk.datasets import make_eeg_cohort
    >>> from geneeg_sk.inspection import make_quiz, read_quiz_key
    >>> a, b = (make_eeg_cohort(n_patients=1, sfreq=64, session=k, random_state=0) for k in (0, 1))
    >>> names = a.info.ch_names
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = make_quiz(a.X, b.X, sfreq=64, ch_names=names, out=f"{folder}/quiz.html")
    ...     key = read_quiz_key(page)
    >>> key["truth"].value_counts().to_dict() == {"real": 10, "synthetic": 10}
    True
    """
    out = Path(out)
    if out.suffix.lower() != ".html":
        raise ValueError(f"out={str(out)!r}; expected the name of a page, ending in '.html'.")
    if n_questions < 2:
        raise ValueError(f"n_questions={n_questions}; expected at least two, one of each kind.")
    if is_mne(real) and is_mne(synthetic):
        check_alike(real.info, synthetic.info)
    labels = _states(y_real, y_synthetic, len(real), len(synthetic))
    rng = check_random_state(random_state)
    questions = _draw(labels, int(n_questions), pairs, rng)
    X, sfreq = _windows_of_questions(real, synthetic, questions, sfreq)
    names = get_channel_names(real, synthetic, ch_names, X.shape[1])
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise ValueError(f"channels {twice} occur more than once; every channel needs its name.")
    states = {state for of_windows in labels.values() for state in of_windows}
    page = quiz_page(X, sfreq, names, questions, states, pairs=pairs, title=str(title))
    with write_whole(out) as part:
        part.write_text(page, encoding="utf-8", newline="")
    return out


def read_quiz_key(page: str | Path) -> pd.DataFrame:
    """Return the right answers of a page that `make_quiz` wrote.

    Parameters
    ----------
    page : str or Path
        The HTML file.

    Returns
    -------
    key : DataFrame
        One row per question: ``question`` (from 1), ``truth`` (``"real"`` or ``"synthetic"``; of
        pairs, which window is synthetic, ``"A"`` or ``"B"``), ``state`` (empty where none were
        given), and ``real_window`` and ``synthetic_window``, rows of the arrays that `make_quiz`
        got (missing where no such window is shown).

    Raises
    ------
    ValueError
        If the file is not such a page.

    See Also
    --------
    make_quiz : Writes the page.
    """
    found = DATA.search(Path(page).read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{page} is not a page that make_quiz wrote.")
    data = json.loads(found[1])
    rows = json.loads(scramble(base64.b64decode(data["sealed"]), data["nonce"]))
    key = pd.DataFrame(rows, columns=Question._fields)
    key = key.astype({"real_window": "Int64", "synthetic_window": "Int64"})
    key.insert(0, "question", np.arange(1, len(key) + 1))
    return key


def check_alike(real: mne.Info, synthetic: mne.Info) -> None:
    """Check that real and synthetic windows have the same channels and sampling frequency.

    Parameters
    ----------
    real, synthetic : mne.Info
        Of the windows.

    Raises
    ------
    ValueError
        If they differ.
    """
    if not np.isclose(real["sfreq"], synthetic["sfreq"]):
        raise ValueError(
            f"real windows have {real['sfreq']:g} Hz, synthetic ones {synthetic['sfreq']:g} Hz; "
            "resample one of them."
        )
    ours, theirs = ([standard_name(n) or n for n in i.ch_names] for i in (real, synthetic))
    if ours != theirs:
        unknown = [name for name in theirs if name not in ours]
        missing = [name for name in ours if name not in theirs]
        how = f"the synthetic ones also have {unknown}, and lack {missing}"
        if not unknown and not missing:
            how = "they come in another order"
        raise ValueError(
            f"real and synthetic windows have different channels: {how}. Pick the same channels "
            "in the same order."
        )


# --- which windows


def _states(
    y_real: ArrayLike | None, y_synthetic: ArrayLike | None, n_real: int, n_synthetic: int
) -> dict[str, np.ndarray]:
    """Return the state of each window as text, "" where none are given."""
    if (y_real is None) != (y_synthetic is None):
        lacking = "y_real" if y_real is None else "y_synthetic"
        raise ValueError(f"{lacking} is None; give the states of both sets, or of neither.")
    labels = {}
    for source, y, n in ((REAL, y_real, n_real), (SYNTHETIC, y_synthetic, n_synthetic)):
        of_windows = np.full(n, "") if y is None else column_or_1d(y).astype(str)
        if len(of_windows) != n:
            raise ValueError(f"y_{source} has {len(of_windows)} states for {n} windows.")
        labels[source] = of_windows
    return labels


def _draw(
    labels: dict[str, np.ndarray], n_questions: int, pairs: bool, rng: np.random.RandomState
) -> list[Question]:
    """Draw the questions in the order in which they are asked.

    Singles: as many real as synthetic windows in each state, one more of one kind where the
    number is odd. Pairs: the synthetic window is A in half of them.
    """
    states = sorted(set(labels[REAL]) & set(labels[SYNTHETIC]))
    if not states:
        found = {source: np.unique(of_windows).tolist() for source, of_windows in labels.items()}
        raise ValueError(
            f"real windows have states {found[REAL]}, synthetic ones {found[SYNTHETIC]}: none is "
            "in both."
        )
    rows = {
        source: {state: rng.permutation(np.flatnonzero(of_windows == state)) for state in states}
        for source, of_windows in labels.items()
    }
    n_both = n_questions if pairs else -(-n_questions // 2)
    share = _share_out(rng.permutation(states).tolist(), rows, n_both)
    both = [
        (state, int(rows[REAL][state][k]), int(rows[SYNTHETIC][state][k]))
        for state in states
        for k in range(share[state])
    ]
    if pairs:
        sides = rng.permutation(np.resize([FIRST, SECOND], n_questions)).tolist()
        asked = [Question(side, *one) for side, one in zip(sides, both)]
    else:
        asked = [Question(REAL, state, row, None) for state, row, _ in both]
        asked += [Question(SYNTHETIC, state, None, row) for state, _, row in both]
        if n_questions % 2:
            del asked[rng.randint(len(asked))]
    return [asked[k] for k in rng.permutation(len(asked))]


def _share_out(
    states: list[str], rows: Mapping[str, Mapping[str, np.ndarray]], n: int
) -> dict[str, int]:
    """Return how many windows of each kind a state gives: equally many, as far as they last."""
    available = {
        state: min(len(rows[REAL][state]), len(rows[SYNTHETIC][state])) for state in states
    }
    if sum(available.values()) < n:
        counts = "; ".join(
            f"{len(rows[REAL][s])} real and {len(rows[SYNTHETIC][s])} synthetic"
            + (f" of {s}" if s else "")
            for s in sorted(states)
        )
        raise ValueError(
            f"too few windows: {n} of each kind are needed, and there are {counts}. Ask fewer "
            "questions (n_questions), or give more windows."
        )
    share = dict.fromkeys(states, 0)
    for _ in range(n):
        share[min((s for s in states if share[s] < available[s]), key=lambda s: share[s])] += 1
    return share


def _windows_of_questions(
    real: np.ndarray | mne.BaseEpochs,
    synthetic: np.ndarray | mne.BaseEpochs,
    questions: list[Question],
    sfreq: float | None,
) -> tuple[np.ndarray, float]:
    """Return the windows of all questions in order, and their sampling frequency."""
    shown = [window for question in questions for window in question.windows()]
    rows = {name: [row for n, row in shown if n == name] for name in (REAL, SYNTHETIC)}
    sets, sfreq = check_pair(_pick(real, rows[REAL]), _pick(synthetic, rows[SYNTHETIC]), sfreq)
    place = {(name, row): k for name in rows for k, row in enumerate(rows[name])}
    return np.stack([sets[name][place[name, row]] for name, row in shown]), sfreq


def _pick(X: np.ndarray | mne.BaseEpochs, rows: list[int]) -> np.ndarray | mne.BaseEpochs:
    return X[rows] if is_mne(X) else np.asarray(X)[rows]
