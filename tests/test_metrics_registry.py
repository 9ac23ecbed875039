"""Every score is registered, with what its docstring says."""

import inspect

import geneeg_sk.model_selection
from geneeg_sk import metrics
from geneeg_sk.metrics._predictions import SCORES

NO_SCORES = {
    "ReaderAgreement",
    "TwoSampleResult",
    "events_from_windows",
    "list_metrics",
    "paired_summary",
    "real_reference",
    "score_with_reference",
    "window_event_scores",  # those of event_scores
}


def test_every_score_is_registered():
    table = metrics.list_metrics()
    registered = set(table["function"])
    assert set(metrics.__all__) - NO_SCORES <= registered
    assert registered <= set(metrics.__all__) | set(geneeg_sk.model_selection.__all__)
    assert set(SCORES) <= set(table.index)


def test_directions_and_ranges_are_of_a_kind():
    table = metrics.list_metrics()
    assert set(table["better"]) <= {"higher", "lower", "as real"}
    assert table["range"].str.fullmatch(r"-?\d+ to \d+|-?\d+ and up|up to \d+").all()
    assert table["label"].ne("").all()


def test_sources_are_those_of_the_docstrings():
    for row in metrics.list_metrics().itertuples():
        if row.source and hasattr(metrics, row.function):
            author, year = row.source.rsplit(" ", 1)
            text = inspect.getdoc(getattr(metrics, row.function))
            assert author in text, row
            assert f"({year})" in text, row


def test_real_and_synthetic_come_first_and_all_else_by_keyword():
    of_predictions = {"event_scores", "expected_calibration_error", "reader_agreement"}
    for name in set(metrics.__all__) - NO_SCORES - of_predictions:
        parameters = inspect.signature(getattr(metrics, name)).parameters
        positional = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert positional == ["real", "synthetic"], name
