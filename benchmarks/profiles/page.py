"""Write docs/results/profiles.md from what the profiles benchmark printed.

python -m benchmarks.profiles.page
"""

from pathlib import Path

import pandas as pd

from benchmarks.json_lines import read
from benchmarks.markdown_tables import markdown_table
from geneeg_sk.metrics._statistics import bootstrap_interval

HERE = Path(__file__).parents[1]
RESULTS = HERE / "results" / "profiles.jsonl"
PAGE = HERE.parent / "docs" / "results" / "profiles.md"

NAMES = {
    "real": "real windows that gave the profile (floor)",
    "descriptors": "generated, descriptors",
    "learned": "generated, learned",
    "learned, discriminants alone": "generated, learned, first way: discriminants alone",
    "learned, with components": "generated, learned, second way: components follow",
    "descriptors, slope 0": "generated, descriptors, as before",
    "learned, slope 0": "generated, learned, as before",
    "no profile": "generated without profile",
}
MEASURES = {"ks": "KS", "ks_channels": "KS, channels apart", "c2st": "C2ST"}
BAR, BAR_MEASURES = 8, ("ks", "c2st")  # subjects of ten

INTRODUCTION = """# Profiles of subjects never seen

What `benchmarks/profiles/run.py` printed (`benchmarks/results/profiles.jsonl`); this page is
written from it by `benchmarks/profiles/page.py`. Rows of *learned* profiles were made by an
earlier generator, which had them.

**Protocol.** Ten subjects, 30 windows of 1 s each, 19 channels of the 10-20 system, resampled to
128 Hz (a data set without seizures: all windows are background). Two subjects are left out of
training at a time. Every second window of a left-out subject gives the profile; 60 windows made
from it are compared with the subject's other windows, and with as many of each of the nine other
subjects. The windows alternate within one session: what is shown is that a profile tells one
session of a subject from other subjects', not that it lasts for weeks. Generators are small (300
steps of the autoencoder, 800 of the diffusion).

**Measures.** *KS* is the mean Kolmogorov-Smirnov distance of twelve features, averaged over
channels (`ks_by_feature`); *channels apart* takes each channel's features on their own; *C2ST* is
the AUC of a forest that tells the windows from real ones, 0.5 if it cannot. "Nearest" counts the
subjects to whose other half the windows are nearer than to any other subject's. Distances are means
over subjects with 95 % intervals by bootstrap over them. The bar is 8 of 10 for KS and C2ST.
"""

MEANING = """
- *Descriptors*: the profile is the median of the descriptors of background windows. The prior over
  descriptors now takes from a profile what it says of background, times a slope that is learned
  for each state (near 1 for background itself, so that the background of a new patient is as their
  profile says; between 0 and 1 for seizures).
- *Learned*: 16 numbers; log-RMS, linear discriminants of the training subjects with shrunk
  covariance, then principal components of the rest. Discriminants alone can say of a new subject
  only what distinguishes the training subjects from each other; with loudness among all the other
  descriptors, the profile of a new patient missed how loud their background is. They measured
  worse, and the package no longer has them.
- *As before*: the same networks, but a prior that knows a new patient by those they resemble, a
  Gaussian process over profiles alone. In hundreds of dimensions all patients are about equally
  far apart, so that a new one comes out as nearly the average of all.
"""

DENSITY = """
## How likely is a new patient?

`patient_mix="virtual"` draws profiles from a normal distribution over patients with shrunk
covariance (Ledoit and Wolf 2004). Log-likelihood of each patient's profile under the distribution
of all the others, in nats for each number of the profile, beside that of a distribution in which
every number varies on its own. The learned encoder has seen all the patients here.

| data | profile | patients | numbers | shrunk | diagonal | shrunk better for |
|---|---|---|---|---|---|---|
"""


def scores(frame, method, measure):
    """Rows of one method: own, nearest_other, mean_other, nearer."""
    return pd.DataFrame(frame.loc[frame["method"] == method, measure].tolist())


def table(frame):
    """One row for each method, three columns for each measure."""
    head = ["windows"]
    for name in MEASURES.values():
        head += [f"{name}: own half", "nearest other", "nearest"]
    rows = []
    for method, name in NAMES.items():
        if not (frame["method"] == method).any():
            continue
        cells = [name]
        for measure in MEASURES:
            one = scores(frame, method, measure)
            low, high = bootstrap_interval(one["own"].to_numpy())
            cells += [
                f"{one['own'].mean():.3f} ({low:.3f} to {high:.3f})",
                f"{one['nearest_other'].mean():.3f}",
                f"{int(one['nearer'].sum())} of {len(one)}",
            ]
        rows.append(cells)
    return markdown_table(head, rows)


def verdict(frame):
    """Which encoder reaches the bar, by the numbers."""
    parts = []
    for method in ("descriptors", "learned"):
        counts = {m: int(scores(frame, method, m)["nearer"].sum()) for m in BAR_MEASURES}
        n = len(scores(frame, method, BAR_MEASURES[0]))
        reached = all(k >= BAR for k in counts.values())
        missed = n - min(counts.values()) > 10 - BAR
        word = (
            "reached" if reached else "missed" if missed else f"open, {n} subjects being measured"
        )
        found = " and ".join(f"{k} of {n} for {MEASURES[m]}" for m, k in counts.items())
        parts.append(
            f"with {method.replace('descriptors', 'descriptor')} profiles {word} ({found})"
        )
    return f"**The bar**: {'; '.join(parts)}.\n"


def density(lines):
    text = DENSITY
    for line in lines:
        of_profile = line["method"].removeprefix("density, ")
        n, p = line["n_patients"], line["n_profile"]
        each = (f"{line['log_likelihood'][k] / p:+.3f}" for k in ("shrunk", "diagonal"))
        cells = [line["data"], of_profile, n, p, *each, f"{line['shrunk_better_for']} of {n}"]
        text += "| " + " | ".join(map(str, cells)) + " |\n"
    return text


def main():
    lines = read(RESULTS)
    likelihoods = [line for line in lines if line["method"].startswith("density")]
    frame = pd.DataFrame([line for line in lines if line not in likelihoods])
    final, tried = frame[frame["data"] == "erp"], frame[frame["data"] == "cohort"]
    parts = [INTRODUCTION, "## Ten subjects\n", table(final), verdict(final), MEANING]
    if len(tried):
        parts += [
            "## Development: ten simulated patients\n\nBackground of a cohort (seed 100), windows "
            "of 2 s at 128 Hz; what was tried was tried here.\n",
            table(tried),
        ]
    if likelihoods:
        parts.append(density(likelihoods))
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text("\n".join(part.strip("\n") + "\n" for part in parts))
    print(f"Wrote {PAGE}")


if __name__ == "__main__":
    main()
