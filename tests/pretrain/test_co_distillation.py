"""The step: which view meets which, what is compared, what learns, and that every switch does what it says."""

import copy

import pytest
import torch
from fixtures.small import HEADS, SMALL

from smart_nets.networks.comparators.vit import ViTEncoder
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.pretrain.co_distillation import CoDistillation
from smart_nets.pretrain.masking import StudentMask, attentive
from smart_nets.pretrain.step_checks import LOSSES


def model(encoder: dict | None = None, **options) -> CoDistillation:
    torch.manual_seed(0)
    return CoDistillation(SmartEncoder(**SMALL | (encoder or {})), **HEADS | options)


@pytest.fixture
def views() -> torch.Tensor:
    return torch.rand(4, 1, 64, 64, 64)  # two scans, two views


def test_the_sum_is_weighted_and_every_loss_is_there(views):
    out = model()(views)
    assert set(LOSSES) & set(out) == set(LOSSES) - {"koleo"}  # which the default leaves out
    expected = out["amip"] + 0.1 * (out["ampd"] + out["aitd"] + out["gitd"])
    assert torch.allclose(out["loss"], expected)


def test_distillation_starts_at_9_2(views):
    # a random head gives logits of standard deviation 1/16; for teacher and student without common part the cross-entropy
    # is ln 8192 + (1/16 / 0.1)^2 / 2 = 9.011 + 0.195 = 9.206
    out = CoDistillation(SmartEncoder(drop_path_rate=0.0))(views)
    for name in ("ampd", "aitd", "gitd"):
        assert out[name].item() == pytest.approx(9.2, abs=0.1), name


def test_the_teacher_starts_as_a_copy_and_never_gets_a_gradient(views):
    step = model()
    assert all(torch.equal(a, b) for a, b in zip(step.teacher.parameters(), step.student.parameters(), strict=True))
    step(views)["loss"].backward()
    assert all(p.grad is None and not p.requires_grad for p in step.teacher.parameters())
    assert all(p.grad is not None for p in step.student.parameters() if p.requires_grad)


def test_the_teacher_follows_by_the_recurrence_mask_token_included(views):
    step = model()
    with torch.no_grad():
        for p in step.student.parameters():
            p.add_(1.0)
    before = copy.deepcopy(step.teacher.state_dict())
    step.after_step(momentum=0.75)
    for name, new in step.teacher.named_parameters():
        student = step.student.get_parameter(name)
        assert torch.allclose(new, 0.75 * before[name] + 0.25 * student, atol=1e-6), name
    assert torch.allclose(step.teacher.encoder.mask_token, torch.full((1, 1, 12), 0.25))


def test_a_skipped_step_moves_nothing(views):
    step = model()
    step(views)
    before = copy.deepcopy(step.state_dict())
    step.skip_step()
    step(views)
    step.skip_step()
    assert all(torch.equal(before[name], value) for name, value in step.state_dict().items())


def test_the_teacher_has_no_stochastic_depth_even_in_training_mode(views):
    step = model({"drop_path_rate": 0.9}).train()
    assert not step.teacher.training
    step.teacher.train()  # a library might
    with torch.no_grad():
        first, second = (step.teacher(views, None).pooled for _ in range(2))
    assert torch.equal(first, second)


def fixed(hidden: torch.Tensor) -> StudentMask:
    """A student mask that is always the same, whatever the attention."""

    class Fixed(StudentMask):
        def __call__(self, attention, batch, grid, size, device):
            return hidden.expand(batch, -1)

    return Fixed()


def test_ampd_compares_the_same_view_aitd_and_gitd_the_other(views):
    """Recipe: no noise and no hidden tokens but one, so student = teacher on equal views; u = v makes the terms equal."""
    hidden = torch.zeros(1, 64, dtype=torch.bool)
    hidden[0, 5] = True
    step = model(patch_drop_ratio=0.0, student_mask=fixed(hidden)).eval()
    for loss in step.distil.values():
        loss.started.fill_(True)  # centres stay at 0
    u, v = views[:2], views[2:]
    with torch.no_grad():
        out = step(torch.cat([u, v]))
        swapped = step(torch.cat([v, u]))
        assert torch.allclose(out["aitd"], swapped["aitd"], atol=1e-5)  # symmetric in the two views
        teacher, student = step.teacher(views, None), step.student(views, hidden.expand(4, -1))
        head_t, head_s = step.teacher.heads, step.student.heads

        def cross_entropy(s, t):
            return -((t / 0.04).softmax(-1) * (s / 0.1).log_softmax(-1)).sum(-1).mean()

        other = [2, 3, 0, 1]
        assert torch.allclose(
            out["aitd"], cross_entropy(head_s["aitd"](student.cls), head_t["aitd"](teacher.cls)[other]), atol=1e-5
        )
        assert torch.allclose(
            out["gitd"], cross_entropy(head_s["gitd"](student.pooled), head_t["gitd"](teacher.pooled)[other]), atol=1e-5
        )
        same = cross_entropy(head_s["ampd"](student.patch[:, 5]), head_t["ampd"](teacher.patch[:, 5]))
        assert torch.allclose(out["ampd"], same, atol=1e-5)


def test_the_mask_comes_from_the_teachers_noisy_attention(views):
    seen = {}

    class Spy(StudentMask):
        def __call__(self, attention, batch, grid, size, device):
            seen["attention"] = attention
            return super().__call__(attention, batch, grid, size, device)

    step = model(student_mask=Spy(), attention_input="clean")
    out = step(views)
    assert torch.allclose(seen["attention"], step.teacher.encoder.attention_only(views), atol=1e-6)
    assert 0 < float(out["mask_overlap"]) <= 1
    step = model(student_mask=Spy())
    step(views)
    assert not torch.allclose(seen["attention"], step.teacher.encoder.attention_only(views), atol=1e-6)


def test_without_dropout_noisy_and_clean_coincide(views):
    a, b = (model(patch_drop_ratio=0.0, attention_input=kind)(views) for kind in ("noisy", "clean"))
    assert float(b["mask_overlap"]) == 1.0
    assert torch.equal(a["loss"], b["loss"])


def test_hidden_voxels_do_not_reach_the_student(views):
    hidden = attentive(torch.rand(1, 64))
    step = model(patch_drop_ratio=0.0, weights={"amip": 1.0}, student_mask=fixed(hidden)).eval()
    changed = torch.where(
        hidden.reshape(1, 1, 4, 4, 4).repeat_interleave(16, 2).repeat_interleave(16, 3).repeat_interleave(16, 4),
        0.5,
        views,
    )
    with torch.no_grad():
        a, b = (step.student(x, hidden.expand(4, -1)).deep for x in (views, changed))
    assert torch.equal(a, b)


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_can_stand_alone_and_be_left_out(views, name):
    alone = model(weights={name: 0.5})
    out = alone(views)
    assert set(out) & set(LOSSES) == {name}
    assert torch.allclose(out["loss"], 0.5 * out[name])
    without = model(weights={other: 1.0 for other in LOSSES if other != name} | {name: 0})
    assert name not in without(views)


def test_one_sided_step_sends_only_u_through_the_student(views):
    step = model(symmetric=False)
    sizes = []
    step.student.encoder.register_forward_hook(lambda module, args, out: sizes.append(len(args[0])))
    step(views)["loss"].backward()
    assert sizes == [2]


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
def test_semantic_attention_at_every_stage(stage):
    step = model({"sa_stage": stage})
    out = step(torch.rand(2, 1, 32, 32, 32))
    assert torch.isfinite(out["loss"])


@pytest.mark.parametrize("stage", [2, 4])
def test_the_fixed_mask_grid_with_attention_elsewhere(stage):
    step = model({"sa_stage": stage}, student_mask=StudentMask(cell="16vox"))
    out = step(torch.rand(2, 1, 64, 64, 64))
    out["loss"].backward()
    assert torch.isfinite(out["loss"])


def test_without_semantic_attention(views):
    step = model(
        {"sa_stage": None}, student_mask=StudentMask("random"), weights={"amip": 1.0, "ampd": 0.1, "gitd": 0.1}
    )
    assert torch.isfinite(step(views)["loss"])


def test_vit_takes_the_place_of_swin():
    encoder = ViTEncoder(img_size=64, dim=24, depth=2, num_heads=2)
    step = CoDistillation(encoder, weights=dict.fromkeys(LOSSES, 1.0), **HEADS)
    out = step(torch.rand(4, 1, 64, 64, 64))
    assert set(LOSSES) < set(out)
    assert torch.allclose(out["loss"], torch.stack([out[name] for name in LOSSES]).sum())


@pytest.mark.parametrize("options", [{"drop_grid": "patch"}, {"teacher_fill": "zero"}, {"head_layers": 1}])
def test_other_switches(views, options):
    assert torch.isfinite(model(**options)(views)["loss"])


def test_dropping_single_patches_hides_the_exact_count(views):
    assert model(drop_grid="patch").drop(views).sum(1).tolist() == [32**3 - 9830] * 4  # int(.3 * 32768) = 9830 stay


def test_seed_determinism(views):
    losses = []
    for _ in range(2):
        step = model({"drop_path_rate": 0.2})
        torch.manual_seed(3)
        losses.append(step(views)["loss"])
    assert torch.equal(*losses)


def test_bf16_autocast_is_finite_and_close(views):
    exact = model(patch_drop_ratio=0.0, student_mask=fixed(attentive(torch.rand(1, 64))))
    rough = copy.deepcopy(exact)
    with torch.autocast("cpu", torch.bfloat16):
        out = rough(views)
    out["loss"].backward()
    assert out["loss"].dtype == torch.float32
    assert out["loss"].item() == pytest.approx(exact(views)["loss"].item(), rel=0.02)
