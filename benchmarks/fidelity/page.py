"""Write docs/fidelity.md and its figure from what the fidelity and speed benchmarks printed.

python -m benchmarks.fidelity.page
"""

from pathlib import Path
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from benchmarks.json_lines import read
from benchmarks.markdown_tables import markdown_table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "fidelity.jsonl"
ABLATION = ROOT / "benchmarks" / "results" / "fidelity_ablation.jsonl"
VARIATIONS = ROOT / "benchmarks" / "results" / "fidelity_variations.jsonl"
SPEED = ROOT / "benchmarks" / "results" / "generator_speed.jsonl"
PAGE = ROOT / "docs" / "fidelity.md"
FIGURE = ROOT / "docs" / "figures" / "fidelity.png"

NAMES = {
    "floor": "real, not in the reference (floor)",
    "training": "training windows again",
    "geneeg": "generator",
    "surrogate": "Fourier surrogates",
    "smote": "SMOTE",
}
KEYS = ["data", "n_train", "state", "method"]
COLUMNS = {
    "ks_mean": "KS",
    "worst_band_db": "worst band, dB",
    "rhythm": "rhythm",
    "asymmetry": "asymmetry",
    "spike_difference": "spikes",
    "correlation_error": "correlation",
    "coverage": "coverage",
    "nn_ratio": "NN ratio",
    "near_copies": "near copies",
}
DATA = {
    "cohort": "simulated cohort (12 patients, 19 channels, 4 s)",
    "bonn": "Bonn (1 channel, 1 s)",
    "chbmit": "CHB-MIT clips (2 patients, 23 channels, 2 s)",
    "erp": "ERP (10 subjects, 64 channels, 1 s)",
}
LOWEST_FLOOR = 0.4  # median over states; below it a test is misled, see `not_usable`
REFERENCES = {
    "fresh": "another session of the same patients; floor: a third session",
    "recordings": "recordings held out whole; floor: the others, all there is for training",
    "blocks": "later trials of the same subjects, ten trials apart; floor: all the earlier ones",
}
STAGES = {
    "windows": "real windows, nothing done (floor)",
    "mean": "through the autoencoder: the decoder's mean",
    "noise": "… and the noise that stands for what it lost",
    "spectrum": "… noise, and the mean spectrum corrected",
    "mixing": "… noise, and what channels share corrected",
    "moments": "… noise, and heavy tails as of the window itself",
    "powers": "… noise, and band powers and entropy of the window itself",
    "level": "… noise, and the windows' means corrected",
    "all_own": "… noise and all corrections, descriptors of the window itself",
    "all_drawn": "… noise and all corrections, descriptors drawn",
    "generated": "generated: latents drawn by the diffusion, too",
}

INTRODUCTION = """# How close the generator comes

Written by `benchmarks/fidelity/page.py` from what `benchmarks/fidelity/run.py` printed
(`benchmarks/results/fidelity.jsonl`).

**Earlier versions of this page gave numbers that were too good.** They compared synthetic windows
with every second window of the *training* recordings. Each of those lies between two training
windows, so that the comparison rewarded closeness to training windows, and a classifier two-sample
test with few windows could hardly see anything else. Those numbers are withdrawn. Here the
reference is never beside the training windows in time: it is {references}. The same comparison of
real with real windows is the floor.

**Tests.** *AUC, signals* is `c2st(on="windows")`, the strongest test there is here: regression on
random convolutions of the signals; *AUC, features* is a forest on features. 0.5: not told apart;
1: always told. Folds keep patients apart, real and synthetic alike; recordings where fewer than
four patients are known. An AUC near 0.5 from few windows means that the test saw nothing, not that
there is nothing to see: look at the width of its interval.

**Other columns.** *KS*, *rhythm*, *asymmetry*: Kolmogorov-Smirnov distances of twelve features,
of the regularity of rhythms, and of the direction of time. *Worst band*: log-spectral distance in
the band where it is largest. *Spikes*: share of windows in which a detector of discharges fires,
less that of real ones. *Correlation*: error of the matrix of channels. *Coverage*: share of real
windows with a synthetic one beside them. *NN ratio*: distance to the nearest training window
relative to that of real windows. *Near copies*: windows much nearer to one training window than
to any other.

Medians over seeds, {seeds}; in brackets the range over seeds, or, of a single seed, the test's own
95 % interval. Default settings, up to 480 training windows of a state, and up to 480 to compare.

![AUC by method, and after each stage of the generator](figures/fidelity.png)
"""
LOST = """## Where in the chain is it lost?

Real windows go through the fitted generator up to a stage, and are compared with the same reference
as above (cohort: fresh windows that were not in training; Bonn: the other recordings, most of which
were). AUC, signals / AUC, features / *spikes* as above. Corrections are added one at a time to the
stage with noise.

"""
EXPLAINED = """### What the autoencoder keeps

Share of the variance of real windows, at unit loudness, that the decoder's mean explains, by
frequency in Hz; below 0 it adds more than it explains. Medians over seeds.

"""
COSTS = """## What it costs

One thread; other work ran beside most of these runs, so read seconds as upper bounds.

"""


def method_lines(recorded):
    """A row for each line of a method, floors under that name."""
    rows = []
    for line in recorded:
        if "stage" not in line:
            method = "floor" if line["method"] == line["reference"] else line["method"]
            kept = {key: line[key] for key in ("data", "n_train", "state", "seed", "reference")}
            kept |= {"n_reference": line["n_reference"], "method": method}
            rows.append({**kept, **line["synthetic"]})
    return pd.DataFrame(rows)


def stage_lines(recorded):
    """A row for each line of a stage, without those of the autoencoder's explained variance."""
    rows = [
        {**{key: line[key] for key in ("data", "n_train", "state", "seed")}, "stage": line["stage"]}
        | line["synthetic"]
        for line in recorded
        if line.get("stage", "reconstruction") != "reconstruction"
    ]
    return pd.DataFrame(rows)


def wrapped(text):
    """A paragraph, or an item of a list, in lines of the width of all pages."""
    indent = "  " if text.startswith("- ") else ""
    how = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": indent}
    return fill(text, 100, **how)


# --- cells of tables ----------------------------------------------------------------------------


def area(part, column):
    """Median over seeds and their range; of a single seed, the interval of the test."""
    values = part[column]
    if not len(values):
        return "–"
    low, high = values.min(), values.max()
    if len(values) == 1:
        low, high = part[f"{column}_interval"].iloc[0]
    return f"{values.median():.2f} ({low:.2f}–{high:.2f})"


def number(values):
    median = pd.to_numeric(values).median()
    return "–" if pd.isna(median) else f"{median:.2f}"


def span(values):
    """The smallest and largest of some numbers, in words."""
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


def largest(frame):
    """Rows of the largest number of training windows of each data set."""
    return frame[frame["n_train"] == frame.groupby("data")["n_train"].transform("max")]


def in_order(frame, column, names):
    return [name for name in names if name in set(frame[column])]


# --- sections -----------------------------------------------------------------------------------


def introduction(frame):
    kinds = in_order(frame, "reference", REFERENCES)
    which = {"fresh": "another session of the same simulated patients"}
    which |= {"recordings": "recordings that were held out whole"}
    which |= {"blocks": "trials at least ten trials later"}
    counts = frame.groupby(["data", "n_train"])["seed"].nunique()
    seeds = "one" if counts.max() == 1 else f"{counts.min()} to {counts.max()}"
    if counts.min() == counts.max() > 1:
        seeds = f"{counts.max()}"
    references = " or ".join(which[kind] for kind in kinds)
    seeds = f"{seeds} for each size" if seeds != "one" else "one so far"
    text = INTRODUCTION.format(references=references, seeds=seeds)
    return "\n\n".join(map(wrapped, text.split("\n\n"))) + "\n"


def summary(frame):
    """What the largest sizes say, in sentences made of their numbers."""
    lines = []
    for data in in_order(frame, "data", DATA):
        part = largest(frame[frame["data"] == data])
        medians = part.groupby(["state", "method"])["c2st_windows"].median().unstack()
        said = [
            f"{NAMES[m]} {span(medians[m])}"
            for m in ("geneeg", "surrogate", "smote", "training", "floor")
            if m in medians and medians[m].notna().any()
        ]
        n = int(part["n_train"].iloc[0])
        lines.append(wrapped(f"- **{DATA[data]}**, {n} training windows: {'; '.join(said)}."))
    head = "## In short\n\nAUC, signals, over the states:\n\n"
    return head + "\n".join(lines) + "\n\n" + not_usable(frame) + verdict(frame) + spikes(frame)


def spikes(frame):
    """Whether discharges come out, on the cohort, which has them between seizures."""
    part = largest(frame[frame["data"] == "cohort"])
    seizures = part[(part["method"] == "geneeg") & (part["state"] == "ictal")]
    part = part[part["method"].isin(["geneeg", "floor"]) & (part["state"] != "ictal")]
    medians = part.groupby(["method", "state"])["spike_ratio"].median()
    if {"geneeg", "floor"} - set(medians.index.get_level_values("method")):
        return ""
    text = (
        "**Spikes.** Between seizures of the cohort, a detector of discharges fires in "
        f"{span(medians['geneeg'])} times as many generated windows as real ones (other real "
        f"windows: {span(medians['floor'])} times). In seizures, which have hardly any, it fires "
        f"in {100 * seizures['spike_difference'].median():.1f} more of a hundred."
    )
    return wrapped(text) + "\n\n"


def usable(frame):
    """Data sets in which real windows are not told from real ones, nor mistaken for others."""
    floor = largest(frame[frame["method"] == "floor"])
    medians = floor.groupby("data")["c2st_windows"].median()
    return [data for data in DATA if medians.get(data, 0) >= LOWEST_FLOOR]


def not_usable(frame):
    """Say of which data sets the areas cannot be read beside 0.5."""
    bad = [data for data in in_order(frame, "data", DATA) if data not in usable(frame)]
    if not bad:
        return ""
    text = (
        f"The floor of {' and '.join(bad)} lies below {LOWEST_FLOOR}: with so few recordings and "
        "patients the test mistakes one recording for another, and its areas say nothing beside "
        "0.5. They are left out of the next sentence."
    )
    return wrapped(text) + "\n\n"


def verdict(frame):
    """How many states of generated windows are told, by the test's own interval and the floor's."""
    told, asked = 0, 0
    part = largest(frame[frame["data"].isin(usable(frame))])
    for _, own in part[part["method"].isin(["geneeg", "floor"])].groupby(["data", "state", "seed"]):
        by = own.set_index("method")["c2st_windows_interval"]
        if {"geneeg", "floor"} <= set(by.index):
            asked += 1
            told += by["geneeg"][0] > max(0.5, by["floor"][1])
    if not asked:
        return ""
    text = (
        f"In {told} of {asked} comparisons (data set, state and seed, largest size) the interval "
        "of generated windows lies above 0.5 and above that of the floor: they are told from real "
        "ones."
    )
    return wrapped(text) + "\n\n"


def by_recording(frame):
    """Why folds keep patients apart: what the floor is if they do not."""
    floor = largest(frame[(frame["method"] == "floor") & (frame["data"] == "cohort")])
    if floor.empty:
        return ""
    medians = floor.groupby("state")[
        ["c2st_windows", "c2st_features", "c2st_windows_by_recording", "c2st_features_by_recording"]
    ].median()
    signals, features, signals_by, features_by = (span(medians[c]) for c in medians)
    text = (
        "With folds that keep only recordings apart, fresh windows of the cohort are at "
        f"{signals_by} (signals) and {features_by} (features) instead of {signals} and {features}: "
        "the test then mistakes one recording of a patient for another."
    )
    return wrapped(text) + "\n"


def tables(frame):
    """A table for each data set: all measures at its largest size, and the AUC at the others."""
    parts = []
    for data in in_order(frame, "data", DATA):
        own = frame[frame["data"] == data]
        top = largest(own)
        of = f"{int(top['n_train'].iloc[0])} training windows of each state"
        compared = span_of_counts(top["n_reference"])
        head = ["state", "windows", "AUC, signals", "AUC, features", *COLUMNS.values()]
        rows = []
        for state in sorted(own["state"].unique()):
            for method in in_order(top, "method", NAMES):
                cell = top[(top["state"] == state) & (top["method"] == method)]
                areas = [area(cell, f"c2st_{on}") for on in ("windows", "features")]
                others = [number(cell[c]) if c in cell else "–" for c in COLUMNS]
                rows.append([state, NAMES[method], *areas, *others])
        reference = f"Reference: {REFERENCES[top['reference'].iloc[0]]}"
        text = (
            f"## {DATA[data]}\n\n{reference}; {compared} windows of a state. {of.capitalize()}.\n\n"
        )
        parts.append(text + markdown_table(head, rows) + by_size(own))
    return "\n".join(parts)


def span_of_counts(counts):
    low, high = int(counts.min()), int(counts.max())
    return f"{low}" if low == high else f"{low} to {high}"


def by_size(own):
    """AUC on signals of the smaller numbers of training windows."""
    sizes = sorted(own["n_train"].unique())
    if len(sizes) == 1:
        return ""
    head = ["AUC, signals", *(f"{n} windows" for n in sizes)]
    rows = []
    for state in sorted(own["state"].unique()):
        for method in in_order(own, "method", NAMES):
            if method != "floor":
                mine = own[(own["state"] == state) & (own["method"] == method)]
                cells = [area(mine[mine["n_train"] == n], "c2st_windows") for n in sizes]
                rows.append([f"{state}, {NAMES[method]}", *cells])
    return "\n" + markdown_table(head, rows)


def lost(frame, recorded):
    """AUC after each stage."""
    if frame.empty:
        return ""
    parts = []
    for data in in_order(frame, "data", DATA):
        own = frame[frame["data"] == data]
        states = sorted(own["state"].unique())
        rows = []
        for stage in in_order(own, "stage", STAGES):
            cells = []
            for state in states:
                cell = own[(own["stage"] == stage) & (own["state"] == state)]
                shown = ("c2st_windows", "c2st_features", "spike_difference")
                cells.append(" / ".join(number(cell[name]) for name in shown))
            rows.append([STAGES[stage], *cells])
        seeds = own["seed"].nunique()
        of = f"{DATA[data]}, medians over {seeds} seeds" if seeds > 1 else f"{DATA[data]}, one seed"
        parts.append(f"### {of}\n\n" + markdown_table(["stage", *states], rows) + chain(own))
    return LOST + "\n".join(parts) + "\n" + reconstruction(recorded)


def chain(own):
    """The way from real to generated windows in one sentence of medians over states and seeds."""
    at = own.groupby("stage")["c2st_windows"].median()
    if not {"windows", "mean", "noise", "all_own", "all_drawn", "generated"} <= set(at.index):
        return ""
    text = (
        f"Median AUC on signals: real {at['windows']:.2f}, mean decode {at['mean']:.2f}, with "
        f"noise {at['noise']:.2f}, all corrections with the windows' own descriptors "
        f"{at['all_own']:.2f}, with drawn ones {at['all_drawn']:.2f}, generated "
        f"{at['generated']:.2f}."
    )
    return "\n" + wrapped(text) + "\n"


PARTS = {
    "spectrum": "mean spectrum of the state",
    "mixing": "what channels share",
    "moments": "heavy tails of each window",
    "powers": "band powers and entropy of each window",
    "level": "means of the windows",
}
ABLATED = """## What each part does

The AUC of generated windows without a part of the generator, minus that with it: above 0, the part
makes windows harder to tell from real ones. 480 training windows of a state. Corrections are
learned again without what is left out, on the same networks. *Spikes*: the same for how far the
share of windows with a discharge is from that of real ones. Medians over seeds and states, and the
range. None of these looks at a window's mean, which is what *level* is for.
"""
VARIED = """## Variations of real windows

`vary` toward another patient: training windows of eleven patients of the cohort are moved to the
twelfth, and compared with fresh windows of that patient, as above. *Strength* is the share of the
latents' variance that is new; with 0, windows are filtered and nothing else. Medians over seeds,
and the range.

"""


def ablation(recorded):
    """What is worse without each part of the generator, and without some together."""
    if not recorded:
        return ""
    frame = pd.DataFrame(recorded)
    for on in ("signals", "features"):
        column = f"c2st_{on}".replace("signals", "windows")
        frame[on] = [scores[column] for scores in frame["synthetic"]]
    frame["spikes"] = [abs(scores["spike_difference"]) for scores in frame["synthetic"]]
    sections = []
    for data in in_order(frame, "data", DATA):
        own = frame[frame["data"] == data].set_index(["seed", "state", "left_out"])
        worse = {}
        for on in ("signals", "features", "spikes"):
            wide = own[on].unstack("left_out")
            worse[on] = wide.drop(columns="").sub(wide[""], axis=0)
        rows = []
        for part in sorted(worse["signals"], key=lambda names: (names.count("+"), names)):
            signals, features, spikes = (worse[on][part].dropna() for on in worse)
            fewer = f"{int((signals > 0).sum())} of {len(signals)}"
            rows.append([left_out(part), change(signals), fewer, change(features), change(spikes)])
        head = ["left out", "AUC on signals, change", "higher without"]
        head += ["AUC on features, change", "spikes, change"]
        sections.append(f"### {DATA[data]}\n\n{markdown_table(head, rows)}")
    return "\n".join([ABLATED, *sections])


def left_out(part):
    names = part.split("+")
    return f"{part}: {PARTS[part]}" if len(names) == 1 else ", ".join(names)


def change(values):
    return f"{values.median():+.2f} ({values.min():+.2f} to {values.max():+.2f})"


def variations(recorded):
    """How alike variations are, and how near to training windows, by strength."""
    if not recorded:
        return ""
    frame = pd.DataFrame([line | line["synthetic"] for line in recorded])
    rows = []
    for (state, strength), own in frame.groupby(["state", "strength"]):
        areas = [area(own, f"c2st_{on}") for on in ("windows", "features")]
        others = [number(own[name]) for name in ("spike_difference", "nn_ratio", "near_copies")]
        rows.append([state, f"{strength:g}", *areas, *others])
    head = ["state", "strength", "AUC, signals", "AUC, features", "spikes", "NN ratio"]
    head += ["near copies"]
    return VARIED + markdown_table(head, rows)


def reconstruction(recorded):
    rows = [
        {"data": line["data"], "state": line["state"], **line["explained"]}
        for line in recorded
        if line.get("stage") == "reconstruction"
    ]
    if not rows:
        return ""
    medians = pd.DataFrame(rows).groupby(["data", "state"], sort=False).median()
    cells = [[*key, *(number(pd.Series([v])) for v in row)] for key, row in medians.T.items()]
    return EXPLAINED + markdown_table(["data", "state", *medians.columns], cells)


def costs(recorded):
    columns = {
        "fit_cpu_s": "fit, processor seconds",
        "windows_per_s": "windows a second",
        "gflop_per_window": "GFLOP a window",
    }
    rows = [{"data": x["data"], "n": x["n_train"], **x["cost"]} for x in recorded if x.get("cost")]
    if not rows:
        return ""
    medians = pd.DataFrame(rows).groupby(["data", "n"])[list(columns)].median()
    cells = [[*key, *(f"{v:.3g}" for v in row)] for key, row in medians.T.items()]
    return COSTS + markdown_table(["data", "windows of a state", *columns.values()], cells)


def speed(recorded):
    """The last line of the speed benchmark."""
    if not recorded:
        return ""
    text = (
        "1,000 windows of 16 channels and 1,024 samples on {threads} threads "
        "(`benchmarks/generator_speed.py`): fit {fit_s:.0f} s, {peak_mb:.0f} MB beyond the data, "
        "{windows_per_s:.0f} windows a second.".format(**recorded[-1])
    )
    return "\n" + wrapped(text) + "\n"


# --- figure -------------------------------------------------------------------------------------


def figure(frame, by_stage):
    """AUC of all methods at the largest size, and of the stages of the cohort."""
    n_panels = 2 if by_stage.empty else 3
    drawing, axes = plt.subplots(1, n_panels, figsize=(4.4 * n_panels, 4.6), layout="constrained")
    top = largest(frame)
    labels = [
        (data, state)
        for data in in_order(top, "data", DATA)
        for state in sorted(top[top["data"] == data]["state"].unique())
    ]
    for ax, on in zip(axes, ("windows", "features")):
        for k, method in enumerate(in_order(top, "method", NAMES)):
            for i, (data, state) in enumerate(labels):
                cell = top[(top[["data", "state", "method"]] == [data, state, method]).all(axis=1)]
                values = cell[f"c2st_{on}"]
                if len(values):
                    at = i + 0.14 * (k - 2)
                    ax.plot([at, at], [values.min(), values.max()], color=f"C{k}", lw=1)
                    name = NAMES[method] if i == 0 else None
                    ax.plot(at, values.median(), "osd^v"[k], color=f"C{k}", ms=5, label=name)
        ax.set_xticks(
            range(len(labels)), map(" ".join, labels), fontsize=8, rotation=60, ha="right"
        )
        title = "told apart by " + ("signals" if on == "windows" else "features")
        ax.set_title(title, fontsize=10)
    if n_panels == 3:
        stages(axes[2], by_stage)
    for ax in axes:
        ax.axhline(0.5, color="0.6", lw=0.8)
        ax.set_ylim(0, 1.05)
    axes[0].set_ylabel("AUC")
    axes[0].legend(fontsize=7, loc="lower left")
    FIGURE.parent.mkdir(exist_ok=True)
    drawing.savefig(FIGURE, dpi=110)


def stages(ax, by_stage):
    """AUC on signals after each stage, a line for each state of the first data set."""
    data = in_order(by_stage, "data", DATA)[0]
    own = by_stage[by_stage["data"] == data]
    shown = in_order(own, "stage", STAGES)
    for state, part in own.groupby("state"):
        medians = part.groupby("stage")["c2st_windows"].median().reindex(shown)
        ax.plot(np.arange(len(shown)), medians, "o-", ms=4, lw=1, label=state)
    ax.set_xticks(range(len(shown)), [s.replace("_", " ") for s in shown], fontsize=8)
    ax.tick_params(axis="x", rotation=60)
    ax.set_title(f"after each stage, signals, {data}", fontsize=10)
    ax.legend(fontsize=7, loc="lower right")


def main():
    recorded = read(RESULTS)
    frame, by_stage = method_lines(recorded), stage_lines(recorded)
    sections = [
        introduction(frame),
        summary(frame) + by_recording(frame),
        lost(by_stage, recorded),
        ablation(read(ABLATION)),
        variations(read(VARIATIONS)),
        tables(frame),
        costs(recorded) + speed(read(SPEED)),
    ]
    PAGE.write_text("\n".join(section for section in sections if section), encoding="utf-8")
    figure(frame, by_stage)
    print(f"Wrote {PAGE} and {FIGURE}")


if __name__ == "__main__":
    main()
