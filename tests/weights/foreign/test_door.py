"""Every door, with small encoders saved here; and one sentence for whoever stands before it with the wrong thing."""

import json
import sys

import pytest
import torch
from fixtures.foreign import CARD, Means, write_card
from fixtures.small import SAVED
from monai.networks.nets import SwinUNETR
from safetensors.torch import load_file, save_file

from smart_nets.errors import CheckpointError, ConfigError
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.weights.foreign.digest import sha256_of_folder
from smart_nets.weights.foreign.door import is_foreign, open_encoder, open_told_encoder, runs_code
from smart_nets.weights.io import save_weights, sha256_of

IMAGE = torch.rand(2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))
HALVES = torch.stack([IMAGE[:, :, :16].mean((1, 2, 3, 4)), IMAGE[:, :, 16:].mean((1, 2, 3, 4))], 1)
SWIN = {
    "feature_size": 12,
    "depths": [1, 1, 1, 1],
    "num_heads": [1, 1, 2, 2],
    "use_v2": True,
    "downsample": "mergingv2",
}
MODULE = """
import torch
from torch import nn

class Halves(nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.randn(1))
    def forward(self, x):
        return x.flatten(1)[:, :2] * self.gain

def number(): return 5
def wants(size): return Halves()
value = 7
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a module of one's own, and its card."""
    (tmp_path / "my_nets.py").write_text(MODULE)
    write_card(tmp_path / "card.json")
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "card.json"
    sys.modules.pop("my_nets", None)


def test_our_own_weights_as_ever(tmp_path):
    save_weights(SmartEncoder(**SAVED), tmp_path / "model.pt", {"architecture": {"name": "SmartEncoder", **SAVED}, **{
        name: CARD[name] for name in ("spacing", "crop_size", "hu_window")}})  # fmt: skip
    encoder, card = open_encoder(tmp_path / "model.pt")
    assert encoder.kinds == ("cls", "pooled", "stages") == tuple(encoder.features(IMAGE)) and "read" not in card
    assert card["sha256"] == sha256_of(tmp_path / "model.pt")
    with pytest.raises(ConfigError, match="card: belongs to an encoder of others"):
        open_encoder(tmp_path / "model.pt", tmp_path / "other.json")


def test_torchscript(script):
    encoder, card = open_encoder(script)
    torch.testing.assert_close(encoder.features(IMAGE), {"pooled": HALVES})
    assert card["crop_size"] == [32] * 3 and card["orientation"] == "RAS" and len(card["sha256"]) == 64


def test_a_program_of_torch_export_one_crop_at_a_time(tmp_path):
    torch.export.save(torch.export.export(Means(), (IMAGE[:1],)), tmp_path / "means.pt2")
    write_card(tmp_path / "means.json", input_range=[-1, 1])
    encoder, card = open_encoder(tmp_path / "means.pt2")
    torch.testing.assert_close(encoder.features(IMAGE)["pooled"], 2 * HALVES - 1)
    assert card["read"]["batch_size"] == 1


@pytest.mark.parametrize("saved", ["whole", "inside", "swin", "self-supervised"])
def test_swin_unetr_by_its_swin_transformer(tmp_path, saved, caplog):
    caplog.set_level("INFO")
    network = SwinUNETR(1, 3, **SWIN).eval()
    with torch.no_grad():
        expected = network.swinViT(IMAGE, True)[-1].mean((2, 3, 4))
    state = network.state_dict()
    swin = {f"module.{name}": value for name, value in network.swinViT.state_dict().items()}
    older = {name.replace(".linear", ".fc"): value for name, value in swin.items()}
    content = {"whole": state, "inside": {"state_dict": state, "epoch": 5}, "swin": swin, "self-supervised": older}[
        saved
    ]
    torch.save(content, tmp_path / "swin.pt")
    write_card(tmp_path / "swin.json", feature="-1", architecture=SWIN, stride=32)
    encoder, _ = open_encoder(f"swinunetr:{tmp_path / 'swin.pt'}")
    torch.testing.assert_close(encoder.features(IMAGE)["pooled"], expected)
    assert encoder.stride == 32 and ("of other parts left out" in caplog.text) == (saved in ("whole", "inside"))


def test_a_factory_gives_the_same_network_every_time(here):
    (one, card), (two, again) = (open_encoder("my_nets:Halves", here) for _ in range(2))
    torch.testing.assert_close(one.features(IMAGE), two.features(IMAGE), rtol=0, atol=0)
    assert card["sha256"] == again["sha256"] and one.network.gain != 0


def test_a_model_of_transformers(video_folder, tmp_path):
    from transformers import VideoMAEModel

    folder = video_folder(tmp_path / "video")
    encoder, card = open_encoder(f"hf:{folder}")
    with torch.no_grad():
        seen = IMAGE.repeat(1, 3, 1, 1, 1).transpose(1, 2)
        expected = VideoMAEModel.from_pretrained(folder).eval()(seen).last_hidden_state.mean(1)
    torch.testing.assert_close(encoder.features(IMAGE)["pooled"], expected)
    (folder / "smart_nets.json").write_text(
        json.dumps({**json.loads((folder / "smart_nets.json").read_text()), "feature": "last_hidden_state:cls"})
    )
    first, other = open_encoder(f"hf:{folder}")
    assert not torch.allclose(first.features(IMAGE)["pooled"], expected) and other["sha256"] != card["sha256"]


def test_code_in_a_folder_runs_only_when_trusted(code_folder):
    model = f"hf:{code_folder}"
    with pytest.raises(ConfigError, match=r"tiny3d: has code of its own, which would run .*--trust_remote_code"):
        open_encoder(model)
    assert "transformers_modules" not in " ".join(sys.modules)
    encoder, _ = open_encoder(model, trust_remote_code=True)
    state = load_file(code_folder / "model.safetensors")
    expected = torch.nn.functional.conv3d(IMAGE, state["patch.weight"], state["patch.bias"], 8).amax((2, 3, 4))
    torch.testing.assert_close(encoder.features(IMAGE)["pooled"], expected)


def test_the_number_of_an_encoder_tells_weights_and_reading_apart(script, tmp_path):
    first = open_encoder(script)[1]["sha256"]
    write_card(tmp_path / "means.json", name="described otherwise")
    assert open_encoder(script)[1]["sha256"] == first
    write_card(tmp_path / "means.json", input_range=[-1, 1])
    assert open_encoder(script)[1]["sha256"] != first
    write_card(tmp_path / "means.json", sha256=sha256_of(script))
    assert open_encoder(script)[1]["sha256"] == first
    torch.jit.trace(Means(2.0), IMAGE).save(str(script))
    with pytest.raises(CheckpointError, match=r"means.ts: differs from its card"):
        open_encoder(script)


def test_of_a_folder_all_files_count_and_hidden_ones_do_not(tmp_path):
    (tmp_path / "a").write_text("1")
    first = sha256_of_folder(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x").write_text("2")
    assert sha256_of_folder(tmp_path) == first
    (tmp_path / "b").write_text("2")
    assert sha256_of_folder(tmp_path) != first


def test_a_card_of_another_orientation_is_told_in_that_of_crops(tmp_path):
    torch.jit.trace(Means(), torch.zeros(1, 1, 32, 16, 8)).save(str(tmp_path / "means.ts"))
    write_card(tmp_path / "means.json", orientation="SPL", spacing=[3, 2, 1], crop_size=[32, 16, 8])
    encoder, card = open_encoder(tmp_path / "means.ts")
    assert card["spacing"] == [1, 2, 3] and card["crop_size"] == [8, 16, 32]
    x = torch.zeros(1, 1, 8, 16, 32)
    x[..., 16:] = 1  # the upper half
    assert encoder.features(x)["pooled"].tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("hf:none", "none: is no folder .*nothing is fetched here"),
        ("hf:.", "lacks a file of a saved model .expected config.json and model.safetensors"),
        ("none.ts", "none.ts: there is no encoder here"),
        ("none.pt2", "none.pt2: there is no encoder here"),
        ("swinunetr:none.pt", "none.pt: there is no encoder here"),
        ("junk.ts", "junk.ts: cannot be opened .expected a TorchScript file"),
        ("junk.pt2", "junk.pt2: cannot be opened .expected a program"),
        ("swinunetr:junk.pt", "junk.pt: cannot be read as weights"),
        ("swinunetr:other.pt", "other.pt: holds no Swin transformer .*found weight"),
        ("swinunetr:wide.pt", "wide.pt: does not fit this SwinUNETR .found .*missing.*correct architecture"),
        ("swinunetr:odd.pt", "is no architecture of SwinUNETR"),
        ("none.pt", "none.pt: are no weights|there are no weights here"),
    ],
)
def test_what_is_no_encoder(tmp_path, monkeypatch, model, says):
    monkeypatch.chdir(tmp_path)
    for name in ("junk.ts", "junk.pt2", "junk.pt"):
        (tmp_path / name).write_bytes(b"junk")
        write_card(tmp_path / "junk.json", feature="-1")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pt")
    torch.save({"patch_embed.proj.weight": torch.zeros(24, 1, 2, 2, 2)}, tmp_path / "wide.pt")
    torch.save({"patch_embed.proj.weight": torch.zeros(24, 1, 2, 2, 2)}, tmp_path / "odd.pt")
    for name, options in (("other", SWIN), ("wide", SWIN), ("odd", {**SWIN, "feature_size": 13})):
        write_card(tmp_path / f"{name}.json", feature="-1", architecture=options)
    with pytest.raises(CheckpointError, match=says):
        open_encoder(model)


@pytest.mark.parametrize(
    ("place", "error", "says"),
    [
        ("no_such_module:net", CheckpointError, "cannot be imported .found No module named 'no_such_module'"),
        ("my_nets:nothing", CheckpointError, "is no callable .expected nothing in my_nets, found nothing of that name"),
        ("my_nets:value", CheckpointError, "is no callable .*found int"),
        ("my_nets:number", CheckpointError, "returns no network .expected a torch.nn.Module, found int"),
        ("my_nets:wants", ConfigError, "raises an error .found TypeError"),
    ],
)
def test_what_is_no_factory(here, place, error, says):
    with pytest.raises(error, match=says):
        open_encoder(place, here)


def test_a_factory_without_a_card_is_told_the_fields(here):
    with pytest.raises(
        CheckpointError, match=r"my_nets:Halves: has no card .expected spacing, hu_window.*smart_nets.json"
    ):
        open_encoder("my_nets:Halves")


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"crop_size": [40, 32, 32]}, ConfigError, "cannot take these crops"),
        ({"repeat_channels": 3, "axes": "B D C H W"}, ConfigError, "cannot take these crops"),
        ({"feature": "pooler_output"}, ConfigError, "gives no such output"),
        ({"spacing": "2"}, CheckpointError, "spacing: cannot be"),
        ({"in_chans": 2}, CheckpointError, "in_chans: cannot be"),
    ],
)
def test_a_card_that_does_not_fit_its_network(script, tmp_path, change, error, says):
    write_card(tmp_path / "means.json", **change)
    with pytest.raises(error, match=says):
        open_encoder(script)


def test_features_that_are_no_numbers_are_told_at_the_door(tmp_path):
    torch.jit.trace(Means(float("nan")), IMAGE, check_trace=False).save(str(tmp_path / "means.ts"))
    write_card(tmp_path / "means.json")
    with pytest.raises(ConfigError, match=r"gives features that are no numbers .expected finite numbers, found NaN"):
        open_encoder(tmp_path / "means.ts")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "lacks a file of a saved model"),
        (lambda folder: (folder / "config.json").unlink(), "lacks a file of a saved model"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json: is no JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "config.json: is no configuration"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "no_such"}'), "cannot be opened by transformers"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"junk"), "cannot be opened by transformers"),
        (lambda folder: (folder / "smart_nets.json").unlink(), "has no card"),
        (lambda folder: _without(folder, "encoder.layer.0"), "lacks weights of the model .expected all"),
    ],
)  # fmt: skip
def test_a_damaged_folder(video_folder, tmp_path, spoil, says):
    folder = video_folder(tmp_path / "video")
    spoil(folder)
    with pytest.raises(CheckpointError, match=says):
        open_encoder(f"hf:{folder}")


def _without(folder, begin):
    state = load_file(folder / "model.safetensors")
    save_file({name: value for name, value in state.items() if not name.startswith(begin)},
              folder / "model.safetensors", metadata={"format": "pt"})  # fmt: skip


def test_which_texts_are_encoders_of_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a:b").touch()
    assert [is_foreign(one) for one in ("hf:a", "swinunetr:a.pt", "a.ts", "a.pt2", "a.b:c")] == [True] * 5
    assert not any(is_foreign(one) for one in ("a.pt", "run/model.pt", "a:b", "C:\\model.pt", "my-nets:make"))
    assert [runs_code(one, False) for one in ("hf:a", "swinunetr:a", "a.ts", "a.pt2", "a.b:c", "a.pt")] == [
        False, False, True, True, True, False,
    ]  # fmt: skip
    assert runs_code("hf:a", True)


def test_a_configuration_may_name_no_code(script, here, code_folder):
    for model, trust in ((str(script), False), ("my_nets:Halves", False), (f"hf:{code_folder}", True)):
        with pytest.raises(ConfigError, match="is code that a configuration names; give --model_path"):
            open_told_encoder(model, str(here), trust)
    assert "my_nets" not in sys.modules
