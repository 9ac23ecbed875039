"""
Detection on continuous recordings
==================================

Train on all recordings but one, find the seizures of that one, and score what is found::

    python plot_detection.py [FOLDER]

FOLDER is in CHB-MIT's layout and holds a few recordings. Each is left out in turn. Without it, as
here, simulated recordings are written into a temporary folder, with their seizures as BIDS
events.
"""

# %%
# Recordings
# ----------

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk import EEGFeatures, make_eeg_cohort
from geneeg_sk.classification import detect_seizures
from geneeg_sk.datasets import load_bids, load_chbmit, write_events
from geneeg_sk.inspection import EventTimelineDisplay
from geneeg_sk.metrics import event_scores


def simulate(folder):
    """Write recordings of two patients, and when their seizures are."""
    cohort = make_eeg_cohort(n_patients=2, sfreq=128, continuous=True, random_state=0)
    for k, raw in enumerate(cohort.raws):
        stem = f"sub-{raw.info['subject_info']['his_id']}_run-{k}"
        raw.export(folder / f"{stem}_eeg.edf", verbose="ERROR")
        seizures = pd.DataFrame(raw.annotations)[["onset", "duration"]]
        write_events(folder / f"{stem}_events.tsv", seizures, duration=raw.duration)


def load(folder):
    """Windows of the folder; a short step, so that there are many."""
    if len(sys.argv) > 1:
        return load_chbmit(folder, step=1.0, verbose=False)
    simulate(folder)
    # Simulated recordings last minutes, not hours: shorter zones around the seizures.
    zones = {"preictal": 28, "postictal": 10, "min_distance": 30}
    channels = ["Fp1-F7", "F7-T7", "Fp2-F8", "F8-T8", "C3-P3", "C4-P4"]
    return load_bids(folder, channels=channels, step=1.0, verbose=False, **zones)


# %%
# Leave one recording out
# -----------------------
# The detector never sees the recording that it is tested on. It runs over the recording from end
# to end, in overlapping windows.


def spans(events):
    """Say from when to when events last."""
    ends = zip(events["onset"], events["onset"] + events["duration"])
    return ", ".join(f"{onset:.0f}-{end:.0f} s" for onset, end in ends) or "nothing"


found = {}
with tempfile.TemporaryDirectory() as name:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else name)
    windows = load(folder)
    for patient, recording in windows.recordings[["patient", "recording"]].itertuples(index=False):
        others = (windows.metadata["recording"] != recording).to_numpy()
        classifier = make_pipeline(
            EEGFeatures(sfreq=windows.sfreq),
            StandardScaler(),
            LogisticRegression(class_weight="balanced", max_iter=1000),
        ).fit(windows.X[others], windows.y[others])
        found[recording] = detection = detect_seizures(
            folder / recording,
            classifier,
            channels=windows.info.ch_names,
            patient=patient,
            recording=recording,
        )
        annotated = windows.seizures[windows.seizures["recording"] == recording]
        print(f"{recording}: annotated {spans(annotated)}; detected {spans(detection.events)}")

# %%
# Scores of events
# ----------------
# By the conventions of SzCORE: any overlap, from 30 s before a seizure to 60 s after it, finds
# it. In recordings of a few minutes there is hardly room for a false alarm, so these scores are
# too optimistic.

events = pd.concat([detection.events for detection in found.values()])
scores = event_scores(windows.seizures, events, windows.recordings)
print(scores.loc["overall"].T.round(2).to_string())

# %%
# The picture
# -----------
# The probability of a seizure over the first recordings, and below it what was annotated and
# detected.

shown = list(found)[:3]
figure, axes = plt.subplots(len(shown), 1, figsize=(9, 2.6 * len(shown)), layout="constrained")
for ax, recording in zip(axes, shown):
    annotated = windows.seizures[windows.seizures["recording"] == recording]
    EventTimelineDisplay.from_detection(found[recording], annotated, ax=ax)
    ax.set_title(recording)
plt.show()
