"""Files as inputs: what fits, what is refused, how pictures become numbers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import tflgpuc
from tflgpuc.images import cases, load_image
from tflgpuc.random_inputs import Port


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bad.npy", {"image": np.zeros((1, 2, 2, 3))}, r"input 'image' is \[1, 6, 7, 3\], not"),
        ("bad.npz", {"picture": np.zeros((1, 6, 7, 3))}, "no input 'picture'; there are 'image'"),
        ("bad.npz", {"image": np.zeros(3)}, r"input 'image' is \[1, 6, 7, 3\], not \[3\]"),
        ("bad.npz", b"PK\x03\x04 and no more", r"bad\.npz: "),
        ("bad.npy", b"", r"bad\.npy: "),
        ("bad.jpg", b"no picture", r"bad\.jpg: cannot identify image"),
    ],
)
def test_files_that_fit_no_input(tmp_path, name, content, message):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif path.suffix == ".npy":
        np.save(path, content["image"])
    else:
        np.savez(path, **content)
    with pytest.raises(tflgpuc.UsageError, match=message):
        cases(tmp_path, {"image": Port([1, 6, 7, 3])}, 0)


def test_arrays_go_to_inputs_of_their_shape(tmp_path):
    np.save(tmp_path / "x.npy", np.full((2, 3), 9, np.float32))
    found = cases(tmp_path, {"a": Port([2, 3]), "b": Port([4])}, 0)
    assert (found["x.npy"]["a"] == 9).all()
    np.testing.assert_array_equal(found["x.npy"]["b"], found["random 0"]["b"])


def test_images_are_scaled_and_resized(tmp_path):
    pixels = np.array([[0, 255], [51, 102]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    loaded = load_image(tmp_path / "p.png", [1, 2, 2, 1])
    np.testing.assert_allclose(loaded[0, :, :, 0], [[-1, 1], [-0.6, -0.2]], atol=1e-6)
    wide = load_image(tmp_path / "p.png", [1, 2, 8, 3])
    assert wide.shape == (1, 2, 8, 3)
    assert (np.diff(wide[0, 0, :, 0]) >= 0).all()
    quantised = load_image(tmp_path / "p.png", [1, 2, 2, 1], "i8")
    assert quantised[0, :, :, 0].tolist() == [[-128, 127], [-77, -26]]
