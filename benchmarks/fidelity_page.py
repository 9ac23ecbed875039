"""Write docs/fidelity.md and its figure from what the fidelity benchmark printed.

python benchmarks/fidelity_page.py
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "fidelity.jsonl"
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
themselves: that is the floor. Medians over seeds, default settings.

KS is the mean Kolmogorov-Smirnov distance of twelve features; LSD the log-spectral distance; AUC
that of a forest on features and of a small network on the signals, which tell synthetic windows
from real ones (0.5: they cannot; below: training windows lie beside the held-out ones in time, and
look like those of the recording on trial). Correlation and coherence are the errors of the matrices
of channels. NN ratio is the distance to the nearest training window relative to that of held-out
windows, near copies the share of windows nearer to one training window than to any other by a
factor of three, coverage the share of real windows that have a synthetic one beside them.

![AUC of a forest and of a network that tell synthetic windows from real ones](figures/fidelity.png)
"""


def table():
    """Medians over seeds, a row for each data set, size, state and method, floors among them."""
    rows = []
    for line in map(json.loads, RESULTS.read_text().splitlines()):
        key = {name: line[name] for name in ("data", "n_train", "state", "seed")}
        rows.append({**key, "method": line["method"], **line["synthetic"]})
        if line["method"] == "geneeg":
            rows.append({**key, "method": "floor", **line["floor"]})
    frame = pd.DataFrame(rows)
    frame = frame[frame.method.isin(NAMES)]
    frame["method"] = pd.Categorical(frame.method, list(NAMES), ordered=True)
    keys = ["data", "n_train", "state", "method"]
    grouped = frame.groupby(keys, observed=True)
    medians = grouped[list(COLUMNS)].median()
    medians.insert(0, "seeds", grouped.size())
    return medians


def markdown(medians):
    """One table for each data set and size."""
    parts = []
    for (data, n_train), part in medians.groupby(level=["data", "n_train"]):
        head = ["state", "windows", *COLUMNS.values()]
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        for (_, _, state, method), row in part.iterrows():
            cells = ["–" if pd.isna(row[c]) else f"{row[c]:.2f}" for c in COLUMNS]
            lines.append("| " + " | ".join([state, NAMES[method], *cells]) + " |")
        seeds = int(part["seeds"].max())
        of = "1 seed" if seeds == 1 else f"{seeds} seeds"
        title = f"## {data}, {n_train} training windows of each state, {of}"
        parts.append(title + "\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def figure(medians):
    """AUC of generator, surrogates and floor at the largest size of each data set."""
    largest = medians.groupby(level="data").apply(
        lambda part: part[part.index.get_level_values("n_train") == _largest(part)].droplevel(0)
    )
    shown = {"geneeg": "#0072B2", "surrogate": "#E69F00", "floor": "#009E73"}
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    for ax, column in zip(axes, ("c2st_features", "c2st_raw")):
        wide = largest[column].unstack("method")
        labels = [f"{data}\n{state}" for data, _, state in wide.index]
        for k, (method, colour) in enumerate(shown.items()):
            at = [i + 0.2 * (k - 1) for i in range(len(wide))]
            ax.plot(at, wide[method], "os^"[k], color=colour, label=NAMES[method])
        ax.axhline(0.5, color="0.6", lw=0.8)
        ax.set_xticks(range(len(wide)), labels, fontsize=7)
        ax.set_title(COLUMNS[column].replace("AUC, ", "told apart by "), fontsize=10)
    axes[0].set(ylabel="AUC", ylim=(0, 1.05))
    axes[0].legend(fontsize=8)
    FIGURE.parent.mkdir(exist_ok=True)
    figure.savefig(FIGURE, dpi=110)


def _largest(part):
    return part.index.get_level_values("n_train").max()


if __name__ == "__main__":
    medians = table()
    PAGE.write_text(INTRODUCTION + "\n" + markdown(medians))
    figure(medians)
    print(f"Wrote {PAGE} and {FIGURE}")
