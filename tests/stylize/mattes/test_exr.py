from __future__ import annotations

import numpy as np
import pytest

from stylize.errors import MediaError
from stylize.mattes import open_matte
from stylize.mattes.sources.cryptomatte import hash_to_float, murmurhash3
from stylize.media import open_clip
from tests.stylize.mattes import exr_files

SIZE = (48, 64)


@pytest.fixture
def clip(world):
    with open_clip(world.frames) as opened:
        yield opened


def disc(x=30.0, y=24.0, radius=15.0):
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
    return np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1).astype(np.float32)


def test_exr_channel_is_selected_by_channel_layer_or_part(clip, tmp_path):
    one = exr_files.write_layers(tmp_path / "a.exr", {"R": np.zeros(SIZE, np.float16), "hero.A": disc()})
    many = exr_files.write_parts(
        tmp_path / "b.exr", {"beauty": {"R": np.zeros(SIZE, np.float16)}, "hero": {"A": disc()}}
    )
    for spec in (f"{one}:hero.A", f"{one}:hero", f"{many}:hero.A", f"{many}:hero"):
        with open_matte(spec, clip.info) as matte:
            np.testing.assert_array_equal(matte[3], disc())


def test_exr_values_are_read_linearly_without_conversion(clip, tmp_path):
    gray = np.full(SIZE, 0.25, np.float32)
    path = exr_files.write_layers(tmp_path / "a.exr", {"R": gray, "G": gray, "B": gray})
    with open_matte(path, clip.info) as matte:
        np.testing.assert_array_equal(matte[0], gray)


def test_exr_data_window_is_placed_in_the_display_window(clip, tmp_path):
    whole = disc()
    small = exr_files.write_layers(
        tmp_path / "small.exr", {"A": whole[5:40, 10:50].copy()}, data_at=(10, 5), display=(64, 48)
    )
    padded = np.pad(whole, ((4, 3), (6, 2)), constant_values=1)
    large = exr_files.write_layers(tmp_path / "large.exr", {"A": padded}, data_at=(-6, -4), display=(64, 48))
    with open_matte(small, clip.info) as matte:
        np.testing.assert_array_equal(matte[0][5:40, 10:50], whole[5:40, 10:50])
        assert matte[0][:5].max() == 0
    with open_matte(large, clip.info) as matte:
        np.testing.assert_array_equal(matte[0], whole)


def test_subsampled_exr_channel_is_enlarged(clip, tmp_path):
    half = np.full((24, 32), 0.5, np.float32)
    path = exr_files.write_subsampled(tmp_path / "s.exr", {"Y": (disc(), 1), "mask.A": (half, 2)}, SIZE[::-1])
    with open_matte(f"{path}:mask", clip.info) as matte:
        np.testing.assert_array_equal(matte[0], np.full(SIZE, 0.5, np.float32))


def test_subsampled_exr_channel_is_not_shifted(clip, tmp_path):
    ramp = np.tile(np.arange(64, dtype=np.float32) / 64, (48, 1))
    path = exr_files.write_subsampled(
        tmp_path / "s.exr", {"Y": (ramp, 1), "mask.A": (ramp[::2, ::2].copy(), 2)}, SIZE[::-1]
    )
    with open_matte(f"{path}:mask", clip.info) as matte:
        np.testing.assert_allclose(matte[0][:, :63], ramp[:, :63], atol=1e-6)


def test_unknown_channels_and_damaged_files_are_errors_that_name_them(clip, tmp_path, capfd):
    path = exr_files.write_layers(tmp_path / "a.exr", {"hero.A": disc(), "chair.R": disc(), "chair.G": disc()})
    cut = tmp_path / "cut.exr"
    cut.write_bytes(path.read_bytes()[:-60])
    text = tmp_path / "text.exr"
    text.write_text("no picture")
    cases = {
        f"{path}:herro": "unknown channel herro; did you mean hero.A",
        f"{path}:chair": "the layer chair has chair.G, chair.R; name one of them",
        f"{path}:crypto=hero": "no cryptomatte in its header",
        f"{cut}:hero": "truncated, or a part is damaged",
        f"{text}:hero": "damaged or no EXR",
        f"{tmp_path / 'none.exr'}:hero": "does not exist",
    }
    for spec, words in cases.items():
        with pytest.raises(MediaError, match=words):
            open_matte(spec, clip.info)
    capfd.readouterr()  # the library's own words on stderr


def test_cryptomatte_hash_is_murmurhash3():
    known = {"": 0, "a": 0x3C2569B2, "hello": 0x248BFA47, "hello, world": 0x149BBB7F}
    assert {name: murmurhash3(name) for name in known} == known
    assert all(np.isfinite(hash_to_float(code)) for code in (0, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFFFFFFFF))


@pytest.mark.parametrize("manifest", ["inline", "sidecar"])
def test_cryptomatte_coverage_by_name_is_exact(clip, tmp_path, manifest):
    hero, chair = disc(), np.minimum(disc(40, 30, 9), 1 - disc())
    ground = np.maximum(1 - hero - chair, 0).astype(np.float32)
    path = exr_files.write_crypto(
        tmp_path / "c.exr", {"hero": hero, "chair": chair, "ground": ground}, manifest=manifest
    )
    for select, wanted in {
        "hero": hero,
        "hero,chair": np.clip(hero + chair, 0, 1),
        "*r": np.clip(hero * 0 + chair, 0, 1),
        f"#{murmurhash3('ground'):08x}": ground,
    }.items():
        with open_matte(f"{path}:crypto={select}", clip.info) as matte:
            np.testing.assert_allclose(matte[0], wanted, atol=1e-6)


def test_cryptomatte_without_manifest_or_with_unknown_name_is_an_error(clip, tmp_path):
    bare = exr_files.write_crypto(tmp_path / "bare.exr", {"hero": disc()}, manifest="none")
    full = exr_files.write_crypto(tmp_path / "full.exr", {"hero": disc()})
    lost = exr_files.write_crypto(tmp_path / "lost.exr", {"hero": disc()}, manifest="sidecar")
    (tmp_path / "names.json").unlink()
    cases = {
        f"{bare}:crypto=hero": f"no manifest.*crypto=#{murmurhash3('hero'):08x}",
        f"{full}:crypto=herr": "unknown object herr; did you mean hero",
        f"{full}:crypto=": "missing object name",
        f"{full}:crypto.CryptoMaterial=hero": "unknown cryptomatte CryptoMaterial",
        f"{full}:crypto=#zz": "invalid hash #zz",
        f"{lost}:crypto=hero": "its manifest names.json is missing",
    }
    for spec, words in cases.items():
        with pytest.raises(MediaError, match=words):
            open_matte(spec, clip.info)
    with open_matte(f"{bare}:crypto=#{murmurhash3('hero'):08x}", clip.info) as matte:
        np.testing.assert_allclose(matte[0], disc(), atol=1e-6)


def test_cryptomatte_of_a_blender_view_layer_is_found_by_its_short_name(clip, tmp_path):
    path = exr_files.write_crypto(tmp_path / "c.exr", {"hero": disc()}, kind="View Layer.CryptoObject")
    for kind in ("crypto", "crypto.CryptoObject", "crypto.View Layer.CryptoObject"):
        with open_matte(f"{path}:{kind}=hero", clip.info) as matte:
            np.testing.assert_allclose(matte[0], disc(), atol=1e-6)
    for select, words in {
        "crypto.CryptoAsset=hero": "unknown cryptomatte CryptoAsset; it has View Layer.CryptoObject",
        "hero": r"unknown channel hero; an object of its cryptomatte is c\.exr:crypto=hero",
    }.items():
        with pytest.raises(MediaError, match=words):
            open_matte(f"{path}:{select}", clip.info)


def test_damaged_exr_of_a_sequence_is_an_error_held_or_black(clip, tmp_path, capfd):
    from stylize.mattes import MatteOptions

    folder = tmp_path / "seq"
    folder.mkdir()
    for number in range(10):
        exr_files.write_layers(folder / f"m.{1001 + number}.exr", {"hero.A": disc(20 + number)})
    broken = folder / "m.1005.exr"
    broken.write_bytes(broken.read_bytes()[:-80])
    with (
        pytest.raises(MediaError, match=r"m\.1005\.exr"),
        open_matte(f"{folder}:hero", clip.info) as matte,
    ):
        _ = matte[4]
    with open_matte(f"{folder}:hero", clip.info, MatteOptions(missing="hold")) as matte:
        np.testing.assert_array_equal(matte[4], disc(23))
        np.testing.assert_array_equal(matte[5], disc(25))
    with open_matte(f"{folder}:hero", clip.info, MatteOptions(missing="black")) as matte:
        assert matte[4].max() == 0
    capfd.readouterr()
