"""Readers who tell synthetic from real windows: scores, and kappas worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from geneeg_sk.metrics import reader_agreement


def answers(truth, answer, **more):
    """A table as the page exports it; R and S stand for real and synthetic."""
    words = {"R": "real", "S": "synthetic"}
    columns = {"truth": truth, "answer": answer}
    columns = {name: [words.get(c, c) for c in text] for name, text in columns.items()}
    return pd.DataFrame({"question": range(1, len(truth) + 1), **columns, **more})


def test_rates_and_wilson_intervals_are_those_worked_out_by_hand():
    scores = reader_agreement(answers("RRRRRSSSSS", "RRRRSSSSRR")).scores.loc["reader 1"]
    assert scores["n"] == 10
    assert scores["accuracy"] == 0.7
    assert scores["specificity"] == 0.8
    assert scores["sensitivity"] == 0.6
    # (p + z²/2n ± z sqrt(p(1 - p)/n + z²/4n²)) / (1 + z²/n) of p = 0.7, n = 10, z = 1.96
    assert scores["accuracy_low"] == pytest.approx(0.3968, abs=1e-4)
    assert scores["accuracy_high"] == pytest.approx(0.8922, abs=1e-4)
    assert np.isnan(scores["state_accuracy"])


def test_each_state_has_rates_of_its_own():
    state = ["ictal", "ictal", "normal", "normal"]
    table = answers("RSRS", "RRRS", state=state, state_answer=["ictal"] * 3 + ["normal"])
    result = reader_agreement({"Anna": table})
    assert result.scores.loc["Anna", "state_accuracy"] == 0.75
    ictal, normal = (result.by_state.loc[("Anna", s)] for s in ("ictal", "normal"))
    assert (ictal["sensitivity"], ictal["specificity"], ictal["state_accuracy"]) == (0, 1, 1)
    assert (normal["sensitivity"], normal["specificity"], normal["state_accuracy"]) == (1, 1, 0.5)
    assert reader_agreement(answers("RS", "RS")).by_state.empty


def test_cohen_s_kappa_is_that_worked_out_by_hand():
    # Both "real" 20 times, both "synthetic" 15; one alone 5 and 10: observed 0.7, by chance 0.5.
    one = answers("R" * 50, "R" * 25 + "S" * 25)
    two = answers("R" * 50, "R" * 20 + "S" * 5 + "R" * 10 + "S" * 15)
    table = reader_agreement([one, two]).cohen_kappa
    assert table[["reader", "other", "asked", "n"]].values.tolist() == [
        ["reader 1", "reader 2", "source", 50]
    ]
    assert table["kappa"].item() == pytest.approx(0.4)


def test_fleiss_kappa_is_that_of_a_published_example():
    # 14 raters, 10 subjects, 5 categories: kappa is 0.210 (Wikipedia, "Fleiss' kappa").
    counts = """0 0 0 0 14; 0 2 6 4 2; 0 0 3 5 6; 0 3 9 2 0; 2 2 8 1 1;
        7 7 0 0 0; 3 2 6 3 0; 2 5 3 2 2; 6 5 2 1 0; 0 2 2 3 7"""
    said = [np.repeat(list("abcde"), list(map(int, row.split()))) for row in counts.split(";")]
    readers = {
        f"reader {k}": answers("R" * 10, "R" * 10, state="a", state_answer=[row[k] for row in said])
        for k in range(14)
    }
    table = reader_agreement(readers).fleiss_kappa.set_index("asked")
    assert table.loc["state", "kappa"] == pytest.approx(0.210, abs=5e-4)
    assert table.loc["state", ["n_readers", "n"]].tolist() == [14, 10]
    assert np.isnan(table.loc["source", "kappa"])  # all said the same throughout: 0/0


def test_kappas_are_of_the_questions_that_all_answered():
    one, two = answers("RSRS", "RSRR"), answers("RSRS", "RSSS").iloc[1:]
    result = reader_agreement({"Anna": one, "Ben": two})
    assert result.cohen_kappa["n"].item() == result.fleiss_kappa["n"].item() == 3
    assert result.scores["n"].to_dict() == {"Anna": 4, "Ben": 3}
    assert reader_agreement(one).fleiss_kappa.empty


def test_files_tables_and_several_readers_in_one_table_are_the_same(tmp_path):
    state = ["NA", "NA", "ictal", "ictal"]  # pandas would take NA for missing
    one = answers("RSRS", "RSRR", reader="Anna", quiz="x", state=state, state_answer=state)
    two = one.assign(answer=["real"] * 4, reader="Ben")
    one.to_csv(tmp_path / "one.csv", index=False)
    two.to_csv(tmp_path / "two.csv", index=False)
    expected = reader_agreement([one, two])
    assert expected.scores.index.tolist() == ["Anna", "Ben"]
    for given in (
        [tmp_path / "one.csv", str(tmp_path / "two.csv")],
        pd.concat([one, two]),
        {"Anna": one, "Ben": tmp_path / "two.csv"},
    ):
        for table, other in zip(reader_agreement(given), expected):
            pd.testing.assert_frame_equal(table, other)


def test_notebooks_show_the_tables_that_are_not_empty():
    page = reader_agreement({"<i>Anna": answers("RS", "RS")})._repr_html_()
    assert page.count("<table") == 1
    assert "<b>scores</b>" in page
    assert "&lt;i&gt;Anna" in page
    two = reader_agreement([answers("RS", "RS"), answers("RS", "RS")])
    assert two._repr_html_().count("<table") == 3


def test_of_pairs_only_what_is_defined_is_given():
    scores = reader_agreement(answers("ABAB", "ABBB")).scores.iloc[0]
    assert scores["accuracy"] == 0.75
    assert scores[["sensitivity", "specificity"]].isna().all()


FINE = answers("RS", "RS", quiz="x", reader="Anna")


@pytest.mark.parametrize(
    ("readers", "message"),
    [
        ([], "no readers"),
        (FINE.drop(columns="truth"), r"no column \['truth'\]"),
        (FINE.iloc[:0], "answered no question"),
        (FINE.assign(question=1), "twice"),
        (FINE.assign(truth="fake"), "'truth' has"),
        (FINE.assign(answer=""), "'answer' has"),
        (FINE.assign(answer=["A", "B"]), "'answer' has"),
        (FINE.assign(state="ictal", state_answer=["ictal", ""]), "some windows only"),
        ([FINE, FINE], "two readers are named 'Anna'"),
        ({"Anna": FINE, "Ben": FINE.assign(quiz="y")}, "different quizzes"),
        ({"Anna": FINE, "Ben": FINE.assign(truth=["synthetic", "real"])}, "different quizzes"),
    ],
)
def test_wrong_answers_get_an_error_that_says_what_to_do(readers, message):
    with pytest.raises(ValueError, match=message):
        reader_agreement(readers)
