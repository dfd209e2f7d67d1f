"""Tumours in patients of boxes, looked for by an attention that knows some of them: every figure by hand."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fixtures.small import SMALL
from scipy.ndimage import distance_transform_edt

from smart_nets.errors import InputError
from smart_nets.lists.scan_names import with_names
from smart_nets.localize import scans as localize_scans
from smart_nets.localize.marking import Marking
from smart_nets.localize.regions import region_mask
from smart_nets.localize.scan_attention import ScanAttention
from smart_nets.localize.scans import DENSE, ENCODER, RANDOM, LocalizeScans
from smart_nets.networks.attention_net import AttentionNet
from smart_nets.networks.encoder import SmartEncoder
from smart_nets.phantom.write import write_image
from smart_nets.scans.volume import Volume

ARCHITECTURE = {"name": "SmartEncoder", **SMALL}
SHAPE, AFFINE = (60, 40, 24), np.diag([3.0, 3, 3, 1])
KNOWN, FAINT, UNKNOWN = 77, 66, 55  # HU of tumours: to the attention below they are 2, 1 and 0
TUMOUR, SECOND, VESSEL = np.s_[12:16, 14:18, 8:12], np.s_[44:48, 20:24, 12:16], np.s_[43:46, 12:15, 8:12]


@dataclass(frozen=True)
class Knowing(ScanAttention):
    """Attention that tells tumours by their HU."""

    def __call__(self, scan: Volume) -> np.ndarray:
        return (2.0 * (scan.array == KNOWN) + 1.0 * (scan.array == FAINT)).astype(np.float32)


class Blind(Knowing):
    """Attention to one voxel in the heart."""

    def __call__(self, scan: Volume) -> np.ndarray:
        score = np.zeros(scan.array.shape, np.float32)
        score[30, 20, 12] = 1
        return score


def looking(kind: type[ScanAttention]) -> ScanAttention:
    return kind(AttentionNet(SmartEncoder(**SMALL)), (32, 32, 32), (8.0, 8.0, 8.0), (-1000.0, 400.0))


def patient(*, lungs: bool = True, **hu: int) -> np.ndarray:
    """180 x 120 x 72 mm of tissue, two lungs of 139 ml, a vessel of 36 voxels; tumours of 64 voxels where HU are given."""
    image = np.full(SHAPE, -1000, np.int16)
    image[5:55, 5:35] = 40
    if lungs:
        image[8:21, 9:31, 3:21] = image[39:52, 9:31, 3:21] = -850
        image[VESSEL] = 0
    for name, value in hu.items():
        image[TUMOUR if name == "tumour" else SECOND] = value
    return image


def mask(*places: tuple[slice, ...]) -> np.ndarray:
    marked = np.zeros(SHAPE, np.uint8)
    for place in places:
        marked[place] = 1
    return marked


class Cohort:
    """Writes scans and masks, and lists them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.items = folder, []

    def add(self, image: np.ndarray, patient: str = "", **tumours: list[np.ndarray]) -> None:
        number = len(self.items)
        file = write_image(image, AFFINE, self.folder / f"{number}.nii.gz")
        readers = {
            name: [
                {
                    "file": str(write_image(one, AFFINE, self.folder / f"{number}-{name}-{reader}.nii.gz")),
                    "region": None,
                }
                for reader, one in enumerate(masks)
            ]
            for name, masks in tumours.items()
        }
        self.items.append({"image": str(file), "patient_id": patient or f"Doe^{number}", "readers": readers})

    def measure(self, kind: type[ScanAttention] = Knowing, **settings) -> dict:
        """The table as written, with the 90th percentile of the whole image, which is 0 here: all that scores is marked."""
        settings = {"marking": Marking(90, "image"), "random_encoders": 0, **settings}
        path = self.folder / "localize.json"
        table = LocalizeScans(with_names(self.items), looking(kind), ARCHITECTURE, **settings).write(path)
        written = json.loads(path.read_text())
        assert written == json.loads(json.dumps(table))
        return written


@pytest.fixture
def cohort(tmp_path) -> Cohort:
    return Cohort(tmp_path)


def figures(table: dict, method: str, key: str) -> list:
    return [row[key] for row in table["methods"][method]["rows"]]


def test_two_patients_by_hand(cohort):
    """One tumour is known, of the other 32 of 64 voxels; dense in the lungs are both, and the vessel of 36 voxels."""
    half = patient(tumour=KNOWN)
    half[12:14, 14:18, 8:12] = UNKNOWN
    cohort.add(patient(tumour=KNOWN), tumour=[mask(TUMOUR)])
    cohort.add(half, tumour=[mask(TUMOUR)])
    table = cohort.measure()
    assert (table["tumours"], table["scans"], table["patients"]) == (2, 2, 2)
    assert (table["empty_masks"], table["scans_without_lungs"]) == (0, 0)
    assert list(table["methods"]) == [ENCODER, DENSE]
    dice, floor = 2 * 32 / (64 + 32), 2 * 64 / (64 + 64 + 36)
    assert figures(table, ENCODER, "dice") == pytest.approx([1, dice])
    assert figures(table, ENCODER, "recall") == [1, 0.5]
    assert figures(table, ENCODER, "pointing") == [1, 1]
    assert figures(table, ENCODER, "contrast") == [1, 0.75]  # half of the tumour scores as the ring
    assert figures(table, ENCODER, "marked_ml") == pytest.approx([64 * 0.027, 32 * 0.027])
    assert figures(table, DENSE, "dice") == pytest.approx([floor, floor])
    assert figures(table, DENSE, "recall") == [1, 1]
    assert figures(table, DENSE, "marked_ml") == pytest.approx([100 * 0.027] * 2)
    assert table["methods"][ENCODER]["summary"]["dice"]["mean"] == pytest.approx((1 + dice) / 2)
    assert table["methods"][DENSE]["summary"]["dice"]["n"] == 2
    differences = {one["key"]: one for one in table["differences"]}
    assert list(differences) == ["contrast", "dice", "pointing", "recall"]
    assert {(one["a"], one["b"], one["n"]) for one in table["differences"]} == {(ENCODER, DENSE, 2)}
    assert differences["dice"]["difference"] == pytest.approx((1 + dice) / 2 - floor)
    assert (differences["dice"]["better"], differences["recall"]["better"]) == (1, 0)
    assert differences["recall"]["difference"] == pytest.approx(-0.25)


def test_row_46_empty_masks_are_counted_and_left_out(cohort):
    cohort.add(patient(tumour=KNOWN), tumour=[mask(TUMOUR)], second=[mask(), mask()])
    cohort.add(patient(tumour=KNOWN), tumour=[mask(TUMOUR), mask()])  # one of two is no majority
    cohort.add(patient(), tumour=[mask()])
    table = cohort.measure()
    assert (table["tumours"], table["scans"], table["patients"], table["empty_masks"]) == (1, 3, 1, 3)
    assert figures(table, ENCODER, "dice") == [1]
    assert table["methods"][ENCODER]["summary"]["dice"]["n"] == 1


def test_without_any_tumour_nothing_is_written(cohort):
    for _ in range(2):
        cohort.add(patient(), tumour=[mask()])
    with pytest.raises(InputError, match=r"all masks are empty .*found 2 empty masks"):
        cohort.measure()
    assert not (cohort.folder / "localize.json").exists()


def test_scans_without_lungs_have_no_floor_of_density(cohort):
    """The encoder is compared where both have looked: on the second scan, where it is blind."""
    cohort.add(patient(lungs=False, tumour=KNOWN), "Roe", tumour=[mask(TUMOUR)])
    cohort.add(patient(tumour=UNKNOWN), "Doe", tumour=[mask(TUMOUR)])
    table = cohort.measure()
    assert (table["tumours"], table["scans_without_lungs"]) == (2, 1)
    assert figures(table, ENCODER, "dice") == [1, 0]
    assert figures(table, DENSE, "dice") == pytest.approx([2 * 64 / 164])
    [dice] = [one for one in table["differences"] if one["key"] == "dice"]
    assert (dice["n"], dice["difference"], dice["low"]) == (1, pytest.approx(-2 * 64 / 164), None)
    names = {row["scan"]: row["patient"] for row in table["methods"][ENCODER]["rows"]}
    for row in table["methods"][DENSE]["rows"]:
        assert row["patient"] == names[row["scan"]] == 2  # a patient has one number in the whole table


@pytest.mark.parametrize("beside", [40, -1000])
def test_only_scans_without_lungs(cohort, beside):
    """Or without a body: a tumour in the air."""
    image = patient(lungs=False, tumour=KNOWN)
    image[image == 40] = beside
    cohort.add(image, tumour=[mask(TUMOUR)])
    table = cohort.measure()
    assert table["scans_without_lungs"] == 1
    assert list(table["methods"]) == [ENCODER] and table["differences"] == []


def test_a_region_that_a_scan_has_not_is_an_error(cohort):
    cohort.add(patient(lungs=False, tumour=KNOWN), tumour=[mask(TUMOUR)])
    with pytest.raises(InputError, match=r"0.nii.gz: shows no lungs"):
        cohort.measure(marking=Marking(90, "lungs"))


def test_tumours_outside_the_region_are_counted_apart(cohort):
    """The heart is no lung: of the encoder's region, and of the floor's; a quarter of a tumour in the lung is too little."""
    heart = np.s_[26:30, 18:22, 10:14]
    wall = np.s_[7:19, 14:18, 0:4]  # 12 x 4 x 4 voxels, 11 x 4 x 1 of them in the right lung
    cohort.add(patient(tumour=KNOWN), tumour=[mask(TUMOUR)], heart=[mask(heart)], wall=[mask(wall)])
    table = cohort.measure(marking=Marking(90, "lungs"), random_encoders=1)
    lost = [(one["tumour"], one["method"], round(one["inside"], 2)) for one in table["outside_region"]]
    assert lost == [("heart", ENCODER, 0), ("wall", ENCODER, pytest.approx(44 / 192, abs=0.01))]
    for method in (ENCODER, RANDOM, DENSE):
        assert [row["tumour"] for row in table["methods"][method]["rows"]] == ["tumour"]
    table = cohort.measure(marking=Marking(90, "body"))
    assert [(one["tumour"], one["method"]) for one in table["outside_region"]] == [("heart", DENSE), ("wall", DENSE)]
    assert [row["tumour"] for row in table["methods"][ENCODER]["rows"]] == ["tumour", "heart", "wall"]
    assert [row["tumour"] for row in table["methods"][DENSE]["rows"]] == ["tumour"]


def test_only_tumours_outside_the_region(cohort):
    cohort.add(patient(), tumour=[mask(np.s_[26:30, 18:22, 10:14])])
    with pytest.raises(
        InputError, match=r"region lungs: every tumour lies outside the region .*found 1 tumour.*region body"
    ):
        cohort.measure(marking=Marking(90, "lungs"))


def test_one_ring_for_all_methods(cohort):
    """A tumour thinner than lung is denser than nothing in the lungs, and than all beside them, where the floor is 0."""
    cohort.add(patient(tumour=-900), tumour=[mask(TUMOUR)])
    distance = distance_transform_edt(mask(TUMOUR) == 0, sampling=3.0)
    ring = (distance >= 4) & (distance <= 20)
    beside = ring & ~region_mask(Volume(patient(tumour=-900), AFFINE, "boxes"), "lungs")
    for region, expected in (("lungs", 0), ("image", beside.sum() / ring.sum())):
        [contrast] = figures(cohort.measure(marking=Marking(90, region)), DENSE, "contrast")
        assert contrast == pytest.approx(expected)
    assert expected > 0.1


def test_looking_again_gives_the_same(cohort):
    cohort.add(patient(tumour=KNOWN), tumour=[mask(TUMOUR)], second=[mask()])
    cohort.add(patient(lungs=False, tumour=KNOWN), tumour=[mask(TUMOUR)])
    run = LocalizeScans(
        with_names(cohort.items), looking(Knowing), ARCHITECTURE, Marking(90, "image"), random_encoders=0
    )
    assert run.write(cohort.folder / "1.json") == run.write(cohort.folder / "2.json")
    assert (cohort.folder / "1.json").read_bytes() == (cohort.folder / "2.json").read_bytes()


def test_several_readers(cohort):
    """Two of three drew 64 voxels, the third only 32 of them; 64 are marked."""
    small = mask(np.s_[12:14, 14:18, 8:12])
    cohort.add(patient(tumour=KNOWN), tumour=[mask(TUMOUR), small, mask(TUMOUR)])
    table = cohort.measure()
    assert figures(table, ENCODER, "readers") == [3]
    assert figures(table, ENCODER, "dice") == [1]
    assert figures(table, ENCODER, "dice_readers") == pytest.approx([(1 + 1 + 2 * 32 / (64 + 32)) / 3])


def test_two_tumours_of_a_scan(cohort):
    """The highest scores lie in the first, which is a hit for both; what is marked of the other is wrong for each."""
    cohort.add(patient(tumour=KNOWN, second=FAINT), tumour=[mask(TUMOUR)], second=[mask(SECOND)])
    table = cohort.measure()
    assert (table["tumours"], table["scans"], table["patients"]) == (2, 1, 1)
    assert figures(table, ENCODER, "tumour") == ["tumour", "second"]
    assert figures(table, ENCODER, "pointing") == [1, 1]
    assert figures(table, ENCODER, "dice") == pytest.approx([2 * 64 / (64 + 128)] * 2)
    assert figures(table, ENCODER, "contrast") == [1, 1]
    assert {one["n"] for one in table["differences"]} == {2}


def test_fresh_encoders_are_averaged(cohort, monkeypatch):
    """Stand-ins of which one finds the tumour and two look at the heart: a mean of 1, 0 and 0."""
    kinds = {0: Blind, 1: Knowing, 2: Blind}
    monkeypatch.setattr(localize_scans, "random_attention", lambda attention, architecture, seed: looking(kinds[seed]))
    cohort.add(patient(tumour=KNOWN), tumour=[mask(TUMOUR)])
    table = cohort.measure(random_encoders=3)
    assert list(table["methods"]) == [ENCODER, RANDOM, DENSE]
    assert figures(table, RANDOM, "dice") == figures(table, RANDOM, "pointing") == pytest.approx([1 / 3])
    assert table["settings"]["random_encoders"] == 3
    recall = {one["b"]: one["difference"] for one in table["differences"] if one["key"] == "recall"}
    assert recall == {RANDOM: pytest.approx(2 / 3), DENSE: 0}


def test_figures_that_are_not_defined_are_null(cohort):
    """Of a flat map nothing is marked, so that there is no distance to it."""
    cohort.add(patient(tumour=UNKNOWN), tumour=[mask(TUMOUR)])
    table = cohort.measure()
    assert figures(table, ENCODER, "hd95") == [None] and figures(table, ENCODER, "dice") == [0]
    assert table["methods"][ENCODER]["summary"]["hd95"]["mean"] is None
    assert "NaN" not in (cohort.folder / "localize.json").read_text()


def test_patients_are_numbers_and_paths_are_not_told(cohort):
    for name in ("Doe^Jane", "Roe^Richard", "Doe^Jane"):
        cohort.add(patient(tumour=KNOWN), name, tumour=[mask(TUMOUR)])
    table = cohort.measure()
    assert figures(table, ENCODER, "patient") == figures(table, DENSE, "patient") == [1, 2, 1]
    assert table["patients"] == 2
    text = (cohort.folder / "localize.json").read_text()
    assert not any(secret in text for secret in ("Doe", "Roe", "Jane", "Richard", str(cohort.folder), ".nii"))


def test_settings_and_facts_stand_beside_the_figures(cohort, tmp_path):
    cohort.add(patient(tumour=KNOWN), tumour=[mask(TUMOUR)])
    marking = Marking(95, "body", 3, 0.5)
    options = {"random_encoders": 0, "facts": {"data": {"source": "boxes"}}}
    run = LocalizeScans(with_names(cohort.items), looking(Knowing), ARCHITECTURE, marking, **options)
    table = run.write(tmp_path / "new" / "localize.json")
    rule = {"percentile": 95, "region": "body", "components": 3, "smallest_ml": 0.5}
    crops = {"crop_size": [32, 32, 32], "spacing": [8.0, 8.0, 8.0], "hu_window": [-1000.0, 400.0]}
    maps = {"overlap": 0.5, "head": None, "block": -1, "random_encoders": 0}
    assert table["settings"] == {**rule, **crops, **maps}
    assert table["data"] == {"source": "boxes"} and table["versions"]["torch"]


def test_pictures_get_maps_masks_and_all_tumours_of_a_scan(cohort):
    cohort.add(patient(tumour=KNOWN, second=UNKNOWN), tumour=[mask(TUMOUR)], second=[mask(SECOND), mask(SECOND)])
    cohort.add(patient(), tumour=[mask()])  # no tumour, no picture
    drawn = []
    cohort.measure(draw=lambda *given: drawn.append(given))
    [(name, scan, found, tumours)] = drawn
    assert name == "0" and list(found) == [ENCODER, DENSE]
    np.testing.assert_array_equal(tumours, mask(TUMOUR, SECOND) > 0)
    for score, marked in found.values():
        assert score.shape == marked.mask.shape == scan.array.shape
    np.testing.assert_array_equal(found[ENCODER][1].mask, mask(TUMOUR) > 0)
    np.testing.assert_array_equal(found[DENSE][1].region, region_mask(scan, "lungs"))


def test_a_real_network_goes_all_the_way(cohort):
    cohort.add(patient(tumour=KNOWN), tumour=[mask(TUMOUR)])
    near = [32, 32, 32], (4.0, 4.0, 4.0), (-1000.0, 400.0)
    attention = ScanAttention(AttentionNet(SmartEncoder(**SMALL), head=2), *near)
    table = LocalizeScans(with_names(cohort.items), attention, ARCHITECTURE, Marking(), random_encoders=2).write(
        cohort.folder / "localize.json"
    )
    assert list(table["methods"]) == [ENCODER, RANDOM, DENSE] and table["settings"]["head"] == 2
    body = region_mask(Volume(patient(tumour=KNOWN), AFFINE, "boxes"), "body")
    for method in (ENCODER, RANDOM):  # a tenth of the body
        assert figures(table, method, "marked_ml") == pytest.approx([0.1 * body.sum() * 0.027], rel=0.02)
