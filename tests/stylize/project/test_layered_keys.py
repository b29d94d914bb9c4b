"""Painted keys as layers: files laid over each other, Photoshop files, and what lies in overrides/."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from PIL import Image
from psd_tools import PSDImage

from keyframes import parse_plan
from stylize import stylize_clip
from stylize.api.keys import choose_keys, import_keys
from stylize.errors import MediaError
from stylize.media import image_size, probe, read_image, write_image
from stylize.media.frame_images import files_for, find_keys, layer_of
from stylize.media.image_reader import image_depth
from stylize.media.layered_image import lay

SIZE = (48, 64)


def layer(color, columns, alpha=255, dtype=np.uint8):
    image = np.zeros((*SIZE, 4), dtype)
    image[:, columns] = (*color, alpha)
    return image


@pytest.fixture
def psd(world):
    """Blue ink over half-transparent red, 8 bits; nothing at the right."""
    document = PSDImage.new("RGBA", SIZE[::-1])
    document.create_pixel_layer(Image.fromarray(layer((200, 0, 0), slice(0, 40), 128)), name="color")
    document.create_pixel_layer(Image.fromarray(layer((0, 0, 250), slice(20, 30))), name="ink")
    hidden = document.create_pixel_layer(Image.fromarray(layer((0, 255, 0), slice(0, 64))), name="notes")
    hidden.visible = False
    path = world.root / "keys" / "0003.psd"
    path.parent.mkdir()
    document.save(path)
    return path


def check_flat(image):
    assert image[5, 5].tolist() == [200, 0, 0, 128]
    assert image[5, 25].tolist() == [0, 0, 250, 255]
    assert image[5, 60, 3] == 0


@pytest.mark.parametrize(
    ("stem", "found"),
    [
        ("0003.ink", ("0003", "ink")),
        ("0003.1 color", ("0003", "1 color")),
        ("0003_0000_ink", ("0003", "9999")),
        ("shot.0003.ink", ("shot.0003", "ink")),
        ("shot.0003", None),
        ("0003", None),
        ("v2 key", None),
    ],
)
def test_a_layers_name(stem, found):
    assert layer_of(stem) == found


def test_layers_lie_over_each_other_by_name(world):
    folder = world.root / "keys"
    write_image(folder / "0003.2 ink.png", layer((0, 0, 250), slice(20, 30)))
    write_image(folder / "0003.1 color.png", layer((200, 0, 0), slice(0, 40), 128))
    write_image(folder / "0007.png", layer((9, 9, 9), slice(0, 64)))
    found = find_keys(folder, probe(world.frames), world.root / "flat")
    check_flat(read_image(found[3]))
    assert found[7] == folder / "0007.png"
    assert [path.name for path in files_for(folder, "0003")] == ["0003.1 color.png", "0003.2 ink.png"]
    before = found[3].stat().st_mtime_ns
    assert find_keys(folder, probe(world.frames), world.root / "flat")[3].stat().st_mtime_ns == before


def test_layers_as_photoshop_exports_them_count_from_the_top(world):
    folder = world.root / "keys"
    write_image(folder / "0003_0000_ink.png", layer((0, 0, 250), slice(20, 30)))
    write_image(folder / "0003_0001_color.png", layer((200, 0, 0), slice(0, 40), 128))
    check_flat(read_image(find_keys(folder, probe(world.frames), world.root / "flat")[3]))


def test_layers_of_another_size_or_without_a_name_are_refused(world):
    folder = world.root / "keys"
    write_image(folder / "0003.1.png", layer((1, 1, 1), slice(0, 4)))
    write_image(folder / "0003.b.png", layer((1, 1, 1), slice(0, 4))[:40])
    write_image(folder / "0003.c.png", layer((1, 1, 1), slice(0, 4)))
    with pytest.raises(MediaError, match=r"0003\.c\.png: 64x48, but 0003\.b\.png is 64x40"):
        find_keys(folder, probe(world.frames), world.root / "flat")
    write_image(folder / "3.png", layer((1, 1, 1), slice(0, 4)))
    with pytest.raises(MediaError, match="a second file for frame 0003"):
        find_keys(folder, probe(world.frames), world.root / "flat")


def test_deep_layers_stay_deep_and_nothing_over_nothing_is_nothing():
    deep, shallow = layer((60000, 3, 3), slice(0, 9), 65535, np.uint16), layer((10, 0, 0), slice(0, 40))
    flat = lay([shallow, deep])
    assert flat.dtype == np.uint16
    assert flat[0, 3, 0] == 60000
    assert flat[0, 20, 0] == 2570
    assert flat[0, 50].tolist() == [0, 0, 0, 0]


def test_a_photoshop_file_is_flattened_with_its_alpha(world, psd):
    assert image_size(psd) == SIZE[::-1]
    assert image_depth(psd) == 8
    check_flat(read_image(psd))
    result = stylize_clip(world.frames, keys=psd.parent, output=world.root / "out", overwrite=True,
                          settings={"shots.cut": 1.0})  # fmt: skip
    assert result.keys == (3,)
    assert read_image(world.root / "out" / "0003.png")[5, 25].tolist()[:3] == [0, 0, 250]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_flat_photoshop_files_of_other_modes(world, mode):
    path = world.root / "one.psd"
    PSDImage.frompil(Image.new("RGB", (8, 6), (200, 100, 50)).convert(mode)).save(path)
    image = read_image(path, channels=3)
    assert image.shape == (6, 8, 3)
    gray = np.asarray(Image.new("RGB", (1, 1), (200, 100, 50)).convert("L"))[0, 0]
    assert np.abs(image[0, 0].astype(int) - ((gray,) * 3 if mode == "L" else (200, 100, 50))).max() <= 2


@pytest.mark.parametrize(("mode", "depth", "bits"), [("CMYK", 8, 8), ("CMYK", 16, 8), ("RGB", 16, 16)])
def test_layered_photoshop_files_of_other_modes_and_depths(world, mode, depth, bits):
    path, colors = world.root / "one.psd", (200, 100, 50)
    document = PSDImage.new(mode, (8, 6), depth=depth)
    document.create_pixel_layer(Image.new("RGB", (8, 6), colors).convert(mode), name="color")
    document.save(path)
    image = read_image(path, channels=3)
    assert (image_depth(path), image.dtype) == (bits, np.dtype(f"uint{bits}"))
    assert np.abs(image[..., :3] / (257 if bits == 16 else 1) - colors).max() <= 1


def test_a_damaged_photoshop_file_is_named(world, psd):
    logging.getLogger("psd_tools").setLevel(logging.CRITICAL)
    psd.write_bytes(psd.read_bytes()[:600])
    with pytest.raises(MediaError, match=r"0003\.psd cannot be read as a Photoshop file"):
        read_image(psd)
    psd.write_bytes(b"8BPS")
    with pytest.raises(MediaError, match="cut off"):
        image_size(psd)


def plan_of(world):
    return parse_plan((world.root / "frames.stylize" / "keyframes.toml").read_text())


def test_a_file_dropped_into_overrides_makes_its_frame_a_key(world, psd):
    choose_keys(world.frames)
    place = world.root / "frames.stylize" / "overrides"
    place.mkdir()
    (place / "4.psd").write_bytes(psd.read_bytes())
    choose_keys(world.frames)
    assert plan_of(world).key_at(4).kind == "override"
    assert "painted by hand" in plan_of(world).key_at(4).reason
    stylize_clip(world.frames, world.style, world.root / "out", renderer="fake", overwrite=True)
    assert read_image(world.root / "out" / "0004.png")[5, 25].tolist()[:3] == [0, 0, 250]
    (place / "4.psd").unlink()
    choose_keys(world.frames)
    assert plan_of(world).key_at(4).kind == "user"


def test_a_file_in_overrides_that_is_for_no_frame_is_named(world, psd):
    choose_keys(world.frames)
    place = world.root / "frames.stylize" / "overrides"
    place.mkdir()
    (place / "400.psd").write_bytes(psd.read_bytes())
    with pytest.raises(MediaError, match=r"400\.psd: names no frame"):
        choose_keys(world.frames)


def test_layers_are_imported_as_one_file(world):
    folder = world.root / "keys"
    write_image(folder / "3.b.png", layer((0, 0, 250), slice(20, 30)))
    write_image(folder / "3.a.png", layer((200, 0, 0), slice(0, 40), 128))
    import_keys(world.frames, folder)
    place = world.root / "frames.stylize" / "overrides"
    assert [path.name for path in place.iterdir()] == ["0003.png"]
    check_flat(read_image(place / "0003.png"))
