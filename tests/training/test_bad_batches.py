"""A batch that a step could not learn from is skipped, kept, and can be run again."""

import json
import logging

import pytest
import torch

from smart_nets.errors import CheckpointError, TrainingHealthError
from smart_nets.pretrain.replay import replay
from smart_nets.training.bad_batches import BadBatches, read_bad_batch

VIEWS = torch.rand(2, 2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def poisoned():
    views = VIEWS.clone()
    views[0, 0, 0, 3, 3, 3] = float("nan")
    return {"views": views, "image": ["/data/a.nii.gz", "/data/b.nii.gz"]}


def test_skipped_kept_and_run_again(make_trainer, poisoned, tmp_path, caplog):
    trainer = make_trainer([{"views": VIEWS, "image": ["c", "d"]}, poisoned, {"views": VIEWS, "image": ["c", "d"]}])
    update = trainer._process_function
    update.bad_batches = BadBatches(tmp_path / "bad")
    trainer.run()
    path = tmp_path / "bad" / "step_000002.pt"
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert "step 2 is skipped: its gradients are not finite; scans a.nii.gz, b.nii.gz; --replay" in caplog.text
    with caplog.at_level(logging.INFO):
        found = replay(trainer, update, path, seed=1)
    assert found["step"] == 2 and found["scans"] == ["a.nii.gz", "b.nii.gz"]
    assert found["losses"]["loss"] is None and len(found["not_finite"]) > 10
    assert json.loads(caplog.text[caplog.text.index("replay of step 2:") :].partition("\n")[2])["step"] == 2


def test_six_in_a_row_stop_the_run_and_name_the_files(make_trainer, poisoned, tmp_path):
    trainer = make_trainer([poisoned] * 8)
    trainer._process_function.bad_batches = BadBatches(tmp_path, most=2)
    with pytest.raises(
        TrainingHealthError, match=r"step 6: gradients are not finite any more .*_000001\.pt.*_000002\.pt"
    ):
        trainer.run()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no batch here"),
        (b"no zip", "cannot be read as weights"),
        ({"a": 1}, r"is no kept batch \(expected batch, network, step, epoch_length, rank, found a\)"),
        ({"batch": {}, "network": {}, "step": 1, "epoch_length": 1, "rank": 0}, "is no kept batch"),
        (3, "is no kept batch"),
    ],
)
def test_files_that_are_no_batch(content, says, tmp_path):
    path = tmp_path / "step_000001.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(CheckpointError, match=says):
        read_bad_batch(path)


def test_a_batch_of_another_network(make_trainer, tmp_path):
    trainer = make_trainer([])
    batch = {"batch": {"views": VIEWS}, "network": {"x": torch.zeros(1)}, "step": 1, "epoch_length": 1, "rank": 0}
    torch.save(batch, tmp_path / "b.pt")
    with pytest.raises(CheckpointError, match="is of another network"):
        replay(trainer, trainer._process_function, tmp_path / "b.pt", 1)
