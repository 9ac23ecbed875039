"""Write docs/fidelity.md and its figure from what the fidelity and speed benchmarks printed.

python benchmarks/fidelity_page.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from json_lines import read
from markdown_tables import markdown_table

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "fidelity.jsonl"
SPEED = HERE / "results" / "generator_speed.jsonl"
PAGE = HERE.parent / "docs" / "fidelity.md"
FIGURE = HERE.parent / "docs" / "figures" / "fidelity.png"

COLUMNS = {
    "ks_mean": "KS",
    "lsd_db": "LSD, dB",
    "c2st_features": "AUC, features",
    "c2st_raw": "AUC, signals",
    "correlation_error": "correlation",
    "coherence_error": "coherence",
    "nn_ratio": "NN ratio",
    "near_copies": "near copies",
    "coverage": "coverage",
}
NAMES = {"geneeg": "generator", "surrogate": "Fourier surrogates", "smote": "SMOTE"}
NAMES |= {"vae_prior": "autoencoder's prior", "mean_decode": "mean decode", "floor": "real (floor)"}

INTRODUCTION = """# How close the generator comes

What `benchmarks/fidelity.py` printed (`benchmarks/results/fidelity.jsonl`); this page is written
from it by `benchmarks/fidelity_page.py`. Windows are compared with held-out windows of the same
recordings (every second window of a recording is held out), and so are the training windows
themselves: that is the floor. Medians over seeds, default settings. The generator was designed on
the splits of seed 0; those of seeds 1 and 2 are other draws from the same recordings.

KS is the mean Kolmogorov-Smirnov distance of twelve features; LSD the log-spectral distance; AUC
that of a forest on features and of a small network on the signals, which tell synthetic windows
from real ones (0.5: they cannot; below: training windows lie beside the held-out ones in time, and
look like those of the recording on trial). Correlation and coherence are the errors of the matrices
of channels. NN ratio is the distance to the nearest training window relative to that of held-out
windows, near copies the share of windows nearer to one training window than to any other by a
factor of three, coverage the share of real windows that have a synthetic one beside them.

![AUC of a forest and of a network that tell synthetic windows from real ones](figures/fidelity.png)
"""


def table(recorded):
    """Medians over seeds, a row for each data set, size, state and method, floors among them."""
    rows = []
    for line in recorded:
        key = {name: line[name] for name in ("data", "n_train", "state", "seed")}
        rows.append({**key, "method": line["method"], **line["synthetic"]})
        if line["method"] == "geneeg":
            rows.append({**key, "method": "floor", **line["floor"]})
    frame = pd.DataFrame(rows)
    frame = frame[frame.method.isin(NAMES)].copy()
    frame["method"] = pd.Categorical(frame.method, list(NAMES), ordered=True)
    keys = ["data", "n_train", "state", "method"]
    grouped = frame.groupby(keys, observed=True)
    medians = grouped[list(COLUMNS)].median()
    medians.insert(0, "seeds", grouped.size())
    return medians


def scores(medians):
    """One table for each data set and size."""
    parts = []
    for (data, n_train), part in medians.groupby(level=["data", "n_train"]):
        head = ["state", "windows", *COLUMNS.values()]
        rows = []
        for (_, _, state, method), row in part.iterrows():
            cells = ["–" if pd.isna(row[c]) else f"{row[c]:.2f}" for c in COLUMNS]
            rows.append([state, NAMES[method], *cells])
        seeds = int(part["seeds"].max())
        of = "1 seed" if seeds == 1 else f"{seeds} seeds"
        title = f"## {data}, {n_train} training windows of each state, {of}"
        parts.append(title + "\n\n" + markdown_table(head, rows))
    return "\n".join(parts)


def figure(medians):
    """AUC of generator, surrogates and floor at the largest size of each data set."""
    largest = medians.groupby(level="data").apply(
        lambda part: part[part.index.get_level_values("n_train") == _largest(part)].droplevel(0)
    )
    shown = {"geneeg": "#0072B2", "surrogate": "#E69F00", "floor": "#009E73"}
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    for ax, column in zip(axes, ("c2st_features", "c2st_raw")):
        wide = largest[column].unstack("method")
        labels = [f"{data} {state}" for data, _, state in wide.index]
        for k, (method, colour) in enumerate(shown.items()):
            at = [i + 0.2 * (k - 1) for i in range(len(wide))]
            ax.plot(at, wide[method], "os^"[k], color=colour, label=NAMES[method])
        ax.axhline(0.5, color="0.6", lw=0.8)
        ax.set_xticks(range(len(wide)), labels, fontsize=8, rotation=60, ha="right")
        ax.set_title(COLUMNS[column].replace("AUC, ", "told apart by "), fontsize=10)
    axes[0].set(ylabel="AUC", ylim=(0, 1.05))
    axes[0].legend(fontsize=8)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=110)


def _largest(part):
    return part.index.get_level_values("n_train").max()


def bars(recorded):
    """What was asked of the generator, and what came of it: medians over seeds, worst state."""
    ours = [line for line in recorded if line["method"] == "geneeg"]
    frame = pd.DataFrame([_measured(line) for line in ours])
    keys = ["data", "n_train", "state"]
    return frame.groupby(keys).median(numeric_only=True)


def _measured(line):
    made, floor, how = line["synthetic"], line["floor"], line["conditioning"]
    state = line["state"]
    measured = {name: line[name] for name in ("data", "n_train", "state")}
    measured |= {name: made[name] for name in ("c2st_features", "c2st_raw", "nn_ratio")}
    for name in ("ks_mean", "lsd_db", "correlation_error", "coherence_error", "coverage"):
        if name in made:
            measured[name] = made[name] / floor[name]
    measured["worst_band_db"] = max(made["lsd_bands_db"].values())
    measured["more_copies"] = made["near_copies"] - floor["near_copies"]
    measured["f1_lost"] = how["f1_train_real"] - how["f1_train_synthetic"]
    if f"patient_real_{state}" in how:
        real = max(how[f"patient_real_{state}"], 1e-9)
        measured["patient"] = how[f"patient_synthetic_{state}"] / real
    return measured


BARS = {  # name: (what it is, the bar, whether smaller is better)
    "ks_mean": ("mean KS / floor", 1.3, True),
    "c2st_features": ("AUC, features", 0.65, True),
    "c2st_raw": ("AUC, signals", 0.75, True),
    "lsd_db": ("LSD / floor", 1.5, True),
    "worst_band_db": ("worst band, dB", 2.0, True),
    "correlation_error": ("correlation error / floor", 1.5, True),
    "coherence_error": ("coherence error / floor", 1.5, True),
    "f1_lost": ("macro F1 lost by training on synthetic windows", 0.02, True),
    "nn_ratio": ("NN ratio", 0.9, False),
    "more_copies": ("near copies beyond the floor", 0.01, True),
    "coverage": ("coverage / floor", 0.8, False),
    "patient": ("patient recovered / of real windows", 0.8, False),
}
SPEED_BARS = {
    "fit_s": ("fit, s", 240, True),
    "peak_mb": ("memory of the fit beyond the data, MB", 2048, True),
    "windows_per_s": ("windows a second", 300, False),
    "gflop_per_window": ("GFLOP a window", 0.5, True),
}
OF_FEATURES = {100: 0.75, 20: 0.85}  # the bar of the AUC on features with fewer windows


def verdicts(medians):
    """A table of the bars at the largest size, and of the AUC on features below it."""
    parts = []
    for data in ("bonn", "cohort"):
        if data not in medians.index.get_level_values("data"):
            continue
        part = medians.loc[data]
        n_train = part.index.get_level_values("n_train").max()
        largest = part.loc[n_train]
        head = ["", "bar", *largest.index]
        rows = []
        for name, (what, bar, small) in BARS.items():
            if name in largest and largest[name].notna().all():
                cells = [_judged(value, bar, small) for value in largest[name]]
                sign = "≤" if small else "≥"
                rows.append([what, f"{sign} {bar}", *cells])
        for n, bar in OF_FEATURES.items():
            if n in part.index.get_level_values("n_train"):
                cells = [_judged(value, bar, True) for value in part.loc[n]["c2st_features"]]
                what = f"AUC, features, {n} windows"
                rows.append([what, f"≤ {bar}", *cells])
        title = f"### {data}, {n_train} windows of each state"
        parts.append(title + "\n\n" + markdown_table(head, rows))
    return VERDICTS + "\n".join(parts)


def _judged(value, bar, small):
    reached = value <= bar if small else value >= bar
    return f"{value:.2f}" if reached else f"**{value:.2f}**"


def costs(recorded):
    """What fitting and sampling cost, medians over seeds at the largest size."""
    ours = [line for line in recorded if line["method"] == "geneeg" and line["cost"]]
    columns = {
        "fit_s": "fit, s",
        "windows_per_s": "windows/s",
        "gflop_per_window": "GFLOP/window",
        "gemm_gflops": "GEMM, GFLOP/s",
        "threads": "threads",
        "peak_mb": "fit, MB",
    }
    frame = pd.DataFrame([{"data": x["data"], "n": x["n_train"], **x["cost"]} for x in ours])
    medians = frame.groupby(["data", "n"])[list(columns)].median()
    head = ["data", "windows of a state", *columns.values()]
    rows = []
    for (data, n), row in medians.iterrows():
        rows.append([data, n, *("–" if pd.isna(v) else f"{v:.3g}" for v in row)])
    return COSTS + markdown_table(head, rows)


def speed(recorded):
    """The last line of the speed benchmark, beside what was asked."""
    if not recorded:
        return ""
    cost = recorded[-1]
    rows = []
    for name, (what, bar, small) in SPEED_BARS.items():
        sign = "≤" if small else "≥"
        rows.append([what, f"{sign} {bar}", _judged(cost[name], bar, small)])
    where = "{threads} threads, {gemm_gflops:.0f} GFLOP/s in matrix products.\n\n"
    return SPEEDS + where.format(**cost) + markdown_table(["", "bar", "measured"], rows)


def beyond(recorded):
    """Statistics that phase randomisation destroys: KS distances, medians over seeds and states."""
    names = {"geneeg": "generator", "surrogate": "Fourier surrogates"}
    rows = []
    for line in recorded:
        if line["method"] in names:
            key = {"data": line["data"], "n": line["n_train"], "windows": names[line["method"]]}
            rows.append({**key, **line["synthetic"]["beyond_spectrum"]})
    medians = pd.DataFrame(rows).groupby(["data", "n", "windows"]).median(numeric_only=True)
    head = ["data", "windows of a state", "windows", *(c.replace("_", " ") for c in medians)]
    rows = []
    for (data, n, windows), row in medians.iterrows():
        cells = ["–" if pd.isna(v) else f"{v:.3f}" for v in row]
        rows.append([data, n, windows, *cells])
    return BEYOND + markdown_table(head, rows)


def ablations(recorded):
    """The whole model and what is left out or changed: means over states."""
    changed = [line for line in recorded if "=" in line["method"] or "without" in line["method"]]
    names = ("data", "n_train", "seed")
    keys = dict.fromkeys(tuple(line[name] for name in names) for line in changed)
    parts = []
    for key in keys:
        of_run = [line for line in recorded if tuple(line[name] for name in names) == key]
        shown = [x for x in of_run if x in changed or x["method"] in ("geneeg", "mean_decode")]
        where = "### {}, {} windows of each state, seed {}".format(*key)
        parts.append(where + "\n\n" + ablation_table(shown))
    return ABLATIONS + "\n".join(parts) if parts else ""


def ablation_table(shown):
    """One run: a row for each method."""
    columns = ["ks_mean", "lsd_db", "c2st_features", "c2st_raw", "nn_ratio", "coverage"]
    rows = [{"method": line["method"], **line["synthetic"]} for line in shown]
    means = pd.DataFrame(rows).groupby("method", sort=False)[columns].mean()
    named = [
        ["as it is" if method == "geneeg" else method.replace("_", " "), *row]
        for method, row in zip(means.index, means.map("{:.3f}".format).to_numpy().tolist())
    ]
    return markdown_table(["model", *(COLUMNS[c] for c in columns)], named)


VERDICTS = """## Against what was asked of it

Medians over seeds; in bold what misses its bar. Floors come from windows that lie between the
training windows in time: two sets of independent real windows would be farther apart.

"""
COSTS = """## What it costs

Default settings. GEMM is the machine's own rate of float32 matrix products, one thread or two, in
the same run: other work went on beside these runs, so read times as upper bounds.

"""
SPEEDS = """## What a thousand windows cost

`benchmarks/generator_speed.py`: 1,000 windows of 16 channels and 1,024 samples, default settings,
nothing else running. """
BEYOND = """## What surrogates destroy

Kolmogorov-Smirnov distances to held-out windows, medians over seeds and states.

"""
ABLATIONS = """## Parts left out or changed

Means over states. One seed: differences of 0.02 are noise. Windows of one channel have nothing to
rotate, and four latent channels whatever is asked for: rotation and latent size can be judged on
data of several channels only (`--ablations --data cohort`).

"""


if __name__ == "__main__":
    lines = read(RESULTS)
    medians = table(lines)
    tables = [
        verdicts(bars(lines)),
        scores(medians),
        beyond(lines),
        ablations(lines),
        costs(lines),
        speed(read(SPEED)),
    ]
    PAGE.write_text(INTRODUCTION + "\n" + "\n".join(part for part in tables if part))
    figure(medians)
    print(f"Wrote {PAGE} and {FIGURE}")
