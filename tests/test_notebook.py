"""The quickstart runs as the notebook that the gallery offers for download."""

import shutil
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples/plot_quickstart.py"
WHY = "needs nbclient, ipykernel and sphinx-gallery: install the extras 'test' and 'docs'"


@pytest.mark.slow
def test_the_quickstart_runs_as_a_notebook(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason=WHY)
    pytest.importorskip("ipykernel", reason=WHY)
    gallery = pytest.importorskip("sphinx_gallery.notebook", reason=WHY)
    nbformat = pytest.importorskip("nbformat", reason=WHY)

    gallery.python_to_jupyter_cli([shutil.copy(EXAMPLE, tmp_path)])
    notebook = nbformat.read(tmp_path / "plot_quickstart.ipynb", as_version=4)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))  # no settings of this user
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    assert "macro F1 on unseen patients" in printed
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
