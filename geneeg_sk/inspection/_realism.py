"""Is it real? What the tests found, and what they would have seen."""

from __future__ import annotations

import pandas as pd

from geneeg_sk.inspection._verdict import (
    IN_THEIR_PLACE,
    find_copied_states,
    find_leaking_states,
    join_names,
    join_states,
    name_state,
    write_number,
)
from geneeg_sk.metrics import _power

# Where the words change. They are conventions of this report, and it prints them.
EASY_AUC = 0.9  # AUC from which synthetic windows are told easily
MAX_UPPER_END = 0.6  # highest upper end of the interval of an AUC that counts as not told
NEAR_REFERENCE = 0.1  # AUC of real windows in the place of the synthetic ones

TESTS = ("c2st_windows", "c2st_features")
# Tests that would let these pass cannot say that windows are real.
MUST_SEE = {
    "phases_randomized": "Fourier surrogates",
    "other_patients": "windows of other patients",
}
AT_OTHER_TIMES = "real windows of the same patients at other times in their place"
SIZES = (20, 50, 100, 200)  # windows of each set, as many as the report compares

_SEEN = " and ".join(MUST_SEE.values())
COPIES, TOLD, UNDECIDED, NOT_TOLD = "copies", "told", "undecided", "not told"


def judge_realism(table: pd.DataFrame) -> tuple[str, list[str]]:
    """Is it real? Return a headline, and sentences on what the answer rests on.

    "No" needs evidence: near copies, or an AUC whose interval lies above 0.5 and above that of
    real windows in their place. Without evidence, only tests that would have seen `MUST_SEE` say
    anything.
    """
    tests = dict(iter(table[table["score"].isin(TESTS)].groupby("state", sort=False)))
    answers = {state: _answer(state, rows, table) for state, rows in tests.items()}
    found = pd.Series({state: answer for state, (answer, _) in answers.items()})
    sentences = [_test_sentence(state, rows) for state, rows in tests.items()]
    sentences += [f"State {state}: {why}" for state, (_, why) in answers.items() if why]
    return f"{_headline(found, tests)}.", sentences + _waveform_sentences(table)


def _answer(state: object, rows: pd.DataFrame, table: pd.DataFrame) -> tuple[str, str]:
    """What can be said of a state, and why no more than that."""
    if state in find_copied_states(table):
        return COPIES, "near copies of real windows, which any test takes for real."
    by_patient, n_patients = bool(rows["by_patient"].all()), int(rows["n_patients"].max())
    if n_patients and not by_patient:
        return UNDECIDED, (
            "the tests hold patients apart, and need windows of at least four, evenly spread; "
            f"these are of {n_patients}."
        )
    if _evidence(rows).any():
        return TOLD, ""
    unseen = [words for damage, words in MUST_SEE.items() if not _sees(rows, damage)]
    if unseen:
        return UNDECIDED, (
            f"with so many windows, the tests are not known to see even {join_names(unseen)}. "
            f"{_say_what_is_needed(one_channel=bool(rows['one_channel'].all()))}"
        )
    if not by_patient:
        return (
            UNDECIDED,
            "the patients of the windows were not given; give at least four as groups.",
        )
    if state in find_leaking_states(table):
        return (
            UNDECIDED,
            "training windows can be told from unseen ones (see below), as with copies.",
        )
    if (rows["value"] < rows["reference"] - NEAR_REFERENCE).any():
        return UNDECIDED, (
            "the AUC lies well below that of real windows in their place, which can hide what is "
            "wrong with the windows. More windows of more patients are needed."
        )
    if (rows["value_high"] > MAX_UPPER_END).any() or (
        rows["value"] > rows["reference"] + NEAR_REFERENCE
    ).any():
        return UNDECIDED, "the intervals are too wide. More windows of more patients are needed."
    return NOT_TOLD, ""


def _evidence(rows: pd.DataFrame) -> pd.Series:
    return rows["value_low"] > rows["reference_high"].clip(lower=0.5)


def _sees(rows: pd.DataFrame, damage: str) -> bool:
    return any(damage in detectable for detectable in rows["detectable"])


def _say_what_is_needed(*, one_channel: bool) -> str:
    """How many windows the tests need to see what they must, as far as is known."""
    for n in SIZES:
        seen = {
            d for test in TESTS for d in _power.look_up_detectable(test, n, one_channel=one_channel)
        }
        if seen.issuperset(MUST_SEE):
            return f"{n} real and {n} synthetic windows of four or more patients are needed."
    return f"Up to {SIZES[-1]} windows, as many as are compared here, none are known to be enough."


def _headline(found: pd.Series, tests: dict[object, pd.DataFrame]) -> str:
    sizes = [_size(tests[state]) for state in found.index[found == UNDECIDED]]
    if found.nunique() > 1:
        return "It depends on the state: " + join_states(
            {
                "near copies of real windows in": found == COPIES,
                "told from real EEG in": found == TOLD,
                f"cannot be said from {_span(sizes)} windows in": found == UNDECIDED,
                f"not told by tests that would have seen {_SEEN} in": found == NOT_TOLD,
            }
        )
    if found.eq(COPIES).all():
        return "No: these are near copies of real windows"
    if found.eq(TOLD).all():
        easily = all(rows["value"].max() >= EASY_AUC for rows in tests.values())
        return f"No: it is {'easily ' if easily else ''}told from real EEG"
    if found.eq(UNDECIDED).all():
        return f"Cannot be said from {_span(sizes)} windows"
    return f"Not told from real EEG by tests that would have seen {_SEEN}"


def _size(rows: pd.DataFrame) -> int:
    """Windows of the smaller set."""
    return int(rows[["n_real", "n_synthetic"]].min(axis=None))


def _span(sizes: list[int]) -> str:
    few, most = min(sizes, default=0), max(sizes, default=0)
    return f"{few}" if few == most else f"{few} to {most}"


def _test_sentence(state: object, rows: pd.DataFrame) -> str:
    """Both tests of a state, beside real windows in the place of the synthetic ones."""
    first = rows.iloc[0]
    place = AT_OTHER_TIMES if first["by_patient"] else IN_THEIR_PLACE[False]
    half = first["n_real"] // 2
    signals, features = (rows[rows["score"] == test].iloc[0] for test in TESTS)
    return (
        f"State {state}, {first['n_real']} real and {first['n_synthetic']} synthetic windows: a "
        "test on the signals tells synthetic from real windows with an AUC of "
        f"{write_number(signals, 'value')}; {place} ({half} beside {half}): "
        f"{write_number(signals, 'reference')}. A test on features: "
        f"{write_number(features, 'value')}; in their place: "
        f"{write_number(features, 'reference')}."
    )


def _waveform_sentences(table: pd.DataFrame) -> list[str]:
    """What the waves look like, in the states in which most is lost."""
    sentences = []
    spikes = table[table["score"] == "spikes"].set_index("state")
    if len(spikes):
        worst = (spikes["value"] - spikes["reference"]).abs().idxmax()
        row = spikes.loc[worst]
        sentences.append(
            f"{name_state(worst, spikes)}{write_number(row, 'value', '.0%')} of the synthetic "
            f"windows have sharp discharges, and {write_number(row, 'reference', '.0%')} of the "
            "real ones."
        )
    rhythm = table[table["score"] == "rhythm"].set_index("state")
    if len(rhythm):
        worst = (rhythm["value"] - rhythm["reference"]).idxmax()
        row = rhythm.loc[worst]
        sentences.append(
            f"{name_state(worst, rhythm)}how regular the rhythm is differs by "
            f"{write_number(row, 'value')} (0: not at all; 1: throughout); "
            f"{IN_THEIR_PLACE[bool(row['by_patient'])]}: {write_number(row, 'reference')}."
        )
    return sentences
