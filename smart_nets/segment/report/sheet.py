"""One picture of a scan with its outlines: the three planes, a legend with volumes, and what it must not be used for."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smart_nets.files import write_bytes
from smart_nets.optional import needed
from smart_nets.pages.planes import PLANES
from smart_nets.scans.volume import Volume
from smart_nets.segment.cases.target import volumes_ml
from smart_nets.segment.report.slices import colour_of, example_of, slice_picture

NOTE = "research only, not for diagnostic use"
GAP, LINE = 8, 18  # pixels


def outline_sheet(scan: Volume, channels: NDArray[np.uint8], names: Sequence[str], path: str | Path) -> None:
    """Write a PNG of the slices through the first thing that is outlined; it names no patient.

    Args:
        scan: HU on any grid. channels: (X, Y, Z) on that grid.
        names: of the channels from 1.
    """
    upright = scan.to_ras()
    turned = Volume(channels, scan.affine, scan.where).to_ras().array
    example = example_of(upright, turned, np.zeros_like(turned), 0)
    pil = needed("PIL.Image", "pictures")
    pictures = [_decoded(slice_picture(example, plane, "answer")) for plane in PLANES]
    width = sum(one.width for one in pictures) + GAP * (len(pictures) + 1)
    height = max(one.height for one in pictures) + 2 * GAP
    sheet = pil.new("RGB", (width, height + LINE * (1 + -(-len(names) // 3)) + GAP), "black")
    left = GAP
    for one in pictures:
        sheet.paste(one, (left, GAP))
        left += one.width + GAP
    draw = needed("PIL.ImageDraw", "pictures").Draw(sheet)
    for number, (name, ml) in enumerate(zip(names, volumes_ml(turned, upright.spacing, len(names)), strict=True)):
        x, y = GAP + (number % 3) * (width // 3), height + LINE * (number // 3)
        draw.rectangle([x, y + 3, x + 12, y + 11], fill=colour_of(number + 1))
        draw.text((x + 18, y), f"{name} {ml:.1f} ml", fill="white")
    draw.text((GAP, height + LINE * -(-len(names) // 3)), NOTE, fill="#aaaaaa")
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    write_bytes(Path(path), buffer.getvalue())


def _decoded(uri: str):  # type: ignore[no-untyped-def]  # a PIL image, whose package is optional
    content = base64.b64decode(uri.split(",", 1)[1])
    return needed("PIL.Image", "pictures").open(io.BytesIO(content)).convert("RGB")
