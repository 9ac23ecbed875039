"""Draw docs/figures/overview.png, the picture of the README; training takes some minutes.

Left, 4 s of a seizure and 4 s that the generator made for the same patient. Nobody picked them: the
patient is the first of a simulated cohort, the generator has default settings and was trained on
the whole cohort. As many seizure windows are generated as the patient has, and of both kinds the
one of median loudness (root mean square over channels and time) is drawn, on one scale.

Right, what methods are worth when seizures of two patients are known: lines of the final run in
benchmarks/results/unseen_patients.jsonl, which docs/results/unseen_patients.md explains.

python -m benchmarks.overview
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.json_lines import read
from benchmarks.unseen_patients.cohorts import FEW
from benchmarks.unseen_patients.page import DOCS, KEY, curve
from benchmarks.unseen_patients.run import RESULTS
from benchmarks.unseen_patients.worth import SCORES, mean, read_off, require_control, table
from geneeg_sk.datasets import make_eeg_cohort
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.inspection import TracesDisplay
from geneeg_sk.inspection._style import BLUE, GREEN, ORANGE, PURPLE, VERMILLION, hide_spines

FIGURE = DOCS / "figures" / "overview.png"
PATIENT = "P01"
# GitHub shows 880 pixels; twice as many for sharp screens.
SIZE, DPI = (11, 5), 160
# Method, its name, marker and color, and where its name stands: points right of and above it.
POINTS = [
    ("adasyn", "ADASYN", "^", ORANGE, (20, -10)),
    ("smote", "SMOTE", "D", PURPLE, (20, -15)),
    ("surrogate", "Fourier surrogates", "v", GREEN, (20, -16)),
    ("scaled+augment+twice", "recipe without generator", "s", BLUE, (-9, 8)),
    ("scaled+augment+virtual+blend", "recipe", "*", VERMILLION, (-9, 8)),
]


def main():
    cohort = make_eeg_cohort(n_patients=8, sfreq=128, random_state=0)
    generator = LatentDiffusionGenerator(random_state=0, verbose=1)
    generator.fit(cohort.X, cohort.y, groups=cohort.groups)
    draw(cohort, generator).savefig(FIGURE, dpi=DPI)
    print(f"Wrote {FIGURE}")


def draw(cohort, generator):
    figure = Figure(figsize=SIZE, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.75, 1))
    draw_seizures(left.subplots(1, 2, sharey=True), cohort, generator)
    draw_worth(right.subplots())
    return figure


def draw_seizures(axes, cohort, generator):
    real = cohort.X[(cohort.groups == PATIENT) & (cohort.y == "ictal")]
    synthetic = generator.sample(["ictal"] * len(real), groups=[PATIENT] * len(real))
    TracesDisplay.from_windows(
        of_median_loudness(real),
        of_median_loudness(synthetic),
        sfreq=cohort.sfreq,
        ch_names=cohort.info.ch_names,
        ax=axes,
    )
    axes[0].set_title("seizure of a simulated patient")
    axes[1].set_title("synthetic, for the same patient")
    for ax in axes:
        ax.set_xlabel("seconds (average reference, positive up)")
        ax.set_xticks(range(5))
        ax.grid(axis="x", color="0.85", lw=0.6)


def of_median_loudness(windows):
    """One window; of an even number, the louder of the two in the middle."""
    loudness = np.sqrt(np.mean(np.square(windows, dtype=float), axis=(1, 2)))
    return windows[np.argsort(loudness)[[len(windows) // 2]]]


def draw_worth(ax):
    frame = pd.DataFrame(read(RESULTS)).drop_duplicates(KEY, keep="last")
    final = frame[frame["split"] == "final"]
    require_control(final.to_dict("records"), "final")
    few = final[(final["data"] == "cohort") & (final["regime"] == "few")]
    scores = table(few.to_dict("records"), SCORES[0])
    curve(ax, scores)
    ns = sorted(n for method, n in scores if method == "none")
    means = [mean(scores["none", n]) for n in ns]
    for method, name, marker, color, offset in POINTS:
        score = mean(scores[method, FEW])
        place = read_off(score, ns, means), score
        size = 13 if marker == "*" else 7
        ax.plot(*place, marker, color=color, ms=size, zorder=3, clip_on=False)
        side = "left" if offset[0] > 0 else "right"
        line = {"arrowstyle": "-", "color": color, "lw": 0.8, "relpos": (side == "right", 0.5)}
        ax.annotate(
            name, place, offset, textcoords="offset points", ha=side, va="center", arrowprops=line
        )
    ax.annotate("no augmentation", (ns[2], means[2]), (5, -12), textcoords="offset points")
    ax.text(
        *(1, 0.01, "shaded: 95 % interval of the curve"),
        transform=ax.transAxes,
        ha="right",
        fontsize="small",
    )
    ax.set_title("trained with seizures of two patients")
    ax.set_xlabel("real patients with seizures")
    ax.set_ylabel("average precision of seizures, patients never seen")
    hide_spines(ax)


if __name__ == "__main__":
    main()
