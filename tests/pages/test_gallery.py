"""The README's picture can be drawn anew."""

import numpy as np
from PIL import Image

from smart_nets.pages.gallery import around_lesion, lesion_voxel, write_phantom_picture
from smart_nets.phantom import make_phantom


def test_the_phantom_picture(tmp_path):
    picture = Image.open(write_phantom_picture(tmp_path / "phantom.png", spacing=5.0, dpi=50))
    assert picture.size == (580, 280)
    assert len(np.unique(np.asarray(picture))) > 30  # something is drawn


def test_a_lesion_is_in_the_middle_of_its_enlargement():
    phantom = make_phantom(0, spacing=(4.0, 4.0, 4.0), region="chest")
    for lesion in phantom.lesions:
        box, middle = around_lesion(phantom, lesion)
        assert box.shape == (17, 17, 17) and middle == 8  # 64 mm / 4 mm, and the middle itself
        assert box[8, 8, 8] == phantom.image[lesion_voxel(phantom, lesion)] > -500
