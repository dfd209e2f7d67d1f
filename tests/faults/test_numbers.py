"""A metric that is no number is never the best for longer than until the next one."""

import math
from pathlib import Path

import pytest
from ignite.metrics import Average
from monai.bundle import ConfigParser
from monai.engines import SupervisedEvaluator
from torch import nn

BUNDLES = Path(__file__).parents[2] / "bundles"


@pytest.mark.parametrize(
    ("config", "values", "best"),
    [
        ("smart_lidc_classify/configs/train.json", [math.nan, 0.6, math.nan, 0.7, 0.5], 0.7),
        ("smart_pretrain/configs/federated.json", [math.nan, 0.6, math.nan, 0.4, 0.5], 0.4),
    ],
)
def test_a_first_nan_gives_way(config, values, best):
    """MONAI takes the first value as the best, whatever it is, and no comparison with NaN is ever true."""
    parser = ConfigParser()
    parser.read_config(str(BUNDLES / config))
    better, given = parser.get_parsed_content("validate#evaluator#metric_cmp_fn"), iter(values)
    evaluator = SupervisedEvaluator(
        "cpu", [None], nn.Identity(), metric_cmp_fn=better, decollate=False, iteration_update=lambda *_: next(given),
        key_val_metric={"m": Average()},
    )  # fmt: skip
    for epoch in range(1, len(values) + 1):
        evaluator.run(global_epoch=epoch)
    assert evaluator.state.best_metric == pytest.approx(best)
