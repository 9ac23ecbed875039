"""Page, picture and the package's table of what can be seen with how many windows.

python -m benchmarks.sensitivity.page
"""

import json
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

from benchmarks.json_lines import read
from benchmarks.markdown_tables import markdown_table
from benchmarks.sensitivity.run import (
    LARGE,
    N_CHECK,
    N_CHECK_LARGE,
    N_INTERVAL,
    N_INTERVAL_LARGE,
    N_REPEATS,
    N_REPEATS_LARGE,
    RESULTS,
)

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "results" / "sensitivity.md"
FIGURE = ROOT / "docs" / "figures" / "sensitivity.png"
TABLE = ROOT / "geneeg_sk" / "metrics" / "power.json"
SHIPPED = ("c2st_features", "c2st_windows")  # whose results say what they could have seen
SEEN, SURELY = 0.8, 0.9
MOST_FALSE_ALARMS = 0.1

WHAT = {
    "phases_randomized": "phases randomized (share of a half turn)",
    "fast_phases_randomized": "phases above 8 Hz randomized (share of a half turn)",
    "rhythm_irregular": "rhythm made irregular (s)",
    "sharp_waves_clipped": "sharp waves clipped (at so many standard deviations)",
    "spikes_removed": "spikes removed (share), preictal windows",
    "alpha_louder": "alpha too strong (dB)",
    "channels_mixed": "channels mixed (share)",
    "ends_quiet": "ends too quiet (share)",
    "amplitudes_alike": "amplitudes alike (spread over what it was)",
    "copies_of_training": "copies of training windows (share)",
    "patients_missing": "patients missing (share)",
    "other_patients": "other patients' windows (share)",
}


def main():
    table = pd.DataFrame(read(RESULTS))
    TABLE.write_text(json.dumps(shipped(table), indent=1) + "\n")
    draw(table)
    PAGE.write_text(page(table))


def shipped(table):
    """The faintest strength of each damage that the two-sample tests see, by number of windows."""
    found = {"cohort": {}, "bonn": {}}
    chosen = table[table["measure"].isin(SHIPPED)]
    for (data, measure, n), part in chosen.groupby(["data", "measure", "n"]):
        seen = {}
        for damage, cell in part.groupby("damage", sort=False):
            # From the strongest down, as far as it is seen throughout.
            for _, row in from_strongest(cell).iterrows():
                if row["power"] < SEEN:
                    break
                seen[damage] = row["strength"]
        found[data].setdefault(measure, {})[str(n)] = seen
    return found


def from_strongest(cell):
    """The rows of one damage, the strongest first: the lines are written from faint to strong."""
    return cell.iloc[::-1]


def strongest(table):
    """The rows of the largest strength of each damage."""
    return table.groupby(["data", "measure", "damage", "n"], sort=False).tail(1)


def draw(table):
    """Power of every measure for every damage at its largest strength, a panel for each n."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    top = strongest(table[table["data"] == "cohort"])
    sizes = sorted(top["n"].unique())
    measures = order(top)
    damages = [damage for damage in WHAT if damage in set(top["damage"])]
    figure, axes = plt.subplots(
        1, len(sizes), figsize=(3 + 4.2 * len(sizes), 9.5), sharey=True, layout="constrained"
    )
    for ax, n in zip(np.atleast_1d(axes), sizes):
        power = top[top["n"] == n].pivot(index="measure", columns="damage", values="power")
        power = power.reindex(index=measures, columns=damages)
        image = ax.imshow(power, vmin=0, vmax=1, cmap="cividis", aspect="auto")
        for (row, column), value in np.ndenumerate(power.to_numpy()):
            if np.isfinite(value):
                color = "black" if value > 0.6 else "white"
                ax.text(column, row, f"{value:.1f}", ha="center", va="center", color=color, size=7)
        ax.set_title(f"{n} windows")
        ax.set_xticks(range(len(damages)), [d.replace("_", " ") for d in damages], rotation=90)
    first = np.atleast_1d(axes)[0]
    first.set_yticks(range(len(measures)), measures)
    figure.colorbar(image, ax=axes, label="power: share of damaged sets that are noticed")
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURE, dpi=90)


def order(top):
    """Measures, those that see most first."""
    return list(top.groupby("measure")["power"].mean().sort_values(ascending=False).index)


# --- the page ----------------------------------------------------------------------------------


def page(table):
    parts = [
        "# What can be seen with how many windows?\n",
        "Before a measure may judge synthetic EEG, it has to see damage that is known. Here fresh "
        "windows of simulated patients (19 channels, 4 s, 128 Hz; another day of the same twelve "
        "patients), and seizures of Bonn (one channel, 1 s; segments stand for patients), are "
        "damaged in known ways, each at three strengths. Every measure of `geneeg_sk.metrics` that "
        "compares sets of windows compares them with fresh windows of yet other recordings.\n",
        f"*Power* is the share of {N_REPEATS} damaged sets for which the measure lies outside the "
        f"central 95 % of {N_INTERVAL} undamaged ones. *False alarms* are {N_CHECK} further "
        f"undamaged sets that lie outside (of {LARGE} windows: {N_REPEATS_LARGE} damaged sets, "
        f"{N_INTERVAL_LARGE} and {N_CHECK_LARGE} undamaged ones). The windows of a set are drawn "
        "as a user has them: whole sessions of every patient, as many as it takes.\n",
        "![Power by measure and damage](../figures/sensitivity.png)\n",
        *(section(table[table["data"] == data], data) for data in ("cohort", "bonn")),
        blind(table),
        alarms(table),
        "Made by `python -m benchmarks.sensitivity.run`, `--summary`, and "
        "`python -m benchmarks.sensitivity.page`; all numbers, with medians and intervals, are in "
        "`benchmarks/results/sensitivity.jsonl`.\n",
    ]
    return "\n".join(part for part in parts if part)


def section(table, data):
    """For each damage and strength the measure that sees it best, by number of windows."""
    if not len(table):
        return ""
    sizes = sorted(table["n"].unique())
    title = {"cohort": "Simulated seizures", "bonn": "Bonn, seizures"}[data]
    rows = []
    for damage, name in WHAT.items():
        for strength in table[table["damage"] == damage]["strength"].unique():
            row = [name, f"{strength:g}"]
            for n in sizes:
                cell = table[
                    (table["damage"] == damage)
                    & (table["strength"] == strength)
                    & (table["n"] == n)
                ]
                row.append(best(cell))
            rows.append(row)
    head = ["damage", "strength", *(f"{n} windows" for n in sizes)]
    return (
        f"## {title}\n\nThe measure with the largest power, and that power. Bold: seen with a "
        f"power of at least {SURELY:g}.\n\n" + markdown_table(head, rows)
    )


def best(cell):
    cell = cell[cell["false_alarms"] <= MOST_FALSE_ALARMS]
    if not len(cell):
        return "–"
    row = cell.loc[cell["power"].idxmax()]
    text = f"{row['measure']} {row['power']:.2f}"
    return f"**{text}**" if row["power"] >= SURELY else text


def blind(table):
    """What each measure sees at the largest strength, and which see nothing."""
    top = strongest(table[(table["data"] == "cohort") & (table["n"] == 200)])
    if not len(top):
        return ""
    rows, nothing = [], []
    for measure in order(top):
        own = top[top["measure"] == measure]
        seen = [d.replace("_", " ") for d in own[own["power"] >= SURELY]["damage"]]
        if seen:
            rows.append([f"`{measure}`", ", ".join(seen)])
        else:
            nothing.append(f"`{measure}`")
    text = "## What each measure is good for\n\nDamage at its largest strength that is seen with a "
    text += f"power of at least {SURELY:g}, simulated seizures, 200 windows.\n\n"
    text += markdown_table(["measure", "sees"], rows)
    if nothing:
        text += f"\nBlind to all of it: {', '.join(nothing)}.\n"
    missed = [
        WHAT[d] for d, cell in top.groupby("damage") if cell["power"].max() < SURELY and d in WHAT
    ]
    if missed:
        text += f"\nSeen by no measure with that power: {'; '.join(missed)}.\n"
    return text


def alarms(table):
    """The false alarms of every measure and number of windows, and which are too many."""
    cells = table.drop_duplicates(["data", "state", "measure", "n"])
    many = cells[cells["false_alarms"] > MOST_FALSE_ALARMS]
    text = (
        f"## False alarms\n\nOf {len(cells)} pairs of a measure and a number of windows, the "
        f"median rate is {cells['false_alarms'].median():.3f} (5 % by construction, whatever the "
        "distribution; the rate of one pair is known to about ± 0.04, with 1,000 windows ± 0.05)."
    )
    if len(many):
        named = (
            f"`{r.measure}` {r.data} {r.state} {r.n}: {r.false_alarms:.2f}"
            for r in many.itertuples()
        )
        text += f" Above {MOST_FALSE_ALARMS:g}, and not used above: {'; '.join(named)}."
    return text + "\n"


if __name__ == "__main__":
    main()
