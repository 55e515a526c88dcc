"""Folders of images: one folder per class, any size, faults named."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config.schema_data import DataConfig
from pipeline.core.errors import DataError
from pipeline.data import prepare
from pipeline.data.imagefile import read_image

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path):
    """Return 30 images of two classes in three sizes and two formats."""
    generator = np.random.default_rng(0)
    for number in range(30):
        place = tmp_path / ("cat" if number % 2 else "dog")
        place.mkdir(exist_ok=True)
        side = (8, 12, 20)[number % 3]
        pixels = generator.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.{('png', 'jpeg')[number % 2]}")
    return tmp_path


def config(folder, **options) -> DataConfig:
    """Return the configuration of a folder of images."""
    size = {"image_height": 8, "image_width": 6, "image_channels": 1, **options}
    return DataConfig(name="pets", kind="images", path=str(folder), target="label", **size)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_becomes_arrays_of_one_shape(folder, channels):
    """Folder names are the classes; values stay 0 to 255 in float32."""
    dataset = prepare(config(folder, image_channels=channels), 0)
    arrays = dataset.arrays("standard")
    assert dataset.classes == ("cat", "dog")
    assert arrays.input_shape == dataset.input_shape("standard") == (8, 6, channels)
    assert arrays.x_train.dtype == np.float32
    assert arrays.x_train.max() > 200
    assert len(arrays.x_train) + len(arrays.x_val) + len(dataset.split.test) == 30


def test_paths_are_the_raw_features_and_encode_to_the_same_arrays(folder):
    """So that a saved model can be asked about a file."""
    dataset = prepare(config(folder), 0)
    paths = dataset.features("validation")
    assert list(paths.columns) == ["path"]
    assert np.array_equal(dataset.encode(paths, "standard"), dataset.arrays("standard").x_val)


def test_an_image_of_the_right_size_is_not_changed(tmp_path):
    """Pixel by pixel."""
    pixels = np.arange(48, dtype=np.uint8).reshape(8, 6)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png", (8, 6, 1))[:, :, 0], pixels)


def test_broken_files_and_empty_folders_are_named_and_left_out(folder):
    """One clear line each."""
    (folder / "bird").mkdir()
    (folder / "cat" / "broken.png").write_bytes(b"no image")
    whole = (folder / "dog" / "0.png").read_bytes()
    (folder / "dog" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "dog" / "notes.txt").write_text("ignored", "utf-8")
    dataset = prepare(config(folder, unreadable=0.1), 0)
    assert dataset.rows == 30
    assert dataset.classes == ("cat", "dog")
    assert "Class folder 'bird' has no PNG or JPEG file and is left out." in dataset.notes
    assert any("cat/broken.png, dog/cut.png" in note for note in dataset.notes)


def test_too_many_broken_files_are_refused(folder):
    """More than `data.unreadable` is a fault of the folder."""
    for number in range(5):
        (folder / "cat" / f"x{number}.png").write_bytes(b"no image")
    with pytest.raises(
        DataError, match=r"5 of 35 images cannot be read.*More than data.unreadable"
    ):
        prepare(config(folder), 0)


def test_a_hostile_image_is_unreadable_not_dangerous(folder):
    """Other formats are not tried, whatever the file is called."""
    (folder / "cat" / "script.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    )
    with pytest.raises(OSError, match="cannot identify"):
        read_image(folder / "cat" / "script.png", (8, 6, 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "shipped:titanic_891.csv"}, "is a file; data.kind=images needs a folder"),
        ({"group": "label"}, "data.group names a column"),
    ],
)
def test_a_configuration_that_fits_no_images_is_refused(folder, change, message):
    """With the key to change."""
    bad = config(folder)
    for key, value in change.items():
        setattr(bad, key, value)
    with pytest.raises(DataError, match=message):
        prepare(bad, 0)


def test_folders_without_images_are_refused(tmp_path):
    """No folders, or none with an image."""
    with pytest.raises(DataError, match="has no folders"):
        prepare(config(tmp_path), 0)
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match="holds no PNG or JPEG"):
        prepare(config(tmp_path), 0)


def test_the_digest_follows_the_content_not_the_place(folder, tmp_path):
    """The same images elsewhere are the same data."""
    before = prepare(config(folder), 0).digest
    moved = folder.rename(folder.parent / "moved")
    assert prepare(config(moved), 0).digest == before
    Image.new("L", (8, 8)).save(moved / "cat" / "1.jpeg")
    assert prepare(config(moved), 0).digest != before
