"""One step of fine-tuning: the loss by hand, balanced weights, rates per part, and what stops a run."""

import math
from types import SimpleNamespace

import pytest
import torch

from smart_nets.classify.update import ClassifierUpdate, balanced_weights, choose_weights, classifier_groups
from smart_nets.errors import ConfigError, TrainingHealthError
from smart_nets.networks.classifier import Classifier

IMAGE = torch.rand(4, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))


def engine_of(network, rate=0.001):
    optimizer = torch.optim.SGD(classifier_groups(network, rate, 10 * rate))
    state = SimpleNamespace(device=torch.device("cpu"), iteration=1)
    return SimpleNamespace(network=network, optimizer=optimizer, state=state)


class Scores(torch.nn.Module):
    """Gives its parameter back, so that the loss can be worked out by hand."""

    def __init__(self, scores):
        super().__init__()
        self.scores = torch.nn.Parameter(torch.tensor(scores))

    def forward(self, image):
        return self.scores


def test_the_loss_is_cross_entropy_by_hand():
    # scores (0, 0) and label 1: -ln 1/2; scores (ln 3, 0) and label 0: -ln 3/4
    network = Scores([[0.0, 0.0], [math.log(3), 0.0]])
    engine = SimpleNamespace(
        network=network,
        optimizer=torch.optim.SGD([{"params": list(network.parameters()), "name": "all", "decays": True}]),
        state=SimpleNamespace(device=torch.device("cpu"), iteration=1),
    )
    batch = {"image": IMAGE[:2], "label": torch.tensor([1, 0])}
    out = ClassifierUpdate()(engine, batch)
    assert out[0]["log"]["loss"] == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)
    # with weights 1 and 3 for classes 0 and 1 the mean is weighted: (3 ln 2 + 1 ln 4/3) / 4; the scores have moved by then
    network.scores.data = torch.tensor([[0.0, 0.0], [math.log(3), 0.0]])
    out = ClassifierUpdate(class_weights=[1, 3])(engine, batch)
    assert out[0]["log"]["loss"] == pytest.approx((3 * math.log(2) + math.log(4 / 3)) / 4)


def test_steps_lower_the_loss_and_move_both_parts(small_encoder):
    network = Classifier(small_encoder)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    engine, batch = engine_of(network), {"image": IMAGE, "label": torch.tensor([0, 1, 1, 0])}
    losses = [ClassifierUpdate()(engine, batch)[0]["log"]["loss"] for _ in range(10)]
    assert losses[-1] < losses[0]
    moved = {name.split(".")[0] for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"encoder", "head"}


def test_linear_probing_moves_only_the_head(small_encoder):
    network = Classifier(small_encoder, frozen=True)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    engine = engine_of(network)
    assert {group["name"] for group in engine.optimizer.param_groups} == {"head"}
    ClassifierUpdate()(engine, {"image": IMAGE, "label": torch.tensor([0, 1, 1, 0])})
    moved = {name.split(".")[0] for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {"head"}


def test_each_part_has_its_own_rate_and_norms_do_not_decay(small_encoder):
    groups = classifier_groups(Classifier(small_encoder), 1e-4, 1e-2)
    assert {(group["name"], group["lr"]) for group in groups} == {("encoder", 1e-4), ("head", 1e-2)}
    assert all(group["weight_decay"] == 0 for group in groups if not group["decays"])


def test_weights_are_as_asked_or_balanced():
    items = [{"label": label} for label in (0, 0, 0, 1)]
    assert choose_weights("balanced", items, 2) == balanced_weights([0, 0, 0, 1], 2)
    assert choose_weights(None, items, 2) is None and choose_weights([1, 2], items, 2) == [1, 2]


def test_balanced_weights_by_hand():
    assert balanced_weights([0, 0, 0, 1], 2) == pytest.approx([4 / 6, 4 / 2])  # n / (classes * count)


def test_a_loss_that_is_not_finite_stops_the_run(small_encoder):
    batch = {"image": IMAGE * math.nan, "label": torch.tensor([0, 1, 1, 0])}
    with pytest.raises(TrainingHealthError, match="step 1: loss is not finite"):
        ClassifierUpdate()(engine_of(Classifier(small_encoder)), batch)


def test_bad_settings_are_refused():
    with pytest.raises(ConfigError, match="autocast: is not known"):
        ClassifierUpdate(autocast="fp16")
    with pytest.raises(ConfigError, match=r"a class does not occur .*\[3, 0\]"):
        balanced_weights([0, 0, 0], 2)
