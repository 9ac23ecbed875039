"""From a folder of recordings to scores on patients nobody has seen.

    python own_recordings.py [FOLDER]

FOLDER is in CHB-MIT's layout: EDF files, and beside them a ``*-summary.txt`` that says when
seizures are. Without it, simulated recordings are written into a temporary folder in that layout.
"""

import sys
import tempfile
from pathlib import Path

import sklearn
from imblearn.pipeline import Pipeline
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk import EEGFeatures, FourierSurrogateSampler, make_eeg_cohort
from geneeg_sk.datasets import load_chbmit


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


def score(folder, **zones):
    """Print how well states are told apart in patients who were not in training."""
    windows = load_chbmit(folder, length=4.0, **zones)
    print(windows.DESCR)
    pipeline = Pipeline(
        [
            ("augment", FourierSurrogateSampler(random_state=0)),
            (
                "classify",
                make_pipeline(
                    EEGFeatures(sfreq=windows.sfreq, average=True),
                    StandardScaler(),
                    LogisticRegression(max_iter=500),
                ),
            ),
        ]
    )
    sklearn.set_config(enable_metadata_routing=True)  # so that groups reach the sampler
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


if len(sys.argv) > 1:
    score(sys.argv[1])
else:
    with tempfile.TemporaryDirectory() as folder:
        simulate(folder)
        # Simulated recordings last minutes, not hours: shorter zones around the seizures.
        score(folder, preictal=28, postictal=10, min_distance=30)
