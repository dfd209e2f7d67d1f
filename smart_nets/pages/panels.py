"""Pictures of the probe crops as PNG data URIs: what was seen, hidden, rebuilt and attended to.

All volumes have axes (right, anterior, superior); pictures hang as in `planes.py`.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smart_nets.optional import needed
from smart_nets.pages.changes import change_stops, tint
from smart_nets.pages.planes import FIXED_AXIS, bar_mm, plane_picture

SIDE = 224  # pixels of a picture's longer side: sharp on a phone, and four crops of noise stay below 4 MB
UNSEEN = np.array([52, 66, 92], dtype=np.float32)  # colour of cells that a network does not see
OUTLINE = np.array([96, 112, 140], dtype=np.float32)
FRAME = np.array([255, 211, 77], dtype=np.float32)  # around what a larger picture shows the place of
ATTENTION, ERROR = "inferno", "magma"

Array = NDArray[Any]


def middle(volume: Array) -> dict[str, int]:
    """The middle slice of every plane of a volume (D, H, W)."""
    return {plane: volume.shape[axis] // 2 for plane, axis in FIXED_AXIS.items()}


def peak(attention: Array, shape: tuple[int, ...]) -> dict[str, int]:
    """The slices of a volume (D, H, W) that run through the centre of the cell (g, g, g) with most attention."""
    cell = np.unravel_index(int(np.argmax(attention)), attention.shape)
    return {plane: int((cell[k] + 0.5) * shape[k] / attention.shape[k]) for plane, k in FIXED_AXIS.items()}


def enlarge(cells: Array, shape: tuple[int, ...], mode: str = "nearest") -> Array:
    """Cells (g, g, g) as voxels (D, H, W); mode "trilinear" puts each cell's value at its centre and blends between."""
    smooth = {"align_corners": False} if mode == "trilinear" else {}
    grid = torch.from_numpy(np.ascontiguousarray(cells)).float()[None, None]  # (g, g, g) -> (1, 1, g, g, g)
    voxels: Array = torch.nn.functional.interpolate(grid, size=tuple(shape), mode=mode, **smooth)[0, 0].numpy()
    return voxels


class Crop:
    """Draws one probe crop.

    Args:
        image: (D, H, W) in [0, 1].
        spacing: (3,) mm, so that pictures have the body's proportions.
    """

    def __init__(self, image: Array, spacing: Array) -> None:
        self.image, self.spacing = image.astype(np.float32), spacing

    def plain(self, plane: str, index: int) -> str:
        """The image itself."""
        return png_uri(self._gray(self.image, plane, index))

    def covered(self, cells: Array, plane: str, index: int) -> str:
        """The image with the True cells (g, g, g) painted over, as a network that does not see them."""
        hidden, lines = self._cells(cells, plane, index)
        paint = UNSEEN * np.where(lines, 1.22, 1.0)[..., None]
        return png_uri(np.where(hidden[..., None], paint, self._gray(self.image, plane, index)))

    def rebuilt(self, reconstruction: Array, cells: Array, plane: str, index: int) -> str:
        """The reconstruction (D, H, W) in the True cells; the rest of the image is dimmed."""
        return png_uri(self._in_hidden(self._gray(reconstruction, plane, index), cells, plane, index))

    def missed(self, reconstruction: Array, cells: Array, plane: str, index: int, top: float) -> str:
        """The absolute error in the True cells, colours from 0 to `top`; the rest of the image is dimmed."""
        error = self._resize(np.abs(reconstruction - self.image), plane, index) / top
        return png_uri(self._in_hidden(colour_map(error, ERROR), cells, plane, index))

    def looked_at(self, attention: Array, plane: str, index: int, top: float) -> str:
        """Attention (g, g, g) over the image: clear at or below 1 (an even share), strongest at `top` and above."""
        voxels = enlarge(attention, self.image.shape, "trilinear")
        strength = np.clip((self._resize(voxels, plane, index) - 1) / (top - 1), 0, 1)
        return png_uri(_glow(self._gray(self.image, plane, index), strength))

    def changed(self, change: Array, plane: str, index: int, top: float) -> str:
        """Changes of a score (D, H, W) over the image, as `changes` colours them, strongest at `top` and -`top`."""
        strength = np.clip(self._resize(change, plane, index) / top, -1, 1)
        return png_uri(tint(self._gray(self.image, plane, index), strength))

    def framed(self, inside: Array, plane: str, index: int) -> str:
        """The image with a frame around its middle `inside` (3,) mm."""
        picture = self._gray(self.image, plane, index)
        rows, columns = picture.shape[:2]
        across, down = (axis for axis in range(3) if axis != FIXED_AXIS[plane])
        share = np.minimum(np.asarray(inside) / (np.asarray(self.image.shape) * self.spacing), 1.0)
        left, top = (round((1 - share[axis]) / 2 * side) for axis, side in ((across, columns), (down, rows)))
        right, bottom = columns - left, rows - top
        edge = np.zeros((rows, columns), dtype=bool)
        edge[top:bottom, left:right] = True
        edge[top + 2 : bottom - 2, left + 2 : right - 2] = False  # lines of two pixels
        picture[edge] = FRAME
        return png_uri(picture)

    def bar(self, plane: str) -> tuple[float, str]:
        """A scale bar: its share of the picture's width in percent, and its length in words."""
        across = next(axis for axis in range(3) if axis != FIXED_AXIS[plane])
        width = float(self.image.shape[across] * self.spacing[across])
        length = bar_mm(width)
        return round(100 * length / width, 1), f"{length:g} mm"

    def _in_hidden(self, picture: Array, cells: Array, plane: str, index: int) -> Array:
        """The picture in the True cells, the dimmed image around them, and a fine outline between the two."""
        hidden, _ = self._cells(cells, plane, index)
        out = np.where(hidden[..., None], picture, self._gray(self.image, plane, index) * 0.35)
        out[_border(hidden)] = OUTLINE
        return out

    def _gray(self, volume: Array, plane: str, index: int) -> Array:
        """(rows, columns, 3) in 0..255"""
        gray = np.clip(self._resize(volume, plane, index), 0, 1) * 255
        return np.repeat(gray[..., None], 3, axis=-1)

    def _resize(self, volume: Array, plane: str, index: int, how: str = "BICUBIC") -> Array:
        rows, columns = self._size(plane)
        pil = needed("PIL.Image", "pictures")
        picture = pil.fromarray(np.ascontiguousarray(plane_picture(volume, plane, index), dtype=np.float32))
        return np.asarray(picture.resize((columns, rows), pil.Resampling[how]))

    def _size(self, plane: str) -> tuple[int, int]:
        across, down = (axis for axis in range(3) if axis != FIXED_AXIS[plane])
        extent = np.asarray(self.image.shape) * self.spacing
        scale = SIDE / max(extent[across], extent[down])
        return max(1, round(extent[down] * scale)), max(1, round(extent[across] * scale))

    def _cells(self, cells: Array, plane: str, index: int) -> tuple[Array, Array]:
        """(rows, columns) bool twice: inside a True cell; on the border line between two cells."""
        numbered = np.arange(1, cells.size + 1, dtype=np.float32).reshape(cells.shape)
        label = self._resize(enlarge(numbered, self.image.shape), plane, index, "NEAREST")
        hidden = np.isin(label, numbered[cells.astype(bool)])
        return hidden, _border(label)


def _border(label: Array) -> Array:
    """(rows, columns) bool: the pixels whose upper or left neighbour has another label."""
    line = np.zeros(label.shape, dtype=bool)
    line[1:] |= label[1:] != label[:-1]
    line[:, 1:] |= label[:, 1:] != label[:, :-1]
    return line


def colour_map(values: Array, name: str) -> Array:
    """Values (...) in [0, 1] as colours (..., 3) in 0..255 of a perceptually even map."""
    table: Array = needed("matplotlib", "pictures").colormaps[name](np.clip(values, 0, 1))[..., :3] * 255
    return table


def error_scale() -> str:
    """The colours of errors from 0 to `top` as a CSS gradient."""
    return _gradient(colour_map(np.linspace(0, 1, 9), ERROR))


def attention_scale() -> str:
    """The colours of attention on a gray image, from an even share to `top`, as a CSS gradient."""
    gray = np.full((9, 3), 110.0)
    return _gradient(_glow(gray, np.linspace(0, 1, 9)))


def change_scale() -> str:
    """The colours of changes of a score, from the largest rise to the largest fall, as a CSS gradient."""
    return _gradient(change_stops())


def _glow(gray: Array, strength: Array) -> Array:
    """Attention colours laid over gray (..., 3); strength (...) in [0, 1] is both the colour and how much it covers."""
    alpha = 0.85 * strength[..., None] ** 0.6
    blended: Array = gray * (1 - alpha) + colour_map(strength, ATTENTION) * alpha
    return blended


def _gradient(stops: Array) -> str:
    return "linear-gradient(90deg," + ",".join("#" + "".join(f"{round(c):02x}" for c in rgb) for rgb in stops) + ")"


def png_uri(picture: Array) -> str:
    """A picture (rows, columns, 3) in 0..255 as the data URI of a PNG with one byte per pixel: gray, or 256 colours."""
    pixels = np.clip(picture, 0, 255).round().astype(np.uint8)
    gray = (pixels[..., :1] == pixels).all()
    pil = needed("PIL.Image", "pictures")
    image = pil.fromarray(pixels[..., 0]) if gray else pil.fromarray(pixels).quantize(256)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def pixels_of(uri: str) -> Array:
    """The picture of a data URI as uint8 (rows, columns, 3)."""
    picture = needed("PIL.Image", "pictures").open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    return np.array(picture.convert("RGB"))
