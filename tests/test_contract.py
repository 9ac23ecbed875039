"""What every public estimator promises for windows in three dimensions."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from joblib import Parallel, delayed
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_param_validation
from sklearn.utils.validation import has_fit_parameter
from tiny import CACHE, TINY

from geneeg_sk.classification import AugmentedClassifier, CNNBiLSTMClassifier, SequentialClassifier
from geneeg_sk.features import EEGFeatures
from geneeg_sk.over_sampling import (
    FillGap,
    FourierSurrogateSampler,
    GenEEGSampler,
    WindowedSampler,
)
from geneeg_sk.preprocessing import (
    ArtifactRepairer,
    BandpassFilter,
    ChannelPicker,
    NotchFilter,
    Rereferencer,
    Resampler,
    WindowScaler,
)

UNCACHED = GenEEGSampler(generator=clone(TINY), quality=None, random_state=0)
OURS = clone(UNCACHED).set_params(memory=CACHE.name)
SAMPLERS = {
    "ours": OURS,
    "ours, uncached": UNCACHED,
    "surrogates": FourierSurrogateSampler(random_state=0),
    "windowed random": WindowedSampler(sampler=RandomOverSampler(random_state=0)),
    "windowed smote": WindowedSampler(sampler=SMOTE(k_neighbors=2, random_state=0)),
    "windowed nothing": WindowedSampler(),
    "windowed ours": WindowedSampler(sampler=OURS),
}
TRANSFORMERS = {
    "repairer": ArtifactRepairer(),
    "band": BandpassFilter(h_freq=30.0, sfreq=64.0),
    "picker": ChannelPicker(),
    "features": EEGFeatures(sfreq=64.0),
    "notch": NotchFilter(freqs=20.0, sfreq=64.0),
    "reference": Rereferencer(),
    "resampler": Resampler(sfreq=64.0, target_sfreq=32.0),
    "scaler": WindowScaler(),
}
NET = CNNBiLSTMClassifier(n_filters=4, n_hidden=8, max_epochs=1, batch_size=16, random_state=0)
CLASSIFIERS = {
    "net": NET,
    "augmented": AugmentedClassifier(
        make_pipeline(
            EEGFeatures(sfreq=64.0, average=True), StandardScaler(), LogisticRegression()
        ),
        FourierSurrogateSampler(random_state=0),
    ),
    "sequential": SequentialClassifier(estimator=clone(NET), random_state=0),
}
GENERATOR = {"generator": TINY}
EVERYTHING = {**SAMPLERS, **TRANSFORMERS, **CLASSIFIERS, **GENERATOR}


SLOW = {"ours, uncached"}  # each of its fits trains a generator


def each(estimators):
    """The test runs on every one of these."""
    params = [
        pytest.param(estimator, id=name, marks=[pytest.mark.slow] if name in SLOW else [])
        for name, estimator in estimators.items()
    ]
    return pytest.mark.parametrize("estimator", params, indirect=True)


@pytest.fixture
def estimator(request):
    return clone(request.param)


@pytest.fixture(scope="module")
def data():
    """Unordered windows of three states of four patients, 2 channels of 64 samples."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(["normal", "preictal", "ictal"], [16, 8, 8]))
    X = 30 * rng.normal(size=(32, 2, 64)).astype(np.float32)
    groups = np.empty(32, int)
    for state in np.unique(y):
        groups[y == state] = np.arange((y == state).sum()) % 4
    for array in (X, y, groups):
        array.setflags(write=False)
    return X, y, groups


def result(estimator, X, data):
    """What an estimator makes of windows, as one array."""
    _, y, groups = data
    if hasattr(estimator, "fit_resample"):
        return estimator.fit_resample(X, y, groups=groups)[0]
    if hasattr(estimator, "sample"):
        return estimator.fit(X, y, groups=groups).sample(["ictal"] * 3, random_state=0)
    if hasattr(estimator, "predict"):
        takes_groups = has_fit_parameter(estimator, "groups")
        return estimator.fit(X, y, **({"groups": groups} if takes_groups else {})).predict_proba(X)
    return estimator.fit(X).transform(X)


def memory_mapped(X, folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def sparse_in_memory(X, _):
    roomy = np.zeros((len(X), 4, 128), X.dtype)
    roomy[:, ::2, ::2] = X
    return roomy[:, ::2, ::2]


LAYOUTS = {
    "read-only": lambda X, _: X,
    "memory-mapped": memory_mapped,
    "strided": sparse_in_memory,
    "backwards": lambda X, _: X[::-1].copy()[::-1],
    "Fortran": lambda X, _: np.asfortranarray(X),
    "big-endian": lambda X, _: X.astype(">f4"),
}


@each(EVERYTHING)
@pytest.mark.filterwarnings("error")
def test_how_windows_lie_in_memory_does_not_matter(estimator, data, tmp_path):
    expected = result(estimator, data[0].copy(), data)
    assert expected.dtype == np.float32
    for name, layout in LAYOUTS.items():
        X = layout(data[0], tmp_path)
        got = result(clone(estimator), X, data)
        assert type(got) is np.ndarray, name
        assert got.dtype == expected.dtype, name
        assert_array_equal(got, expected, err_msg=name)
        assert_array_equal(X, data[0], err_msg=name)


@each(SAMPLERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_originals_come_first_in_order_and_bit_identical(estimator, data, dtype):
    X, y = data[0].astype(dtype), data[1]
    X[3, 1, 5] = -0.0
    X_res, y_res = estimator.fit_resample(X, y, groups=data[2])
    assert (X_res.dtype, y_res.dtype) == (dtype, y.dtype)
    assert X_res[: len(X)].tobytes() == X.tobytes()
    assert_array_equal(y_res[: len(X)], y)
    assert_array_equal(estimator.is_synthetic_, np.arange(len(X_res)) >= len(X))
    assert_array_equal(estimator.provenance_["state"], y_res[len(X) :])
    assert not hasattr(estimator, "sample_indices_")
    assert not hasattr(estimator, "transform")


@each(SAMPLERS)
def test_how_many_windows_were_generated_for_each_state_is_told(estimator, data):
    _, y_res = estimator.fit_resample(*data[:2], groups=data[2])
    new = y_res[estimator.is_synthetic_]
    assert estimator.n_synthetic_ == {s: int((new == s).sum()) for s in np.unique(data[1]).tolist()}
    assert estimator.n_synthetic_["normal"] == 0


@each(SAMPLERS)
def test_a_data_frame_of_one_channel_comes_back_as_one(estimator, data):
    X = pd.DataFrame(data[0][:, 0]).add_prefix("t")
    y = pd.Series(data[1], name="state")
    X_res, y_res = estimator.fit_resample(X, y, groups=pd.Series(data[2]))
    assert X_res.columns.tolist() == X.columns.tolist()
    assert set(X_res.dtypes) == {np.dtype("float32")}
    assert (y_res.name, y_res.dtype) == (y.name, y.dtype)
    pd.testing.assert_frame_equal(X_res[: len(X)], X)
    assert_array_equal(X_res, clone(estimator).fit_resample(X.to_numpy(), y, groups=data[2])[0])


def as_epochs(X, sfreq=64.0):
    mne = pytest.importorskip("mne")
    info = mne.create_info(["C3", "C4"], sfreq, "eeg")
    return mne.EpochsArray(X.astype(float) * 1e-6, info, verbose="error")


@each(EVERYTHING)
def test_epochs_in_volts_are_taken_as_microvolts(estimator, data):
    epochs = as_epochs(data[0])
    got = result(estimator, epochs, data)
    expected = result(clone(estimator), epochs.get_data() * 1e6, data)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("wrap", [lambda sampler: sampler, lambda s: WindowedSampler(sampler=s)])
def test_a_frozen_generator_of_another_sfreq_is_an_error(data, wrap):
    generator = clone(TINY).fit(as_epochs(data[0]), data[1], groups=data[2])
    sampler = wrap(clone(OURS).set_params(generator=FrozenEstimator(generator)))
    sampler.fit_resample(as_epochs(data[0]), data[1], groups=data[2])
    with pytest.raises(ValueError, match=r"64\.0 Hz, the windows have 128\.0 Hz"):
        sampler.fit_resample(as_epochs(data[0], sfreq=128.0), data[1], groups=data[2])


@each(EVERYTHING)
def test_clone_pickle_and_joblib_keep_what_they_should(estimator, data, tmp_path):
    before = repr(estimator)
    expected = result(estimator, data[0], data)
    joblib.dump(estimator, tmp_path / "estimator.joblib")
    copies = [
        pickle.loads(pickle.dumps(estimator)),
        joblib.load(tmp_path / "estimator.joblib"),
        clone(estimator),
    ]
    assert {repr(copy) for copy in copies} == {before}
    for copy in copies:
        kept = [name for name in vars(copy) if name.endswith("_") and not name.startswith("_")]
        assert bool(kept) == (copy is not copies[-1])
        assert_array_equal(result(copy, data[0], data), expected)
    if hasattr(estimator, "provenance_"):
        pd.testing.assert_frame_equal(copies[0].provenance_, estimator.provenance_)


@each({**TRANSFORMERS, **CLASSIFIERS, **GENERATOR})
def test_an_unpickled_estimator_works_without_another_fit(estimator, data):
    expected = result(estimator, data[0], data)
    copy = pickle.loads(pickle.dumps(estimator))
    if hasattr(copy, "sample"):
        got = copy.sample(["ictal"] * 3, random_state=0)
    else:
        got = (copy.predict_proba if hasattr(copy, "predict_proba") else copy.transform)(data[0])
    assert_array_equal(got, expected)


@each(EVERYTHING)
def test_params_go_round_and_fit_leaves_them_alone(estimator, data):
    params = estimator.get_params(deep=False)
    result(estimator, data[0], data)
    after = estimator.get_params(deep=False)
    assert all(after[name] is value for name, value in params.items())
    again = type(estimator)(**params)
    assert again.get_params(deep=False) == params
    assert repr(again.set_params(**params)) == repr(estimator)


@each(SAMPLERS)
def test_params_set_before_and_after_a_fit_act_alike(estimator, data):
    X, y, groups = data
    few = {"sampling_strategy": FillGap(0.5)}
    early = clone(estimator).set_params(**few).fit_resample(X, y, groups=groups)
    estimator.fit_resample(X, y, groups=groups)
    late = estimator.set_params(**few).fit_resample(X, y, groups=groups)
    assert_array_equal(late[0], early[0])
    assert_array_equal(late[1], early[1])


@each(EVERYTHING)
def test_unknown_parameters_are_refused(estimator):
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense'"):
        estimator.set_params(nonsense=1)


@each(EVERYTHING)
def test_global_random_states_stay_and_do_not_matter(estimator, data):
    expected = result(clone(estimator), data[0], data)
    np.random.seed(123)  # noqa: NPY002
    torch.manual_seed(123)
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    assert_array_equal(result(estimator, data[0], data), expected)
    assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


@each({**GENERATOR, "net": NET})
def test_fits_in_threads_leave_the_global_random_stream_alone(estimator, data):
    torch.manual_seed(123)
    before = torch.get_rng_state()
    for _ in range(3):
        jobs = (delayed(result)(clone(estimator), data[0], data) for _ in range(8))
        Parallel(n_jobs=4, prefer="threads")(jobs)
        assert torch.equal(torch.get_rng_state(), before)


@each(EVERYTHING)
def test_ordinary_use_gives_no_warning_and_prints_nothing(estimator, data, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result(estimator, data[0], data)
    assert capfd.readouterr() == ("", "")


@each(EVERYTHING)
def test_there_is_a_picture_for_notebooks_before_and_after_the_fit(estimator, data):
    before = estimator._repr_html_()
    result(estimator, data[0], data)
    for html in (before, estimator._repr_html_()):
        assert type(estimator).__name__ in html


@each(EVERYTHING)
def test_every_parameter_is_validated(estimator):
    check_param_validation(type(estimator).__name__, estimator)


@each(SAMPLERS)
def test_fit_resample_refuses_a_bad_parameter(estimator, data):
    with pytest.raises(ValueError, match="'sampling_strategy' parameter of"):
        estimator.set_params(sampling_strategy=["ictal"]).fit_resample(*data[:2])


def test_solver_steps_is_a_whole_number(data):
    with pytest.raises(ValueError, match="'solver_steps' parameter of GenEEGSampler"):
        clone(OURS).set_params(solver_steps=1.5).fit_resample(*data[:2])


def test_workers_with_shared_memory_give_what_this_process_gives(data):
    here = [result(clone(estimator), data[0], data) for estimator in EVERYTHING.values()]
    jobs = (delayed(result)(clone(estimator), data[0], data) for estimator in EVERYTHING.values())
    there = Parallel(n_jobs=2, max_nbytes=1)(jobs)  # every array arrives as a read-only memmap
    for name, one, other in zip(EVERYTHING, here, there, strict=True):
        assert_array_equal(one, other, err_msg=name)
