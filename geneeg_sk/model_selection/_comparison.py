"""What a comparison found, and what it says about the next patient."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geneeg_sk._files import write_whole
from geneeg_sk.metrics._predictions import SCORES
from geneeg_sk.metrics._statistics import (
    FEW_PATIENTS,
    bootstrap_interval,
    cliffs_delta,
    cohens_dz,
    corrected_t_test,
    holm,
    warn_of_few,
    wilcoxon,
)
from geneeg_sk.model_selection._score_table import make_score_table, write_html
from geneeg_sk.model_selection._task import KeptFold

P_VALUES = ("_t", "_wilcoxon")
FORMULA = re.compile(r"'*[=+\-@\t\r]")


class SamplerComparison:
    """Results of :func:`compare_samplers`.

    Parameters
    ----------
    results : DataFrame
        One row for each candidate, fold and seed: ``candidate``, ``fold``, ``seed``, ``accuracy``,
        ``macro_f1``, ``macro_auc`` (mean of one against the rest), ``f1_<state>``, ``brier`` (0 to
        2), ``ece``, ``fit_seconds``, ``n_train``, ``n_test``, ``n_synthetic``, ``test_groups``,
        ``error`` (empty where all went well).
    scores_by_patient : DataFrame
        One row for each candidate, fold, seed and test patient: ``group``, ``n_windows``, and the
        same scores. F1 of a state that is neither in truth nor in prediction is NaN and left out
        of the macro mean; AUC is NaN for a patient who lacks a state; what needs probabilities is
        NaN for a classifier without them.
    baselines : sequence of str, default=None
        Candidates that the others are compared with, named before the results are known. None:
        ``"none"`` where there is one, else the first.
    kept : KeptFold, default=None
        Of the candidate that `compare_samplers` was asked to keep: the fitted `sampler` of the
        first fold that worked, the rows of its `train` and `test` windows, and the windows it made,
        `X_synthetic` and `y_synthetic`.

    Attributes
    ----------
    results, scores_by_patient : DataFrame
        The tables.
    kept : KeptFold or None
        The fold.
    baselines : tuple of str
        The baselines.

    Raises
    ------
    ValueError
        If a baseline is not among the candidates.
    """

    def __init__(
        self,
        results: pd.DataFrame,
        scores_by_patient: pd.DataFrame,
        *,
        baselines: Iterable[str] | None = None,
        kept: KeptFold | None = None,
    ):
        self.results = results
        if not len(scores_by_patient):  # all fits failed: there are no columns of scores either
            columns = ["candidate", "group", *results.columns]
            scores_by_patient = scores_by_patient.reindex(columns=list(dict.fromkeys(columns)))
        self.scores_by_patient = scores_by_patient
        self.baselines = check_baselines(baselines, self.candidates)
        self.kept = kept

    @property
    def candidates(self) -> list[str]:
        """Names of the candidates, in the order they were given."""
        return self.results["candidate"].unique().tolist()

    def summary(self) -> pd.DataFrame:
        """Return a row for each candidate: scores, and paired differences to the baselines.

        A patient's score is its mean over seeds. Scores are means over patients, and ``_spread``
        is the standard deviation over patients. Differences in macro F1 are paired by patient:
        ``vs_<baseline>``, with the 95 % bootstrap interval over patients ``_low`` to ``_high``,
        and p-values, adjusted by Holm's method for the number of candidates: ``_t`` of the
        corrected resampled t-test over folds (Nadeau and Bengio 2003 [1]_; seeds are averaged
        first, for they are no new patients), ``_wilcoxon`` of the signed-rank test over patients.
        Effect sizes over patients are ``_dz`` (Cohen's, the difference in its own standard
        deviations) and ``_delta`` (Cliff's, -1 to 1).

        Of several baselines, ``vs_best`` compares with ``best_baseline``, the one (but for the
        candidate itself) with the highest mean macro F1 *on these same patients*. To choose it by
        the data that it is then judged on flatters the baseline: against one named beforehand the
        difference would on average be larger, and these p-values are not exact.

        Returns
        -------
        summary : DataFrame
            Index ``candidate``; NaN where all fits of a candidate failed.

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
        warn_of_few(self.scores_by_patient["group"].nunique())
        table = self._average()
        for baseline in self.baselines:
            pairs = {name: baseline for name in self.candidates if name != baseline}
            table = table.join(self._compare(pairs, f"vs_{baseline}"))
        if len(self.baselines) == 1:
            return table
        best = {name: one for name in self.candidates if (one := self._find_best_baseline(name))}
        table["best_baseline"] = pd.Series(best, dtype=object)
        return table.join(self._compare(best, "vs_best"))

    def subtract(self, candidate: str, baseline: str, score: str = "macro_f1") -> pd.Series:
        """Return the difference of two candidates for each patient whom both were tested on.

        Parameters
        ----------
        candidate, baseline : str
            Names of candidates.
        score : str, default="macro_f1"
            Any score of `scores_by_patient`.

        Returns
        -------
        differences : Series
            Candidate minus baseline, by patient; empty where one was tested on none.
        """
        scores = self.pivot(score)
        if not {candidate, baseline} <= set(scores.columns):
            return pd.Series(dtype=float)
        return (scores[candidate] - scores[baseline]).dropna()

    def to_csv(self, path: str | Path) -> None:
        """Write `results` as a CSV file, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The file.
        """
        write_csv(self.results, path)

    def __repr__(self) -> str:
        n_patients = self.scores_by_patient["group"].nunique()
        return f"<SamplerComparison of {self.candidates} on {n_patients} patients>"

    def _repr_html_(self) -> str:
        """Return a table for notebooks: scores, and the difference to the first baseline."""
        n_patients = self.scores_by_patient["group"].nunique()
        few = " Too few to generalize." if n_patients < FEW_PATIENTS else ""
        text = (
            f"{len(self.candidates)} candidates on {n_patients} patients: mean ± standard "
            "deviation over patients. Δ: paired difference to "
            f"“{self.baselines[0]}”, with its 95 % interval.{few}"
        )
        return f"<p>{escape(text)}</p>{write_html(make_score_table(self))}"

    def pivot(self, score: str = "macro_f1") -> pd.DataFrame:
        """Return a score as a table of patients x candidates.

        Parameters
        ----------
        score : str, default="macro_f1"
            Any score of `scores_by_patient`.

        Returns
        -------
        table : DataFrame
            Mean over seeds, and over folds, should a patient be in several.
        """
        # Where every fit failed there are no scores.
        scores = self.scores_by_patient.reindex(columns=["group", "candidate", score])
        return scores.pivot_table(index="group", columns="candidate", values=score, aggfunc="mean")

    def _average(self) -> pd.DataFrame:
        scores = [name for name in self.results if name in SCORES or str(name).startswith("f1_")]
        table = pd.DataFrame(index=pd.Index(self.candidates, name="candidate"))
        for name in scores:
            values = self.pivot(name) if len(self.scores_by_patient) else pd.DataFrame()
            table[name] = values.mean()
            table[f"{name}_spread"] = values.std()
        by_candidate = self.results.groupby("candidate")
        table["fit_seconds"] = by_candidate["fit_seconds"].mean()
        n_patients = self.scores_by_patient.groupby("candidate")["group"].nunique()
        table["n_patients"] = n_patients.reindex(table.index, fill_value=0)
        table["n_failed"] = by_candidate["error"].agg(lambda error: int((error != "").sum()))
        return table

    def _find_best_baseline(self, candidate: str) -> str | None:
        means = self.pivot().mean() if len(self.scores_by_patient) else pd.Series(dtype=float)
        means = means[means.index.isin(self.baselines) & (means.index != candidate)]
        return None if means.empty else str(means.idxmax())

    def _compare(self, pairs: dict[str, str], prefix: str) -> pd.DataFrame:
        """Compare each candidate with its baseline, and adjust for how many there are."""
        rows = {}
        for name, baseline in pairs.items():
            d = self.subtract(name, baseline).to_numpy()
            low, high = bootstrap_interval(d)
            both = self.pivot().reindex(columns=[name, baseline]).dropna()
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
        by_fold = self.results.pivot_table(index="fold", columns="candidate", values="macro_f1")
        if not {candidate, baseline} <= set(by_fold.columns):
            return np.nan
        d = (by_fold[candidate] - by_fold[baseline]).dropna()
        share = (self.results["n_test"] / self.results["n_train"]).mean()
        return corrected_t_test(d.to_numpy(), share)


def check_baselines(baselines: Iterable[str] | None, candidates: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the baselines.

    Raises
    ------
    ValueError
        If there is none, or one is not among the candidates.
    """
    if baselines is None:
        return ("none",) if "none" in candidates else tuple(candidates[:1])
    baselines = tuple(baselines)
    unknown = [name for name in baselines if name not in candidates]
    if unknown or not baselines:
        raise ValueError(f"baselines={list(baselines)}; expected some of {list(candidates)}.")
    return baselines


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV; an older file stays until the new one is complete.

    Text that a spreadsheet would take for a formula gets an apostrophe in front, which
    `read_csv` takes away.
    """
    with write_whole(path) as part:
        _map_text(table, _quote).to_csv(part, index=False)


def read_csv(path: Path, texts: Iterable[str], numbers: Iterable[str]) -> pd.DataFrame:
    """Read a table that `write_csv` wrote.

    Raises
    ------
    ValueError
        If a column of `texts` or `numbers` is not there, or one of `numbers` or an F1 holds
        something else.
    """
    try:
        table = _map_text(pd.read_csv(path), _unquote)
    except ValueError as error:
        raise ValueError(f"{path} is not a table of results: {error}.") from error
    numbers = [*numbers, *(name for name in table if name.startswith("f1_"))]
    missing = [name for name in (*texts, *numbers) if name not in table]
    if missing:
        raise ValueError(f"{path} is not a table of results: columns {missing} are missing.")
    wrong = [name for name in numbers if not pd.api.types.is_numeric_dtype(table[name])]
    if wrong:
        raise ValueError(f"{path} is damaged: columns {wrong} hold something else than numbers.")
    return table


def _map_text(table: pd.DataFrame, change: Callable[[Any], Any]) -> pd.DataFrame:
    """Return a table with all its text changed, that of its head too."""
    return table.rename(columns=change).map(change)


def _quote(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def _unquote(value: Any) -> Any:
    is_quoted = isinstance(value, str) and value[:1] == "'" and FORMULA.match(value)
    return value[1:] if is_quoted else value
