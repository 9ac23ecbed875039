"""What a comparison found, and what it says about the next patient."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geneeg_sk._files import write_whole
from geneeg_sk.model_selection._scores import MAIN
from geneeg_sk.model_selection._statistics import FEW_PATIENTS as FEW_PATIENTS
from geneeg_sk.model_selection._statistics import (
    cliffs_delta,
    cohens_dz,
    corrected_t_test,
    holm,
    interval,
    warn_of_few,
    wilcoxon,
)

P_VALUES = ("_t", "_wilcoxon")
FORMULA = re.compile(r"'*[=+\-@\t\r]")


class SamplerComparison:
    """Results of :func:`compare_samplers`.

    Parameters
    ----------
    frame : DataFrame
        A row for each candidate, fold and seed: ``candidate``, ``fold``, ``seed``, ``accuracy``,
        ``macro_f1``, ``macro_auc`` (mean of one against the rest), ``f1_<state>``, ``brier`` (0 to
        2), ``ece``, ``fit_seconds``, ``n_train``, ``n_test``, ``n_synthetic``, ``test_groups``,
        ``error`` (empty where all went well).
    patients : DataFrame
        A row for each candidate, fold, seed and test patient: ``group``, ``n_windows``, and the
        same scores. F1 of a state that is neither in truth nor in prediction is NaN and left out
        of the macro mean; AUC is NaN for a patient who lacks a state; what needs probabilities is
        NaN for a classifier without them.
    ours : sequence of str, default=()
        Candidates that are never "the best baseline".
    """

    def __init__(self, frame: pd.DataFrame, patients: pd.DataFrame, *, ours: Iterable[str] = ()):
        self.frame = frame
        self.patients = patients
        self.ours = tuple(ours)

    @property
    def candidates(self) -> list[str]:
        """Names of the candidates, in the order they were given."""
        return self.frame["candidate"].unique().tolist()

    def summary(self, baselines: Sequence[str] | None = None) -> pd.DataFrame:
        """Return a row for each candidate: scores, and paired differences to baselines.

        A patient's score is its mean over seeds. Scores are means over patients, and ``_spread``
        is the standard deviation over patients. Differences in macro F1 are paired by patient:
        ``vs_<baseline>``, with the 95 % bootstrap interval over patients ``_low`` to ``_high``,
        and p-values, adjusted by Holm's method for the number of candidates: ``_t`` of the
        corrected resampled t-test over folds (Nadeau and Bengio 2003 [1]_; seeds are averaged
        first, for they are no new patients), ``_wilcoxon`` of the signed-rank test over patients.
        Effect sizes over patients are ``_dz`` (Cohen's, the difference in its own standard
        deviations) and ``_delta`` (Cliff's, -1 to 1).

        ``vs_best`` compares with ``best_baseline``: of the other candidates that are not ours, the
        one with the highest mean macro F1 *on these same patients*. To choose it by the data that
        it is then judged on flatters the baseline: against a baseline named beforehand the
        difference would on average be larger, and these p-values are not exact.

        Parameters
        ----------
        baselines : sequence of str, default=None
            Candidates to compare with; by default ``("none",)`` where there is one.

        Returns
        -------
        summary : DataFrame
            Index ``candidate``; NaN where all fits of a candidate failed.

        Raises
        ------
        ValueError
            If a baseline is not among the candidates.

        Warns
        -----
        UserWarning
            With fewer than 6 patients: intervals over so few are too narrow, and no signed-rank
            test can reach 5 %.

        References
        ----------
        .. [1] Nadeau C, Bengio Y (2003). Inference for the generalization error. Machine Learning
           52, 239-281.
        """
        if baselines is None:
            baselines = [name for name in ("none",) if name in self.candidates]
        unknown = [name for name in baselines if name not in self.candidates]
        if unknown:
            raise ValueError(f"baselines {unknown} are not among {self.candidates}.")
        warn_of_few(self.patients["group"].nunique())
        table = self._means()
        for baseline in baselines:
            pairs = {name: baseline for name in self.candidates if name != baseline}
            table = table.join(self._differences(pairs, f"vs_{baseline}"))
        best = {name: one for name in self.candidates if (one := self._best_other(name))}
        table["best_baseline"] = pd.Series(best, dtype=object)
        return table.join(self._differences(best, "vs_best"))

    def plot(self, ax: Any = None, *, baseline: str | None = None) -> Any:
        """Draw each patient's difference in macro F1 to a baseline, and its mean and interval.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            By default a new one.
        baseline : str, default=None
            By default "none" where there is one, else the first candidate.

        Returns
        -------
        ax : matplotlib Axes
        """
        from geneeg_sk.inspection import BenchmarkDisplay  # imports this module

        return BenchmarkDisplay.from_result(self, baseline=baseline, ax=ax).ax_

    def paired(self, candidate: str, baseline: str, score: str = "macro_f1") -> pd.Series:
        """Return the difference of two candidates for each patient whom both were tested on."""
        scores = self._by_patient(score)
        if not {candidate, baseline} <= set(scores.columns):
            return pd.Series(dtype=float)
        return (scores[candidate] - scores[baseline]).dropna()

    def to_csv(self, path: str | Path) -> None:
        """Write `frame` as a CSV file, whole or not at all."""
        write_csv(self.frame, path)

    def __repr__(self) -> str:
        n_patients = self.patients["group"].nunique()
        return f"<SamplerComparison of {self.candidates} on {n_patients} patients>"

    def _by_patient(self, score: str) -> pd.DataFrame:
        """Mean over seeds (and folds, should a patient be in several): patients x candidates."""
        # Where every fit failed there are no scores.
        scores = self.patients.reindex(columns=["group", "candidate", score])
        return scores.pivot_table(index="group", columns="candidate", values=score, aggfunc="mean")

    def _means(self) -> pd.DataFrame:
        scores = [name for name in self.frame if name in MAIN or str(name).startswith("f1_")]
        table = pd.DataFrame(index=pd.Index(self.candidates, name="candidate"))
        for name in scores:
            values = self._by_patient(name) if len(self.patients) else pd.DataFrame()
            table[name] = values.mean()
            table[f"{name}_spread"] = values.std()
        by_candidate = self.frame.groupby("candidate")
        table["fit_seconds"] = by_candidate["fit_seconds"].mean()
        table["n_patients"] = self.patients.groupby("candidate")["group"].nunique()
        table["n_patients"] = table["n_patients"].fillna(0).astype(int)
        table["n_failed"] = by_candidate["error"].agg(lambda error: int((error != "").sum()))
        return table

    def _best_other(self, candidate: str) -> str | None:
        means = self._by_patient("macro_f1").mean() if len(self.patients) else pd.Series()
        means = means.drop([candidate, *self.ours], errors="ignore")
        return None if means.empty else str(means.idxmax())

    def _differences(self, pairs: dict[str, str], prefix: str) -> pd.DataFrame:
        """Compare each candidate with its baseline, and adjust for how many there are."""
        rows = {}
        for name, baseline in pairs.items():
            d = self.paired(name, baseline).to_numpy()
            low, high = interval(d)
            both = self._by_patient("macro_f1").reindex(columns=[name, baseline]).dropna()
            rows[name] = {
                prefix: d.mean() if len(d) else np.nan,
                f"{prefix}_low": low,
                f"{prefix}_high": high,
                f"{prefix}_t": self._t_test(name, baseline),
                f"{prefix}_wilcoxon": wilcoxon(d),
                f"{prefix}_dz": cohens_dz(d),
                f"{prefix}_delta": cliffs_delta(both[name], both[baseline]),
            }
        names = [f"{prefix}{end}" for end in ("", "_low", "_high", *P_VALUES, "_dz", "_delta")]
        table = pd.DataFrame.from_dict(rows, orient="index", columns=names)
        for column in [f"{prefix}{end}" for end in P_VALUES]:
            table[column] = holm(table[column].to_numpy(dtype=float))
        return table

    def _t_test(self, candidate: str, baseline: str) -> float:
        by_fold = self.frame.pivot_table(index="fold", columns="candidate", values="macro_f1")
        if not {candidate, baseline} <= set(by_fold.columns):
            return np.nan
        d = (by_fold[candidate] - by_fold[baseline]).dropna()
        share = (self.frame["n_test"] / self.frame["n_train"]).mean()
        return corrected_t_test(d.to_numpy(), share)


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV; an older file stays until the new one is complete.

    Text that a spreadsheet would take for a formula gets an apostrophe in front, which
    `read_csv` takes away.
    """
    with write_whole(path) as part:
        _of_text(table, _quoted).to_csv(part, index=False)


def read_csv(path: Path, texts: Iterable[str], numbers: Iterable[str]) -> pd.DataFrame:
    """Read a table that `write_csv` wrote.

    Raises
    ------
    ValueError
        If a column of `texts` or `numbers` is not there, or one of `numbers` or an F1 holds
        something else.
    """
    try:
        table = _of_text(pd.read_csv(path), _unquoted)
    except ValueError as error:
        raise ValueError(f"{path} is no table of results: {error}.") from error
    numbers = [*numbers, *(name for name in table if name.startswith("f1_"))]
    missing = [name for name in (*texts, *numbers) if name not in table]
    if missing:
        raise ValueError(f"{path} is no table of results: columns {missing} are missing.")
    wrong = [name for name in numbers if not pd.api.types.is_numeric_dtype(table[name])]
    if wrong:
        raise ValueError(f"{path} is damaged: columns {wrong} hold something else than numbers.")
    return table


def _of_text(table: pd.DataFrame, change: Callable[[Any], Any]) -> pd.DataFrame:
    """Return a table with all its text changed, that of its head too."""
    return table.rename(columns=change).map(change)


def _quoted(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def _unquoted(value: Any) -> Any:
    is_quoted = isinstance(value, str) and value[:1] == "'" and FORMULA.match(value)
    return value[1:] if is_quoted else value
