from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from smart_nets.pages.panels import FRAME, SIDE, UNSEEN, Crop, enlarge, middle, peak, pixels_of, png_uri
from smart_nets.pretrain.report.pictures import hidden_error

SHAPE = (32, 32, 32)
ISO = np.ones(3)


def pixels(uri: str) -> np.ndarray:
    head, data = uri.split(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)


def corner(*, x: int, y: int, z: int) -> np.ndarray:
    """A volume that is bright in one octant: x=1 the patient's right half, y=1 anterior, z=1 superior."""
    volume = np.zeros(SHAPE, np.float32)
    volume[tuple(slice(16, None) if side else slice(16) for side in (x, y, z))] = 1
    return volume


@pytest.mark.parametrize(
    ("plane", "quarter"), [("axial", (0, 0)), ("coronal", (0, 0)), ("sagittal", (0, 0))]
)  # right and anterior are on the picture's left, anterior and superior at its top
def test_right_anterior_superior_is_at_the_top_left(plane: str, quarter: tuple[int, int]) -> None:
    picture = pixels(Crop(corner(x=1, y=1, z=1), ISO).plain(plane, 20))[..., 0]
    half = SIDE // 2
    quarters = [
        [picture[:half, :half].mean(), picture[:half, half:].mean()],
        [picture[half:, :half].mean(), picture[half:, half:].mean()],
    ]
    assert np.unravel_index(np.argmax(quarters), (2, 2)) == quarter
    assert quarters[0][0] > 240 and max(quarters[0][1], quarters[1][0], quarters[1][1]) < 10


def test_pictures_have_the_bodys_proportions() -> None:
    crop = Crop(np.zeros((20, 20, 10), np.float32), np.array([2.0, 2.0, 3.0]))
    assert pixels(crop.plain("axial", 5)).shape[:2] == (SIDE, SIDE)  # 40 x 40 mm
    assert pixels(crop.plain("coronal", 5)).shape[:2] == (round(0.75 * SIDE), SIDE)  # 30 mm high, 40 mm wide


def test_hidden_cells_are_painted_and_the_rest_is_the_image() -> None:
    mask = np.zeros((2, 2, 2), bool)
    mask[1, 1, 1] = True  # right, anterior, superior: top left of the axial picture
    picture = pixels(Crop(np.ones(SHAPE, np.float32), ISO).covered(mask, "axial", 20))
    half = SIDE // 2
    np.testing.assert_allclose(np.median(picture[:half, :half], axis=(0, 1)), UNSEEN, atol=1)
    assert np.median(picture[half:, half:]) == 255
    assert (pixels(Crop(np.ones(SHAPE, np.float32), ISO).covered(mask, "axial", 10)) == 255).all()  # inferior half


def test_reconstruction_and_error_show_in_hidden_cells_only() -> None:
    mask = np.zeros((2, 2, 2), bool)
    mask[1, 1, 1] = True
    crop, rebuilt = Crop(np.zeros(SHAPE, np.float32), ISO), np.full(SHAPE, 0.5, np.float32)
    inside, outside = (slice(5, 100), slice(5, 100)), (slice(120, 220), slice(120, 220))
    painting = pixels(crop.rebuilt(rebuilt, mask, "axial", 20))
    assert np.median(painting[inside]) == 128 and painting[outside].max() == 0
    full, half = (pixels(crop.missed(rebuilt, mask, "axial", 20, top)) for top in (0.5, 1.0))
    assert full[inside].mean() > half[inside].mean() and full[outside].max() == 0


def test_attention_is_clear_at_an_even_share_and_glows_above() -> None:
    crop, attention = Crop(np.full(SHAPE, 0.5, np.float32), ISO), np.ones((2, 2, 2))
    plain = pixels(crop.plain("axial", 20))
    np.testing.assert_array_equal(pixels(crop.looked_at(attention, "axial", 20, top=5)), plain)
    attention[1, 1, 1] = 5
    glow = np.abs(pixels(crop.looked_at(attention, "axial", 20, top=5)) - plain).sum(-1)
    assert glow[:50, :50].min() > 100
    assert glow[-50:, -50:].max() <= 3  # 256 colours: one step per channel


def test_peak_and_middle_by_hand() -> None:
    attention = np.zeros((4, 4, 4))
    attention[3, 0, 1] = 1  # cells of 8 voxels: centres at 28, 4 and 12
    assert peak(attention, SHAPE) == {"sagittal": 28, "coronal": 4, "axial": 12}
    assert middle(np.zeros((10, 20, 30))) == {"sagittal": 5, "coronal": 10, "axial": 15}


def test_enlarging_keeps_cells_or_blends_between_their_centres() -> None:
    cells = np.zeros((2, 2, 2))
    cells[1] = 1
    assert enlarge(cells, (4, 4, 4))[:, 0, 0].tolist() == [0, 0, 1, 1]
    assert enlarge(cells, (4, 4, 4), "trilinear")[:, 0, 0].tolist() == [0, 0.25, 0.75, 1]


def test_hidden_error_by_hand() -> None:
    image, mask = np.zeros((4, 4, 4), np.float32), np.zeros((2, 2, 2), bool)
    image[2:] = 0.6  # the hidden half
    mask[1] = True
    assert hidden_error(image, np.full_like(image, 0.4), mask) == pytest.approx((0.2, 0.6))  # visible median is 0
    assert np.isnan(hidden_error(image, image, np.zeros((2, 2, 2), bool))).all()


def test_gray_pictures_take_one_channel() -> None:
    gray = np.repeat(np.linspace(0, 255, 64).reshape(8, 8, 1), 3, axis=-1)
    assert Image.open(io.BytesIO(base64.b64decode(png_uri(gray).split(",")[1]))).mode == "L"


def test_changes_are_orange_where_the_score_falls_and_blue_where_it_rises() -> None:
    change = corner(x=1, y=1, z=1) * 0.2 - corner(x=0, y=0, z=1) * 0.2
    crop = Crop(np.full(SHAPE, 0.5, np.float32), ISO)
    picture = pixels(crop.changed(change, "axial", 20, top=0.2))
    falls, rises, still = picture[20, 20], picture[-20, -20], picture[20, -20]
    assert falls[0] > falls[2] + 80 and rises[2] > rises[0] + 80 and np.ptp(still) <= 3


def test_the_frame_of_a_cube_by_hand() -> None:
    crop = Crop(np.zeros(SHAPE, np.float32), ISO * 2)  # 64 mm
    picture = pixels(crop.framed(np.array([32.0, 16.0, 64.0]), "axial", 16))
    yellow = (np.abs(picture - FRAME).max(-1) <= 2).nonzero()
    assert (yellow[0].min(), yellow[0].max()) == (SIDE * 3 // 8, SIDE * 5 // 8 - 1)  # a quarter of the height
    assert (yellow[1].min(), yellow[1].max()) == (SIDE // 4, SIDE * 3 // 4 - 1)  # half of the width
    everything = pixels(crop.framed(np.full(3, 999.0), "axial", 16))
    assert np.abs(everything[0] - FRAME).max() <= 2 and everything[SIDE // 2, SIDE // 2].max() == 0


def test_the_scale_bar_of_a_picture() -> None:
    crop = Crop(np.zeros((32, 16, 8), np.float32), np.array([2.0, 1.0, 1.0]))
    assert crop.bar("axial") == crop.bar("coronal") == (31.2, "20 mm")  # of 64 mm
    assert crop.bar("sagittal") == (31.2, "5 mm")  # of 16 mm


def test_a_picture_is_read_back() -> None:
    picture = np.zeros((4, 6, 3))
    picture[1, 2] = 255, 0, 0
    np.testing.assert_array_equal(pixels_of(png_uri(picture)), picture)
