"""
Your own recordings
===================

From a folder of recordings to scores on unseen patients::

    python plot_own_recordings.py [FOLDER]

FOLDER is in CHB-MIT's layout: EDF files, and beside them a ``*-summary.txt`` that says when
seizures are. Without it, as here, simulated recordings are written into a temporary folder in
that layout.
"""

# %%
# A folder as CHB-MIT lays it out
# -------------------------------
# A folder and a summary for each patient. With recordings of your own you skip this step.

import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import sklearn
from imblearn.pipeline import Pipeline
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk import EEGFeatures, FourierSurrogateSampler, make_eeg_cohort
from geneeg_sk.datasets import describe, load_chbmit
from geneeg_sk.inspection import TimelineDisplay, TracesDisplay


def simulate(folder):
    """Write a folder as CHB-MIT lays it out: a folder and a summary for each patient."""
    cohort = make_eeg_cohort(n_patients=3, sfreq=128, continuous=True, random_state=0)
    summaries = {}
    for raw in cohort.raws:
        patient = raw.info["subject_info"]["his_id"].lower()
        (Path(folder) / patient).mkdir(exist_ok=True)
        name = f"{patient}_{len(summaries.setdefault(patient, [])) + 1:02d}.edf"
        raw.export(Path(folder) / patient / name, fmt="edf", verbose="ERROR")
        seizure = next(a for a in raw.annotations if a["description"] == "seizure")
        end = seizure["onset"] + seizure["duration"]
        summaries[patient].append(
            f"File Name: {name}\nNumber of Seizures in File: 1\n"
            f"Seizure Start Time: {seizure['onset']:.2f} seconds\n"
            f"Seizure End Time: {end:.2f} seconds\n"
        )
    for patient, files in summaries.items():
        (Path(folder) / patient / f"{patient}-summary.txt").write_text("\n".join(files))


# %%
# Load windows
# ------------
# The loader filters each recording as a whole, cuts it, and labels every window. Simulated
# recordings last minutes, not hours, so the zones around their seizures are shorter.

if len(sys.argv) > 1:
    windows = load_chbmit(sys.argv[1], length=4.0, verbose=False)
else:
    zones = {"preictal": 28, "postictal": 10, "min_distance": 30}
    with tempfile.TemporaryDirectory() as folder:
        simulate(folder)
        windows = load_chbmit(folder, length=4.0, verbose=False, **zones)
print(windows.DESCR)
print(describe(windows).round(3).to_string())

# %%
# Look at them
# ------------
# Where windows were taken, for the first patient. Each row is a recording.

patient = windows.groups[0]
figure, ax = plt.subplots(figsize=(9, 2.8), layout="constrained")
TimelineDisplay.from_windows(windows, patient, ax=ax)

# %%
# One window in a seizure.

figure, ax = plt.subplots(figsize=(9, 5), layout="constrained")
TracesDisplay.from_windows(
    windows.X[windows.y == "ictal"],
    sfreq=windows.sfreq,
    ch_names=windows.info.ch_names,
    n_windows=1,
    ax=ax,
)

# %%
# Scores on unseen patients
# -------------------------
# Fourier surrogates have nothing to train, so they are the augmentation to start with.

sklearn.set_config(enable_metadata_routing=True)  # so that groups reach the sampler
classifier = make_pipeline(
    EEGFeatures(sfreq=windows.sfreq, average=True),
    StandardScaler(),
    LogisticRegression(max_iter=500),
)
pipeline = Pipeline(
    [("augment", FourierSurrogateSampler(random_state=0)), ("classify", classifier)]
)
scores = cross_val_score(
    pipeline,
    windows.X,
    windows.y,
    params={"groups": windows.groups},
    cv=GroupKFold(min(3, len(set(windows.groups)))),
    scoring="f1_macro",
    error_score="raise",
)
print("macro F1 on unseen patients:", scores.round(3))
plt.show()
