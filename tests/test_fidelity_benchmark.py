"""The fidelity benchmark compares with windows that training has not come near, and resumes."""

import sys

import numpy as np
import pytest

from benchmarks.fidelity import ablation, data, methods, page, run, stages, variations
from benchmarks.fidelity.data import Windows
from benchmarks.json_lines import append, read

TINY = {"vae_steps": 3, "diffusion_steps": 3, "width": 8, "latent_channels": 2, "batch_size": 8}
N = 12  # windows of a state that are compared
SCORES = {
    "c2st_windows",
    "c2st_windows_interval",
    "c2st_features",
    "c2st_features_interval",
    "ks_mean",
    "lsd_db",
    "worst_band_db",
    "autocorrelation",
    "amplitude",
    "mmd",
    "density",
    "coverage",
    "correlation_error",
    "coherence_error",
    "rhythm",
    "asymmetry",
    "phase_amplitude",
    "lag",
    "course",
    "spike_ratio",
    "spike_difference",
    "nn_ratio",
    "near_copies",
}
LINE = {"benchmark", "data", "n_train", "seed", "state", "n_state", "reference", "n_reference"}


def rows_of(part, whole):
    """Which windows of `whole` are in `part`, by their samples."""
    position = {x.tobytes(): i for i, x in enumerate(whole.X)}
    return np.array([position[x.tobytes()] for x in part.X])


# --- what is compared with what -----------------------------------------------------------------


def test_training_reference_and_floor_of_the_cohort_are_different_sessions():
    parts = data.cohort(20, seed=0, n_compared=N)
    assert parts.kind == "fresh"
    recordings = [set(part.recordings) for part in (parts.train, parts.reference, parts.floor)]
    assert not recordings[0] & recordings[1]
    assert not recordings[0] & recordings[2]
    assert not recordings[1] & recordings[2]
    patients = [set(part.patients) for part in (parts.train, parts.reference, parts.floor)]
    assert patients[0] == patients[1] == patients[2]
    assert np.unique(parts.train.y, return_counts=True)[1].tolist() == [20, 20, 20]


@pytest.mark.parametrize("name", ["bonn", "chbmit"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_recordings_of_the_reference_are_held_out_whole(name, seed, data_folder, monkeypatch):
    monkeypatch.setattr(data, "DATA_FOLDER", data_folder)
    parts = data.split(name, 20, seed)
    held = set(parts.reference.recordings)
    assert parts.kind == "recordings"
    assert not held & set(parts.train.recordings)
    assert not held & set(parts.floor.recordings)
    assert set(parts.reference.y) == set(parts.train.y)
    if parts.train.patients is not None:
        assert set(parts.reference.patients) == set(parts.train.patients)


def test_blocks_of_a_subject_are_ten_trials_apart(data_folder, monkeypatch):
    monkeypatch.setattr(data, "DATA_FOLDER", data_folder)
    whole, parts = data.erp(), data.split("erp", 20, 0)
    late = rows_of(parts.reference, whole)
    for part in (parts.train, parts.floor):
        early = rows_of(part, whole)
        for subject in np.unique(whole.recordings):
            mine = [rows[whole.recordings[rows] == subject] for rows in (early, late)]
            assert mine[1].min() - mine[0].max() > data.GAP
            length = np.flatnonzero(whole.recordings == subject)
            assert mine[1].min() > np.median(length)
    states, n = np.unique(parts.reference.y, return_counts=True)
    assert states.tolist() == np.unique(parts.train.y).tolist() == ["S2 match", "S2 nomatch"]
    assert n.min() >= data.N_LATE


def test_few_windows_are_spread_evenly_over_patients():
    patients = np.repeat(["a", "b"], 10)
    X = np.arange(20.0)[:, None, None]
    kept = data.evenly(Windows(X, np.full(20, "ictal"), patients, patients, 128.0), 5)
    assert kept.X.ravel().tolist() == [0, 1, 2, 10, 11]


# --- lines --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cell():
    return run.Cell("cohort", 12, 0)


@pytest.fixture(scope="module")
def windows(cell):
    """The tiny cell's windows: two states, four channels, two seconds at 64 Hz, to be quick."""
    whole = data.cohort(cell.n_train, cell.seed, n_compared=N)
    parts = [w[w.y != "preictal"] for w in (whole.train, whole.reference, whole.floor)]
    for part in parts:
        part.X, part.sfreq = part.X[:, :4, :256:2].copy(), 64.0
    return data.Split(*parts, whole.kind)


@pytest.fixture(scope="module")
def bench(cell, windows, tmp_path_factory):
    out = tmp_path_factory.mktemp("fidelity") / "fidelity.jsonl"
    return run.Bench(cell, out, windows, **TINY)


@pytest.fixture(scope="module")
def written(bench):
    """All lines of a tiny cell."""
    for method in ("geneeg", "training", "floor"):
        bench.measure(method)
    for stage in ("windows", "reconstruction", "all_drawn", "generated"):
        bench.measure_stage(stage)
    return bench.out


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:With .*c2st")
def test_lines_have_the_keys_that_others_read(written):
    lines = read(written)
    for line in lines:
        assert set(line) >= LINE
        assert line["reference"] == "fresh"
        assert ("method" in line) != ("stage" in line)
    by_method = {line["method"]: line for line in lines if "method" in line}
    assert set(by_method) == {"geneeg", "training", "fresh"}
    for line in by_method.values():
        assert set(line["synthetic"]) >= SCORES
    assert by_method["geneeg"]["conditioning"].keys() >= {"state_synthetic", "patient_real_ictal"}
    assert by_method["geneeg"]["cost"].keys() >= {"fit_s", "windows_per_s", "gflop_per_window"}
    by_stage = {line["stage"]: line for line in lines if "stage" in line}
    assert set(by_stage["reconstruction"]["explained"]) == set(stages.BANDS)
    assert set(by_stage["all_drawn"]["synthetic"]) == set(run.OF_STAGES)
    generated = by_stage["generated"]
    same = [x for x in lines if x.get("method") == "geneeg" and x["state"] == generated["state"]]
    assert generated["synthetic"]["c2st_windows"] == same[0]["synthetic"]["c2st_windows"]


@pytest.mark.slow
def test_training_windows_again_are_training_windows(written):
    lines = [line for line in read(written) if line.get("method") == "training"]
    assert all(line["synthetic"]["near_copies"] == 1 for line in lines)


@pytest.mark.slow
def test_a_line_that_is_there_is_not_computed_again(written, cell, monkeypatch):
    monkeypatch.setattr(run, "WITH_STAGES", {("cohort", 12)})
    monkeypatch.setattr(sys, "argv", ["run", "--out", str(written)])
    arguments = run.parsed()
    left = run.jobs_left(cell, arguments)
    assert ("method", "smote") in left
    assert ("stage", "noise") in left
    done = {"geneeg", "training", "floor", "windows", "reconstruction", "all_drawn"}
    assert not done & {name for _, name in left}
    other = run.Cell("cohort", 12, 1)
    assert ("method", "geneeg") in run.jobs_left(other, arguments)


@pytest.mark.slow
def test_the_page_is_written_from_the_lines(written, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "RESULTS", written)
    monkeypatch.setattr(page, "PAGE", tmp_path / "fidelity.md")
    monkeypatch.setattr(page, "FIGURE", tmp_path / "figures" / "fidelity.png")
    page.main()
    text = (tmp_path / "fidelity.md").read_text(encoding="utf-8")
    assert "rewarded closeness to training windows" in text
    assert "Where in the chain" in text
    assert (tmp_path / "figures" / "fidelity.png").exists()


def test_only_the_chosen_correction_is_made(bench, windows):
    model = bench.generator()[0].model_
    unit = model.normalizer.unit(windows.reference.X[:4])[0]
    state = np.zeros(4, int)
    described = model.describe(windows.reference.X[:4])
    left_out = set(stages.CORRECTIONS) - {"level"}
    made = model.without(left_out).correct(unit.copy(), state, described)
    expected = model.corrections.level(unit, state)
    np.testing.assert_allclose(made, model.normalizer.unit(expected)[0], atol=1e-4)


def test_of_each_part_the_generator_without_it_is_compared(windows, monkeypatch):
    fitted = methods.fitted
    monkeypatch.setattr(methods, "fitted", lambda train, seed: fitted(train, seed, **TINY))
    made, first = {}, None
    for part, generator in ablation.without(["", "level"], windows.train, 0):
        corrections = generator.model_.corrections
        first = first or generator.model_
        assert tuple(corrections.left_out) == ((part,) if part else ())
        made[part] = generator.sample(["ictal"] * 3, random_state=0)
    assert not np.allclose(made[""], made["level"])
    assert first.corrections.left_out == ()  # the whole one is as it was


def test_windows_are_varied_toward_another_patient(windows):
    train, wanted = windows.train, windows.reference
    sources = train[variations.of_others(train, wanted, 0)]
    assert (sources.y == wanted.y).all()
    assert not (sources.patients == wanted.patients).any()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:With .*c2st")
def test_the_page_has_variations_of_every_strength(bench, windows, tmp_path, monkeypatch):
    monkeypatch.setattr(variations, "split", lambda *_: windows)
    monkeypatch.setattr(methods, "fitted", lambda *_: bench.generator())
    monkeypatch.setattr(variations, "STRENGTHS", (0.0, 0.5))
    out = tmp_path / "variations.jsonl"
    variations.measure(0, out)
    lines = read(out)
    assert {(line["strength"], line["state"]) for line in lines} == {
        (strength, state) for strength in (0.0, 0.5) for state in ("ictal", "normal")
    }
    variations.measure(0, out)  # all is there
    assert read(out) == lines
    section = page.variations(lines)
    assert "| ictal | 0 | " in section
    assert "| normal | 0.5 | " in section


def test_lines_of_a_method_are_appended_at_once(tmp_path):
    out = tmp_path / "lines.jsonl"
    append(out, [{"state": "ictal"}, {"state": "normal"}])
    with out.open("a") as file:
        file.write('{"state": "pre')  # a run that was killed
    append(out, [{"state": "preictal"}])
    assert [line["state"] for line in read(out)] == ["ictal", "normal", "preictal"]
