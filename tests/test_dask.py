"""The workers of a cluster give what one process gives, also where some of them die."""

import os
import pickle
import re
import sys
import tempfile
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline as make_imbalanced_pipeline
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_datasets_store import assert_same_windows
from tiny import TINY
from typer.testing import CliRunner

from geneeg_sk.classification import CNNBiLSTMClassifier
from geneeg_sk.cli import app
from geneeg_sk.datasets import WindowRows, load_chbmit, read_windows, write_windows
from geneeg_sk.features import EEGFeatures
from geneeg_sk.model_selection import _compare, compare_samplers
from geneeg_sk.over_sampling import FillGap, FourierSurrogateSampler, GenEEGSampler

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are killed as on POSIX")
distributed = pytest.importorskip("distributed", reason="needs dask: install the extra 'dask'")
dask = pytest.importorskip("dask")
pytest.importorskip("psutil", reason="needs psutil: install the extra 'dask'")
from clusters import Cluster, can_be_alone, kill, kill_children  # noqa: E402

ROOT = Path(__file__).parents[1]
LINEAR = make_pipeline(
    EEGFeatures(sfreq=64.0, average=True), StandardScaler(), LogisticRegression(max_iter=200)
)
NET = CNNBiLSTMClassifier(n_filters=4, n_hidden=8, max_epochs=2, batch_size=16, device="cpu")
CANDIDATES = {
    "none": None,
    "weights": clone(NET).set_params(class_weight="balanced"),
    "surrogates": FourierSurrogateSampler(),
    "GenEEGSampler": GenEEGSampler(generator=TINY, sampling_strategy=FillGap(0.5)),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The folder that all workers see."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture(scope="module")
def store(cohort, shared):
    write_windows(shared / "windows", cohort)
    return shared / "windows"


@pytest.fixture(scope="module")
def client(shared, tmp_path_factory):
    with (
        Cluster(tmp_path_factory.mktemp("cluster"), shared=shared) as cluster,
        distributed.Client(cluster.address, set_as_default=False) as client,
    ):
        client.wait_for_workers(2, timeout=300)
        yield client


def on(client):
    return joblib.parallel_config("dask", client=client)


def compare(cohort, X=None, estimator=NET, candidates=CANDIDATES, **options):
    X = cohort.X if X is None else X
    options = {"cv": 2, "n_repeats": 1, "random_state": 0, **options}
    return compare_samplers(candidates, estimator, X, cohort.y, cohort.groups, **options)


def assert_same(some, others):
    pd.testing.assert_frame_equal(*(c.results.drop(columns="fit_seconds") for c in (some, others)))
    pd.testing.assert_frame_equal(some.scores_by_patient, others.scores_by_patient)
    assert (some.results["error"] == "").all()


@pytest.fixture(scope="module")
def alone(cohort):
    """The comparison in this process."""
    return compare(cohort)


# the same table


def test_workers_share_no_folder_but_the_one_that_is_named(client, shared, tmp_path):
    places = client.run(lambda: (os.getcwd(), tempfile.gettempdir()))
    here = (os.getcwd(), tempfile.gettempdir())
    assert len({*places.values(), here}) == 3
    if can_be_alone():
        assert set(client.run(os.path.exists, str(shared)).values()) == {True}
        assert set(client.run(os.path.exists, str(tmp_path)).values()) == {False}


def test_a_comparison_of_an_array_needs_no_common_folder(client, cohort, alone):
    with on(client):
        assert_same(compare(cohort), alone)


def test_a_comparison_from_a_store_goes_by_its_name(client, cohort, store, alone, tmp_path):
    X = WindowRows(read_windows(store).X)
    with on(client):
        assert_same(compare(cohort, X, store=tmp_path / "rows.jsonl"), alone)
    rows = (tmp_path / "rows.jsonl").read_text()
    # Rows of the array and those of its file on disk are the same ones.
    assert_same(compare(cohort, store=tmp_path / "rows.jsonl"), alone)
    assert (tmp_path / "rows.jsonl").read_text() == rows


@pytest.mark.slow
def test_the_bar_counts_fits_of_all_workers_and_shows_the_time_left(client, cohort, capsys):
    candidates = {"none": None, "surrogates": FourierSurrogateSampler()}
    with on(client):
        compare(cohort, estimator=LINEAR, candidates=candidates, verbose=1)
    lines = [line for line in re.split(r"[\r\n]", capsys.readouterr().err) if line]
    assert "0/4" in lines[0]
    assert any(re.search(r"[123]/4.*\d\d:\d\d left", line) for line in lines[1:-1])
    assert "4/4" in lines[-1]
    assert "00:00 left, last" in lines[-1]


def test_what_is_kept_for_a_report_comes_back(client, cohort):
    with on(client):
        kept = compare(cohort, keep="surrogates").kept
    expected = compare(cohort, candidates={"s": CANDIDATES["surrogates"]}, keep="s").kept
    np.testing.assert_array_equal(kept.X_synthetic, expected.X_synthetic)


@pytest.mark.slow
def test_cross_validation_and_a_grid_are_those_of_one_process(client, cohort, store):
    X, y, groups = WindowRows(read_windows(store).X), cohort.y, cohort.groups
    sampler = GenEEGSampler(generator=TINY, patient_mix="balanced", random_state=0)
    model = make_imbalanced_pipeline(sampler, clone(NET).set_params(random_state=0))
    ratios = {"geneegsampler__sampling_strategy": [FillGap(0.2), FillGap(0.5)]}

    def results():
        with config_context(enable_metadata_routing=True):
            options = {"error_score": "raise", "scoring": "neg_log_loss"}
            scores = cross_validate(
                model, X, y, cv=GroupKFold(2), params={"groups": groups}, **options
            )
            grid = GridSearchCV(model, ratios, cv=GroupKFold(2), refit=False, **options)
            grid.fit(cohort.X, y, groups=groups)
        return scores["test_score"], grid.cv_results_["mean_test_score"]

    expected = results()
    with on(client):
        found = results()
    for some, others in zip(found, expected):
        np.testing.assert_array_equal(some, others)


def test_a_task_is_small_however_many_windows_there_are(tmp_path, monkeypatch):
    n_windows = 260_000  # as in 20 GB of 4 s, 19 channels, 256 Hz
    path = tmp_path / "X.npy"
    np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n_windows, 1, 8)).flush()
    X = WindowRows(np.load(path, mmap_mode="r"))
    rng = np.random.default_rng(0)
    y = rng.choice(["ictal", "normal", "preictal"], n_windows)
    groups = np.array([f"patient-{k:03}" for k in rng.integers(100, size=n_windows)])
    sizes = []

    def weigh(todo, job, *, n_jobs):
        for k in todo:
            sizes.append(len(pickle.dumps(job(k))))
            row = {"candidate": "", "fold": 0, "seed": 0, "fit_seconds": 1.0, "error": ""}
            yield k, {"row": row, "patients": [], "kept": None}

    monkeypatch.setattr(_compare, "each_done", weigh)
    compare_samplers({"none": None}, NET, X, y, groups, cv=5, n_repeats=1, random_state=0)
    assert len(sizes) == 5
    assert max(sizes) < 1_000_000 < groups.nbytes


# recordings


@pytest.mark.parametrize("is_stored", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_recordings_become_the_same_windows(data_folder, client, shared, tmp_path, is_stored):
    folder = data_folder / "chbmit-excerpt"
    expected = load_chbmit(folder, verbose=False)
    where = {"store": shared / "loaded"} if is_stored else {}
    with on(client):
        found = load_chbmit(folder, n_jobs=-1, verbose=False, **where)
    assert_same_windows(found, expected)
    if is_stored:
        assert [path.name[:8] for path in (shared / "loaded").iterdir()] == ["windows-"]


# faults


@pytest.mark.skipif(not can_be_alone(), reason="processes cannot have a /tmp of their own here")
def test_windows_that_a_worker_does_not_see_are_named(client, cohort, tmp_path):
    write_windows(tmp_path / "windows", cohort)
    X = WindowRows(read_windows(tmp_path / "windows").X)
    message = f"cannot read {re.escape(str(tmp_path))}.*folder that all of them see"
    with on(client), pytest.raises(FileNotFoundError, match=message):
        compare(cohort, X)


class Slow(FourierSurrogateSampler):
    """Takes a while, and says where it is."""

    def fit_resample(self, X, y, *, groups=None):
        time.sleep(0.5)
        return super().fit_resample(X, y, groups=groups)


def compare_slowly(cohort, **options):
    return compare(cohort, estimator=LINEAR, candidates={"slow": Slow()}, n_repeats=4, **options)


@contextmanager
def as_soon_as(path, action):
    """Do something when a file appears, in the middle of the block."""

    def wait():
        while not path.exists():
            time.sleep(0.01)
        action()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    yield
    thread.join()


@pytest.mark.parametrize(
    "restarted",
    [
        pytest.param(False, id="one worker"),
        pytest.param(True, id="all, restarted", marks=pytest.mark.slow),
    ],
)
def test_killed_workers_change_nothing(cohort, tmp_path, restarted, monkeypatch):
    expected = compare_slowly(cohort)
    options = ["--nanny" if restarted else "--no-nanny"]
    path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", ""), str(ROOT)])
    with (
        Cluster(tmp_path / "cluster", options=options, path=path) as cluster,
        distributed.Client(cluster.address, set_as_default=False) as client,
        on(client),
    ):
        client.wait_for_workers(2, timeout=300)
        doomed = cluster.workers if restarted else cluster.workers[:1]
        end = kill_children if restarted else kill
        rows = tmp_path / "rows.jsonl"
        with as_soon_as(rows, lambda: [end(worker) for worker in doomed]):
            assert_same(compare_slowly(cohort, store=rows), expected)
        assert rows.read_text().count("\n") == 8
        if not restarted:
            assert len(client.nthreads()) == 1


@pytest.mark.slow
def test_without_the_scheduler_the_comparison_ends_and_goes_on_later(cohort, tmp_path):
    expected, rows = compare_slowly(cohort), tmp_path / "rows.jsonl"
    path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", ""), str(ROOT)])
    with (
        Cluster(tmp_path / "cluster", path=path) as cluster,
        distributed.Client(cluster.address, set_as_default=False, timeout=20) as client,
        on(client),
    ):
        client.wait_for_workers(2, timeout=300)
        with (
            as_soon_as(rows, lambda: kill(cluster.scheduler)),
            pytest.raises(ConnectionError, match="with the same store, it goes on"),
        ):
            compare_slowly(cohort, store=rows)
    done = rows.read_text()
    assert 1 <= done.count("\n") < 8
    assert_same(compare_slowly(cohort, store=rows), expected)
    assert rows.read_text().startswith(done)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            "import sys; sys.modules['geneeg_sk'] = None",
            "cannot import geneeg_sk",
            marks=pytest.mark.slow,
        ),
        ("import geneeg_sk._version as v; v.__version__ = '0.0.1'", "has geneeg_sk 0.0.1"),
    ],
)
def test_a_worker_with_other_code_is_refused(cohort, data_folder, tmp_path, content, message):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(content)
    path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", ""), str(ROOT)])
    with (
        Cluster(tmp_path / "cluster", path=path) as cluster,
        distributed.Client(cluster.address, set_as_default=False) as client,
        on(client),
    ):
        client.wait_for_workers(2, timeout=300)
        with pytest.raises(ValueError, match=message):
            compare(cohort)
        with pytest.raises(ValueError, match=message):
            load_chbmit(data_folder / "chbmit-excerpt", n_jobs=-1, verbose=False)


@pytest.mark.parametrize(("n_workers", "n_threads"), [(1, 2), (2, 1)])
def test_trainings_that_would_share_a_process_are_warned_about(cohort, n_workers, n_threads):
    candidates = {"none": None}
    options = {"n_workers": n_workers, "threads_per_worker": n_threads, "processes": False}
    with (
        distributed.Client(**options, dashboard_address=":0") as client,
        on(client),
        pytest.warns(UserWarning, match="up to 2 tasks at once.*--nthreads 1"),
    ):
        compare(cohort, estimator=LINEAR, candidates=candidates)


def test_generated_windows_are_no_data_to_compare_on(cohort):
    class Generated:
        generated, shape, dtype = True, cohort.X.shape, cohort.X.dtype

    with pytest.raises(ValueError, match="augmentation is a candidate"):
        compare(cohort, WindowRows(Generated()))


# the shell


def run(*args, code=0):
    result = CliRunner().invoke(app, list(map(str, args)), env={"COLUMNS": "200"})
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.slow
def test_the_benchmark_on_a_cluster_has_the_rows_of_this_machine(client, store, tmp_path):
    options = ["--windows", store, "--folds", 2, "--repeats", 1, "--quick"]
    options += ["--epochs", 1, "--vae-steps", 2, "--diffusion-steps", 2]
    run("benchmark", *options, "--out", tmp_path / "here", "--jobs", 1)
    scheduler = client.scheduler.address
    run("benchmark", *options, "--out", tmp_path / "there", "--scheduler", scheduler)
    for name in ("results.csv", "patients.csv"):
        here, there = (pd.read_csv(tmp_path / where / name) for where in ("here", "there"))
        columns = [column for column in here if column != "fit_seconds"]
        pd.testing.assert_frame_equal(here[columns], there[columns])
    assert "Is it private?" in (tmp_path / "there/report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_windows_that_a_cluster_cuts_are_those_of_this_machine(client, data_folder, tmp_path):
    options = ["windows", "--chbmit", data_folder / "chbmit-excerpt", "--sfreq", 128]
    run(*options, "--out", tmp_path / "here")
    run(*options, "--out", tmp_path / "there", "--scheduler", client.scheduler.address)
    here, there = (read_windows(tmp_path / where) for where in ("here", "there"))
    np.testing.assert_array_equal(here.X, there.X)
    pd.testing.assert_frame_equal(here.metadata, there.metadata)


def test_a_scheduler_that_is_not_there_or_has_no_workers_is_named(store, tmp_path):
    options = ["benchmark", "--windows", store, "--quick", "--out", tmp_path / "out"]
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        Cluster(tmp_path / "cluster", n_workers=0) as cluster,
    ):
        printed = run(*options, "--scheduler", cluster.address, code=1)
        assert "has no workers" in printed
        kill(cluster.scheduler)
        printed = run(*options, "--scheduler", cluster.address, code=1)
        assert cluster.address in printed


class Uneven(FourierSurrogateSampler):
    """Takes ten times longer on one worker; leaves a file in the folder of each that it ran on."""

    def fit_resample(self, X, y, *, groups=None):
        home = Path.cwd()
        if home.name == "home":  # of a worker
            (home / f"done-{uuid.uuid4().hex}").touch()
            time.sleep(5.0 if home.parent.name == "worker-1" else 0.5)
        return super().fit_resample(X, y, groups=groups)


@pytest.mark.slow
def test_the_others_take_more_of_the_tasks_of_a_slow_worker(cohort, tmp_path):
    def compare_unevenly():
        return compare(cohort, estimator=LINEAR, candidates={"uneven": Uneven()}, n_repeats=8)

    expected, folder = compare_unevenly(), tmp_path / "cluster"
    path = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", ""), str(ROOT)])
    with (
        Cluster(folder, path=path) as cluster,
        distributed.Client(cluster.address, set_as_default=False) as client,
        on(client),
    ):
        client.wait_for_workers(2, timeout=300)
        assert_same(compare_unevenly(), expected)
    fast, slow = (len(list(folder.glob(f"worker-{k}/home/done-*"))) for k in range(2))
    assert fast + slow == 16
    assert 1 <= slow < fast
