"""The cross-entropy and its centre, against numbers worked out by hand."""

import math

import pytest
import torch

from smart_nets.errors import ConfigError
from smart_nets.pretrain.losses.distillation import DistillationLoss
from smart_nets.pretrain.losses.sinkhorn import sinkhorn


def test_two_outputs_by_hand():
    # student logits (0.1, 0) / 0.1 = (1, 0): softmax = (e/(1+e), 1/(1+e)) = (0.731059, 0.268941)
    # teacher logits (0.04 ln 3, 0) / 0.04 = (ln 3, 0): softmax = (3/4, 1/4)
    # cross-entropy = -(0.75 ln 0.731059 + 0.25 ln 0.268941) = 0.75 * 0.313262 + 0.25 * 1.313262 = 0.563262
    # entropy of the teacher = -(0.75 ln 0.75 + 0.25 ln 0.25) = 0.562335
    found = DistillationLoss(2)(torch.tensor([[0.1, 0.0]]), torch.tensor([[0.04 * math.log(3), 0.0]]), 0.04)
    assert float(found.loss) == pytest.approx(0.563262, abs=1e-5)
    assert float(found.entropy) == pytest.approx(0.562335, abs=1e-5)
    # one token tells nothing apart, and the student misses the best blind answer by 0.563262 - 0.562335
    assert float(found.information) == pytest.approx(0, abs=1e-6)
    assert float(found.gain) == pytest.approx(-0.000927, abs=1e-5)


def test_weights_replace_the_mean():
    student = torch.tensor([[0.1, 0.0], [0.0, 0.0]])
    teacher = torch.zeros(2, 2)  # (1/2, 1/2)
    # rows: 0.5 * 0.313262 + 0.5 * 1.313262 = 0.813262 and ln 2 = 0.693147
    weighted = DistillationLoss(2)(student, teacher, 0.04, torch.tensor([0.25, 0.75]))
    assert float(weighted.loss) == pytest.approx(0.25 * 0.813262 + 0.75 * 0.693147, abs=1e-5)


def test_equal_distributions_give_the_entropy():
    logits = torch.randn(5, 16)
    found = DistillationLoss(16, student_temperature=0.1)(logits, logits, 0.1)
    torch.testing.assert_close(found.loss, found.entropy)
    torch.testing.assert_close(found.gain, found.information)  # the student knows all that there is to know


def test_uniform_start_is_ln_k():
    found = DistillationLoss(8192)(torch.zeros(3, 8192), torch.zeros(3, 8192), 0.04)
    assert float(found.loss) == pytest.approx(math.log(8192), abs=1e-3)
    assert float(found.entropy) == pytest.approx(9.0109, abs=1e-3)


ONE_HOT = torch.eye(4) * 10  # at a temperature of 0.04 four different answers, each certain


@pytest.mark.parametrize(
    ("teacher", "student", "entropy", "information", "gain"),
    [
        # four answers, used equally often: H(mean p) = ln 4, each certain, all of it known to a student that says the same
        (ONE_HOT, ONE_HOT, 0.0, math.log(4), math.log(4)),
        # a student that says the same for every input loses ln 4 and gains nothing
        (ONE_HOT, torch.zeros(4, 4), 0.0, math.log(4), 0.0),
        # two answers for two tokens each: ln 2
        (ONE_HOT[[0, 0, 1, 1]], ONE_HOT[[0, 0, 1, 1]], 0.0, math.log(2), math.log(2)),
        # collapsed to one output, and collapsed to the uniform answer: nothing to learn
        (ONE_HOT[[0, 0, 0, 0]], ONE_HOT[[0, 0, 0, 0]], 0.0, 0.0, 0.0),
        (torch.zeros(4, 4), torch.zeros(4, 4), math.log(4), 0.0, 0.0),
    ],
    ids=["told apart", "blind student", "two answers", "one output", "uniform"],
)
def test_what_targets_tell_and_what_the_student_knows(teacher, student, entropy, information, gain):
    found = DistillationLoss(4)(student, teacher, 0.04)
    assert [float(each) for each in found[1:]] == pytest.approx([entropy, information, gain], abs=1e-5)


def test_nobody_knows_more_than_there_is_with_any_weights():
    # information - gain = sum of w KL(teacher || student) >= 0, if all of it is weighted alike
    teacher, student = torch.randn(6, 8) * 0.1, torch.randn(6, 8) * 0.01
    weight = torch.tensor([0.9, 0.02, 0.02, 0.02, 0.02, 0.02])
    found = DistillationLoss(8)(student, teacher, 0.04, weight)
    p, log_q = (teacher / 0.04).softmax(1), (student / 0.1).log_softmax(1)
    torch.testing.assert_close(found.information - found.gain, ((p * (p.log() - log_q)).sum(1) * weight).sum())


def test_no_token_gives_zeros_that_can_be_learned_from():
    student = torch.zeros(0, 4, requires_grad=True)
    for centring in ("mean", "sinkhorn"):
        found = DistillationLoss(4, centring=centring)(student, torch.zeros(0, 4), 0.04, torch.zeros(0))
        found.loss.backward()
        assert [float(each.detach()) for each in found] == [0.0] * 4


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
    found = loss(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]), 0.04)
    assert float(found.entropy) == pytest.approx(math.log(2), abs=1e-6)


def test_sinkhorn_takes_the_place_of_the_centre():
    teacher = torch.randn(6, 4)
    loss = DistillationLoss(4, centring="sinkhorn")
    loss.centre.copy_(torch.tensor([9.0, 0.0, 0.0, 0.0]))
    assert torch.equal(loss.targets(teacher, 0.07), sinkhorn(teacher, 0.07))
    # a teacher that says the same of every input: the mean centre follows slowly, these targets are even at once
    collapsed = torch.tensor([[1.0, -1.0, -1.0, -1.0]] * 4)
    assert float(loss(torch.zeros(4, 4), collapsed, 0.04).entropy) == pytest.approx(math.log(4), abs=1e-5)
    assert float(DistillationLoss(4)(torch.zeros(4, 4), collapsed, 0.04).entropy) == pytest.approx(0, abs=1e-5)


def test_an_unknown_centring():
    with pytest.raises(ConfigError, match="centring: is not known"):
        DistillationLoss(4, centring="median")


def test_only_the_student_learns():
    student = torch.randn(2, 4, requires_grad=True)
    teacher = torch.randn(2, 4, requires_grad=True)
    found = DistillationLoss(4)(student, teacher, 0.04)
    found.loss.backward()
    assert student.grad is not None
    assert teacher.grad is None
    assert not any(each.requires_grad for each in found[1:])


def test_softmax_stays_in_fp32_under_autocast():
    student = torch.randn(4, 64).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        loss = DistillationLoss(64)(student, student, 0.04).loss
    assert loss.dtype == torch.float32
    assert torch.allclose(loss, DistillationLoss(64)(student.float(), student.float(), 0.04).loss)


@pytest.mark.parametrize("shapes", [((2, 4), (3, 4)), ((2, 4), (2, 5))])
def test_shapes_must_agree(shapes):
    with pytest.raises(RuntimeError):
        DistillationLoss(4)(torch.zeros(shapes[0]), torch.zeros(shapes[1]), 0.04)
