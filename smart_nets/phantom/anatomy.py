"""Cross-sections of the trunk by height, in mm of the standard anatomy: what an organ must fit into.

x grows to the Right, y to Anterior, z to Superior; 0 is the midline, the middle of the trunk's depth and the ischial
tuberosities. Where nothing else is said, rows are height, half width, half depth and centre in depth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smart_nets.phantom.lattice import Array

# fmt: off
MUSCLE = np.array([
    [-60, 145, 95, 0], [0, 145, 95, 0], [60, 148, 97, 0], [110, 146, 95, 2], [160, 138, 89, 2], [210, 130, 86, 2],
    [260, 128, 86, 3], [320, 133, 89, 3], [380, 143, 93, 2], [430, 147, 96, 0], [480, 150, 97, -3], [520, 154, 95, -6],
    [550, 158, 90, -10], [575, 160, 83, -14], [600, 157, 75, -18], [700, 140, 60, -20],
])
"""Outside of the muscles; under it are the organs, over it fat and skin."""
CAVITY = np.array([
    [-60, 2, 2, 0], [34, 5, 5, 0], [48, 36, 38, 0], [64, 50, 52, 0], [80, 58, 58, 0], [110, 64, 63, 2],
    [140, 72, 64, 6], [170, 88, 64, 10], [200, 104, 67, 13], [230, 114, 69, 14], [260, 116, 70, 14], [300, 119, 73, 12],
    [340, 126, 80, 8], [380, 134, 86, 3], [700, 140, 90, 0],
])
"""Space of the belly and the pelvis."""
CAGE = np.array([
    [300, 150, 110, 4], [340, 124, 84, 3], [370, 127, 84, 1], [400, 129, 84, 0], [440, 127, 83, -2], [480, 121, 80, -4],
    [510, 112, 74, -8], [540, 94, 62, -15], [560, 74, 45, -22], [572, 58, 30, -26], [580, 42, 14, -28],
    [590, 15, 3, -28], [700, 5, 1, -28],
])
"""Space inside the ribs."""
SPINE = np.array([
    [-60, -62], [75, -60], [95, -72], [120, -76], [150, -63], [175, -46], [195, -31], [215, -23], [245, -19],
    [280, -23], [320, -30], [360, -39], [400, -46], [450, -52], [500, -52], [550, -47], [600, -40], [700, -36],
])
"""Height and depth of the middle of the vertebral bodies."""
SUBCUTANEOUS = np.array([
    [-60, 1.1], [80, 1.15], [160, 1.1], [240, 1.0], [340, 0.8], [420, 0.5], [520, 0.5], [700, 0.45],
])
"""Height and thickness of the fat under the skin, in units of the patient's own."""
# fmt: on


def profile(z: Array, table: NDArray[np.float64], column: int = 1) -> Array:
    """A column of a table at heights z."""
    return np.interp(z, table[:, 0], table[:, column]).astype(np.float32)
