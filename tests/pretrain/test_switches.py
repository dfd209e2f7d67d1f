"""The switches of the step beyond the papers' defaults: each does what it says, and nothing else."""

import pytest
import torch
from fixtures.small import HEADS, SMALL

from smart_nets.networks.cells import expand
from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.pretrain.co_distillation import CoDistillation
from smart_nets.pretrain.losses.image import one_grey
from smart_nets.pretrain.losses.koleo import koleo
from smart_nets.pretrain.losses.sinkhorn import sinkhorn
from smart_nets.pretrain.masking import StudentMask
from smart_nets.pretrain.taps import Taps

NO_DROP = HEADS | {"patch_drop_ratio": 0.0}
HIDDEN = torch.zeros(1, 8, dtype=torch.bool)
HIDDEN[0, [1, 4, 6]] = True  # three of the 2^3 cells of a crop of 32 voxels


class Fixed(StudentMask):
    """Hides the same cells, whatever the attention; remembers what it was called with."""

    def __call__(self, attention, batch, grid, size, device):
        CALLS.append((self.mode, attention))
        return HIDDEN.expand(batch, -1)


CALLS: list = []


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()


def model(**options) -> CoDistillation:
    torch.manual_seed(0)
    step = CoDistillation(SmartEncoder(**SMALL), **NO_DROP | {"student_mask": Fixed()} | options).eval()
    for loss in step.distil.values():
        loss.started.fill_(True)  # centres stay at 0
    return step


@pytest.fixture
def views() -> torch.Tensor:
    return torch.rand(4, 1, 32, 32, 32)  # two scans, two views


def cross_entropy(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    return -((teacher / 0.04).softmax(-1) * (student / 0.1).log_softmax(-1)).sum(-1).mean()


def seen(step: CoDistillation, views: torch.Tensor):
    """What teacher and student see."""
    return step.teacher(views, None), step.student(views, HIDDEN.expand(len(views), -1))


def test_a_shared_head_is_one_head_of_student_and_of_teacher(views):
    step, apart = model(shared_head=True), model()
    for branch in (step.student, step.teacher):
        assert branch.heads["aitd"] is branch.heads["ampd"] and branch.heads["gitd"] is not branch.heads["ampd"]
    spared = sum(p.numel() for p in apart.student.heads["aitd"].parameters())
    assert sum(p.numel() for p in apart.parameters()) - sum(p.numel() for p in step.parameters()) == 2 * spared
    step(views)["loss"].backward()
    with torch.no_grad():
        step.student.heads["ampd"].last.weight_v.add_(1.0)
        before = step.teacher.heads["aitd"].last.weight_v.clone()
    step.after_step(momentum=0.75)  # one step for the shared weights, not two
    expected = 0.75 * before + 0.25 * step.student.heads["aitd"].last.weight_v
    torch.testing.assert_close(step.teacher.heads["aitd"].last.weight_v, expected)


def test_a_head_has_nobody_to_share_with(views):
    step = model(shared_head=True, weights={"amip": 1.0, "ampd": 1.0})
    assert set(step.student.heads) == {"ampd"} and step(views)["loss"].isfinite()


@pytest.mark.parametrize("tokens", ["hidden", "all"])
def test_ampd_on_hidden_tokens_or_on_all(views, tokens):
    step = model(ampd_tokens=tokens)
    teacher, student = seen(step, views)
    logits = [branch.heads["ampd"](e.patch) for branch, e in ((step.student, student), (step.teacher, teacher))]
    chosen = HIDDEN[0] if tokens == "hidden" else slice(None)
    torch.testing.assert_close(step(views)["ampd"], cross_entropy(*(each[:, chosen] for each in logits)))


@pytest.mark.parametrize(
    ("tap", "feature", "width"),
    [
        ("pooled", lambda encoding: encoding.pooled, 192),
        ("patch", lambda encoding: encoding.patch.mean(1), 96),
        ("stages", lambda encoding: encoding.stages, 2 * (12 + 24 + 48 + 96) + 192),
    ],
)
def test_gitd_compares_what_it_taps(views, tap, feature, width):
    step = model(taps=Taps(gitd=tap))
    teacher, student = seen(step, views)
    assert step.taps.deep(student).shape == (4, width)
    other = feature(teacher)[[2, 3, 0, 1]]
    expected = cross_entropy(step.student.heads["gitd"](feature(student)), step.teacher.heads["gitd"](other))
    torch.testing.assert_close(step(views)["gitd"], expected)


@pytest.mark.parametrize(("stage", "cell", "width"), [(1, 4, 24), (2, 8, 48), (3, 16, 96), (4, 32, 192)])
def test_the_image_head_paints_from_any_stage(views, stage, cell, width):
    step = model(taps=Taps(image_stage=stage))
    assert step.image_head.cell == cell
    source = step.taps.painted_from(seen(step, views)[1])
    assert source.shape == (4, width, *[32 // cell] * 3) and step.image_head(source).shape == views.shape
    assert step(views)["amip"].isfinite()


def test_ampd_before_the_merging_is_half_as_wide_on_twice_the_grid(views):
    step = model(taps=Taps(ampd="pre_merge"))
    teacher, student = seen(step, views)
    tokens, grid = step.taps.tokens(student)
    assert tokens.shape == (4, 4**3, 48) and grid == (4, 4, 4)
    torch.testing.assert_close(tokens.mean(-1), torch.zeros(4, 64), atol=1e-5, rtol=0)  # layer-normed, as `patch` is
    chosen = expand(HIDDEN, (4, 4, 4)).flatten()  # three cells are 24 of the 64 tokens
    assert int(chosen.sum()) == 24
    pairs = ((step.student, student), (step.teacher, teacher))
    logits = [branch.heads["ampd"](step.taps.tokens(e)[0][:, chosen]) for branch, e in pairs]
    torch.testing.assert_close(step(views)["ampd"], cross_entropy(*logits))


def test_the_image_head_paints_before_the_last_merging(views):
    step = model(taps=Taps(image="pre_merge"))
    assert step.image_head.cell == 16
    source = step.taps.painted_from(seen(step, views)[1])
    assert source.shape == (4, 96, 2, 2, 2) and step.image_head(source).shape == views.shape
    step(views)["amip"].backward()
    assert step.student.encoder.swin.stages[3].downsample.reduction.weight.grad is None  # the merging behind it rests


def test_ampd_may_have_a_temperature_of_its_own(views):
    step = model()
    out, hotter = step(views, 0.04), step(views, 0.04, patch_temperature=0.07)
    assert torch.equal(out["aitd"], hotter["aitd"]) and not torch.equal(out["ampd"], hotter["ampd"])
    torch.testing.assert_close(step(views, 0.07)["ampd"], hotter["ampd"])


@pytest.mark.parametrize("stage", [1, 4])
def test_vit_paints_from_its_only_map(stage):
    step = CoDistillation(ViTEncoder(64, dim=24, depth=2, num_heads=2), taps=Taps(image_stage=stage), **NO_DROP)
    assert step.image_head.cell == 16
    assert step(torch.rand(2, 1, 64, 64, 64))["loss"].isfinite()


def test_a_head_that_starts_in_the_middle_starts_better():
    bright = torch.rand(4, 1, 32, 32, 32) * 0.1 + 0.85
    with torch.no_grad():
        started, random = model(image_start=0.9)(bright), model()(bright)
    assert float(started["amip"]) < 0.2 and float(random["amip"]) > 0.7  # a random head paints about 0


def test_amip_relative_is_measured_by_one_grey(views):
    step = model()
    out = step(views)
    yardstick = one_grey(views, expand(HIDDEN.expand(4, -1), (32, 32, 32)))
    torch.testing.assert_close(out["amip_relative"], out["amip"].detach() / yardstick)
    assert not out["amip_relative"].requires_grad


def test_koleo_spreads_each_view_apart(views):
    step = model(weights={"amip": 1.0, "koleo": 0.1})
    out, student = step(views), seen(step, views)[1]
    parts = [koleo(each[rows]) for each in (student.cls, student.pooled) for rows in (slice(2), slice(2, 4))]
    torch.testing.assert_close(out["koleo"], sum(parts) / 4)
    torch.testing.assert_close(out["loss"], out["amip"] + 0.1 * out["koleo"])
    one_sided = model(weights={"koleo": 1.0}, symmetric=False)(views)["koleo"]
    torch.testing.assert_close(one_sided, (parts[0] + parts[2]) / 2)


class Quiet(torch.nn.Module):
    """A loss of one's own: the attention of the student should be even."""

    weight = 0.25

    def forward(self, look, views):
        assert len(views) == len(look.hidden) == 4
        return look.student.attention.var()


def test_a_loss_of_ones_own_joins_the_sum(views):
    step = model(weights={"amip": 1.0}, more={"quiet": Quiet()})
    out = step(views)
    torch.testing.assert_close(out["quiet"], seen(step, views)[1].attention.var())
    torch.testing.assert_close(out["loss"], out["amip"] + 0.25 * out["quiet"])


def test_sinkhorn_targets_are_those_of_the_other_view(views):
    step = model(centring="sinkhorn")
    teacher, student = seen(step, views)
    target = sinkhorn(step.teacher.heads["aitd"](teacher.cls)[[2, 3, 0, 1]], 0.04)
    expected = -(target * (step.student.heads["aitd"](student.cls) / 0.1).log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(step(views)["aitd"], expected)


def test_every_distillation_tells_what_it_knows(views):
    out = model()(views)
    for name in ("ampd", "aitd", "gitd"):
        assert float(out[f"{name}_gain"]) <= float(out[f"{name}_information"]) + 1e-5, name
        assert 0 <= float(out[f"{name}_entropy"]) <= 4.16  # ln 64


def test_a_mask_that_is_the_noise_is_told(views):
    step = model(patch_drop_ratio=0.5)
    step.drop = lambda views: HIDDEN.expand(len(views), -1)
    out = step(views)
    assert (float(out["mask_lost"]), float(out["lost"])) == (1.0, 3 / 8)
    step.drop = lambda views: ~HIDDEN.expand(len(views), -1)
    out = step(views)
    assert (float(out["mask_lost"]), float(out["lost"])) == (0.0, 5 / 8)
    assert "mask_lost" not in model()(views)  # no noise, nothing lost


def test_an_unguided_step_hides_at_random_and_asks_no_attention(views):
    step = model(attention_input="clean")
    step.teacher.encoder.attention_only = lambda views: pytest.fail("nobody needs it")
    out = step(views, guided=False)
    assert CALLS == [("random", None)] and "mask_overlap" not in out
    CALLS.clear()
    model()(views)
    ((mode, attention),) = CALLS
    assert mode == "attentive" and attention.shape == (4, 8)


def test_a_mask_without_attention_is_the_same_guided_or_not(views):
    step = model(student_mask=StudentMask("block"))
    losses = []
    for guided in (True, False):
        torch.manual_seed(3)
        losses.append(step(views, guided=guided)["loss"])
    assert torch.equal(*losses)


def test_crops_seen_whole_take_part_in_all_but_the_hidden(views):
    step = model(student_mask=StudentMask(share=0.5), weights={"ampd": 1.0, "aitd": 1.0, "gitd": 1.0, "amip": 1.0})
    out = step(views)
    out["loss"].backward()
    assert all(value.isfinite() for value in out.values())
    assert all(p.grad.isfinite().all() for p in step.student.parameters() if p.requires_grad)
