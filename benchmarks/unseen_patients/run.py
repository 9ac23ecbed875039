"""Does augmentation help on patients never seen, and how many real patients is it worth?

    python -m benchmarks.unseen_patients.run --split development --n-jobs 2
    python -m benchmarks.unseen_patients.run --split final --n-jobs 2   # once, when all is chosen
    python -m benchmarks.unseen_patients.run --quick --n-jobs 2 --out out/quick.jsonl

From the root of the repository. One JSON line for each training, regime and test patient is
appended to `--out`, all lines of a training at once; a training whose lines are there is not done
again, so that a run that was stopped can be continued. At the end the positive control is asked:
unless more real patients are seen to help, the run ends with an error.
"""

import argparse
import subprocess
import sys
import time
import traceback
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score

from benchmarks.json_lines import append, read
from benchmarks.unseen_patients import recordings, tasks
from benchmarks.unseen_patients.levers import in_context, prepared
from benchmarks.unseen_patients.methods import STEPS, Settings, fit_or_fall_back, refit_of
from benchmarks.unseen_patients.thresholds import decided, multipliers, out_of_fold
from benchmarks.unseen_patients.windows import Task
from benchmarks.unseen_patients.worth import ControlFailed, ControlMissing, require_control
from geneeg_sk.metrics import window_event_scores
from geneeg_sk.metrics._predictions import align_probabilities, brier, f1_by_state, macro_auc

RESULTS = Path(__file__).parents[1] / "results" / "unseen_patients.jsonl"
CACHE = Path("out/unseen-patients")
N_BACKGROUND = 10  # windows at the beginning of a recording, the default of BackgroundScaler
QUICK_GENERATOR = (("vae_steps", 100), ("diffusion_steps", 200))


def main():
    arguments = parsed()
    if arguments.n_jobs > 1:
        in_processes(arguments.n_jobs)
    else:
        torch.set_num_threads(1)
        run(left(chosen(arguments), arguments.out), arguments)
    if arguments.process is None:
        split = "development" if arguments.quick else arguments.split
        control(arguments.out, split)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--split", choices=["development", "final"], default="development")
    parser.add_argument("--quick", action="store_true", help="the positive control, and a trial")
    parser.add_argument("--data", nargs="+", help="only these data sets")
    parser.add_argument("--regime", nargs="+", help="only these regimes")
    parser.add_argument("--cohort", nargs="+", type=int, help="only these training sets")
    parser.add_argument("--method", nargs="+", help="only these methods")
    parser.add_argument("--steps", type=int, help="for a trial: instead of the steps of a task")
    parser.add_argument("--minutes", type=float, default=np.inf, help="stop after so many")
    parser.add_argument("--n-jobs", type=int, default=1, help="processes")
    parser.add_argument("--process", help="only this part of the work: 0/2, 1/2")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def in_processes(n_jobs):
    """Run this command as several processes, each with a part of the work."""
    command = [sys.executable, "-m", "benchmarks.unseen_patients.run", *sys.argv[1:], "--n-jobs=1"]
    running = [subprocess.Popen([*command, f"--process={k}/{n_jobs}"]) for k in range(n_jobs)]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit("A process failed; see above.")


def chosen(arguments) -> list[Task]:
    """The tasks of the command line, in order, without repetition."""
    work = tasks.quick() if arguments.quick else getattr(tasks, arguments.split)()
    work = [
        task
        for task in dict.fromkeys(work)
        if all(
            getattr(task, name) in (getattr(arguments, name) or [getattr(task, name)])
            for name in ("data", "regime", "cohort", "method")
        )
    ]
    if arguments.process is not None:
        # By cohort: methods that share a generator stay in one process.
        k, n = map(int, arguments.process.split("/"))
        work = [task for task in work if task.cohort % n == k]
    if arguments.steps:
        work = [Task(**vars(task) | {"steps": arguments.steps}) for task in work]
    return list(dict.fromkeys(work))


def left(work, out) -> list[Task]:
    """Tasks of which a line is still missing."""
    done = {(Task.of(line), line["group"]) for line in read(out)}
    return [task for task in work if not expected(task) <= done]


def expected(task):
    """What names the lines of a training."""
    return {
        (task.judged_as(regime, n), group)
        for regime, n, groups in tasks.module_of(task.data).judged(task)
        for group in groups
    }


def run(work, arguments):
    """Train, score, write, and say how much is left; a training that fails does not stop others."""
    started, spent, failed = time.monotonic(), {}, []
    generator_params = QUICK_GENERATOR if arguments.quick or arguments.steps else ()
    for k, task in enumerate(work):
        if time.monotonic() - started > 60 * arguments.minutes:
            print(f"stopped: {len(work) - k} of {len(work)} are left", file=sys.stderr)
            break
        start = time.monotonic()
        settings = Settings(task.seed, task.steps, arguments.cache, generator_params)
        try:
            append(arguments.out, list(lines(task, settings)))
        except Exception:
            traceback.print_exc()
            failed.append(task)
            continue
        spent.setdefault(kind(task), []).append((time.monotonic() - start) / task.steps)
        seconds = sum(pace(spent, other) * other.steps for other in work[k + 1 :])
        print(
            f"{k + 1}/{len(work)} {task.data} {task.regime} {task.cohort} {task.method} "
            f"({task.n_patients} patients, {task.steps} steps): {time.monotonic() - start:.0f} s, "
            f"about {seconds / 60:.0f} min left",
            file=sys.stderr,
            flush=True,
        )
    if failed:
        sys.exit(f"{len(failed)} trainings failed, the first {failed[0]}; see above.")


def kind(task):
    return task.data, task.method


def pace(spent, task):
    """Seconds a step: the mean of this method on this data, or of any."""
    known = spent.get(kind(task)) or [s for times in spent.values() for s in times]
    return float(np.mean(known))


def lines(task, settings):
    """Train once, choose thresholds on the training patients, and score every test group."""
    start = time.perf_counter()
    module = tasks.module_of(task.data)
    n_background = recordings.BACKGROUND_WINDOWS.get(task.data, N_BACKGROUND)
    train = prepared(task.method, module.training(task, settings.cache), n_background)
    states = np.unique(train.y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of many windows from few
        model, about = fit_or_fall_back(task.method, train, settings)
        refit = refit_of(task.method, model, about, settings)
        proba = in_context(task.method, out_of_fold(train, refit, states), train)
        weights = multipliers(train.y, proba, states)
    about["seconds"] = round(time.perf_counter() - start)
    for regime, n_patients, groups in module.judged(task):
        windows = module.judging(task, regime, settings.cache)
        test = prepared(task.method, windows, n_background)
        proba = align_probabilities(model.predict_proba(np.asarray(test.X)), model.classes_, states)
        proba = in_context(task.method, proba, test)
        entry = vars(task.judged_as(regime, n_patients))
        for group in groups:
            own = test.groups == group
            scores = scored(test[own], proba[own], states, weights, rare(task.data))
            yield {"benchmark": "unseen_patients", **entry, "group": group, **scores, **about}


def rare(data):
    """The state that is to be found."""
    return recordings.RARE.get(data, "ictal")


def scored(test, proba, states, weights, state):
    """Scores of one group; events where its windows follow each other in time."""
    predicted = decided(proba, weights, states)
    plain = decided(proba, np.ones(len(states)), states)
    column = proba[:, np.searchsorted(states, state)]
    is_rare = test.y == state
    return {
        "average_precision": average_precision_score(is_rare, column) if is_rare.any() else np.nan,
        "macro_auc": macro_auc(test.y, proba, states),
        "macro_f1": np.nanmean(f1_by_state(test.y, predicted, states)),
        "macro_f1_argmax": np.nanmean(f1_by_state(test.y, plain, states)),
        "brier": brier(test.y, proba, states),
        **events(test, predicted),
    }


def events(test, predicted):
    """Seizures found and false alarms a day, by the windows of a group."""
    if test.metadata is None:
        return {}
    length = test.X.shape[2] / test.sfreq
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NaN says the same
        scores = window_event_scores(test.y, predicted, test.metadata, length=length)
    pooled = scores.loc[("overall", "pooled")]
    return {name: float(pooled[name]) for name in ("sensitivity", "false_alarms_per_day")}


def control(out, split):
    """End with an error if more real patients are not seen to help; say if it is not known yet."""
    written = [line for line in read(out) if line["steps"] == STEPS]
    try:
        found = require_control(written, split)
    except ControlMissing as error:
        print(f"The positive control was not asked: {error}", file=sys.stderr)
        return
    except ControlFailed as error:
        sys.exit(f"The positive control failed: {error}")
    print(found, file=sys.stderr)


if __name__ == "__main__":
    main()
