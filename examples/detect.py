"""Train on all recordings but one, find the seizures of that one, and score what is found.

    python detect.py [FOLDER]

FOLDER is in CHB-MIT's layout and holds a few recordings: each is left out in turn. Without it,
simulated recordings are written into a temporary folder, with their seizures as BIDS events.
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from geneeg_sk import EEGFeatures, make_eeg_cohort
from geneeg_sk.classification import detect_seizures
from geneeg_sk.datasets import load_bids, load_chbmit, write_events
from geneeg_sk.metrics import event_scores


def simulate(folder):
    """Write recordings of two patients, and when their seizures are."""
    cohort = make_eeg_cohort(n_patients=2, sfreq=128, continuous=True, random_state=0)
    for k, raw in enumerate(cohort.raws):
        stem = f"sub-{raw.info['subject_info']['his_id']}_run-{k}"
        raw.export(folder / f"{stem}_eeg.edf", verbose="ERROR")
        seizures = pd.DataFrame(raw.annotations)[["onset", "duration"]]
        write_events(folder / f"{stem}_events.tsv", seizures, duration=raw.duration)


def score(folder, windows):
    """Print what is detected in each recording by training on the others, and its scores."""
    found = []
    for patient, recording in windows.recordings[["patient", "recording"]].itertuples(index=False):
        others = (windows.metadata["recording"] != recording).to_numpy()
        classifier = make_pipeline(
            EEGFeatures(sfreq=windows.sfreq),
            StandardScaler(),
            LogisticRegression(class_weight="balanced", max_iter=1000),
        ).fit(windows.X[others], windows.y[others])
        detection = detect_seizures(
            folder / recording,
            classifier,
            channels=windows.info.ch_names,
            patient=patient,
            recording=recording,
        )
        found.append(detection.events)
        annotated = windows.seizures[windows.seizures["recording"] == recording]
        print(f"{recording}: annotated {spans(annotated)}; detected {spans(detection.events)}")
    scores = event_scores(windows.seizures, pd.concat(found), windows.recordings)
    print(scores.loc["overall"].T.round(2).to_string())


def spans(events):
    """Say from when to when events last."""
    ends = zip(events["onset"], events["onset"] + events["duration"])
    return ", ".join(f"{onset:.0f}-{end:.0f} s" for onset, end in ends) or "nothing"


if len(sys.argv) > 1:
    folder = Path(sys.argv[1])
    score(folder, load_chbmit(folder, step=1.0, verbose=False))
else:
    with tempfile.TemporaryDirectory() as name:
        simulate(Path(name))
        # Simulated recordings last minutes, not hours: shorter zones around the seizures.
        zones = {"preictal": 28, "postictal": 10, "min_distance": 30}
        channels = ["Fp1-F7", "F7-T7", "Fp2-F8", "F8-T8", "C3-P3", "C4-P4"]
        windows = load_bids(name, channels=channels, step=1.0, verbose=False, **zones)
        score(Path(name), windows)
