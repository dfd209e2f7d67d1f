"""The one place where HU become network input."""

from __future__ import annotations

import numpy as np
import torch

from smart_nets.errors import ConfigError

WINDOW = (-175.0, 250.0)  # HU: soft tissue; lung becomes 0 (SMIT and SMART pretraining)


def window_hu(hu: torch.Tensor | np.ndarray, low: float = WINDOW[0], high: float = WINDOW[1]) -> torch.Tensor:
    """HU of any shape to float32 in [0, 1]: `low` and below become 0, `high` and above 1.

    Raises:
        ConfigError: `low` is not below `high`.
    """
    check_window(low, high)
    values = torch.as_tensor(hu).to(torch.float32, copy=True)
    return values.clamp_(low, high).sub_(low).div_(high - low)  # in place: new memory costs more than the arithmetic


def check_window(low: float, high: float) -> None:
    """ConfigError unless `low` is below `high`."""
    if not low < high:
        raise ConfigError("a window needs low below high", where="window", found=f"{low} to {high} HU")
