"""The cross-entropy and its centre, against numbers worked out by hand."""

import math

import pytest
import torch

from smart_nets.losses.distillation import DistillationLoss


def test_two_outputs_by_hand():
    # student logits (0.1, 0) / 0.1 = (1, 0): softmax = (e/(1+e), 1/(1+e)) = (0.731059, 0.268941)
    # teacher logits (0.04 ln 3, 0) / 0.04 = (ln 3, 0): softmax = (3/4, 1/4)
    # cross-entropy = -(0.75 ln 0.731059 + 0.25 ln 0.268941) = 0.75 * 0.313262 + 0.25 * 1.313262 = 0.563262
    # entropy of the teacher = -(0.75 ln 0.75 + 0.25 ln 0.25) = 0.562335
    loss, entropy = DistillationLoss(2)(torch.tensor([[0.1, 0.0]]), torch.tensor([[0.04 * math.log(3), 0.0]]), 0.04)
    assert float(loss) == pytest.approx(0.563262, abs=1e-5)
    assert float(entropy) == pytest.approx(0.562335, abs=1e-5)


def test_weights_replace_the_mean():
    student = torch.tensor([[0.1, 0.0], [0.0, 0.0]])
    teacher = torch.zeros(2, 2)  # (1/2, 1/2)
    # rows: 0.5 * 0.313262 + 0.5 * 1.313262 = 0.813262 and ln 2 = 0.693147
    weighted, _ = DistillationLoss(2)(student, teacher, 0.04, torch.tensor([0.25, 0.75]))
    assert float(weighted) == pytest.approx(0.25 * 0.813262 + 0.75 * 0.693147, abs=1e-5)


def test_equal_distributions_give_the_entropy():
    logits = torch.randn(5, 16)
    loss, entropy = DistillationLoss(16, student_temperature=0.1)(logits, logits, 0.1)
    assert torch.allclose(loss, entropy)


def test_uniform_start_is_ln_k():
    loss, entropy = DistillationLoss(8192)(torch.zeros(3, 8192), torch.zeros(3, 8192), 0.04)
    assert float(loss) == pytest.approx(math.log(8192), abs=1e-3)
    assert float(entropy) == pytest.approx(9.0109, abs=1e-3)


def started(out_dim: int = 2) -> DistillationLoss:
    loss = DistillationLoss(out_dim)
    loss.collect(torch.zeros(1, out_dim))
    loss.update_centre()
    return loss


def test_the_centre_starts_at_the_first_batch():
    loss = DistillationLoss(2)
    loss.collect(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert loss.centre.tolist() == [2.0, 3.0]
    loss.update_centre()
    assert loss.centre.tolist() == [2.0, 3.0]


def test_the_centre_moves_a_tenth_of_the_way_to_the_mean():
    loss = started()
    loss.collect(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]))  # (1, 2, K): two tokens
    loss.collect(torch.tensor([[5.0, 6.0]]))  # one more in the same step
    loss.update_centre()
    assert torch.allclose(loss.centre, torch.tensor([0.3, 0.4]))  # mean (3, 4) * 0.1
    loss.collect(torch.tensor([[0.0, 0.0]]))
    loss.update_centre()
    assert torch.allclose(loss.centre, torch.tensor([0.27, 0.36]))


def test_a_skipped_step_leaves_the_centre():
    loss = started()
    loss.collect(torch.full((1, 2), float("nan")))
    loss.forget()
    loss.collect(torch.ones(1, 2))
    loss.update_centre()
    assert torch.allclose(loss.centre, torch.full((2,), 0.1))


def test_a_centred_output_loses_its_lead():
    loss = DistillationLoss(2)
    loss.centre.copy_(torch.tensor([1.0, 0.0]))
    _, entropy = loss(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]), 0.04)
    assert float(entropy) == pytest.approx(math.log(2), abs=1e-6)


def test_only_the_student_learns():
    student = torch.randn(2, 4, requires_grad=True)
    teacher = torch.randn(2, 4, requires_grad=True)
    DistillationLoss(4)(student, teacher, 0.04)[0].backward()
    assert student.grad is not None
    assert teacher.grad is None


def test_softmax_stays_in_fp32_under_autocast():
    student = torch.randn(4, 64).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = DistillationLoss(64)(student, student, 0.04)
    assert loss.dtype == torch.float32
    assert torch.allclose(loss, DistillationLoss(64)(student.float(), student.float(), 0.04)[0])


@pytest.mark.parametrize("shapes", [((2, 4), (3, 4)), ((2, 4), (2, 5))])
def test_shapes_must_agree(shapes):
    with pytest.raises(RuntimeError):
        DistillationLoss(4)(torch.zeros(shapes[0]), torch.zeros(shapes[1]), 0.04)
