"""The notebook, run cell by cell as a newcomer would, with a handful of steps on this machine's CPU."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "gpu_node" / "notebooks" / "train_on_colab.ipynb"
CELL_SECONDS_MAX = 300


@pytest.mark.model
@pytest.mark.timeout(600)
def test_the_notebook_trains_measures_and_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVEND_NOTEBOOK_STEPS", "6")
    monkeypatch.setenv("SVEND_NOTEBOOK_OUT", str(tmp_path / "out"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    # What is run here is installed already; the packages are the project's own extras.
    notebook.cells = [cell for cell in notebook.cells if "setup" not in cell.metadata.get("tags", [])]
    client = NotebookClient(notebook, timeout=CELL_SECONDS_MAX, resources={"metadata": {"path": str(ROOT)}})
    client.execute()
    outputs = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    assert any("image/png" in out.get("data", {}) for out in outputs), "no curve was drawn"
    texts = "".join(out.get("text", "") for out in outputs)
    assert "gcd" in texts
    assert "completion_tokens" in texts
    assert (tmp_path / "out" / "last" / "model.safetensors").is_file()


def test_the_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None, cell.id
