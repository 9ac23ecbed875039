"""What the numbers say, in plain sentences."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from geneeg_sk.inspection._benchmark import default_baseline, signed, span
from geneeg_sk.model_selection._comparison import FEW_PATIENTS, SamplerComparison

# Where the words change. They are conventions of this report, and it prints them.
TOLD_APART = 0.9  # C2ST from which synthetic windows are told easily
ABOVE_FLOOR = 0.1  # of C2ST and of the share of near copies, still like real windows
LEVEL = 0.05  # of adjusted p-values
COPIED = 0.5  # ratio of nearest neighbours, below which windows are too near to real ones


def on_benefit(comparison: SamplerComparison) -> tuple[str, list[str]]:
    """Does augmentation help? Return a headline, and a sentence for each candidate."""
    baseline = default_baseline(comparison.candidates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few patients: the headline says so
        summary = comparison.summary([baseline])
    others = summary.drop(index=baseline)
    tested = others[others[f"vs_{baseline}"].notna()].sort_values(
        f"vs_{baseline}", ascending=False, kind="stable"
    )
    if tested.empty:
        return f"Cannot be told: no method was tested beside “{baseline}” on any patient.", []
    sentences = [
        _difference(name, row, f"vs_{baseline}", baseline) for name, row in tested.iterrows()
    ]
    sentences += [
        _difference(
            name, tested.loc[name], "vs_best", f"{tested.loc[name, 'best_baseline']}", best=True
        )
        for name in comparison.ours
        if name in tested.index and pd.notna(tested.loc[name, "vs_best"])
    ]
    return _headline(tested, baseline, int(tested["n_patients"].max())), sentences


def _headline(tested: pd.DataFrame, baseline: str, n_patients: int) -> str:
    low, high = (tested[f"vs_{baseline}_{end}"] for end in ("low", "high"))
    if n_patients < FEW_PATIENTS:
        return (
            f"Cannot be told: {n_patients} patients are too few (at least {FEW_PATIENTS} are "
            "needed to generalise). The numbers below describe these patients only."
        )
    sure = tested[f"vs_{baseline}_t"] < LEVEL
    better, perhaps = list(tested.index[(low > 0) & sure]), list(tested.index[(low > 0) & ~sure])
    worse = list(tested.index[high < 0])
    if better:
        text = f"Yes, with {_listed(better)}: better than “{baseline}” on unseen patients"
    elif perhaps:
        text = (
            f"Perhaps, with {_listed(perhaps)}: the interval lies above “{baseline}”, but the "
            "difference does not stand a test adjusted for the number of methods"
        )
    else:
        text = f"Not shown: no method is clearly better than “{baseline}” on unseen patients"
    if worse:
        text += f"; worse, by the interval: {_listed(worse)}"
    return f"{text} ({len(tested)} methods, {n_patients} patients)."


def _difference(name: object, row: pd.Series, prefix: str, other: str, best: bool = False) -> str:
    whom = f"the best other method on these patients, “{other}”" if best else f"“{other}”"
    text = (
        f"{name} against {whom}: macro F1 {signed(row[prefix])}, 95 % interval "
        f"{span(row[f'{prefix}_low'], row[f'{prefix}_high'])}, {row['n_patients']} patients"
    )
    p = row[f"{prefix}_t"]
    if not np.isfinite(p):
        return f"{text}."
    return f"{text}, adjusted p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}."


def on_closeness(table: pd.DataFrame) -> tuple[str, list[str]]:
    """Is the synthetic EEG close to the real? Return a headline, and a sentence for each state."""
    excess = table["c2st"] - table["c2st_floor"]
    close, easy = excess <= ABOVE_FLOOR, table["c2st"] >= TOLD_APART
    sentences = [
        f"{state}: mean KS distance {row['ks']:.2f} (real against real {row['ks_floor']:.2f}); a "
        f"classifier tells synthetic from real with an AUC of {row['c2st']:.2f} (real from real "
        f"{row['c2st_floor']:.2f}); {row['n_windows']:.0f} windows in each set."
        for state, row in table.iterrows()
    ]
    if close.all():
        return "Yes: it is hardly told from real EEG, in every state.", sentences
    if easy.all():
        return "No: it is easily told from real EEG, in every state.", sentences
    parts = [
        f"{words} {_listed(list(table.index[which]))}"
        for words, which in (
            ("hardly told from real EEG:", close),
            ("similar, but told apart:", ~close & ~easy),
            ("easily told from real EEG:", easy & ~close),
        )
        if which.any()
    ]
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}.", sentences


def on_memory(table: pd.DataFrame) -> tuple[str, list[str]]:
    """Is it memorised? Return a headline, and a sentence for each state."""
    copied = (table["ratio"] < COPIED) | (table["copies"] > table["copies_floor"] + ABOVE_FLOOR)
    sentences = [
        f"{state}: nearest-neighbour ratio {row['ratio']:.2f} (1: as far from real windows as they "
        f"are from each other; 0: copies); near copies {row['copies']:.0%} (among real windows "
        f"{row['copies_floor']:.0%})."
        for state, row in table.iterrows()
    ]
    if copied.any():
        return (
            f"Suspicious: windows near to real ones in {_listed(list(table.index[copied]))}.",
            sentences,
        )
    return "No sign of it: synthetic windows are no copies of the real windows given.", sentences


def _listed(names: list) -> str:
    """Join names: a, b and c."""
    names = [str(name) for name in names]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
