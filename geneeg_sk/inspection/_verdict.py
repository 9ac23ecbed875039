"""What the numbers say, in plain sentences."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from geneeg_sk._typing import Label
from geneeg_sk.metrics._statistics import FEW_PATIENTS
from geneeg_sk.model_selection._comparison import SamplerComparison
from geneeg_sk.model_selection._score_table import format_interval, format_signed

# Where the words change. They are conventions of this report, and it prints them.
NEARLY = 0.1  # from the reference: AUC of membership, coverage, share of copies, macro F1
LEVEL = 0.05  # of adjusted p-values

IN_THEIR_PLACE = {
    True: "real windows of other patients in their place",
    False: "other real windows in their place",
}


def judge_benefit(comparison: SamplerComparison) -> tuple[str, list[str]]:
    """Does augmentation help? Return a headline, and a sentence for each candidate."""
    baseline = comparison.baselines[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few patients: the headline says so
        summary = comparison.summary()
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
        for name in tested.index.difference(comparison.baselines, sort=False)
        if len(comparison.baselines) > 1 and pd.notna(tested.loc[name, "vs_best"])
    ]
    own = summary.loc[baseline]
    if pd.notna(own["macro_f1"]):
        sentences.append(f"“{baseline}” itself: macro F1 {own['macro_f1']:.3f} (0 to 1).")
    return _headline(tested, baseline, int(tested["n_patients"].max())), sentences


def _headline(tested: pd.DataFrame, baseline: str, n_patients: int) -> str:
    low, high = (tested[f"vs_{baseline}_{end}"] for end in ("low", "high"))
    if n_patients < FEW_PATIENTS:
        return (
            f"Cannot be told: {n_patients} patients are too few (at least {FEW_PATIENTS} are "
            "needed to generalize). The numbers below describe these patients only."
        )
    sure = tested[f"vs_{baseline}_t"] < LEVEL
    better, perhaps = list(tested.index[(low > 0) & sure]), list(tested.index[(low > 0) & ~sure])
    worse = list(tested.index[high < 0])
    if better:
        text = f"Yes, with {join_names(better)}: better than “{baseline}” on unseen patients"
    elif perhaps:
        text = (
            f"Perhaps, with {join_names(perhaps)}: the interval lies above “{baseline}”, but the "
            "difference does not stand a test adjusted for the number of methods"
        )
    else:
        text = f"Not shown: no method is clearly better than “{baseline}” on unseen patients"
    if worse:
        text += f"; worse, by the interval: {join_names(worse)}"
    return f"{text} ({len(tested)} methods, {n_patients} patients)."


def _difference(name: object, row: pd.Series, prefix: str, other: str, best: bool = False) -> str:
    whom = f"the best baseline on these patients, “{other}”" if best else f"“{other}”"
    text = (
        f"{name} against {whom}: macro F1 {format_signed(row[prefix])}, 95 % interval "
        f"{format_interval(row[f'{prefix}_low'], row[f'{prefix}_high'])}, "
        f"{row['n_patients']} patients"
    )
    p = row[f"{prefix}_t"]
    if not np.isfinite(p):
        return f"{text}."
    return f"{text}, adjusted p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}."


def judge_diversity(table: pd.DataFrame) -> tuple[str, list[str]]:
    """Is it diverse? Return a headline, and a sentence on the state with the least of it."""
    covered = table[table["score"] == "coverage"].set_index("state")
    lack = covered["reference"] - covered["value"]
    enough, little = lack <= NEARLY, covered["value"] < covered["reference"] / 2
    worst = lack.idxmax()
    row = covered.loc[worst]
    sentence = (
        f"{name_state(worst, covered)}synthetic windows cover "
        f"{write_number(row, 'value', '.0%')} of the real ones' neighborhoods; "
        f"{IN_THEIR_PLACE[bool(row['by_patient'])]}: {write_number(row, 'reference', '.0%')}."
    )
    if enough.all():
        headline = "Yes: it covers as much of the real EEG as other real EEG does"
    elif little.all():
        headline = "No: it covers little of the real EEG"
    else:
        headline = "Partly: " + join_states(
            {
                "as diverse as real EEG in": enough,
                "less so in": ~enough & ~little,
                "little of it covered in": little,
            }
        )
    return f"{headline}.", [sentence]


def judge_privacy(table: pd.DataFrame) -> tuple[str, list[str]]:
    """Is it private? Return a headline, and sentences on copies and on membership."""
    copied = table[table["score"] == "copies"].set_index("state")
    member = table[table["score"] == "membership"].set_index("state")
    leaking = find_leaking_states(table)
    sure = member.index[member["value_low"] > member["reference_high"]]
    suspicious = {
        "near copies": find_copied_states(table),
        "training windows can be told from unseen ones": [s for s in leaking if s in sure],
    }
    perhaps = [state for state in leaking if state not in sure]
    worst = copied["value"].idxmax()
    row = copied.loc[worst]
    overlap = (
        "" if row["reference"] <= NEARLY else " Real windows that overlap are such copies, too."
    )
    sentences = [
        f"{name_state(worst, copied)}{write_number(row, 'value', '.0%')} of {row['n_synthetic']} "
        f"synthetic windows are near copies of one of {row['n_real']} real ones, however shifted "
        "or turned over; "
        f"{IN_THEIR_PLACE[bool(row['by_patient'])]}: {write_number(row, 'reference', '.0%')}."
        f"{overlap}"
    ]
    if len(member):
        worst = (member["value"] - member["reference"]).idxmax()
        row = member.loc[worst]
        sentences.append(
            f"{name_state(worst, member)}who has the synthetic windows tells training windows from "
            f"unseen ones with an AUC of {write_number(row, 'value')} (membership inference); "
            f"{IN_THEIR_PLACE[bool(row['by_patient'])]}: {write_number(row, 'reference')}."
        )
    else:
        sentences.append(
            "Whether training windows can be told from unseen ones was not tested: no real windows "
            "that the generator has not seen were given."
        )
    found = [f"{what} in {join_names(states)}" for what, states in suspicious.items() if states]
    if found:
        return f"Suspicious: {'; '.join(found)}.", sentences
    if perhaps:
        return (
            f"Cannot be excluded: in {join_names(perhaps)}, training windows are perhaps told from "
            "unseen ones; the intervals overlap.",
            sentences,
        )
    return "No sign of leaking: hardly any near copies of real windows.", sentences


def find_copied_states(table: pd.DataFrame) -> list[Label]:
    """States in which too many synthetic windows are near copies of real ones."""
    copied = table[table["score"] == "copies"].set_index("state")
    # Real windows that overlap are copies of each other: no excuse for synthetic ones.
    tolerated = copied["reference"].clip(upper=NEARLY) + NEARLY
    return list(copied.index[copied["value"] > tolerated])


def find_leaking_states(table: pd.DataFrame) -> list[Label]:
    """States in which training windows are told from unseen ones, perhaps by chance."""
    member = table[table["score"] == "membership"].set_index("state")
    return list(member.index[member["value"] > member["reference"] + NEARLY])


def judge_usefulness(scores: dict[str, float]) -> tuple[str, list[str]]:
    """Is it useful, as far as windows alone can tell? Return a headline, and a sentence."""
    lack = scores["reference"] - scores["value"]
    row = pd.Series(scores)
    sentence = (
        "A plain classifier of features that is trained on synthetic windows alone tells the "
        f"{scores['n_states']} states of real windows with a macro F1 of "
        f"{write_number(row, 'value')}; trained on {IN_THEIR_PLACE[bool(scores['by_patient'])]}: "
        f"{write_number(row, 'reference')}. "
        "Whether it helps a detector on unseen patients, only a benchmark tells."
    )
    if lack <= NEARLY:
        return "Perhaps: it teaches the states about as well as real EEG does.", [sentence]
    if scores["value"] < scores["reference_low"]:
        return "Doubtful: it teaches the states worse than real EEG does.", [sentence]
    return "Cannot be told: the intervals are too wide.", [sentence]


def write_number(row: pd.Series, name: str, form: str = ".2f") -> str:
    """Write a number with its interval.

    >>> write_number(pd.Series({"value": 0.5, "value_low": 0.4, "value_high": 0.6}), "value")
    '0.50 (95\xa0% interval 0.40 to 0.60)'
    """
    low, high = (format(row[f"{name}_{end}"], form) for end in ("low", "high"))
    return f"{row[name]:{form}} (95% interval {low} to {high})".replace("%", "\N{NO-BREAK SPACE}%")


def name_state(state: object, table: pd.DataFrame) -> str:
    return f"Worst state, {state}: " if len(table) > 1 else f"State {state}: "


def join_states(which: dict[str, pd.Series]) -> str:
    return "; ".join(
        f"{words} {join_names(list(mask.index[mask]))}"
        for words, mask in which.items()
        if mask.any()
    )


def join_names(names: Sequence[object]) -> str:
    """Join names: a, b and c."""
    texts = [str(name) for name in names]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
