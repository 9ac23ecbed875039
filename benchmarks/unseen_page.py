"""Write docs/results/unseen.md from what the benchmark on unseen patients printed.

python benchmarks/unseen_page.py
"""

from pathlib import Path

import pandas as pd
from json_lines import read
from markdown_tables import markdown_table
from unseen_methods import METHODS
from unseen_summary import difference, frame, summary

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "unseen.jsonl"
PAGE = HERE.parent / "docs" / "results" / "unseen.md"

COLUMNS = {
    "macro_f1": "macro F1",
    "macro_auc": "macro AUC",
    "f1_ictal": "F1 ictal",
    "average_precision": "average precision",
    "brier": "Brier",
    "ece": "calibration error",
    "event_f1": "event F1",
}
TITLES = {
    "cohort": "Simulated cohort, unseen patients",
    "bonn": "Bonn, unseen segments",
    "chbmit": "CHB-MIT excerpt, unseen recordings",
}

INTRODUCTION = """# Does augmentation help on patients nobody has seen?

What `benchmarks/unseen.py` printed (`benchmarks/results/unseen.jsonl`); this page is written from
it by `benchmarks/unseen_page.py`. Test groups are patients (cohort), recordings (CHB-MIT) or
segments (Bonn) of which nothing was in training. Which of them are development and which final was
fixed before any result; everything was chosen on development, and final was run once.
A development training learns from all groups that it does not test, final ones among them on the
cohort and on CHB-MIT; these are not scored.

All methods get the same windows, and the same CNN-BiLSTM with 400 optimiser steps of 16 windows,
however many windows over-sampling adds (`epoch_steps`): more windows are not more training. All
over-samplers fill the gap to the largest state. The first half of a cohort patient's normal windows
is known to whoever personalises, and scored for nobody.

- **cohort**: 12 simulated patients at default difficulty, 40 normal, 10 preictal and 6 ictal
  windows of each, 19 channels, 4 s at 128 Hz; training on 8 patients, testing on 4.
- **bonn**: 200 normal, 200 preictal windows, and 5, 20 or 50 seizure windows of 1, 2 or 3
  segments; a test group is one unseen segment of each of the five sets.
- **chbmit**: 2 s windows of clips of two patients, preictal against ictal, at 128 Hz; of each
  training recording one of five seizure windows is known.

All numbers here are of the generator as it was when the final run began: windows were not yet
filtered as parts of longer signals, nor bent to their kurtosis ([the model](../model.md)).

Scores are means over groups and seeds. The difference to `none` is paired over groups (seeds are
averaged first), with its 95 % bootstrap interval over groups. Final trainings that not all methods
had yet are left out. A line is a group and a seed; methods
that were only tried have fewer, and means of different numbers of lines do not compare: the paired
differences do.

| method | what it is |
|---|---|
| none, class_weight | nothing added; classes weighted in the loss |
| ros, smote, adasyn | imbalanced-learn's over-samplers, on raw windows |
| surrogate | `FourierSurrogateSampler` |
| geneeg | `GenEEGSampler`, defaults but for a generator of 200 and 600 steps |
| geneeg-gated | the same in `AugmentedClassifier(gate="validated")` |
| geneeg-virtual | profiles of patients who do not exist |
| geneeg-personalized | `personalize` with 20 background windows of the test patient |
| geneeg-prior | `prior_correction=True` |
| geneeg-quality-none | no window refused |
| geneeg-confidence, -diverse | also `LabelConfidence(0.5)`; also `Diversity(0.01)` |
| geneeg-half, -quarter | `FillGap(0.5)`, `FillGap(0.25)` |
| geneeg-half-weighted | half, and classes weighted |
| geneeg-guided | `guidance=1.5` |
| geneeg-personal-background | `personalize` also with synthetic background |
| geneeg-personal-rehearsal | and with training patients' windows |
| geneeg-300-1000 | a generator of 300 and 1000 steps |
"""

EXPLANATION = """## Why it came out like this

What follows is our reading of the tables, not measured itself.

- **Over-sampling of most kinds helps where the plain classifier misses the rare states**, as on
  the cohort. It does nothing where that is already good, as on Bonn with 20 and 50 seizure windows.
  With five windows of one segment every over-sampler repeats that segment forty times over, and
  weighting the classes in the loss does better.
- **Generated windows are no new patients.** The generator knows as few seizures as the classifier.
  What it adds over phase-randomised copies (`surrogate`) is small, and not sure with so few test
  groups. On development a longer training, fewer windows, fewer windows with weighted classes,
  stronger guidance, virtual patients and three ways of choosing windows were tried; none was better
  everywhere.
- **Choosing windows changed little.** Few windows are refused, but for Bonn's five seizure windows.
- **The new patient's own background may help beyond over-sampling**: `personalize` has the best
  mean on the cohort, but its gain over the same classifier without it is small and not sure with
  eight patients. After two of the three seeds it seemed to be. Synthetic background or training
  patients' windows mixed into it did not improve it on development.
- **The gate is careful.** Two patients, or one segment of seizures, say little, so that it refuses
  often, also where augmentation would have helped. Where it refuses, the result is that of `none`.
- **Prior correction did not improve calibration.** Test groups have other frequencies of states
  than the training windows (Bonn: 40 % normal, 20 % ictal in the test, 49 % and 1 % in training
  with five), so that it corrects towards the wrong ones. It stays off unless asked for.
"""


def main():
    lines = read(RESULTS)
    parts = [INTRODUCTION, bars(list(summary(lines, "final"))), EXPLANATION]
    parts.append("## Final groups\n")
    parts += list(sections(lines, "final"))
    parts.append("## Development groups: what was tried\n")
    parts += list(sections(lines, "development"))
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text("\n".join(parts).rstrip() + "\n")
    print(f"Wrote {PAGE}")


def bars(found):
    """What the project wanted, beside what was measured on the final groups."""
    f1 = [f for f in found if f.get("score") == "macro_f1"]
    gated = [f for f in f1 if (f["method"], f["minus"]) == ("geneeg-gated", "none")]
    alone = [f for f in f1 if f["method"] == "geneeg"]
    personal = [f for f in f1 if (f["method"], f["minus"]) == ("geneeg-personalized", "geneeg")]
    rows = [["gate never costs over 1 point", *told(f, f["mean"] >= -0.01)] for f in gated]
    rows += [[f"geneeg above {f['minus']}", *told(f, (f["low"] or 0) > 0)] for f in alone]
    rows += [["personalised better in 75 %", *told(f, f["better_in"] >= 0.75)] for f in personal]
    head = ["wanted", "data", "difference in macro F1", "better in", "reached"]
    return "## In short: final groups\n\n" + markdown_table(head, rows)


def told(f, reached):
    share = f"{100 * f['better_in']:.0f} % of {f['n_groups']}"
    return [f"{f['data']}, {f['regime']}", with_interval(f), share, "yes" if reached else "no"]


def sections(lines, split):
    """A table of scores for each data set and regime, then the comparisons of the split."""
    table = frame(lines, split)
    if not len(table):
        yield "None yet.\n"
        return
    for (data, regime), part in table.groupby(["data", "regime"], sort=False):
        groups, seeds = part["group"].nunique(), part["seed"].nunique()
        yield f"### {TITLES.get(data, data)}: {regime} ({split}; {groups} groups, {seeds} seeds)\n"
        yield scores_table(part)
    found = list(summary(lines, split))
    calibration = [f for f in found if f.get("score") in ("brier", "ece")]
    calibration = [f for f in calibration if f.get("minus") == "geneeg"]
    if calibration:
        yield f"### What prior correction does to calibration ({split})\n"
        yield calibration_table(calibration)
    yield f"### Differences in macro F1 ({split})\n"
    yield differences_table([f for f in found if f.get("score") == "macro_f1"])
    gates = [f for f in found if "gate" in f]
    if gates:
        yield f"### What the gate said ({split})\n"
        yield gate_table(gates)


def scores_table(part):
    shown = {c: name for c, name in COLUMNS.items() if c in part and part[c].notna().any()}
    rows = []
    means = part.groupby("method")[list(shown)].mean()
    counts = part["method"].value_counts()
    for method in sorted(means.index, key=order):
        gain = None if method == "none" else difference(part, method, "none", "macro_f1")
        scores = (number(means.loc[method, c]) for c in shown)
        rows.append([method, str(counts[method]), *scores, with_interval(gain)])
    return markdown_table(["method", "lines", *shown.values(), "macro F1 minus none"], rows)


def differences_table(found):
    rows = [
        [
            f["data"],
            f["regime"],
            f["method"],
            f["minus"],
            with_interval(f),
            f"{100 * f['better_in']:.0f} % of {f['n_groups']}",
        ]
        for f in found
        if f["minus"] != "none"
    ]
    return markdown_table(["data", "regime", "method", "minus", "difference", "better in"], rows)


def calibration_table(found):
    rows = [[f["data"], f["regime"], COLUMNS[f["score"]], with_interval(f)] for f in found]
    return markdown_table(["data", "regime", "score", "geneeg-prior minus geneeg"], rows)


def gate_table(gates):
    rows = [
        [
            g["data"],
            g["regime"],
            str(g["n_trainings"]),
            f"{g['refused']} ({g['could_not_ask']} could not ask)",
            str(g["rightly_refused"]),
            str(g["rightly_kept"]),
        ]
        for g in gates
    ]
    head = ["data", "regime", "trainings", "refused", "of these rightly", "rightly kept"]
    return markdown_table(head, rows) + (
        "\nRightly: over the test groups of that training `geneeg` was not better than `none`, or, "
        "where it was kept, it was.\n"
    )


def order(method):
    """Opponents first, in their order; then the generator's variants."""
    return METHODS.index(method) if method in METHODS else len(METHODS)


def number(value):
    return "–" if pd.isna(value) else f"{value:.3f}"


def with_interval(found):
    if found is None:
        return "–"
    if found["low"] is None:
        return f"{found['mean']:+.3f}"
    return f"{found['mean']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"


if __name__ == "__main__":
    main()
