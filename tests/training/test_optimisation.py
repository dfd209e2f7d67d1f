"""Which parameters decay."""

from fixtures.small import SMALL

from smart_nets.networks.encoder import SmartEncoder
from smart_nets.training.optimisation import parameter_groups


def test_weights_decay_and_biases_norms_tokens_and_positions_do_not():
    encoder = SmartEncoder(**SMALL, sa_position="learned")
    names = {parameter: name for name, parameter in encoder.named_parameters()}
    decays, rests = ([names[each] for each in group["params"]] for group in parameter_groups(encoder))
    assert len(decays) + len(rests) == len(names)
    assert all(name.endswith("weight") for name in decays)
    assert {"mask_token", "semantic_attention.cls_token", "position.table", "token_norm.weight"} < set(rests)
