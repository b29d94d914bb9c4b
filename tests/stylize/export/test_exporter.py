"""What is handed on, read back by those who will read it."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import OpenEXR
import opentimelineio as otio
import pytest

from stylize import stylize_clip
from stylize.api.composite import composite_project
from stylize.api.export import export_project
from stylize.errors import DeviceError, StylizeError, UsageError
from stylize.export import color_space as colors
from stylize.export.comp_description import is_uneven
from stylize.export.options import ExportOptions
from stylize.media import open_clip, read_image, write_image
from stylize.media.color import srgb_to_linear
from stylize.media.ffmpeg import find_ffmpeg
from tests.stylize import fakes
from tests.stylize.world import make_world, texture

LAYERS = """
compose.light = "linear"
matte.stabilize = 0  # as they are
[[layers]]
name = "back"
style = "../style.png"
matte = "../soft"
invert = true
[[layers]]
name = "hero"
style = "../other.png"
matte = "../soft"
strength = 0.75
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A soft-edged subject and its background, both styled, finished; made once for all tests here."""
    root, rng = tmp_path_factory.mktemp("export"), np.random.default_rng(5)
    with pytest.MonkeyPatch.context() as patch:
        made = make_world(root, patch, rng)
        write_image(root / "other.png", texture(rng, 40, 40))
        y, x = np.mgrid[:48, :64]
        for index in range(10):
            matte = np.clip((16 - np.hypot(x - 24 - index, y - 24)) / 8 + 0.5, 0, 1)
            deep = np.rint(matte * 65535).astype(np.uint16)[..., None]
            write_image(root / "soft" / f"{index:04d}.png", deep, durable=False)
        (root / "frames.stylize").mkdir()
        (root / "frames.stylize" / "stylize.toml").write_text(LAYERS)
        stylize_clip(made.frames, output=root / "out", renderer="fake")
        yield made


@pytest.fixture
def project(world):
    """The project; what a test writes into its settings is taken back."""
    root = world.root / "frames.stylize"
    fakes.PAINTED.clear()
    fakes.CARRIED.clear()
    yield root
    (root / "stylize.toml").write_text(LAYERS)


def export(world, project, *what, out="export", **choices):
    options = ExportOptions(what=what, **choices) if what else ExportOptions(**choices)
    return export_project(project, world.root / out, options, overwrite=True)


def raw(path, form, channels):
    """The frames of a file as ffmpeg decodes them: float (N, H, W, channels), 0 to 1."""
    decoder = ["-c:v", "libvpx-vp9"] if str(path).endswith(".webm") else []
    command = [
        find_ffmpeg(),
        "-v",
        "error",
        *decoder,
        "-i",
        str(path),
        "-f",
        "rawvideo",
        "-pix_fmt",
        form,
        "-",
    ]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    kind = np.dtype("<u2") if "16" in form or "64" in form else np.dtype(np.uint8)
    return np.frombuffer(data, kind).reshape(-1, 48, 64, channels) / np.iinfo(kind).max


def truth(world, index):
    """The hero's alpha: its matte at three quarters."""
    matte = read_image(world.root / "soft" / f"{index:04d}.png")[..., 0] / 65535
    return matte * 0.75


def exr(path):
    file = OpenEXR.File(str(path), separate_channels=True)
    return file.header(), {name: channel.pixels for name, channel in file.channels().items()}


def test_comp_lays_finished_layers_again_and_paints_nothing(world, project):
    result = composite_project(project, world.root / "again")
    assert (fakes.PAINTED, fakes.CARRIED) == ([], [])
    assert (result.frames, result.layers) == (10, ("back", "hero"))
    for index in range(10):
        name = f"{index:04d}.png"
        np.testing.assert_array_equal(read_image(world.root / "again" / name), read_image(world.root / "out" / name))
    (project / "stylize.toml").write_text(LAYERS.replace("0.75", "0"))
    composite_project(project, world.root / "less")
    changed = read_image(world.root / "less" / "0000.png") != read_image(world.root / "out" / "0000.png")
    assert changed[20:28, 20:28].any()
    part = composite_project(project, world.root / "part", start=2, end=5)
    assert part.frames == 3


def test_what_is_not_finished_is_named(world, project):
    (project / "stylize.toml").write_text(LAYERS + '[[layers]]\nname = "new"\nstyle = "../style.png"\n')
    with pytest.raises(UsageError, match="layer 'new' is not finished; run it first: stylize run"):
        composite_project(project, world.root / "again")
    (project / "stylize.toml").write_text(LAYERS)
    gone = next(p for p in (project / "stack" / "hero" / "layers").rglob("0003.png") if p.parent.name != "confidence")
    gone.rename(gone.with_name("moved"))
    with pytest.raises(UsageError, match=r"0003.png: is missing; run it first"):
        export(world, project, out="none")
    assert not (world.root / "none").exists()
    gone.with_name("moved").rename(gone)


@pytest.mark.parametrize("form", ["png", "tif"])
def test_images_hold_straight_alpha_to_the_bit(world, project, form):
    result = export(world, project, form=form, first=17)
    folder = world.root / "export"
    assert result.files["layers/hero"] == f"layers/hero/hero.%04d.{form}"
    for index in (0, 9):
        name = f"{17 + index:04d}.{form}"
        image = read_image(folder / "layers" / "hero" / f"hero.{name}")
        assert (image.dtype, image.shape) == (np.uint16, (48, 64, 4))
        np.testing.assert_allclose(image[..., 3] / 65535, truth(world, index), atol=2e-5)
        seen = raw(folder / "layers" / "hero" / f"hero.{name}", "rgba64le", 4)[0]
        np.testing.assert_allclose(seen[..., 3], truth(world, index), atol=0.002)
        flat = read_image(folder / "flat" / f"flat.{name}")
        np.testing.assert_array_equal(flat, read_image(world.root / "out" / f"{index:04d}.png") * np.uint16(257))
        matte = read_image(folder / "mattes" / "hero" / f"hero.{17 + index:04d}.png")
        np.testing.assert_allclose(matte[..., 0] / 65535, truth(world, index) / 0.75, atol=2e-5)
    facts = json.loads((folder / "export.json").read_text())
    assert facts["first"] == 17


@pytest.mark.parametrize(("form", "suffix", "off"), [("prores", "mov", 0.002), ("vp9", "webm", 0.02)])
def test_videos_hold_straight_alpha(world, project, form, suffix, off):
    export(world, project, "layers", form=form)
    frames = raw(world.root / "export" / "layers" / f"hero.{suffix}", "rgba64le", 4)
    assert len(frames) == 10
    for index in range(10):
        np.testing.assert_allclose(frames[index, ..., 3], truth(world, index), atol=off)
    layer = next(p for p in (project / "stack" / "hero" / "layers").rglob("0005.png") if p.parent.name != "confidence")
    solid = truth(world, 5) > 0.7
    apart = frames[5, solid, :3] - read_image(layer)[solid] / 255
    assert abs(apart.mean()) < 0.01
    assert np.abs(apart).mean() < (0.03 if form == "prores" else 0.15)  # four pixels share a color in VP9
    with open_clip(world.root / "export" / "layers" / f"hero.{suffix}") as clip:
        assert (len(clip), clip.info.rate) == (10, open_clip(world.frames).info.rate)


def test_exr_frames_hold_everything(world, project):
    result = export(world, project, "exr")
    assert result.files == {"exr": "exr/frames.%04d.exr"}
    for index in (0, 4, 9):
        header, channels = exr(world.root / "export" / "exr" / f"frames.{1001 + index}.exr")
        assert str(header["compression"]).endswith("ZIPS_COMPRESSION")
        np.testing.assert_allclose(header["chromaticities"], (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329))
        flat = srgb_to_linear(read_image(world.root / "out" / f"{index:04d}.png") / 255)
        beauty = np.stack([channels[c] for c in "RGB"], axis=2).astype(np.float32)
        np.testing.assert_allclose(beauty, flat, atol=0.001)
        assert channels["R"].dtype == np.float16
        alpha = channels["hero.A"].astype(np.float32)
        np.testing.assert_allclose(alpha, truth(world, index), atol=0.002)
        np.testing.assert_allclose(channels["hero_matte.A"], truth(world, index) / 0.75, atol=0.002)
        # laid over each other, premultiplied, they are the flattened frame again
        with open_clip(world.frames) as clip:
            made = srgb_to_linear(clip[index] / 255)
        for layer in ("back", "hero"):
            cover = channels[f"{layer}.A"].astype(np.float32)
            for at, c in enumerate("RGB"):
                made[..., at] = channels[f"{layer}.{c}"] + (1 - cover) * made[..., at]
        np.testing.assert_allclose(made, flat, atol=0.006)
        assert channels["forward.u"].dtype == np.float32
        assert channels["hero_confidence.Y"].max() <= 1
        keys = json.loads((project / "stack" / "hero" / "project.json").read_text())["finished"]["keys"]
        assert set(np.unique(channels["hero_key.Z"])) - {-1} <= {1001 + key["frame"] for key in keys}
        moved = channels["forward.u"] if index < 9 else channels["backward.u"]
        if index == 4:  # the texture slides to the left by two pixels a frame
            assert abs(np.median(moved) + 2) < 0.3
            assert abs(np.median(channels["backward.u"]) - 2) < 0.3
    assert not exr(world.root / "export" / "exr" / "frames.1010.exr")[1]["forward.u"].any()
    export(world, project, "exr", motion=False)
    assert "forward.u" not in exr(world.root / "export" / "exr" / "frames.1001.exr")[1]


def test_acescg(world, project):
    export(world, project, "exr", space="acescg", motion=False)
    header, channels = exr(world.root / "export" / "exr" / "frames.1001.exr")
    np.testing.assert_allclose(header["chromaticities"][:2], (0.713, 0.293), atol=1e-5)
    light = srgb_to_linear(read_image(world.root / "out" / "0000.png") / 255)
    to_ap1 = np.array([[0.6131, 0.3395, 0.0474], [0.0702, 0.9164, 0.0134], [0.0206, 0.1096, 0.8698]])
    found = np.stack([channels[c] for c in "RGB"], axis=2)
    np.testing.assert_allclose(found, light @ to_ap1.T, atol=0.002)


def test_the_timeline_names_everything(world, project):
    export(world, project, "otio")
    timeline = otio.adapters.read_from_file(str(world.root / "export" / "frames.otio"))
    names = [track.name for track in timeline.tracks]
    assert names == ["source", "back", "hero", "flattened", "back matte", "hero matte"]
    hero = timeline.tracks[2][0]
    assert hero.metadata["stylize"]["blend"] == "over"
    assert hero.media_reference.target_url_for_image_number(3) == "layers/hero/hero.1004.png"
    assert len(hero.markers) > 0
    source = timeline.tracks[0][0].media_reference
    assert source.target_url_for_image_number(2) == f"{world.frames.as_posix()}/0002.png"
    assert hero.duration().value == 10
    for track in timeline.tracks[1:]:
        for index in range(10):
            path = world.root / "export" / track[0].media_reference.target_url_for_image_number(index)
            assert path.is_file()


def test_scripts_name_files_that_are_there(world, project):
    result = export(world, project, "nuke", "ae", form="tif")
    folder = world.root / "export"
    nuke = (folder / result.files["nuke"]).read_text()
    assert nuke.count("Merge2 {") == 2
    assert ' file "layers/hero/hero.%04d.tif"' in nuke
    assert nuke.count(' frame_mode "start at"') == nuke.count("Read {")
    assert nuke.count("{") - nuke.count('"\\[python {') == nuke.count("}") - nuke.count(')}]"')
    assert "colorspace sRGB" in nuke
    script = (folder / result.files["ae"]).read_text()
    comp = json.loads(script[script.index("var comp = ") + 11 : script.index(";\n  var here")])
    assert (comp["width"], comp["height"], comp["count"], comp["linear"]) == (64, 48, 10, True)
    for layer in comp["layers"]:
        assert (folder / layer["footage"]["path"]).is_file()
    assert comp["plate"] == {
        "path": f"{world.frames.as_posix()}/0000.png", "absolute": True, "sequence": True, "skip": 0
    }  # fmt: skip


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"what": ("flt",)}, "unknown --what flt; choose from flat"),
        ({"form": "gif"}, "unknown --format gif"),
        ({"space": "p3"}, "unknown --color p3"),
        ({"first": -1}, "--first -1"),
        ({"form": "prores", "space": "acescg"}, "use --format png or tif"),
    ],
)
def test_options_that_cannot_be(choices, words):
    with pytest.raises(UsageError, match=words):
        ExportOptions(**choices)


def test_a_folder_of_something_else_is_left_alone(world, project):
    place = world.root / "mine"
    place.mkdir()
    (place / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="is not empty and not an export"):
        export(world, project, out="mine")
    export(world, project)
    with pytest.raises(UsageError, match="pass -y to replace it"):
        export_project(project, world.root / "export")
    export(world, project, "mattes")
    assert sorted(path.name for path in (world.root / "export").iterdir()) == ["export.json", "mattes"]


def test_nothing_half_written_is_left(world, project, monkeypatch):
    from stylize.export import frame_writer as frames

    export(world, project, "mattes")

    def full(*_arguments, **_choices):
        raise DeviceError("the disk is full")

    monkeypatch.setattr(frames, "write_image", full)
    for name in ("export", "fresh"):
        with pytest.raises(DeviceError):
            export(world, project, "layers", "flat", form="png", out=name)
        with pytest.raises(DeviceError):
            export(world, project, "layers", "mattes", form="prores", out=name)
    assert not (world.root / "fresh").exists()
    assert (world.root / "export" / "mattes").is_dir()
    assert not [path for path in world.root.iterdir() if "partial" in path.name]


@pytest.mark.parametrize(
    ("package", "extra", "options"),
    [
        ("opentimelineio", "comp", ExportOptions(("flat", "otio"))),
        ("PyOpenColorIO", "ocio", ExportOptions(("exr",), space="acescg")),
    ],
)
def test_a_package_that_is_missing_is_told_before_any_work(world, project, monkeypatch, package, extra, options):
    monkeypatch.setitem(sys.modules, package, None)
    colors._to_acescg.cache_clear()
    done = []
    with pytest.raises(StylizeError, match=rf"pip install 'keystylize\[{extra}\]'"):
        export_project(world.frames, world.root / "never", options, on_progress=lambda *told: done.append(told))
    assert not done
    assert not (world.root / "never").exists()


@pytest.mark.parametrize(("pts", "uneven"), [((0, 42, 83, 125), False), ((0, 40, 120, 160), True), ((7,), False)])
def test_a_variable_rate_is_seen_whatever_is_rounded(pts, uneven):
    assert is_uneven(SimpleNamespace(pts=pts)) == uneven
