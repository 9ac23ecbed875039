"""What human readers make of real and synthetic EEG: scores, and how far readers agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

Answers: TypeAlias = str | Path | pd.DataFrame

REAL, SYNTHETIC = "real", "synthetic"
FIRST, SECOND = "A", "B"  # of a pair, which one is synthetic
KINDS = ({REAL, SYNTHETIC}, {FIRST, SECOND})
NEEDED = ["question", "truth", "answer"]
RATES = ["accuracy", "sensitivity", "specificity", "state_accuracy"]


class ReaderAgreement(NamedTuple):  # numpydoc ignore=PR01
    """Scores of readers, and how far they agree; what `reader_agreement` returns.

    Rates are from 0 to 1, each with its 95 % interval (``_low``, ``_high``); NaN where there is
    nothing to count. Kappas are from -1 to 1: 1 is full agreement, 0 what chance would give.

    Attributes
    ----------
    scores : DataFrame
        One row per reader (index): ``n``, the number of answers; ``accuracy``; ``sensitivity``, the
        part of the synthetic windows that was called synthetic; ``specificity``, the part of the
        real ones that was called real; ``state_accuracy``, the part whose state was named.
    by_state : DataFrame
        The same for each reader and true state (two levels of index); empty where no states were
        given.
    cohen_kappa : DataFrame
        One row for each pair of readers and each question type: ``reader``, ``other``, ``asked``
        (``"source"`` or ``"state"``), ``n`` (questions both answered), ``kappa``.
    fleiss_kappa : DataFrame
        One row for each question type: ``asked``, ``n_readers``, ``n`` (questions all answered),
        ``kappa``. Empty for one reader.
    """

    scores: pd.DataFrame
    by_state: pd.DataFrame
    cohen_kappa: pd.DataFrame
    fleiss_kappa: pd.DataFrame

    def _repr_html_(self) -> str:
        tables = {name: table for name, table in self._asdict().items() if len(table)}
        return "".join(f"<p><b>{name}</b></p>{table.to_html()}" for name, table in tables.items())


def reader_agreement(
    readers: Answers | Sequence[Answers] | Mapping[str, Answers],
) -> ReaderAgreement:
    """Score readers who told synthetic from real windows, and compare them with each other.

    A reader is right by chance half of the time: only an accuracy whose interval lies above 0.5
    says that synthetic EEG was told from real. Intervals are Wilson's [1]_. The kappa of two
    readers is Cohen's [2]_, that of all readers Fleiss' [3]_; both compare the answers with each
    other, not with the truth.

    Parameters
    ----------
    readers : path or DataFrame, sequence of them, or dict of name to one
        Answers as the page of ``make_quiz`` exports them (CSV), one or several readers of the
        same quiz. Columns ``question``, ``truth`` and ``answer`` are needed: ``"real"`` or
        ``"synthetic"``, or, of pairs, which window is synthetic, ``"A"`` or ``"B"``. Used where
        they are there: ``reader``, ``quiz``, and ``state`` with ``state_answer``. A dict renames
        the readers.

    Returns
    -------
    agreement : ReaderAgreement
        Tables `scores`, `by_state`, `cohen_kappa` and `fleiss_kappa`.

    Raises
    ------
    ValueError
        If a column is missing, an answer is none of the possible, a question occurs twice, two
        readers bear the same name, or readers had different quizzes.

    See Also
    --------
    geneeg_sk.inspection.make_quiz : The page on which readers answer.
    c2st : A classifier two-sample test for the same question.

    Notes
    -----
    The interval takes the windows as independent. Windows of one seizure are not, so few seizures
    make it too narrow. Of pairs, sensitivity and specificity are not defined. Kappa is NaN where
    it is 0/0: all gave one and the same answer throughout.

    References
    ----------
    .. [1] Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
       inference. Journal of the American Statistical Association 22, 209-212.
    .. [2] Cohen, J. (1960). A coefficient of agreement for nominal scales. Educational and
       Psychological Measurement 20, 37-46.
    .. [3] Fleiss, J. L. (1971). Measuring nominal scale agreement among many raters.
       Psychological Bulletin 76, 378-382.

    Examples
    --------
    >>> import pandas as pd
    >>> from geneeg_sk.metrics import reader_agreement
    >>> truth = ["real", "synthetic", "real", "synthetic"]
    >>> anna = pd.DataFrame({"question": [1, 2, 3, 4], "truth": truth, "answer": truth})
    >>> ben = anna.assign(answer=["real", "synthetic", "synthetic", "synthetic"])
    >>> agreement = reader_agreement({"Anna": anna, "Ben": ben})
    >>> agreement.scores["accuracy"].to_dict()
    {'Anna': 1.0, 'Ben': 0.75}
    >>> agreement.cohen_kappa["kappa"].tolist()
    [0.5]
    """
    sessions = dict(_sessions(readers))
    _check_same_quiz(sessions)
    scores = pd.DataFrame([_rates(table) for table in sessions.values()], index=[*sessions])
    of_states = {
        (name, state): _rates(rows)
        for name, table in sessions.items()
        if "state" in table
        for state, rows in table.groupby("state", sort=True)
    }
    index = pd.MultiIndex.from_tuples(of_states, names=["reader", "state"]) if of_states else None
    return ReaderAgreement(
        scores.rename_axis("reader"),
        pd.DataFrame([*of_states.values()], index=index, columns=scores.columns),
        _cohen(sessions),
        _fleiss(sessions),
    )


def _sessions(
    readers: Answers | Sequence[Answers] | Mapping[str, Answers],
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the name and the checked answers of each reader."""
    if isinstance(readers, str | Path | pd.DataFrame):
        readers = [readers]
    named = isinstance(readers, Mapping)
    entries = list(readers.items() if isinstance(readers, Mapping) else enumerate(readers, start=1))
    if not entries:
        raise ValueError("There are no readers; expected at least one table of answers.")
    names: set[str] = set()
    for key, given in entries:
        table = _as_table(given)
        own = table["reader"].unique().tolist() if "reader" in table else []
        if named or len(own) < 2:
            name = str(key) if named else next(filter(None, own), f"reader {key}")
            parts = {name: table}
        else:  # the tables of several readers, one below the other
            parts = dict(iter(table.groupby("reader", sort=False)))
        for name, part in parts.items():
            if name in names:
                raise ValueError(
                    f"two readers are named {name!r}. Pass a dict of name to answers, or leave "
                    "one of them out if they are the same session."
                )
            names.add(name)
            yield name, _check_answers(name, part)


def _as_table(given: Answers) -> pd.DataFrame:
    """Return answers as a DataFrame of texts."""
    if isinstance(given, pd.DataFrame):
        return given.astype(object).where(given.notna(), "").astype(str)
    return pd.read_csv(given, dtype=str, keep_default_na=False)  # a state may be called "NA"


def _check_answers(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return one reader's answers by question.

    Raises
    ------
    ValueError
        See `reader_agreement`.
    """
    missing = [column for column in NEEDED if column not in table]
    if missing:
        raise ValueError(
            f"the answers of {name} have no column {missing}; expected those that the page of "
            f"make_quiz exports, at least {NEEDED}."
        )
    if table.empty:
        raise ValueError(f"{name} answered no question.")
    twice = table["question"][table["question"].duplicated()].unique().tolist()
    if twice:
        raise ValueError(f"{name} answered questions {twice} twice; expected one row per question.")
    possible = next((kind for kind in KINDS if set(table["truth"]) <= kind), None)
    if possible is None:
        raise ValueError(
            f"{name}: 'truth' has {sorted(set(table['truth']))}; expected 'real' and 'synthetic', "
            "or 'A' and 'B' for pairs."
        )
    wrong = sorted(set(table["answer"]) - possible)
    if wrong:
        raise ValueError(f"{name}: 'answer' has {wrong}; expected one of {sorted(possible)}.")
    table = table.set_index("question")
    if not {"state", "state_answer"} <= set(table) or not table["state_answer"].any():
        table = table.drop(columns="state_answer", errors="ignore")
    elif not table["state_answer"].all():
        raise ValueError(f"{name} named the state of some windows only; expected it of all.")
    if "state" in table and not table["state"].any():
        table = table.drop(columns="state")
    return table


def _check_same_quiz(sessions: dict[str, pd.DataFrame]) -> None:
    first, *others = sessions
    for other in others:
        one, two = sessions[first], sessions[other]
        both = one.index.intersection(two.index)
        for column in ("quiz", "truth", "state"):
            if column in one and column in two and not one[column][both].equals(two[column][both]):
                raise ValueError(
                    f"{first} and {other} had different quizzes: {column!r} differs. Compare "
                    "readers of one and the same page."
                )


def _rates(table: pd.DataFrame) -> dict[str, float]:
    right = (table["answer"] == table["truth"]).to_numpy()
    hits = {
        "accuracy": right,
        "sensitivity": right[(table["truth"] == SYNTHETIC).to_numpy()],
        "specificity": right[(table["truth"] == REAL).to_numpy()],
        "state_accuracy": np.empty(0, bool),
    }
    if "state_answer" in table:
        hits["state_accuracy"] = (table["state_answer"] == table["state"]).to_numpy()
    row: dict[str, float] = {"n": len(table)}
    for name in RATES:
        rate, low, high = _share(hits[name])
        row |= {name: rate, f"{name}_low": low, f"{name}_high": high}
    return row


def _share(hits: np.ndarray) -> tuple[float, float, float]:
    """Return the share of hits, and its 95 % interval (Wilson 1927)."""
    if not len(hits):
        return np.nan, np.nan, np.nan
    interval = binomtest(int(hits.sum()), len(hits)).proportion_ci(0.95, method="wilson")
    return float(hits.mean()), float(interval.low), float(interval.high)


def _iter_question_types(sessions: list[pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each thing asked, and the answers: one row per question that all answered."""
    for asked, column in {"source": "answer", "state": "state_answer"}.items():
        if all(column in table for table in sessions):
            yield asked, pd.concat([table[column] for table in sessions], axis=1, join="inner")


def _cohen(sessions: dict[str, pd.DataFrame]) -> pd.DataFrame:
    rows = []
    for one, two in combinations(sessions, 2):
        for asked, answers in _iter_question_types([sessions[one], sessions[two]]):
            a, b = answers.to_numpy().T
            defined = len(set(a) | set(b)) > 1
            kappa = float(cohen_kappa_score(a, b)) if defined else np.nan
            rows.append((one, two, asked, len(a), kappa))
    return pd.DataFrame(rows, columns=["reader", "other", "asked", "n", "kappa"])


def _fleiss(sessions: dict[str, pd.DataFrame]) -> pd.DataFrame:
    rows = []
    if len(sessions) > 1:
        for asked, answers in _iter_question_types([*sessions.values()]):
            rows.append((asked, len(sessions), len(answers), _fleiss_kappa(answers.to_numpy())))
    return pd.DataFrame(rows, columns=["asked", "n_readers", "n", "kappa"])


def _fleiss_kappa(answers: np.ndarray) -> float:
    """Return the kappa of Fleiss (1971), eq. 7; `answers` has shape (n_questions, n_readers)."""
    n_readers = answers.shape[1]
    categories = np.unique(answers.astype(str))
    if len(categories) < 2:
        return np.nan
    counts = np.stack([(answers == category).sum(axis=1) for category in categories], axis=1)
    of_question = ((counts**2).sum(axis=1) - n_readers) / (n_readers * (n_readers - 1))
    by_chance = ((counts.sum(axis=0) / counts.sum()) ** 2).sum()
    return float((of_question.mean() - by_chance) / (1 - by_chance))
