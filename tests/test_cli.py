"""The installed console command, from recordings to a report."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
import torch
from report_parts import a_comparison
from sklearn.base import clone
from tiny import TINY
from typer.testing import CliRunner

from geneeg_sk import __version__, cli, datasets
from geneeg_sk.cli import _doctor, _sample, app
from geneeg_sk.cli._run import read_results
from geneeg_sk.cli._tables import print_comparison
from geneeg_sk.datasets import make_eeg_cohort, read_windows, write_windows
from geneeg_sk.generation import LatentDiffusionGenerator
from geneeg_sk.inspection import read_quiz_key
from geneeg_sk.model_selection._comparison import write_csv

COMMAND = Path(sys.executable).with_name("geneeg-sk")
TINY_BUDGET = ["--epochs", "1", "--vae-steps", "2", "--diffusion-steps", "2"]
CANDIDATES = {
    "none",
    "class weights",
    "RandomOverSampler",
    "SMOTE",
    "ADASYN",
    "FourierSurrogateSampler",
    "GenEEGSampler",
    "scaled, augmented",
    "scaled, augmented, GenEEG blend",
}


def run_installed(*args):
    """Run the console command as a user does, in a process of its own."""
    done = subprocess.run(
        [COMMAND, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=500,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run(*args, code=0):
    """Run a command in this process, which has imported what takes long to import."""
    result = CliRunner().invoke(app, list(map(str, args)), env={"COLUMNS": "200"})
    if not isinstance(result.exception, SystemExit | None):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Windows of three small patients."""
    cohort = make_eeg_cohort(
        n_patients=3,
        n_windows={"normal": 12, "preictal": 6, "ictal": 6},
        channels=["Fp1", "C3", "C4", "O2"],
        sfreq=64,
        length=2,
        random_state=0,
    )
    folder = tmp_path_factory.mktemp("store") / "windows"
    write_windows(folder, cohort)
    return folder


def test_help_and_version_load_nothing_heavy():
    assert run_installed("--version").strip() == __version__
    for command in ("windows", "fit", "sample", "benchmark", "report", "detect", "quiz", "doctor"):
        assert "--help" in run(command, "--help")
        assert command in run("--help")
    heavy = (
        "import sys, geneeg_sk.cli; sys.exit(bool({'torch', 'mne', 'sklearn'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", heavy]).returncode == 0


def test_without_arguments_the_commands_are_listed():
    printed = run(code=2)
    assert printed.split() == run("--help").split()
    for command in ("windows", "benchmark", "detect", "doctor"):
        assert f" {command} " in printed


def test_the_doctor_tells_what_numbers_depend_on():
    found = json.loads(run("doctor", "--json"))
    assert found["geneeg_sk"] == __version__
    assert found["torch"] == torch.__version__
    assert found["numpy"] == np.__version__
    assert found["torch threads"] == torch.get_num_threads()
    assert found["device"].startswith("cuda" if torch.cuda.is_available() else "cpu")
    assert found["cores"] >= 1
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in run("doctor").splitlines())
    assert list(lines) == list(found)
    assert all(lines[name] == str(found[name]) for name in found if name[:8] != "optional")


def test_the_doctor_says_what_is_missing_or_broken(monkeypatch):
    monkeypatch.setattr(_doctor, "OPTIONAL", ("numpy", "no-such-package"))
    monkeypatch.setattr(_doctor, "PACKAGES", ("numpy", "no-such-dependency"))
    monkeypatch.setitem(sys.modules, "torch", None)
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in run("doctor").splitlines())
    assert lines["no-such-dependency"] == "missing"
    assert lines["optional packages missing"] == "no-such-package"
    assert "torch" in lines["device"]


@pytest.mark.slow
def test_the_benchmark_runs_on_real_seizures(data_folder, tmp_path):
    out = tmp_path / "chb"
    options = ["--groups", "recording", "--quick", "--sfreq", 128, "--jobs", 1, *TINY_BUDGET]
    printed = run_installed(
        "benchmark", "--chbmit", data_folder / "chbmit-excerpt", "--out", out, *options
    )
    table = pd.read_csv(out / "results.csv")
    assert {"candidate", "fold", "seed", "macro_f1"} <= set(table.columns)
    assert set(table["candidate"]) == CANDIDATES
    assert table.groupby("candidate")["fold"].agg(set).eq({0, 1, 2}).all()
    assert table.loc[table["candidate"] != "GenEEGSampler", "error"].isna().all()
    patients = pd.read_csv(out / "patients.csv")
    assert patients["group"].nunique() == 4
    assert "<html" in (out / "report.html").read_text(encoding="utf-8").lower()
    assert "macro f1" in printed
    assert "folds are by recording" in printed


@pytest.mark.parametrize(
    ("gain", "noise", "said"),
    [
        (0.2, 0.01, "above zero for “Ours”, and below for no candidate"),
        (-0.2, 0.01, "above zero for no candidate, and below for “Ours”"),
        (0.0, 0.1, "above zero for no candidate, and below for no candidate"),
    ],
)
def test_the_table_ends_with_how_sure_so_many_patients_make(capsys, gain, noise, said):
    comparison = a_comparison({"none": 0, "Ours": gain}, n_patients=6, noise=noise)
    print_comparison(comparison, unit="patient")
    last = capsys.readouterr().out.splitlines()[-1]
    assert said in last
    reach = float(re.search(r"With 6 patients .* known to ±(\d\.\d\d)", last)[1])
    row = comparison.summary().loc["Ours"]
    assert reach == pytest.approx((row["vs_none_high"] - row["vs_none_low"]) / 2, abs=0.005)


def test_one_patient_makes_nobody_sure(capsys):
    one = a_comparison({"none": 0, "Ours": 0.1}, n_patients=1)
    print_comparison(one, unit="patient")
    assert "Not at all" in capsys.readouterr().out.splitlines()[-1]


def killed(*args, when):
    """Run a command in a process of its own, and kill that as soon as `when()`."""
    command = [sys.executable, "-c", "from geneeg_sk.cli import app; app()", *map(str, args)]
    root = Path(cli.__file__).parents[2]
    process = subprocess.Popen(
        command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and not when():
        time.sleep(0.02)
    process.kill()
    process.wait()


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was_and_another_repeats_nothing(store, tmp_path):
    out = tmp_path / "out"
    options = ["--windows", store, "--quick", "--folds", 3, "--out", out, "--jobs", 1, *TINY_BUDGET]
    rows = out / "rows.jsonl"
    killed("benchmark", *options, when=lambda: rows.exists() and rows.read_text().count("\n") > 1)
    done = rows.read_text()
    assert not (out / "results.csv").exists()
    run("benchmark", *options)
    assert rows.read_text().startswith(done)
    assert rows.read_text().count("\n") == 3 * len(CANDIDATES)
    first = pd.read_csv(out / "results.csv")
    assert set(first["candidate"]) == CANDIDATES
    run("benchmark", *options)
    again = pd.read_csv(out / "results.csv")
    fine = first["error"].isna()
    pd.testing.assert_frame_equal(again[fine], first[fine])  # the times, too: nothing was fitted
    page = (out / "report.html").read_text(encoding="utf-8")
    (out / "report.html").unlink()
    run("report", out)
    made_again = (out / "report.html").read_text(encoding="utf-8")
    for words in ("Is it private?", "Traces: ictal", "unseen real windows given", "<h4>"):
        assert page.count(words) == made_again.count(words) > 0
    (out / "report-windows.npz").unlink()  # EEG of patients, which not everybody may see
    run("report", out)
    assert "No windows were given" in (out / "report.html").read_text(encoding="utf-8")


def test_recordings_become_windows(data_folder, tmp_path):
    out = tmp_path / "windows"
    channels = "Fp1-F7,F7-T7,T7-P7"
    args = ["--chbmit", data_folder / "chbmit-excerpt", "--out", out, "--sfreq", 128]
    printed = run("windows", *args, "--channels", channels)
    windows = read_windows(out)
    assert windows.info.ch_names == channels.split(",")
    assert windows.sfreq == 128
    assert "chb01" in printed
    for state, n in pd.Series(windows.y).value_counts().items():
        assert state in printed
        assert str(n) in printed
    assert "exists" in run("windows", *args, code=1)
    run("windows", *args, "--overwrite")
    assert len(read_windows(out).info.ch_names) == 18


def test_windows_to_generator_to_windows(store, tmp_path):
    generator = tmp_path / "generator"
    run("fit", store, "--out", generator, "--vae-steps", 3, "--diffusion-steps", 3)
    original = read_windows(store)

    sample = ["sample", generator, "--state", "ictal", "--n", 5, "--seed", 1]
    run(*sample, "--out", tmp_path / "x.npz")
    arrays = np.load(tmp_path / "x.npz", allow_pickle=False)
    assert arrays["X"].shape == (5, *original.X.shape[1:])
    assert (arrays["y"] == "ictal").all()
    assert arrays["channels"].tolist() == original.info.ch_names

    run(*sample, "--out", tmp_path / "x.edf")
    raw = mne.io.read_raw_edf(tmp_path / "x.edf", preload=True, verbose="ERROR")
    assert raw.ch_names == original.info.ch_names
    assert raw.info["sfreq"] == original.sfreq
    assert list(raw.annotations.description) == ["ictal"] * 5
    windows = raw.get_data()[:, : 5 * original.X.shape[2]] * 1e6
    expected = arrays["X"].transpose(1, 0, 2).reshape(len(raw.ch_names), -1)
    np.testing.assert_allclose(windows, expected, atol=np.ptp(expected) / 2**15)

    run(*sample, "--out", tmp_path / "synthetic")
    np.testing.assert_array_equal(read_windows(tmp_path / "synthetic").X, arrays["X"])
    run("report", store, tmp_path / "synthetic", "--out", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Is it diverse?" in page
    assert "left out, for it is in one only" in page
    assert "patients of the real windows" in page

    known = original.groups[0]
    run(*sample, "--patient", known, "--out", tmp_path / "p.npz")
    assert "unknown patient" in run(*sample, "--patient", "X", "--out", "p.npz", code=1)
    assert "knows ['ictal'" in run(
        "sample", generator, "--state", "asleep", "--out", "x.npz", code=1
    )
    assert ".npz, .edf" in run(*sample, "--out", "x.txt", code=2)


def test_a_quiz_is_made_of_stores_and_of_npz(store, tmp_path):
    windows = read_windows(store)
    arrays = {"X": windows.X[::-1], "y": windows.y[::-1].astype(str), "sfreq": windows.sfreq}
    synthetic = tmp_path / "synthetic.npz"
    np.savez(synthetic, channels=windows.info.ch_names, **arrays)
    page = tmp_path / "new" / "quiz.html"
    assert str(page) in run("quiz", store, synthetic, "--out", page, "--n", 12, "--seed", 3)
    key = read_quiz_key(page)
    assert key["truth"].value_counts().to_dict() == {"real": 6, "synthetic": 6}
    for row in key[key["truth"] == "real"].itertuples():
        assert windows.y[row.real_window] == row.state
    once = page.read_bytes()
    run("quiz", store, synthetic, "--out", page, "--n", 12, "--seed", 3)
    assert page.read_bytes() == once
    run("quiz", synthetic, store, "--out", page, "--pairs")
    assert set(read_quiz_key(page)["truth"]) == {"A", "B"}
    assert "too few windows" in run("quiz", store, store, "--out", page, "--n", 1000, code=1)
    np.savez(synthetic, channels=["Fp1", "C3", "C4", "Oz"], **arrays)
    assert "also have ['Oz']" in run("quiz", store, synthetic, "--out", page, code=1)


def test_bad_input_gets_one_clear_line(data_folder, store, tmp_path):
    out = ["--out", tmp_path / "out"]
    assert "not a folder" in run("benchmark", "--chbmit", tmp_path / "nowhere", *out, code=1)
    (tmp_path / "empty").mkdir()
    assert "summary" in run("windows", "--chbmit", tmp_path / "empty", *out, code=1)
    assert "Seizures-list" in run("windows", "--siena", tmp_path / "empty", *out, code=1)
    assert "events.tsv" in run("windows", "--bids", tmp_path / "empty", *out, code=1)
    assert "not a store of windows" in run("fit", tmp_path / "empty", *out, code=1)
    assert "no saved generator" in run(
        "sample", tmp_path / "empty", "--state", "ictal", "--out", "x.npz", code=1
    )
    assert "results.csv" in run("report", tmp_path / "empty", code=1)
    assert "exactly one of" in run("benchmark", *out, code=2)
    assert "exactly one of" in run("benchmark", "--cohort", "--windows", store, *out, code=2)
    assert not (tmp_path / "out").exists()


def test_a_truncated_recording_is_named(data_folder, tmp_path):
    folder = tmp_path / "chbmit"
    shutil.copytree(data_folder / "chbmit-excerpt" / "chb01", folder / "chb01")
    recording = folder / "chb01" / "chb01_04.edf"
    recording.chmod(0o644)
    recording.write_bytes(recording.read_bytes()[:100_000])
    printed = run("benchmark", "--chbmit", folder, "--out", tmp_path / "out", code=1)
    assert "chb01_04.edf" in printed


def test_one_patient_is_too_few(data_folder, tmp_path):
    args = ["--chbmit", data_folder / "chbmit-excerpt", "--out", tmp_path / "out"]
    assert "group by recording" in run("benchmark", *args, "--quick", code=1)


@pytest.fixture(scope="module")
def generator(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit") / "generator"
    run("fit", store, "--out", folder, "--vae-steps", 2, "--diffusion-steps", 2)
    return folder


def test_a_generator_can_be_trained_with_a_checkpoint(store, generator, tmp_path):
    steps = "--vae-steps", 2, "--diffusion-steps", 2, "--checkpoint", tmp_path / "training"
    run("fit", store, "--out", tmp_path / "generator", *steps)
    assert {p.name for p in (tmp_path / "training").iterdir()} == {"autoencoder", "diffusion"}
    expected = LatentDiffusionGenerator.load(generator).sample(["ictal"] * 3)
    made = LatentDiffusionGenerator.load(tmp_path / "generator").sample(["ictal"] * 3)
    np.testing.assert_array_equal(made, expected)
    other = run("fit", store, "--out", tmp_path / "other", *steps, "--seed", 1, code=1)
    assert "other windows or with other settings" in other


def never(*_, **__):
    raise AssertionError("this takes hours")


def test_the_place_of_a_result_is_looked_at_before_the_work(
    data_folder, store, tmp_path, monkeypatch
):
    monkeypatch.setattr(LatentDiffusionGenerator, "fit", never)
    for name in ("load_chbmit", "make_eeg_cohort"):
        monkeypatch.setattr(datasets, name, never)
    occupied = tmp_path / "thesis"
    occupied.mkdir()
    (occupied / "thesis.tex").write_text("years")
    (tmp_path / "file").write_text("")
    assert "is not a saved generator" in run("fit", store, "--out", occupied, code=1)
    assert "is a file" in run("fit", store, "--out", tmp_path / "file", code=1)
    assert "is a file" in run("fit", store, "--out", tmp_path / "file" / "deep", code=1)
    cut = ["windows", "--chbmit", data_folder / "chbmit-excerpt"]
    assert "exists" in run(*cut, "--overwrite", "--out", occupied, code=1)
    assert "Error" in run(*cut, "--out", tmp_path / "file" / "deep", code=1)
    assert "is a file" in run("benchmark", "--cohort", "--out", tmp_path / "file", code=1)
    assert [path.name for path in occupied.iterdir()] == ["thesis.tex"]


def test_more_windows_than_there_is_room_for_are_refused_with_an_estimate(
    generator, tmp_path, monkeypatch
):
    monkeypatch.setattr(LatentDiffusionGenerator, "sample", never)
    sample = ["sample", generator, "--state", "ictal", "--out"]
    for out in ("x.npz", "x.edf", "store"):
        printed = run(*sample, tmp_path / out, "--n", 10**12, code=1)
        assert "1000000000000 windows take about" in printed
        assert "GB are free" in printed
    monkeypatch.setattr(_sample, "_free_memory", lambda: 1e6)
    assert "of memory" in run(*sample, tmp_path / "x.edf", "--n", 1000, code=1)
    assert list(tmp_path.iterdir()) == []


def test_windows_that_are_generated_in_parts_are_all_there(generator, tmp_path, monkeypatch):
    sample = ["sample", generator, "--state", "ictal", "--seed", 3, "--n"]
    run(*sample, 20, "--out", tmp_path / "whole.npz")
    whole = dict(np.load(tmp_path / "whole.npz", allow_pickle=False))
    monkeypatch.setattr(_sample, "PART_BYTES", 8 * whole["X"][0].nbytes)
    asked = []
    original = LatentDiffusionGenerator.sample

    def counted(self, y, **options):
        asked.append(len(y))
        return original(self, y, **options)

    monkeypatch.setattr(LatentDiffusionGenerator, "sample", counted)
    for out in ("x.npz", "store", "x.edf"):
        run(*sample, 20, "--out", tmp_path / out)
    assert asked == [8, 8, 4] * 3
    parts = dict(np.load(tmp_path / "x.npz", allow_pickle=False))
    stored = read_windows(tmp_path / "store")
    np.testing.assert_array_equal(parts["X"][:8], whole["X"][:8])
    np.testing.assert_array_equal(stored.X, parts["X"])
    assert len(np.unique(parts["X"], axis=0)) == 20
    for name in ("y", "sfreq", "channels"):
        np.testing.assert_array_equal(parts[name], whole[name])
        assert parts[name].dtype == whole[name].dtype
    assert parts["X"].dtype == whole["X"].dtype
    assert stored.metadata["state"].eq("ictal").sum() == 20


def test_names_of_channels_are_sealed_and_go_with_their_generator(
    cohort, store, generator, tmp_path
):
    folder = tmp_path / "generator"
    shutil.copytree(generator, folder)
    sample = ["sample", folder, "--state", "ictal", "--n", 1, "--out"]
    path = folder / "channels.json"
    for damaged in (path.read_text().replace("C3", "C4"), "{", "[]", "[" * 10**5):
        path.write_text(damaged)
        assert "channels.json is damaged" in run(*sample, tmp_path / "x.npz", code=1)
    shutil.copy(generator / "channels.json", path)
    clone(TINY).set_params(sfreq=64.0).fit(cohort.X, cohort.y).save(folder)
    run(*sample, tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz") as arrays:
        assert arrays["channels"].tolist() == ["EEG001", "EEG002", "EEG003", "EEG004"]


@pytest.mark.parametrize("option", [("--sfreq", "1e12"), ("--sfreq", "inf"), ("--sfreq", "-1")])
def test_a_rate_that_cannot_be_is_refused(data_folder, tmp_path, option):
    folder = data_folder / "chbmit-excerpt"
    result = CliRunner().invoke(
        app, ["windows", "--chbmit", str(folder), "--out", str(tmp_path / "x"), *option]
    )
    assert isinstance(result.exception, SystemExit)
    assert "sfreq" in result.output
    assert not (tmp_path / "x").exists()


def results(folder):
    """The files of a benchmark, made up."""
    c = a_comparison({"none": 0, "=cmd|' /C calc'!A0": 0.1, "SMOTE": -0.05}, failing=["SMOTE"])
    folder.mkdir()
    for name, table in (("results.csv", c.results), ("patients.csv", c.scores_by_patient)):
        write_csv(table, folder / name)
    (folder / "how.json").write_text('{"seed": 0}')
    X = np.zeros((2, 3, 64), np.float32)
    np.savez(folder / "report-windows.npz", sfreq=64.0, channels=["a", "b", "c"], **{"real/x": X})
    (folder / "history.csv").write_text("stage,step,loss\nvae,1,0.5\n")
    return c


DAMAGE = {
    "results.csv": [b"", b"a,b\n1,2,3\n", b"\xff\xfe\x00", b"a\n1\n", b'"', b"\x00" * 100],
    "patients.csv": [b"", b"candidate\nnone\n", b"[]"],
    "how.json": [b"", b"[1]", b"3", b"[" * 10**5],
    "report-windows.npz": [b"", b"PK\x03\x04", b"\x80\x04pickle", b"\x93NUMPY"],
    "history.csv": [b"", b"a,b\n1,2\n", b"stage,step,loss\nvae,one,two\n"],
}


@pytest.mark.parametrize(
    ("name", "content"), [(name, one) for name, several in DAMAGE.items() for one in several]
)
def test_a_malformed_file_of_results_is_named(tmp_path, name, content):
    results(tmp_path / "results")
    (tmp_path / "results" / name).write_bytes(content)
    assert name in run("report", tmp_path / "results", code=1)


def test_numbers_that_are_text_are_named(tmp_path):
    results(tmp_path / "results")
    path = tmp_path / "results" / "results.csv"
    table = pd.read_csv(path).astype({"macro_f1": object})
    table.loc[0, "macro_f1"] = "half"
    table.to_csv(path, index=False)
    assert "columns ['macro_f1'] hold something else" in run("report", tmp_path / "results", code=1)


def test_damaged_windows_are_named(tmp_path):
    for number, content in enumerate(DAMAGE["report-windows.npz"]):
        path = tmp_path / f"{number}.npz"
        path.write_bytes(content)
        assert path.name in run("report", path, path, code=1)


def test_no_cell_of_a_table_is_a_formula_and_names_come_back(tmp_path):
    comparison = results(tmp_path / "results")
    names = ["=1+1", "+1", "-x", "@sum", "'=quoted", "'", "a=b", "\ttab"]
    comparison.scores_by_patient["group"] = np.resize(names, len(comparison.scores_by_patient))
    frame = comparison.results.rename(columns={"f1_ictal": "=evil"})
    write_csv(comparison.scores_by_patient, tmp_path / "results" / "patients.csv")
    write_csv(frame, tmp_path / "results" / "results.csv")
    for name in ("results.csv", "patients.csv"):
        with (tmp_path / "results" / name).open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        texts = [cell for cell in cells if not re.fullmatch(r"-?[\d.e-]+|-inf", cell)]
        assert not [cell for cell in texts if cell[:1] in set("=+-@\t\r")]
    found = read_results(tmp_path / "results")
    assert found.candidates == comparison.results["candidate"].unique().tolist()
    assert (
        found.scores_by_patient["group"].tolist() == comparison.scores_by_patient["group"].tolist()
    )
    assert "=evil" in found.results
