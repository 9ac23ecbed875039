"""What can each measure of synthetic EEG see, with how many windows?

    python -m benchmarks.sensitivity.run --n 20 50 200 1000      # side by side: --process 0/2, 1/2
    python -m benchmarks.sensitivity.run --summary               # power, from what is there

Known damage, each kind at three strengths, is done to fresh windows (other recordings of the same
patients), and every measure compares them with fresh windows of yet other recordings. What it gives
without damage is repeated often enough for a central 95 % of it; `power` is the share of damaged
sets that lie outside, `false_alarms` the share of further undamaged ones. The values are kept in
`--values` and not computed again; `--summary` makes the lines of `--out`.
"""

import argparse
import json
import sys
import time
import warnings
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.json_lines import plain, read
from benchmarks.sensitivity.damages import DAMAGES, MIXTURES, ONE_CHANNEL, trial
from benchmarks.sensitivity.measures import all_measures
from benchmarks.sensitivity.pools import POOLS

RESULTS = Path(__file__).parents[1] / "results" / "sensitivity.jsonl"
SIZES = {"cohort": (20, 50, 200, 1000), "bonn": (20, 50, 200)}
# Discharges between seizures are what there is to remove; everything else is done to seizures.
STATE = {"spikes_removed": "preictal"}
# Damaged sets of each kind and strength, and undamaged ones: for the interval, and further ones for
# false alarms; and of large sets, which take long.
N_REPEATS, N_REPEATS_LARGE = 20, 10
N_INTERVAL, N_CHECK = 159, 160
LARGE, N_INTERVAL_LARGE, N_CHECK_LARGE = 1000, 79, 80
TAIL = 0.025  # of new undamaged values beyond each end of the interval


def main():
    arguments = parsed()
    torch.set_num_threads(1)
    if arguments.summary:
        lines = merged(read(arguments.out), powers(read_values(arguments.values)))
        arguments.out.write_text("".join(json.dumps(plain(line)) + "\n" for line in lines))
        return
    part, n_parts = map(int, arguments.process.split("/"))
    done = {key(unit) for unit in read_values(arguments.values)}
    wanted = [unit for unit in units(arguments) if key(unit) not in done]
    measure(wanted[part::n_parts], arguments)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="+", choices=list(POOLS), default=list(POOLS))
    parser.add_argument("--n", nargs="+", type=int, default=[20, 50, 200, 1000])
    parser.add_argument("--damage", nargs="+", choices=[*DAMAGES, *MIXTURES])
    parser.add_argument("--process", default="0/1", help="k/m: every m-th unit from the k-th")
    parser.add_argument("--minutes", type=float, default=np.inf, help="stop after so many")
    parser.add_argument("--values", type=Path, default=Path("out/sensitivity"))
    parser.add_argument("--summary", action="store_true", help="measure nothing new")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


# --- measuring ---------------------------------------------------------------------------------


def units(arguments):
    """Yield what there is to measure: undamaged sets first, then all damage, repeat by repeat."""
    for data in arguments.data:
        for n in sorted(set(arguments.n) & set(SIZES[data])):
            damages = arguments.damage or [
                *(DAMAGES if data == "cohort" else ONE_CHANNEL),
                *MIXTURES,
            ]
            if data == "bonn":  # whose segments are of unknown patients
                damages = [d for d in damages if d not in ("patients_missing", "spikes_removed")]
            name = {"data": data, "n": n}
            for state in dict.fromkeys(STATE.get(damage, "ictal") for damage in damages):
                for repeat in range(sum(n_undamaged(n))):
                    yield {**name, "state": state, "damage": "", "strength": 0.0, "repeat": repeat}
            for repeat in range(n_repeats(n)):
                for damage in damages:
                    for strength in strengths(damage):
                        state = STATE.get(damage, "ictal")
                        about = {"state": state, "damage": damage, "strength": strength}
                        yield {**name, **about, "repeat": repeat}


def n_undamaged(n):
    """Undamaged sets of `n` windows for the interval, and for false alarms."""
    return (N_INTERVAL_LARGE, N_CHECK_LARGE) if n >= LARGE else (N_INTERVAL, N_CHECK)


def n_repeats(n):
    """Damaged sets of `n` windows of each kind and strength."""
    return N_REPEATS_LARGE if n >= LARGE else N_REPEATS


def strengths(damage):
    return DAMAGES[damage][1] if damage in DAMAGES else MIXTURES[damage]


def key(unit):
    return tuple(unit[name] for name in ("data", "n", "state", "damage", "strength", "repeat"))


def measure(wanted, arguments):
    """Measure units one after the other; each is one line of a file of this process."""
    arguments.values.mkdir(parents=True, exist_ok=True)
    path = arguments.values / f"values-{arguments.process.replace('/', '-')}.jsonl"
    started = time.monotonic()
    for k, unit in enumerate(wanted):
        spent = time.monotonic() - started
        if spent > 60 * arguments.minutes:
            print(f"stopped: {len(wanted) - k} of {len(wanted)} are left", file=sys.stderr)
            return
        if k and k % 20 == 0:
            left = spent / k * (len(wanted) - k) / 60
            print(f"{k}/{len(wanted)}, about {left:.0f} min left", file=sys.stderr, flush=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of small sets: that is the question
            line = {**unit, "values": plain(values(unit))}
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def values(unit):
    """Every measure of one damaged or undamaged set."""
    pool = POOLS[unit["data"]](unit["state"])
    # Every unit has draws of its own.
    index = zlib.crc32(f"{unit['damage']} {unit['strength']}".encode())
    rng = np.random.default_rng([unit["n"], unit["repeat"], index])
    n = unit["n"]
    real, train = pool.draw("reference", n, rng), pool.draw("training", n, rng)
    made = trial(pool, unit["damage"] or None, unit["strength"], train, n, rng)
    return all_measures(real, made, train, pool.sfreq, unit["repeat"])


def read_values(folder):
    """All lines that any process has written; a line that a kill cut off is left out."""
    found = []
    for path in sorted(folder.glob("values-*.jsonl")):
        for text in path.read_text().splitlines():
            try:
                found.append(json.loads(text))
            except json.JSONDecodeError:
                continue
    return found


# --- power -------------------------------------------------------------------------------------


def powers(found):
    """Yield a line for each measure, damage, strength and number of windows."""
    if not found:
        return
    table = pd.json_normalize(found)
    names = [column for column in table if column.startswith("values.")]
    for (data, n, state), part in table.groupby(["data", "n", "state"], sort=False):
        undamaged = part[part["damage"] == ""].sort_values("repeat")
        n_interval, n_check = n_undamaged(n)
        if len(undamaged) < n_interval + n_check:
            continue
        for column in names:
            if part[column].isna().all():
                continue
            null = undamaged[column].to_numpy(dtype=float)
            low, high = interval(null[:n_interval])
            false_alarms = share_outside(null[n_interval:], low, high)
            damaged = part[part["damage"] != ""]
            cells = damaged.groupby(["damage", "strength"])
            # From faint to strong: the order of the lines says which is which.
            for damage, strength in sorted(cells.groups, key=lambda key: (key[0], place(*key))):
                cell = cells.get_group((damage, strength))
                cell = cell[cell["repeat"] < n_repeats(n)]
                if len(cell) < n_repeats(n):
                    continue
                yield {
                    "benchmark": "sensitivity",
                    "data": data,
                    "measure": column.removeprefix("values."),
                    "damage": damage,
                    "strength": strength,
                    "n": int(n),
                    "power": share_outside(cell[column].to_numpy(dtype=float), low, high),
                    "false_alarms": false_alarms,
                    "state": state,
                    "median": float(cell[column].median()),
                    "low": low,
                    "high": high,
                    "repeats": len(cell),
                    "undamaged": n_interval,
                }


def merged(earlier, lines):
    """New lines, and those earlier ones whose values are no longer at hand."""
    lines = list(lines)
    known = {about(line) for line in lines}
    return sorted(
        [line for line in earlier if about(line) not in known] + lines,
        key=lambda line: (line["data"], line["n"]),
    )


def about(line):
    return tuple(line[name] for name in ("data", "n", "state", "damage", "strength", "measure"))


def place(damage, strength):
    """The place of a strength among those of a damage, from faint to strong."""
    return strengths(damage).index(strength)


def interval(undamaged):
    """The central 95 % for a new value: ranks, whatever the distribution."""
    rank = round(TAIL * (len(undamaged) + 1))
    ordered = np.sort(undamaged)
    return float(ordered[rank - 1]), float(ordered[-rank])


def share_outside(values, low, high):
    """Share of values outside the interval; one that is not defined is not seen."""
    return float(np.mean((values < low) | (values > high)))


if __name__ == "__main__":
    main()
