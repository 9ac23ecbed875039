"""Write docs/results/unseen_patients.md and its picture from the lines of the benchmark.

python -m benchmarks.unseen_patients.page
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks.json_lines import read
from benchmarks.markdown_tables import markdown_table
from benchmarks.unseen_patients import cohorts, recordings, tasks
from benchmarks.unseen_patients.levers import RECIPES
from benchmarks.unseen_patients.methods import ABLATED, BEFORE, CHEAP, CHOSEN, STEPS, TUNED
from benchmarks.unseen_patients.run import RESULTS
from benchmarks.unseen_patients.windows import Task
from benchmarks.unseen_patients.worth import (
    CONTROL,
    SCORES,
    ControlFailed,
    better_in,
    complete,
    difference,
    estimate,
    gap_closed,
    marked,
    mean,
    read_off,
    require_control,
    table,
    worth,
)

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "results" / "unseen_patients.md"
FIGURE = DOCS / "figures" / "worth.png"
KEY = ["data", "regime", "split", "cohort", "n_patients", "seed", "method", "steps", "group"]
SHOWN = (*CHEAP, *BEFORE, *CHOSEN)
ADDING = ("class_weight", "ros", "smote", "adasyn", "surrogate", *BEFORE[:2])  # windows or weights
NAMES = {
    "average_precision": "average precision",
    "macro_auc": "macro AUC",
    "macro_f1": "macro F1",
    "macro_f1_argmax": "macro F1, no thresholds",
    "brier": "Brier",
    "sensitivity": "seizures found",
    "false_alarms_per_day": "false alarms a day",
}
# Regime, and on how many patients with seizures its methods are trained.
SIMULATED = {"all": cohorts.N, "shift": cohorts.N, "few": cohorts.FEW, "one": cohorts.FEW}
HARMED = 2.0  # points of a hundred that a method may lose by chance
TITLES = {
    "all": "Every training patient has seizures",
    "shift": "The same, test patients of another world",
    "few": "Seizures of two of eight patients",
    "one": "One seizure of each of two patients",
    "chbmit": "CHB-MIT clips",
    "bonn": "Bonn",
    "erp": "ERP, a rare condition",
}

INTRODUCTION = f"""# How many real patients is augmentation worth?

What `benchmarks/unseen_patients` measured (`benchmarks/results/unseen_patients.jsonl`); this page
is written from it by `python -m benchmarks.unseen_patients.page`.

**The ruler is a learning curve of real patients.** The classifier without augmentation is trained
on more and more patients. A method that was trained on n patients is *worth* the number of real
patients at which the curve reaches its score, divided by n. The curve is made monotone and read
between its points on a logarithmic scale; a worth beyond its ends is marked ≤ or ≥.

**The cohort.** {len(cohorts.COHORTS["final"])} simulated training cohorts that share no patient,
and {cohorts.TESTS["final"][2]} test patients that no training has seen. 40 normal, 10 preictal and
6 ictal windows of each patient, 19 channels, 4 s at 128 Hz. Development had other cohorts and
other test patients.

| regime | training patients |
|---|---|
| all | {cohorts.N}, all with seizures |
| few | {cohorts.N}; seizures and preictal windows of {cohorts.FEW}, background of all |
| one | {cohorts.N}; one seizure with its preictal windows of each of {cohorts.FEW}, background \
of all |
| shift | as all; test patients of another world: amplifier gain {cohorts.GAIN[0]:g} to \
{cohorts.GAIN[1]:g} by patient, {cohorts.NOISE:g} µV more noise, difficulty \
{cohorts.DIFFICULTY:g}, half of them with {cohorts.N_LOST} channels interpolated |

In `few` the ruler counts patients *with seizures*, among eight.

**Same for all methods:** windows, network, {STEPS} steps of the optimizer however many windows are
added, and thresholds. Macro F1 is that of classes multiplied by weights which were chosen on
predictions for training patients by two networks that did not see them (half of the steps each).
In these two, samplers are fitted anew; the generator is the one that knows all training patients.
Average precision (of seizures) and AUC need no threshold. The final run changed minibatches
(`augment`) by a copy of `MinibatchAugmentation` that the benchmark had then: the same changes,
drawn with other random numbers. Event scores are coarse: the recordings last some two minutes, and
by SzCORE a detection up to a minute after a seizure finds it, so that there is hardly room for a
false alarm.

Intervals are 95 % of a bootstrap over training cohorts and test patients, paired. There are many of
them on this page: one in forty lies on one side by chance.

| method | what it is |
|---|---|
| none, class_weight | nothing added; classes weighted in the loss |
| ros, smote, adasyn | over-samplers of imbalanced-learn, on raw windows |
| surrogate | `FourierSurrogateSampler` |
| augment | on the fly: left-right mirror, start jitter, amplitude, channel dropout, time mask, \
frequency shift; no over-sampling (the mirror changes nothing for a network that knows no order of \
channels) |
| ensemble | two networks without augmentation, averaged |
| geneeg-before | `GenEEGSampler` with the defaults that it had: patients in turn, and a filter, \
since removed, that refused windows far from the known ones |
| geneeg-unfiltered-virtual | `quality=None, patient_mix="virtual"` |
| scaled+augment+virtual-before+blend | the recipe of the last row, with an earlier generator |
| scaled | `BackgroundScaler`: each patient by their first ten windows, without labels |
| scaled+augment+twice | two networks with scaled and augment, averaged |
| scaled+augment+virtual+blend | chosen in development: the same, but one of the two networks has \
windows of `GenEEGSampler(patient_mix="virtual")` added |

**Only the last row has windows of today's generator**, which has richer latents and fewer
corrections than the earlier one ([the model](../concepts/model.md)). All other generated windows on
this page, also in development, are those of the earlier one.
"""

SHORT = """Average precision of seizures, mean ± standard deviation over training cohorts.
"""

TRIED = """Other training cohorts and other test patients than in the final run. What the final run
uses is chosen by these few cohorts. A recipe is named after its parts:

| part | what it is |
|---|---|
| scaled | `BackgroundScaler`: each patient's windows by the first ten of them, without labels |
| augment | minibatches are changed on the fly |
| ros | rare states are filled up by random over-sampling |
| virtual | the same by `GenEEGSampler`, with profiles of new patients |
| balanced | the same, with profiles of the known patients in turn |
| virtual-quarter | a quarter of the gap is filled |
| described | the generator without its networks: real windows of random phases get the \
descriptors that it draws for profiles of new patients |
| recolored | real windows of the state, whitened by the background of their patient and colored \
by that of another; beside a generator, each fills half of the gap |
| quilted | the same of windows that are joined from pieces of real ones of the same state and \
patient, where they fit best |
| fresh | other synthetic windows in each epoch |
| fading | in each epoch more of the synthetic windows are replaced by real ones |
| blend | mean of this classifier and the same without sampler |
| twice | mean of two such classifiers of other seeds |
| context | probabilities are averaged over a window and the two before it in its recording |

Averages over three windows raise average precision by 0.03 to 0.06, with and without synthetic
windows alike, and lower macro F1: states then begin and end late. They are no augmentation, and
no part of the recipe; `detect_seizures(smoothing=)` does the same on recordings.

The ten windows that scale a test patient are scored too, for all methods. Profiles twice as far
from the mean were tried as well: in two of three trainings the windows were refused, as no scalp
shows them.
"""

LEFT = """What real seizures have beyond the recipe: in `few` and `one` those of all eight patients,
with the same recipe; in `all` those of 64 patients, without it. Below 0, the recipe is ahead.

"""

HARM = f"""Mean of the recipe minus none, in points of a hundred, and in how many training sets it
loses more than {HARMED:g} points.

"""

RECORDINGS = """## Real recordings

There is no learning curve here: too few patients. Rows of one data set share test groups, and
training sets overlap, so that these intervals are too narrow. They say whether anything of the
above is contradicted, not more.

- **chbmit**: 2 s windows of clips of two patients, preictal against ictal, whole recordings held
  out. all: one of five seizure windows of each training recording; few: all of two recordings. The
  background for scaling is the five windows before the seizure. (The first run took ten, the
  default, and so the seizure: its lines are withdrawn, and these were made afterwards.)
- **bonn**: 5 seizure windows of 2 segments, or 20 of 4; 200 windows each of other states; a test
  group is one unseen segment of each of the five sets.
- **erp**: six subjects, three conditions of picture viewing; of one of them four trials of each of
  two subjects, to be found in four other subjects.
"""


def main():
    frame = pd.DataFrame(read(RESULTS) or {name: [] for name in (*KEY, *SCORES)})
    frame = frame.drop_duplicates(KEY, keep="last")
    final, development = (frame[frame["split"] == s] for s in ("final", "development"))
    parts = [INTRODUCTION]
    if len(final):
        parts += final_sections(final)
    else:
        parts.append("**The final run has not been made yet.**\n")
    parts += development_sections(development)
    PAGE.write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")
    print(f"Wrote {PAGE}")


def final_sections(final):
    """The control, the picture, and the tables of every regime; no page without the control."""
    try:
        said = require_control(final.to_dict("records"), "final")
    except ControlFailed as error:
        sys.exit(f"The positive control failed: {error}")
    draw(final)
    # All lines of a training are written at once.
    planned = set(tasks.final())
    missing = len(planned - {Task.of(line) for line in final.to_dict("records")})
    if missing:
        yield (
            f"**The final run goes on: {missing} of {len(planned)} trainings are missing.** Every "
            "table says how many training cohorts it has.\n"
        )
    yield f"**Positive control.** {control_in_words(final)}\n"
    yield "![Curve of real patients, and where the methods lie on it](../figures/worth.png)\n"
    print(said)
    simulated = final[final["data"] == "cohort"]
    yield "## In short\n"
    yield SHORT
    yield short_table(simulated)
    for regime, n in SIMULATED.items():
        part = simulated[simulated["regime"] == regime]
        if len(part):
            yield f"## {TITLES[regime]} (`{regime}`)\n"
            yield verdict(part, n)
            yield scores_table(part)
            yield gains_table(simulated, regime, n)
    yield "## What the generator adds at the same cost\n"
    yield minus_table(simulated, CHOSEN[-1], CHOSEN[-2])
    yield "## The generator of today beside the earlier one\n"
    yield minus_table(simulated, CHOSEN[-1], BEFORE[-1])
    yield "## Against every other method\n"
    yield against_table(simulated)
    yield "## What is left to gain\n"
    yield LEFT
    yield left_table(simulated)
    real = final[final["data"] != "cohort"]
    yield "## Does the recipe ever do harm?\n"
    yield HARM
    yield harm_table(final)
    if len(real):
        yield RECORDINGS
        for (data, regime), part in real.groupby(["data", "regime"], sort=False):
            yield f"### {TITLES[data]}: {regime}\n"
            yield scores_table(part)
            yield differences_table(part, recordings.n_patients(data, regime))


def short_table(simulated):
    """Average precision of the recipe beside its parts and the usual answers, by regime."""
    *_, without, recipe = CHOSEN
    rows = []
    for regime, n in SIMULATED.items():
        part = simulated[simulated["regime"] == regime].to_dict("records")
        scores = table(part, SCORES[0])
        ruler = {k: s for (m, k), s in scores.items() if m == "none"}
        best = max((m for m in ADDING if (m, n) in scores), key=lambda m: mean(scores[m, n]))
        shown = [over_cohorts(scores[m, n]) for m in ("none", best, without, recipe)]
        shown[1] += f" ({best})"
        gain = difference(scores[recipe, n], scores["none", n])
        is_ruled = regime != "one"
        worth_of = marked(worth(scores[recipe, n], ruler, n), sorted(ruler), n) if is_ruled else "–"
        rows.append([regime, *shown, str(gain), worth_of])
    head = ["regime", "none", "best over-sampler or class weights", without, recipe]
    return markdown_table([*head, "the last minus none", "worth"], rows)


def over_cohorts(scores):
    """Mean and standard deviation of the training cohorts' means over test patients."""
    means = [mean(own) for own in scores]
    return f"{np.nanmean(means):.3f} ± {np.nanstd(means, ddof=1):.3f}"


def control_in_words(final):
    few, many = CONTROL
    part = final[(final["data"] == "cohort") & (final["regime"] == "all")]
    gains = []
    for score in SCORES:
        scores = table(part.to_dict("records"), score)
        gains.append(f"{NAMES[score]} {difference(scores['none', many], scores['none', few])}")
    return f"{many} real patients instead of {few} add: {', '.join(gains)}."


def verdict(part, n):
    """Which methods are surely better or worse than none in average precision, in one sentence."""
    scores = table(part.to_dict("records"), SCORES[0])
    gains = {m: difference(scores[m, n], scores["none", n]) for m in methods_of(scores, n)}
    better = [m for m, gain in gains.items() if gain.low > 0]
    worse = [m for m, gain in gains.items() if gain.high < 0]
    return (
        f"In average precision surely better than none (interval above 0): "
        f"{', '.join(better) or 'no method'}; surely worse: {', '.join(worse) or 'no method'}; "
        "the others are not decided.\n"
    )


def methods_of(scores, n):
    """Methods other than none, in the order of the page."""
    return [m for m in SHOWN if m != "none" and (m, n) in scores and ("none", n) in scores]


def scores_table(part):
    """Mean scores, `none` also for the other points of the ruler."""
    shown = [name for name in NAMES if name in part and part[name].notna().any()]
    part = part.assign(**{name: part[name].astype(float) for name in shown})
    means = part.groupby(["method", "n_patients"])[shown].mean()
    n_cohorts = part.groupby(["method", "n_patients"])["cohort"].nunique()
    rows = [
        [*key, str(n_cohorts[key]), *(number(means.loc[key, name], name) for name in shown)]
        for key in sorted(means.index, key=lambda key: (SHOWN.index(key[0]), key[1]))
    ]
    head = ["method", "real patients", "cohorts", *(NAMES[name] for name in shown)]
    return markdown_table(head, rows)


def number(value, name):
    if pd.isna(value):
        return "–"
    return f"{value:.0f}" if name == "false_alarms_per_day" else f"{value:.3f}"


def gains_table(simulated, regime, n):
    """Difference to none, worth or part of the gap, and in how many cohorts it was better."""
    part = simulated[simulated["regime"] == regime].to_dict("records")
    ruler_lines = part
    if regime == "one":
        few = simulated[(simulated["regime"] == "few") & (simulated["n_patients"] == cohorts.N)]
        ruler_lines = part + few.to_dict("records")
    rows = []
    for score in SCORES:
        scores = table(ruler_lines, score)
        ruler = {k: s for (m, k), s in scores.items() if m == "none"}
        for method in methods_of(scores, n):
            own, none = scores[method, n], scores["none", n]
            wins = "{} of {}".format(*better_in(own, none))
            row = [NAMES[score], method, str(difference(own, none)), wins]
            if regime != "one":
                row.append(marked(worth(own, ruler, n), sorted(ruler), n))
            if regime in ("few", "one"):
                row.append(share(gap_closed(own, none, ruler[cohorts.N])))
            rows.append(row)
    head = ["score", "method", "minus none", "better in"]
    head += ["worth"] if regime != "one" else []
    head += ["part of the gap to seizures of all eight"] if regime in ("few", "one") else []
    return markdown_table(head, rows)


def share(found):
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def differences_table(part, n):
    rows = []
    for score in SCORES:
        scores = table(part.to_dict("records"), score)
        for method in methods_of(scores, n):
            pair = scores[method, n], scores["none", n]
            wins = "{} of {}".format(*better_in(*pair))
            rows.append([NAMES[score], method, str(difference(*pair)), wins])
    return markdown_table(["score", "method", "minus none", "better in training sets"], rows)


# --- development -------------------------------------------------------------------------------


def development_sections(development):
    yield "## Development: is training long enough?\n"
    yield (
        "No augmentation, other training cohorts and other test patients than in the final run. "
        f"The steps of all methods are {STEPS}.\n"
    )
    plain = development[development["method"] == "none"]
    yield steps_table(plain[(plain["data"] == "cohort") & (plain["regime"] == "all")])
    tried = development[development["steps"] == STEPS]
    yield "## Development: what was tried\n"
    yield TRIED
    for regime, n_patients in SIMULATED.items():
        part = tried[
            (tried["data"] == "cohort")
            & (tried["regime"] == regime)
            & (tried["n_patients"] == n_patients)
        ]
        if len(part):
            yield f"### {TITLES[regime]} (`{regime}`, development)\n"
            yield tuning_table(part)
    yield "### What the generator adds at the same cost (development)\n"
    yield minus_table(tried[tried["data"] == "cohort"], CHOSEN[-1], CHOSEN[-2])
    yield "### The generator of today beside the earlier one (development)\n"
    yield minus_table(tried[tried["data"] == "cohort"], CHOSEN[-1], BEFORE[-1])
    real = tried[tried["data"] != "cohort"]
    for (data, regime), part in real.groupby(["data", "regime"], sort=False):
        yield f"### {TITLES[data]}: {regime} (development)\n"
        yield tuning_table(part)


def steps_table(part):
    means = part.groupby(["n_patients", "steps"])[list(SCORES)].mean()
    n_cohorts = part.groupby(["n_patients", "steps"])["cohort"].nunique()
    rows = [
        [*key, n_cohorts[key], *(number(value, "") for value in means.loc[key])]
        for key in means.index
    ]
    return markdown_table(
        ["real patients", "steps", "cohorts", *(NAMES[score] for score in SCORES)], rows
    )


def tuning_table(part):
    shown = (*SCORES, "macro_f1_argmax", "brier")
    means = part.groupby("method", sort=False)[list(shown)].mean()
    n_cohorts = part.groupby("method")["cohort"].nunique()
    order = [*TUNED, *BEFORE, "augment", *ABLATED, *RECIPES]
    rows = [
        [method, n_cohorts[method], *(number(value, "") for value in means.loc[method])]
        for method in dict.fromkeys(order)
        if method in means.index
    ]
    return markdown_table(["method", "cohorts", *(NAMES[score] for score in shown)], rows)


def minus_table(simulated, recipe, other):
    """A recipe minus another, by regime."""
    rows = []
    for regime, n in SIMULATED.items():
        part = simulated[simulated["regime"] == regime].to_dict("records")
        for score in SCORES:
            scores = table(part, score)
            if (recipe, n) in scores and (other, n) in scores:
                pair = scores[recipe, n], scores[other, n]
                wins = "{} of {}".format(*better_in(*pair))
                rows.append([regime, NAMES[score], str(difference(*pair)), wins])
    return markdown_table(
        ["regime", "score", f"{recipe} minus {other}", "better in training sets"], rows
    )


def against_table(simulated):
    """The chosen recipe minus every method that is not a part of it, by regime."""
    recipe = CHOSEN[-1]
    rows = []
    for method in ("none", *CHEAP[1:], *BEFORE[:-1]):
        for score in (SCORES[0], SCORES[2]):
            cells = []
            for regime, n in SIMULATED.items():
                scores = table(simulated[simulated["regime"] == regime].to_dict("records"), score)
                pair = scores.get((recipe, n)), scores.get((method, n))
                known = pair[0] is not None and pair[1] is not None
                cells.append(str(difference(*pair)) if known else "–")
            if set(cells) != {"–"}:
                rows.append([method, NAMES[score], *cells])
    return markdown_table(["recipe minus", "score", *SIMULATED], rows)


def left_table(simulated):
    """What more real seizures have beyond the recipe, by regime."""
    recipe, most = CHOSEN[-1], max(simulated["n_patients"])
    rows = []
    for score in SCORES:
        of = {
            regime: table(simulated[simulated["regime"] == regime].to_dict("records"), score)
            for regime in ("all", "few", "one")
        }
        own = of["all"].get((recipe, cohorts.N))
        pairs = [
            (own, of["few"].get((recipe, cohorts.FEW))),
            (own, of["one"].get((recipe, cohorts.FEW))),
            (of["all"].get(("none", most)), own),
        ]
        known = [all(part is not None for part in pair) for pair in pairs]
        cells = [str(difference(*pair)) if k else "–" for pair, k in zip(pairs, known)]
        rows.append([NAMES[score], *cells])
    head = ["few: seizures of all eight", "one: seizures of all eight"]
    return markdown_table(["score", *head, f"all: {most} real patients, no recipe"], rows)


def harm_table(final):
    """The chosen recipe minus none on every data set and in every regime."""
    recipe = CHOSEN[-1]
    rows = []
    for (data, regime), part in final.groupby(["data", "regime"], sort=False):
        n = SIMULATED[regime] if data == "cohort" else recordings.n_patients(data, regime)
        cells = []
        for score in SCORES:
            scores = table(part.to_dict("records"), score)
            if (recipe, n) not in scores:
                break
            pair = complete([scores[recipe, n], scores["none", n]])
            gains = 100 * np.array([mean(a) - mean(b) for a, b in zip(*pair)])
            cells.append(f"{gains.mean():+.1f}; {(gains < -HARMED).sum()} of {len(gains)}")
        else:
            rows.append([data, regime, *cells])
    return markdown_table(["data", "regime", *(NAMES[score] for score in SCORES)], rows)


# --- the picture -------------------------------------------------------------------------------


def draw(final):
    """The curve of real patients with its interval, and the methods at their score on it."""
    regimes = ("all", "few", "shift")
    figure, axes = plt.subplots(1, len(regimes), figsize=(13, 4.6), layout="constrained")
    simulated = final[final["data"] == "cohort"]
    for ax, regime in zip(axes, regimes):
        scores = table(simulated[simulated["regime"] == regime].to_dict("records"), SCORES[0])
        curve(ax, scores)
        points(ax, scores, SIMULATED[regime])
        ax.set_title(f"{regime}: {TITLES[regime].lower()}", fontsize=9)
        ax.set_xlabel("real patients with seizures" if regime == "few" else "real patients")
    axes[0].set_ylabel("average precision of seizures, patients never seen")
    named = [pair for ax in axes for pair in zip(*ax.get_legend_handles_labels())]
    handles = {label: handle for handle, label in named}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=6, fontsize=8)
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURE, dpi=110)
    plt.close(figure)


def curve(ax, scores):
    ns = sorted(n for method, n in scores if method == "none")
    found = [estimate(lambda m: m[0], [scores["none", n]]) for n in ns]
    low, high = [e.low for e in found], [e.high for e in found]
    ax.fill_between(ns, low, high, color="0.88", lw=0)
    ax.plot(ns, [e.value for e in found], "o-", color="0.35", ms=4, label="real patients")
    ax.set_xscale("log", base=2)
    ax.set_xticks(ns, [str(n) for n in ns])


def points(ax, scores, n):
    ns = sorted(k for method, k in scores if method == "none")
    means = [np.nanmean(scores["none", k]) for k in ns]
    for method in methods_of(scores, n):
        if np.isnan(scores[method, n]).all(axis=1).any():
            continue  # a mean over other cohorts than the curve's
        k = SHOWN.index(method) - 1
        score = np.nanmean(scores[method, n])
        look = {"marker": "osD^v<>PXhp8d"[k % 13], "color": plt.get_cmap("tab20")(k % 20), "ms": 7}
        if method == CHOSEN[-1]:
            look = {"marker": "*", "color": "black", "ms": 13}
        ax.plot(read_off(score, ns, means), score, ls="", label=method, zorder=3, **look)
    ax.axvline(n, color="0.7", lw=0.8, ls=":")


if __name__ == "__main__":
    main()
