"""Links that somebody left in a shared folder of results, under the names that a run writes: what lies behind stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from monai.data import MetaTensor
from monai.transforms import SaveImaged

from smart_nets.classify.report.prediction import SavePredictiond
from smart_nets.errors import InputError
from smart_nets.files import open_to_append, write_bytes, write_json, write_text
from smart_nets.lists.check import PROGRESS, _journal
from smart_nets.lists.check_scan import Rules
from smart_nets.lists.name_table import claim_names
from smart_nets.lists.store import _store
from smart_nets.localize.embedding import SaveEmbeddingd
from smart_nets.localize.report.map_files import write_map
from smart_nets.localize.report.outputs import save_record
from smart_nets.pages import page
from smart_nets.pages.planes import png
from smart_nets.phantom import make_phantom, write_nifti
from smart_nets.scans.volume import Volume
from smart_nets.training.run_record import update_record
from smart_nets.weights.io import save_weights

MINE = (
    '{"scans": []}'  # of the file behind the link; some writers read what is there first, and refuse what is not theirs
)
TABLE = "name,source,series\n"
SHAPE = (4, 5, 6)
VOXELS = np.zeros(SHAPE, np.float32)


def save_image(folder: Path) -> None:
    writer = "smart_nets.scans.files.monai_writer.WholeWriter"
    how = {"output_postfix": "map", "separate_folder": False, "print_log": True, "writer": writer}
    scan = MetaTensor(torch.zeros(1, *SHAPE), meta={"filename_or_obj": "scan.nii.gz"})
    SaveImaged("image", output_dir=folder, **how)({"image": scan})


def save_prediction(folder: Path) -> None:
    """Two lesions: the first makes the table, the second adds to it."""
    save = SavePredictiond("scores", folder, ["benign", "malignant"])
    for name in ("first", "second"):
        grid = {"name": name, "centre_mm": np.zeros(3)}
        cube = MetaTensor(torch.rand(1, *SHAPE), affine=torch.eye(4))
        save({"scores": torch.tensor([0.2, 0.8]), "image": cube, "reason": torch.ones(1, *SHAPE), "scan_grid": grid})


def add_to_journal(folder: Path) -> None:
    with _journal(folder, Rules()) as (_, file):
        file.write("{}\n")


WRITERS: list[tuple[str, Callable[[Path], object]]] = [
    ("run.json", lambda folder: update_record(folder / "run.json", auc=1.0)),
    ("manifest.json", lambda folder: write_json(folder / "manifest.json", {})),
    ("metrics.txt", lambda folder: write_text(folder / "metrics.txt", "x")),
    ("x.bin", lambda folder: write_bytes(folder / "x.bin", b"x")),
    ("model.pt", lambda folder: save_weights(torch.nn.Linear(1, 1), folder / "model.pt", {})),
    ("model.json", lambda folder: save_weights(torch.nn.Linear(1, 1), folder / "model.pt", {})),
    ("report.html", lambda folder: page.save("<p>", folder / "report.html")),
    ("names.csv", lambda folder: claim_names(folder, [{"name": "a", "image": "a.nii"}])),
    ("attention.json", lambda folder: save_record(folder, [], {})),
    (PROGRESS, add_to_journal),
    ("entry.npz", lambda folder: _store(Volume(VOXELS, np.eye(4), "a"), folder / "entry.npz", "a")),
    ("picture.png", lambda folder: png(Figure((1, 1)), folder / "picture.png")),
    ("map.nii.gz", lambda folder: write_map(folder / "map.nii.gz", VOXELS, np.eye(4))),
    ("scan_map.nii.gz", save_image),
    ("a_embedding.npy", lambda folder: SaveEmbeddingd("embedding", folder)({"name": "a", "embedding": torch.ones(3)})),
    ("predictions.csv", save_prediction),
    ("first.png", save_prediction),
    ("phantom-0000.nii.gz", lambda folder: write_nifti(make_phantom(0, spacing=(10.0, 10.0, 10.0)), folder)),
]


@pytest.mark.parametrize(("name", "write"), WRITERS, ids=[name for name, _ in WRITERS])
def test_the_file_behind_a_link_stays(name, write, tmp_path):
    mine, folder = tmp_path / "mine", tmp_path / "results"
    folder.mkdir()
    mine.write_text(content := TABLE if name.endswith(".csv") else MINE)
    (folder / name).symlink_to(mine)
    write(folder)
    assert mine.read_text() == content
    assert not (folder / name).is_symlink() and (folder / name).stat().st_size > 0


def test_nothing_is_added_through_a_link(tmp_path):
    """A file that grows is not replaced, so its link is told."""
    (tmp_path / "mine").write_text(MINE)
    (tmp_path / "metrics.jsonl").symlink_to(tmp_path / "mine")
    with pytest.raises(InputError, match=r"metrics\.jsonl: cannot be added to .*found a link"):
        open_to_append(tmp_path / "metrics.jsonl")
    with pytest.raises(InputError, match=r"cannot be added to .*found No such file"):
        open_to_append(tmp_path / "none" / "metrics.jsonl")
    for line in ("a\n", "b\n"):
        with open_to_append(tmp_path / "new.jsonl") as file:
            file.write(line)
    assert (tmp_path / "new.jsonl").read_text() == "a\nb\n" and (tmp_path / "mine").read_text() == MINE
