"""How a view may differ from the scan besides its place: size, brightness, contrast, noise.

Two crops that differ in nothing but place are told alike by their grey values alone; what survives these changes is
anatomy. Everything happens in HU, before the window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from smart_nets.errors import ConfigError
from smart_nets.settings import BELOW_1, between


@dataclass(frozen=True)
class ViewChanges:
    """What is drawn anew for every view. The defaults change nothing: crops alone, as in SMART section 4.3.

    Args:
        zoom: smallest and largest side of a crop over its nominal side, drawn evenly on a log scale; the crop is then
            resampled to the nominal size. (0.75, 1.33) makes crops of 64 mm span 48 to 85 mm.
        gain: HU are multiplied by 1 - gain to 1 + gain.
        offset: HU that are added, at most, up or down.
        noise: largest standard deviation of white noise, HU.

    Raises:
        ConfigError: a range is empty or a size negative.
    """

    zoom: tuple[float, float] = (1.0, 1.0)
    gain: float = 0.0
    offset: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if len(self.zoom) != 2 or not 0 < self.zoom[0] <= self.zoom[1]:
            raise ConfigError("is no range", where="zoom", expected="[low, high] above 0", found=self.zoom)
        BELOW_1.check("hu_gain", self.gain)
        between("hu_offset", self.offset, 0)
        between("hu_noise", self.noise, 0)

    def side(self, size: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Voxels (3,) of the scan that a view of `size` voxels covers."""
        if self.zoom == (1.0, 1.0):
            return size
        return np.maximum(np.round(size * np.exp(random.uniform(*np.log(self.zoom)))), 1).astype(np.int64)

    def __call__(self, crop: np.ndarray, size: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """A crop (D, H, W) of int16 HU, of any size, as a view of `size`: int16 HU."""
        if tuple(crop.shape) == tuple(size) and not (self.gain or self.offset or self.noise):
            return crop
        view = torch.from_numpy(np.ascontiguousarray(crop)).float()
        if tuple(crop.shape) != tuple(size):
            view = F.interpolate(view[None, None], size=tuple(int(side) for side in size), mode="trilinear")[0, 0]
        view = view * (1 + random.uniform(-self.gain, self.gain)) + random.uniform(-self.offset, self.offset)
        if self.noise:
            seed = int(random.randint(2**31))  # torch draws faster than numpy
            noise = torch.randn(view.shape, generator=torch.Generator().manual_seed(seed))
            view += noise * random.uniform(0, self.noise)
        return view.round_().clamp_(-(2**15), 2**15 - 1).to(torch.int16).numpy()
