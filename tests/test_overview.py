"""The picture of the README."""

import numpy as np
from sklearn.base import clone
from tiny import TINY

from benchmarks.overview import POINTS, draw, of_median_loudness
from geneeg_sk.inspection._channels import sort_clinically


def test_the_window_that_is_shown_is_neither_loud_nor_quiet():
    windows = np.ones((5, 2, 8)) * np.array([9, 1, 4, 100, 2])[:, None, None]
    np.testing.assert_array_equal(of_median_loudness(windows), windows[[2]])


def test_the_picture_names_every_channel_and_every_method(cohort):
    generator = clone(TINY).fit(cohort.X, cohort.y, groups=cohort.groups)
    real, synthetic, worth = draw(cohort, generator).axes
    names = cohort.info.ch_names
    shown = [label.get_text() for label in real.get_yticklabels()]
    assert shown == [names[k] for k in sort_clinically(names)]
    assert real.get_ylim() == synthetic.get_ylim()
    assert {name for _, name, *_ in POINTS} <= {text.get_text() for text in worth.texts}
