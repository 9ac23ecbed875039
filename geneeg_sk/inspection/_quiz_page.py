"""The quiz as HTML: signals, montages, filters, and the key, obfuscated."""

from __future__ import annotations

import base64
import json
import re
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, NamedTuple

import numpy as np
from scipy.signal import butter, sosfilt_zi

from geneeg_sk._checks import STATES
from geneeg_sk._files import sha256
from geneeg_sk._version import __version__
from geneeg_sk.datasets._channels import COMMON, Montage, standard_name
from geneeg_sk.inspection._channels import sort_clinically
from geneeg_sk.metrics._readers import FIRST, REAL, SYNTHETIC
from geneeg_sk.preprocessing import Resampler

SHOWN_SFREQ = 256.0  # Hz: a screen shows no more, and the highest filter ends at 70 Hz
STEP = 0.1  # microvolts: the resolution of the stored signals, unless they are too large for it
FULL_SCALE = np.iinfo(np.int16).max
FILTERS = ((1.0, 70.0), (0.5, 30.0))  # Hz
ORDER = 2  # of the Butterworth filter, which runs forward and backward
MIN_CHANNELS = 4  # for another montage than the recorded one
EARS = ("A1", "A2", "M1", "M2")  # no part of the average reference
CHAINS = np.repeat([0, 1, 2, 3, 4], [4, 4, 4, 4, 2])  # of the derivations in COMMON
COLUMNS = [
    *("quiz", "reader", "question", "truth", "answer", "state", "state_answer"),
    *("real_window", "synthetic_window", "seconds", "montage", "filter", "uv_per_mm"),
]
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


class Question(NamedTuple):
    """The key of one question."""

    truth: str
    state: str
    real_window: int | None
    synthetic_window: int | None

    def windows(self) -> list[tuple[str, int]]:
        """Return the source and row of each window, in the order in which they are shown."""
        shown = [(REAL, self.real_window), (SYNTHETIC, self.synthetic_window)]
        if self.truth == FIRST:
            shown.reverse()
        return [(name, row) for name, row in shown if row is not None]


def quiz_page(
    X: np.ndarray,
    sfreq: float,
    names: list[str],
    questions: list[Question],
    states: set[str],
    *,
    pairs: bool,
    title: str,
) -> str:
    """Return the page that shows windows `X` in this order; `states` were given, shown or not."""
    recorded = sfreq
    if sfreq > SHOWN_SFREQ:
        X, sfreq = Resampler(target_sfreq=SHOWN_SFREQ, sfreq=sfreq).fit_transform(X), SHOWN_SFREQ
    X = X - np.median(X, axis=2, keepdims=True)
    step = max(STEP, float(np.abs(X).max()) / FULL_SCALE)
    signals = np.rint(X / step).astype("<i2").tobytes()
    key = json.dumps(questions).encode()
    nonce = int(sha256(signals)[:8], 16)
    asked = sorted({question.state for question in questions}, key=_rank)
    data = {
        "quiz": sha256(signals + key)[:12],
        "columns": COLUMNS,
        "pairs": bool(pairs),
        "states": asked if len(asked) > 1 else [],
        "n_questions": len(questions),
        "shape": X.shape[1:],
        "sfreq": sfreq,
        "step": step,
        "amplitude": float(np.percentile(np.abs(X), 95)),
        "montages": _montages(names),
        "filters": _filters(sfreq),
        "about": _about(X, recorded, sfreq, step, asked, states),
        "signals": base64.b64encode(signals).decode(),
        "nonce": nonce,
        "sealed": base64.b64encode(scramble(key, nonce)).decode(),
    }
    folder = files("geneeg_sk.inspection")
    html, style, script = (
        folder.joinpath(f"quiz.{kind}").read_text(encoding="utf-8")
        for kind in ("html", "css", "js")
    )
    return Template(html).substitute(
        title=escape(title),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        data=_json(data),
    )


def _about(
    X: np.ndarray, recorded: float, sfreq: float, step: float, asked: list[str], states: set[str]
) -> list[str]:
    """Say what is shown, and how it was treated."""
    n_channels, n_times = X.shape[1:]
    resampled = f", resampled from {recorded:g} Hz" if sfreq != recorded else ""
    lines = [
        f"{len(X)} windows of {n_channels} channels and {n_times / sfreq:g} s at {sfreq:g} Hz"
        f"{resampled}, picked at random, in random order.",
        "All windows are treated alike: the median of each channel is removed, and values are "
        f"rounded to {step:.2g} µV. Filters are Butterworth filters of order {ORDER}, run forward "
        "and backward, with the window mirrored at both ends.",
        "The right answers are in this file, obfuscated but not encrypted.",
        "This file holds EEG: treat it like a recording. It sends nothing anywhere; answers leave "
        "it only as the CSV file that you save.",
        f"Made by geneeg_sk {__version__}.",
    ]
    left_out = sorted(states - set(asked))
    if left_out:
        lines.insert(1, f"States that are not shown: {', '.join(left_out)}.")
    return lines


def _rank(state: str) -> tuple[int, str]:
    """States in the order of a seizure, others after them by name."""
    return (STATES.index(state) if state in STATES else len(STATES), state)


def _montages(names: list[str]) -> list[dict[str, Any]]:
    """Return montages: a label, and for each trace its name, its chain, and weights of channels."""
    standard = [standard_name(name) for name in names]
    single = [k for k, s in enumerate(standard) if s and "-" not in s and s not in EARS]
    label = [s if s and standard.count(s) == 1 else name for s, name in zip(standard, names)]
    order = sort_clinically(names)
    bipolar = any(s and "-" in s for s in standard)
    montages = [
        {
            "label": "As recorded" if bipolar or not single else "Referential",
            "traces": [(label[k], _chain(standard[k]), [(k, 1.0)]) for k in order],
        }
    ]
    if len(single) >= MIN_CHANNELS and not bipolar:
        share = 1 / len(single)
        average = [
            [(j, (j == k) - share) for j in single] if k in single else [(k, 1.0)] for k in order
        ]
        montages.append(
            {
                "label": "Average",
                "traces": [
                    (f"{label[k]}-Av" if k in single else label[k], _chain(standard[k]), weights)
                    for k, weights in zip(order, average)
                ],
            }
        )
    recorded = Montage(names)
    derived = {name: weights for name in COMMON if (weights := recorded.derive(name))}
    if len(derived) >= MIN_CHANNELS and set(derived) != set(standard):
        traces = [
            (name, _chain(name), [(names.index(n), w) for n, w in weights.items()])
            for name, weights in derived.items()
        ]
        montages.append({"label": "Longitudinal bipolar", "traces": traces})
    return montages


def _chain(standard: str | None) -> int:
    """Number of the chain of electrodes: a gap divides traces of different chains."""
    if standard in COMMON:
        return int(CHAINS[COMMON.index(standard)])
    return -2 if standard is None else -1


def _filters(sfreq: float) -> list[dict[str, Any]]:
    """Return filters: label, second-order sections, and their state after a long step of 1."""
    filters: list[dict[str, Any]] = []
    for low, high in FILTERS:
        if high < sfreq / 2:
            label = f"{low:g}–{high:g} Hz"
            sos = butter(ORDER, (low, high), "bandpass", output="sos", fs=sfreq)
        else:
            label = f"from {low:g} Hz"
            sos = butter(ORDER, low, "highpass", output="sos", fs=sfreq)
        filters.append({"label": label, "sos": sos.tolist(), "zi": sosfilt_zi(sos).tolist()})
    return [*filters, {"label": "none", "sos": [], "zi": []}]


def scramble(data: bytes, nonce: int) -> bytes:
    """XOR with numbers of a linear congruential generator; twice gives the data back."""
    stream, result = nonce, bytearray()
    for byte in data:
        stream = (stream * 1664525 + 1013904223) % 2**32
        result.append(byte ^ (stream >> 24))
    return bytes(result)


def _json(data: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _hash(text: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256(text))).decode()
