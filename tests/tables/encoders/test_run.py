"""Ours, theirs, SwinUNETR, fresh weights and raw voxels in one table, as a user asks for it."""

import json

import pytest
import torch
from fixtures.foreign import write_card

from smart_nets.cli.encoders import encoders
from smart_nets.errors import CheckpointError, ConfigError, InputError
from smart_nets.tables.encoders.contenders import named_models, open_contenders
from smart_nets.tables.encoders.run import Trials, compare_encoders

NAMES = ["ours", "theirs", "swin", "random", "raw"]


@pytest.fixture
def contenders(five):
    return open_contenders(named_models(five[0]), named_models(five[1], "cards"))


def test_five_encoders_on_organs_and_lesions(five, boxes, lesions, tmp_path, page_of, capsys):
    out = tmp_path / "out"
    encoders(five[0], str(out), str(boxes), str(lesions), cards=five[1])
    found = json.loads((out / "encoders.json").read_text())
    assert list(found["models"]) == NAMES and found["attention"] is None
    assert list(found["organs"]["rows"]) == NAMES and list(found["lesions"]["rows"]) == [*NAMES, "size alone"]
    assert found["organs"]["protocol"] | {"seen": 0} == {
        "crops": 48, "scans": 4, "organs": 2, "chance": 0.5, "cube_mm": 64, "seen": 0, "rounds": 10_000,
    }  # fmt: skip
    assert all(
        0.5 < row["logistic"]["value"] <= 1 for row in found["organs"]["rows"].values()
    )  # brightness tells these two
    assert found["lesions"]["protocol"] | {"rounds": 0} == {
        "cases": 12, "patients": 12, "positives": 6, "folds": 3, "rounds": 0,
    }  # fmt: skip
    assert found["lesions"]["rows"]["size alone"]["auc"]["value"] == 1
    assert len(found["organs"]["differences"]) == 2 * 10 and len(found["lesions"]["differences"]) == 10 + 5
    page = page_of(out / "encoders.html")
    assert "not for diagnostic use" in page.text and all(name in page.text for name in NAMES)
    text = (out / "encoders.html").read_text() + (out / "encoders.json").read_text()
    assert "Patient0" not in text and str(tmp_path) not in text
    assert "encoders.html" in capsys.readouterr().out


def test_the_table_of_organs_is_that_of_the_judge(contenders, boxes, tmp_path):
    """One encoder at the spacing of the boxes: the numbers are those of `FieldJudge`, which has tests of its own."""
    from smart_nets.organs.fields import cut, read_fields
    from smart_nets.organs.judge import FieldJudge

    found = compare_encoders(contenders, Trials(organs=str(boxes)), tmp_path / "a.json", tmp_path / "cache")
    judge = FieldJudge(cut(read_fields(boxes, 2.0)), (-1000.0, 400.0), 0)
    ours = judge.encoder(contenders[0].encoder)["cls"]
    for method in ("knn", "logistic"):
        assert found["organs"]["rows"]["ours"][method]["value"] == pytest.approx(ours[method].mean())
    assert found["lesions"] is None and found["attention"] is None


def test_attention_of_those_who_have_it(contenders, tmp_path, tumours):
    found = compare_encoders(
        contenders, Trials(tumours=str(tumours), rounds=200), tmp_path / "a.json", tmp_path / "cache"
    )
    rows = found["attention"]["rows"]
    assert [name for name, row in rows.items() if row is None] == ["theirs", "swin", "raw"]
    assert 0 <= rows["ours"]["contrast"]["value"] <= 1
    (gap,) = (one for one in found["attention"]["differences"] if one["measure"] == "contrast")
    assert gap["value"] == pytest.approx(rows["ours"]["contrast"]["value"] - rows["random"]["contrast"]["value"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model.pt", "is no named model .expected name=MODEL"),
        ("ours=", "is no named model"),
        ("=model.pt", "is no named model"),
        ("a/b=model.pt", "is no named model"),
        ("ours=a.pt,Ours=b.pt", "names two models .found Ours"),
    ],
)
def test_models_that_have_no_name(text, says):
    with pytest.raises(ConfigError, match=says):
        named_models(text)


def test_names_of_models():
    assert named_models("ours=run/a=b.pt, theirs=hf:~/x,random:3,raw,fresh=random") == {
        "ours": "run/a=b.pt", "theirs": "hf:~/x", "random 3": "random:3", "raw": "raw", "fresh": "random",
    }  # fmt: skip


def test_fresh_weights_by_their_seed(five):
    models = named_models(five[0].split(",")[0] + ",random,random:1,again=random:1")
    drawn = [one.encoder.swin.patch_embed.proj.weight for one in open_contenders(models, {})[1:]]
    assert torch.equal(drawn[1], drawn[2]) and not torch.equal(drawn[0], drawn[1])


@pytest.mark.parametrize(
    ("models", "cards", "options", "error", "says"),
    [
        ("ours={ours}", "", {}, ConfigError, "compares nothing .expected two or more, found ours"),
        ("random,raw", "", {}, ConfigError, "random: takes architecture, spacing and crop of an encoder of ours"),
        ("ours={ours},raw", "theirs=a.json", {}, ConfigError, "cards: is not known"),
        ("ours={ours},raw", "ours=a.json", {}, ConfigError, "belongs to an encoder of others"),
        ("ours={ours},theirs=hf:none", "", {}, CheckpointError, "is no folder"),
        ("ours={ours},swin=fresh_swin:fresh", "", {}, CheckpointError, "fresh_swin:fresh: has no card"),
        ("ours={ours},raw", "", {"organs": None}, ConfigError, "there is nothing to compare on"),
        ("ours={ours},raw", "", {"organs": "none.npz"}, InputError, "none.npz: does not exist"),
        ("ours={ours},raw", "", {"side": 0}, ConfigError, "side: is no count"),
        ("ours={ours},raw", "", {"side": 40}, InputError, "fields are smaller than a crop"),
    ],
)
def test_what_is_refused_before_anything_is_computed(five, boxes, tmp_path, models, cards, options, error, says):
    given = models.format(ours=tmp_path / "model.pt")
    with pytest.raises(error, match=says):
        encoders(given, str(tmp_path / "out"), cards=cards, **{"organs": str(boxes), **options})
    assert not (tmp_path / "out" / "encoders.json").exists()


def test_a_cube_larger_than_the_only_crop_that_an_encoder_takes(five, boxes, tmp_path):
    card = write_card(tmp_path / "fine.json", feature="-1", spacing=[1, 1, 1])
    models = f"ours={tmp_path / 'model.pt'},swin=fresh_swin:fresh"
    with pytest.raises(ConfigError, match=r"swin: takes no cubes .*up to 32 x 32 x 32 mm, found 64 mm a side"):
        encoders(models, str(tmp_path / "out"), str(boxes), cards=f"swin={card}")
