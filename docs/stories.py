"""The gallery: in which order its examples come, and what is put back before each of them."""

import sklearn

ORDER = [
    "quickstart",
    "own_recordings",
    "ratio_grid",
    "against_smote",
    "frozen_generator",
    "foreign_generator",
    "new_patient",
    "real_beside_synthetic",
    "detection",
    "dask",
]


def place(name):
    """Return where an example stands; new ones come last."""
    story = name.removeprefix("plot_").removesuffix(".py")
    return ORDER.index(story) if story in ORDER else len(ORDER)


def reset(conf, name):
    """Switch metadata routing off again, which examples switch on."""
    sklearn.set_config(enable_metadata_routing=False)
