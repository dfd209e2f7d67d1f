"""The notebook of the docs runs from a fresh folder, cell by cell."""

import json
from pathlib import Path

import matplotlib

NOTEBOOK = Path(__file__).parents[1] / "docs" / "first_steps.ipynb"


def test_every_cell_runs(tmp_path, monkeypatch, capsys):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    names: dict[str, object] = {}
    for number, cell in enumerate(cells):
        exec(compile("".join(cell["source"]), f"code cell {number}", "exec"), names)
    told = capsys.readouterr().out
    assert "16 lesions of 4 patients, AUC" in told and "by size alone" in told
    assert (tmp_path / "look" / "report.html").is_file() and (tmp_path / "probe" / "metrics.json").is_file()


def test_what_it_printed_is_kept_and_names_nobody():
    text = NOTEBOOK.read_text(encoding="utf-8")
    outputs = [cell["outputs"] for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert all(outputs) and "/home/" not in text and "/tmp/" not in text
