"""The command line: what it prints, where, and the code it exits with."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from stylize.cli import app
from stylize.cli.flags import flag_help, placeholder, select_flags
from stylize.media import read_image, write_image
from stylize.settings.schema import option_table
from tests.stylize import fakes
from tests.stylize.world import World, make_frames, make_world


@pytest.fixture
def world(tmp_path, monkeypatch, rng) -> World:
    monkeypatch.chdir(tmp_path)
    return make_world(tmp_path, monkeypatch, rng)


@pytest.fixture
def call(capsys):
    """Run the command line; returns (exit code, stdout, stderr)."""

    def run(*arguments):
        capsys.readouterr()
        code = 0
        try:
            app.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code or 0
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


def error_line(err: str) -> str:
    """The one line that says what is wrong; there must be exactly one and no traceback."""
    lines = [line for line in err.splitlines() if line.startswith("stylize: ")]
    assert "Traceback" not in err
    assert len(lines) == 1, err
    return lines[0]


def snapshot(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("*")}


@dataclass
class Nothing:
    """What an export wrote that was not made."""

    output: str = "out"
    files: dict[str, str] = field(default_factory=dict)


# ---- what works


def test_run_prints_one_json_object(world, call):
    code, out, err = call("run", world.frames, "--style", world.style, "-o", "out", "--renderer", "fake", "--json")
    result = json.loads(out)
    assert code == 0
    assert set(result) == {"output", "frames", "keys", "renderer", "seconds"}
    assert (result["output"], result["frames"], result["renderer"]) == ("out", 10, "fake")
    assert result["seconds"]["total"] > 0
    assert "paint" in err


def test_run_for_a_person(world, call):
    code, out, _ = call("run", world.frames, "--style", world.style, "-o", "out", "--renderer", "fake")
    assert code == 0
    assert re.fullmatch(r"out  \(10 frames, \d keys, fake\)\n", out)


def test_dry_run_does_nothing(world, call):
    before = snapshot(world.root)
    arguments = ("run", world.frames, "--style", world.style, "-o", "out", "--renderer", "fake", "--dry-run")
    code, out, _ = call(*arguments)
    assert code == 0
    assert re.search(r"^shots +to do", out, re.MULTILINE)
    assert re.search(r"^write +to do +out$", out, re.MULTILINE)
    steps = json.loads(call(*arguments, "--json")[1])["steps"]
    assert {"name", "state", "detail"} == set(steps[0])
    assert snapshot(world.root) == before


def test_flags_reach_the_settings(world, call):
    code, out, _ = call(
        "run", world.frames, "--style", world.style, "-o", "out", "--renderer", "fake",
        "--max-gap", 1, "--max-keys", 5, "--json",
    )  # fmt: skip
    assert code == 0
    assert len(json.loads(out)["keys"]) == 5
    about = json.loads((world.root / "frames.stylize" / "project.json").read_text())
    assert about["settings"]["select"]["max_gap"] == 1


def test_the_plan_by_hand(world, call):
    code, out, _ = call("keys", "auto", world.frames, "--json")
    plan = json.loads(out)
    assert code == 0
    assert {"keys", "shots", "coverage"} <= set(plan)
    assert set(plan["keys"][0]) == {"frame", "reason", "coverage", "kind"}
    assert plan["shots"] == [[0, 6], [6, 10]]
    frames = [key["frame"] for key in plan["keys"]]
    free = next(frame for frame in range(6) if frame not in frames)

    def kinds(*arguments):
        code, out, err = call("keys", *arguments, "--json")
        assert code == 0, err
        return {key["frame"]: key["kind"] for key in json.loads(out)["keys"]}

    assert kinds("add", world.frames, free)[free] == "user"
    assert kinds("lock", world.frames, free)[free] == "locked"
    code, _, err = call("keys", "remove", world.frames, free)
    assert (code, "locked" in error_line(err)) == (2, True)
    assert kinds("unlock", world.frames, free)[free] == "user"
    assert free not in kinds("remove", world.frames, free)
    assert frames[0] not in kinds("ban", "frames.stylize", frames[0])
    assert kinds("auto", world.frames).keys() & {frames[0]} == set()
    assert kinds("list", world.frames)


def test_an_edit_of_several_frames_is_all_or_none(world, call):
    call("keys", "auto", world.frames)
    before = (world.root / "frames.stylize" / "keyframes.toml").read_text()
    code, _, err = call("keys", "ban", world.frames, 1, 2, 99)
    assert code == 2
    assert "frame 99 is outside the clip; choose 0 to 9" in error_line(err)
    assert (world.root / "frames.stylize" / "keyframes.toml").read_text() == before


def test_a_command_that_is_named_can_be_typed_as_it_stands(world, call):
    frames = world.frames.rename(world.root / "my frames")
    code, _, err = call("keys", "add", frames, 2, "--project", "its work")
    assert code == 2
    _, _, words = error_line(err).partition("make one with: stylize ")
    assert call(*shlex.split(words))[0] == 0
    assert call("keys", "add", frames, 2, "--project", "its work")[0] == 0


def test_a_range_of_frames_is_all_of_them(world, call):
    call("keys", "auto", world.frames)
    code, out, _ = call("keys", "ban", world.frames, "2-4", 7, "--json")
    assert (code, json.loads(out)["banned"]) == (0, [2, 3, 4, 7])
    for text in ("4-2", "2s", "1-", "0-999999999"):
        code, _, err = call("keys", "ban", world.frames, text)
        assert code == 2
        assert "frame" in error_line(err)


def test_keys_go_out_and_come_in(world, call):
    call("keys", "auto", world.frames)
    code, out, _ = call("keys", "export", world.frames, "mine", "--json")
    files = json.loads(out)["files"]
    assert code == 0
    assert files
    np.testing.assert_array_equal(read_image(files[0]), read_image(world.frames / Path(files[0]).name))
    write_image(Path("mine") / "0001.png", np.full((48, 64, 3), 9, np.uint8))
    code, out, _ = call("keys", "import", world.frames, "mine", "--json")
    assert code == 0
    assert {k["frame"]: k["kind"] for k in json.loads(out)["keys"]}[1] == "override"
    assert call("keys", "import", world.frames, "mine")[0] == 2
    assert call("keys", "import", world.frames, "mine", "-y")[0] == 0
    code, out, _ = call("run", world.frames, "--style", world.style, "--renderer", "fake", "-o", "out", "--json")
    assert code == 0
    assert fakes.PAINTED == []
    assert (read_image("out/0001.png") == 9).all()


def test_paint_then_report(world, call):
    code, out, _ = call("paint", world.frames, "--style", world.style, "--renderer", "fake", "--json")
    keys = json.loads(out)["keys"]
    assert code == 0
    assert all(Path(key["file"]).is_file() for key in keys)
    assert call("report", world.frames)[0] == 2
    call("run", "frames.stylize", "-o", "out")
    code, out, _ = call("report", "frames.stylize", "--json")
    assert code == 0
    assert Path(json.loads(out)["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_propagate_without_a_project(world, call):
    folder = world.keys("0001.png", "0008.png")
    code, out, _ = call(
        "propagate",
        world.frames,
        "--keys",
        folder,
        "-o",
        "out",
        "--confidence",
        "sure",
        "--error",
        "off",
        "--json",
    )
    result = json.loads(out)
    assert code == 0
    assert set(result) == {"output", "frames", "seconds"}
    assert set(result["seconds"]) == {"flow", "synthesis", "join", "io", "total"}
    assert sorted(p.name for p in Path("out").iterdir()) == [f"{i:04d}.png" for i in range(10)]
    for name in ("0001.png", "0008.png"):
        np.testing.assert_array_equal(read_image(Path("out") / name), read_image(folder / name))
    assert read_image("sure/0001.png").shape == (48, 64, 1)
    assert read_image("sure/0001.png").min() == 255
    assert read_image("off/0002.png").dtype == np.uint16
    assert not (world.root / "frames.stylize").exists()


def test_synth_with_ebsynths_spelling(world, call, rng):
    for name in ("style", "a", "b", "c", "d"):
        write_image(world.root / f"{name}.png", rng.integers(0, 255, (20, 24, 3), np.uint8))
    ebsynth = (
        "synth", "-style", "style.png", "-guide", "a.png", "b.png", "-weight", 2, "-guide", "c.png", "d.png",
        "-weight", 0.5, "-patchsize", 3, "-pyramidlevels", 2, "-searchvoteiters", 2, "-patchmatchiters", 2,
        "-uniformity", 500, "-output", "one.png", "--json",
    )  # fmt: skip
    code, out, err = call(*ebsynth)
    assert code == 0, err
    assert set(json.loads(out)) == {"output", "energy", "seconds"}
    ours = (
        "synth", "--style", "style.png", "--guide", "a.png", "b.png", "--guide", "c.png", "d.png",
        "--weight", 2, "--weight", 0.5, "--patch-size", 3, "--pyramid-levels", 2, "--search-vote-iters", 2,
        "--patchmatch-iters", 2, "--uniformity", 500, "-o", "two.png", "--threads", 1,
    )  # fmt: skip
    assert call(*ours)[0] == 0
    np.testing.assert_array_equal(read_image("one.png"), read_image("two.png"))
    code, _, err = call("synth", "--style", "style.png", "--guide", "a.png", "-o", "three.png")
    assert code == 2
    assert "--guide a.png names one image; it takes two" in error_line(err)
    code, _, err = call("synth", "--style", "style.png", "--guide", "a.png", "b.png", "-o", "o.png", "--patch-size", 4)
    assert code == 2
    assert "invalid synthesis.patch_size 4; use an odd number" in error_line(err)


def test_help_shows_effect_bounds_and_default_of_every_setting(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")
    code, page, _ = call("run", "--help")
    assert code == 0
    text = " ".join(page.replace("│", " ").split())
    for flag in select_flags("reading shots keys painting diffusion models matte seed threads writing -light"):
        option = option_table()[flag.settings.split()[0]]
        assert flag_help(flag, option).replace("\\[", "[") in text, flag.spelling
        assert flag.value is not None or option.kind is bool or (flag.metavar or placeholder(option)) in text
    assert ">0..1 Share of each shot that keys must explain." in text
    assert "draft|high|best" in text
    headings = (
        "Options",
        "Cuts",
        "Choosing keys",
        "Painting",
        "Stable Diffusion and image editors",
        "Matte",
        "Writing",
    )
    places = [text.index(f"─ {one} ─") for one in headings]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("run --style-s", {"--style-strength", "--style-scale"}),
        ("run --quality ", {"draft", "high", "best"}),
        ("run --agreement s", {"strong"}),
        (
            "keys ",
            {"auto", "list", "add", "remove", "move", "lock", "unlock", "ban", "unban", "import", "export", "sheet"},
        ),
        ("export --format p", {"png", "prores"}),
        ("prop", {"propagate"}),
    ],
)
def test_tab_completes_commands_options_and_choices(line, expected):
    words = ["stylize", *line.split(" ")]
    asked = {"_STYLIZE_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "stylize"], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert expected <= set(done.stdout.split()) or expected == set(done.stdout.split()), done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_is_offered_for_every_shell(shell):
    asked = {"_STYLIZE_COMPLETE": f"source_{shell}"}
    done = subprocess.run(
        [sys.executable, "-m", "stylize"], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert "_STYLIZE_COMPLETE" in done.stdout


@pytest.mark.parametrize(("words", "motion"), [((), True), (("--no-motion",), False)])
def test_export_has_motion_unless_told_otherwise(world, call, monkeypatch, words, motion):
    asked = []

    def export(_clip, _output, options, **_rest):
        asked.append(options)
        return Nothing()

    monkeypatch.setattr("stylize.api.export.export_project", export)
    assert call("export", world.frames, "-o", "out", "--what", "exr", *words)[0] == 0
    assert asked[0].motion is motion


def test_doctor(call):
    code, out, _ = call("doctor", "--json")
    checks = json.loads(out)["checks"]
    assert set(checks[0]) == {"name", "state", "found", "mend"}
    assert code == int(any(check["state"] == "bad" for check in checks))
    assert "ffmpeg" in call("doctor")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["matte", "refine", "m", "-o", "z"],
            "stylize: Missing option '--clip'; `stylize matte refine --help`",
        ),
        (["run", "clip.mp4", "--stylee", "x"], "stylize: No such option: --stylee"),
        (["run", "clip.mp4", "--seed", "blue"], "stylize: Invalid value for '--seed'"),
        (["paintt"], "stylize: No such command 'paintt'"),
    ],
)
def test_what_is_written_wrong_is_one_line(call, words, said):
    code, out, err = call(*words)
    assert (code, out) == (2, "")
    assert error_line(err).startswith(said)
    assert err.count("\n") == 1


def test_a_family_without_a_command_shows_its_page(call):
    code, out, err = call("keys")
    assert code == 2
    assert "stylize keys [OPTIONS] COMMAND" in out + err


def test_version(call):
    code, out, _ = call("--version")
    assert (code, bool(re.fullmatch(r"stylize \S+\n", out))) == (0, True)


@pytest.mark.parametrize("name", ["clip with spaces", 'it\'s "quoted"', "-dash", "größe 影片", "semi;colon&amp"])
def test_any_name_will_do(world, call, name):
    if sys.platform == "win32" and '"' in name:
        pytest.skip("Windows has no such names")
    frames = world.frames.rename(world.root / name)
    clip = frames if not name.startswith("-") else f"./{name}"
    style = world.style.rename(world.root / f"{name}.png")
    code, _, err = call("run", clip, f"--style={style}", f"--output={world.root / ('o' + name)}", "--renderer", "fake")
    assert code == 0, err
    assert len(list((world.root / ("o" + name)).iterdir())) == 10
    assert (world.root / f"{name}.stylize" / "keyframes.toml").is_file()
    video = world.video(f"{name}.mp4", frames)
    assert call("propagate", "--keys", world.keys("1.png", "7.png"), "-o", "o.mp4", "--", video)[0] == 0


# ---- what does not, each with its exit code, one line, and nothing in the output's place


def short_video(world: World, cut: float) -> Path:
    whole = world.video("whole.mp4").read_bytes()
    path = world.root / "short.mp4"
    path.write_bytes(whole[: int(len(whole) * cut)])
    return path


def text_file(world: World) -> Path:
    path = world.root / "notes.mp4"
    path.write_text("no video")
    return path


def tiny(world: World, height: int, width: int) -> Path:
    for index in range(3):
        write_image(world.root / "tiny" / f"{index}.png", np.full((height, width, 3), 9 * index, np.uint8))
    return world.root / "tiny"


def holed(world: World) -> Path:
    (world.frames / "0004.png").unlink()
    return world.frames


def empty(world: World) -> Path:
    (world.root / "empty").mkdir()
    return world.root / "empty"


@pytest.mark.parametrize(
    ("clip", "words"),
    [
        (lambda w: w.root / "nowhere.mp4", "nowhere.mp4"),
        (text_file, "notes.mp4"),
        (lambda w: short_video(w, 0.6), "short.mp4"),
        (lambda w: short_video(w, 0.98), "short.mp4"),
        (empty, "empty"),
        (holed, "lacks frame 4; add it, or pass --missing"),
        (lambda w: tiny(w, 1, 1), "1x1 is too small"),
        (lambda w: tiny(w, 3, 64), "64x3 is too small"),
    ],
    ids=["missing", "no video", "cut short", "cut a little", "no frames", "hole", "1x1", "3 high"],
)
@pytest.mark.parametrize("command", ["run", "propagate"])
def test_bad_clips(world, call, clip, words, command):
    path = clip(world)
    rest = ["--style", world.style] if command == "run" else ["--keys", world.keys("0001.png")]
    code, out, err = call(command, path, *rest, "-o", world.root / "out.mp4")
    assert (code, out) == (4, "")
    assert words in error_line(err)
    assert not (world.root / "out.mp4").exists()
    assert not list(world.root.glob("*.stylize"))


def huge(path: Path) -> None:
    """A valid PNG of 20,000 x 20,000 pixels in a few hundred bytes of header and empty data."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["missing", "text", "empty", "huge", "broken"])
def test_bad_styles(world, call, kind):
    style = world.root / "bad.png"
    if kind == "text":
        style.write_text("no image")
    elif kind == "empty":
        style.touch()
    elif kind == "huge":
        huge(style)
    elif kind == "broken":
        style.write_bytes(world.style.read_bytes()[:200])
    code, _, err = call("run", world.frames, "--style", style, "-o", "out")
    assert code == 4
    assert "bad.png" in error_line(err)
    assert not (world.root / "out").exists()
    assert not list(world.root.glob("*.stylize"))


@pytest.mark.parametrize("shape", [(30, 40, 1), (30, 40, 4), (30, 40, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_alpha_and_deep_styles_are_fine(world, call, shape, dtype, rng):
    write_image(world.style, rng.integers(0, np.iinfo(dtype).max, shape, dtype))
    assert call("run", world.frames, "--style", world.style, "-o", "out", "--renderer", "fake")[0] == 0


@pytest.mark.parametrize(
    ("names", "size", "words"),
    [
        ((), (48, 64), "no such folder"),
        (("0003.png", "3.jpg"), (48, 64), "second file for frame 0003"),
        (("0011.png",), (48, 64), "names no frame"),
        (("0001.png", "0008.png"), (64, 64), "64x64, but the clip is 64x48"),
        (("0001.png",), (48, 64), "no painted key for the shot of frames 0006 to 0009"),
    ],
    ids=["none", "two for one", "beyond the end", "wrong size", "no key in a shot"],
)
@pytest.mark.parametrize("command", ["run", "propagate"])
def test_bad_keys(world, call, names, size, words, command):
    folder = world.keys(*names, size=size)
    code, _, err = call(command, world.frames, "--keys", folder, "-o", "out")
    assert code == 4
    assert words in error_line(err)
    assert not (world.root / "out").exists()


def test_keys_that_are_no_images(world, call):
    folder = world.keys("0001.png", "0008.png")
    (folder / "0008.png").write_text("not painted")
    for command in ("run", "propagate"):
        code, _, err = call(command, world.frames, "--keys", folder, "-o", "out")
        assert code == 4
        assert "0008.png" in error_line(err)


def test_an_existing_output_is_not_overwritten_unasked(world, call, monkeypatch):
    mine = world.root / "out.mp4"
    mine.write_text("mine")
    arguments = ("run", world.frames, "--style", world.style, "-o", mine, "--renderer", "fake")
    code, _, err = call(*arguments)
    assert code == 2
    assert "-y" in error_line(err)
    assert mine.read_text() == "mine"
    assert fakes.PAINTED == []
    assert call(*arguments, "-y")[0] == 0
    assert mine.stat().st_size > 100


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2)])
def test_asked_at_a_terminal(world, monkeypatch, answer, code):
    mine = world.root / "out.mp4"
    mine.write_text("mine")
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", Terminal())
    try:
        app.main(["run", str(world.frames), "--style", str(world.style), "-o", str(mine), "--renderer", "fake"])
        found = 0
    except SystemExit as end:
        found = end.code or 0
    assert found == code
    assert (mine.read_bytes() == b"mine") == (code == 2)


def test_the_output_must_not_be_the_input(world, call):
    video = world.video()
    before = video.read_bytes()
    for arguments in (
        ("run", video, "--style", world.style),
        ("propagate", video, "--keys", world.keys("1.png")),
    ):
        code, _, err = call(*arguments, "-o", video, "-y")
        assert code == 2
        assert "input" in error_line(err)
    assert video.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-o", "keys"], "keys is the input itself (folder of keys); choose another output"),
        (["-o", "keys/../keys/"], "is the input itself (folder of keys)"),
        (["-o", "out", "--confidence", "out"], "named as folder of confidence and as output"),
        (["-o", "out", "--confidence", "maps", "--error", "./maps"], "folder of error and as folder of conf"),
        (["-o", "out", "--error", "frames"], "is the input itself (clip); choose another folder of error"),
        (["-o", "out", "--error", "file"], "file is a file; name a folder"),
        (["-o", "out", "--error", "file/maps"], "is a file and no folder"),
    ],
)
def test_outputs_keep_apart_from_each_other_and_from_inputs(world, call, words, told):
    keys = world.keys("0001.png", "0008.png").rename("keys")
    Path("file").touch()
    before = sorted(Path().rglob("*"))
    code, _, err = call("propagate", world.frames, "--keys", keys, "-y", *words)
    assert code == 2
    assert told in error_line(err)
    assert sorted(Path().rglob("*")) == before


def test_a_run_does_not_write_over_its_keys(world, call):
    keys = world.keys("0001.png", "0008.png")
    before = sorted(keys.iterdir())
    code, _, err = call("run", world.frames, "--keys", keys, "-o", keys, "-y")
    assert code == 2
    assert "is the input itself (folder of keys)" in error_line(err)
    assert sorted(keys.iterdir()) == before


def test_a_place_that_cannot_be_written(world, call):
    (world.root / "file").touch()
    code, _, err = call("run", world.frames, "--style", world.style, "-o", "file/out.mp4", "--renderer", "fake")
    assert code == 2
    assert "file" in error_line(err)
    code, _, err = call("run", world.frames, "--style", world.style, "-o", "out.gif", "--renderer", "fake")
    assert code == 2
    assert ".gif" in error_line(err)


def test_a_full_disk(world, call, monkeypatch):
    import errno

    from stylize.media import image_writer as save

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(save, "encode_image", full)
    code, _, err = call("run", world.frames, "--style", world.style, "-o", "out", "--renderer", "fake")
    assert code == 6
    assert "full" in error_line(err)
    assert not (world.root / "out").exists()


def test_projects_of_others(world, call):
    run = ("run", "--style", world.style, "-o", "out", "--renderer", "fake", "--project", "p")
    assert call(*run, world.frames)[0] == 0
    other = make_frames(world.root / "other", 5)
    code, _, err = call(*run, other, "-y")
    assert code == 2
    assert "made from another clip" in error_line(err)
    about = Path("p/project.json")
    about.write_text(about.read_text().replace("stylize-project.1", "stylize-project.9"))
    code, _, err = call(*run, world.frames, "-y")
    assert code == 2
    assert "newer version" in error_line(err)
    (world.root / "photos").mkdir()
    (world.root / "photos" / "cat.jpg").touch()
    code, _, err = call(*run[:-1], "photos", world.frames, "-y")
    assert code == 2
    assert "not a project folder" in error_line(err)


def test_other_settings_are_told_and_a_bad_file_is_refused(world, call):
    run = ("run", world.frames, "--style", world.style, "-o", "out", "--renderer", "fake", "-y")
    assert call(*run)[0] == 0
    assert "changed since the last run: select.max_gap None → 2" in call(*run, "--max-gap", 2)[2]
    (world.root / "frames.stylize" / "stylize.toml").write_text("[select]\nmax_kyes = 3\n")
    code, _, err = call(*run)
    assert code == 2
    assert "max_kyes; did you mean 'max_keys'" in error_line(err)


def test_a_damaged_plan(world, call):
    run = ("run", world.frames, "--style", world.style, "-o", "out", "--renderer", "fake", "-y")
    call(*run)
    plan = world.root / "frames.stylize" / "keyframes.toml"
    good = plan.read_text()
    for change in ("\n[[key]]\nframe = 99\n", "\n[[key]]\nframme = 1\n", "\n[[key\n"):
        plan.write_text(good + change)
        code, _, err = call(*run)
        assert code == 2
        assert "keyframes.toml" in error_line(err)
        assert plan.read_text() == good + change


def test_a_project_whose_clip_is_gone(world, call):
    assert call("keys", "auto", world.frames)[0] == 0
    world.frames.rename(world.root / "elsewhere")
    code, _, err = call("run", "frames.stylize", "--style", world.style, "-o", "out")
    assert code == 4
    assert "is missing; name the moved clip: CLIP --project" in error_line(err)
    moved = (
        "run",
        "elsewhere",
        "--project",
        "frames.stylize",
        "--style",
        world.style,
        "-o",
        "out",
        "--renderer",
        "fake",
    )
    assert call(*moved)[0] == 0


def test_two_runs_at_once(world, call):
    from stylize.media import probe
    from stylize.project.project import Project, default_project_folder

    run = ("run", world.frames, "--style", world.style, "-o", "out", "--renderer", "fake")
    with Project.open(default_project_folder(world.frames), probe(world.frames)).lock():
        code, _, err = call(*run)
    assert code == 75
    assert f"process {os.getpid()} on" in error_line(err)
    assert call(*run)[0] == 0


def test_models_that_are_not_here(world, call):
    code, _, err = call("run", world.frames, "--style", world.style, "--renderer", "sd", "-o", "out")
    assert code == 5
    assert "--renderer patch" in error_line(err)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("rnu",),
        ("run",),
        ("run", "frames", "--max-keys", "many"),
        ("run", "frames", "--color"),
        ("run", "frames", "--style", "style.png", "--max-keys", "0"),
        ("run", "frames", "--style", "style.png", "--start", "9:99"),
        ("run", "frames", "--style", "style.png", "--start", "12"),
        ("run", "frames", "--style", "style.png", "--start", "5", "--end", "5"),
        ("run", "frames"),
        ("run", "frames", "--style", "style.png", "--renderer", "files"),
        ("keys", "list", "frames"),
        ("keys", "add", "frames", "3"),
        ("keys", "export", "frames", "mine"),
        ("keys", "add", "frames", "-3"),
        ("propagate", "frames", "-o", "out"),
        ("synth", "--style", "style.png", "-o", "o.png"),
    ],
)
def test_usage_errors(world, call, arguments):
    before = snapshot(world.root)
    code, out, err = call(*arguments)
    assert code == 2
    assert arguments == () or (err and not out)
    assert "Traceback" not in err
    assert snapshot(world.root) == before


def test_interrupted(world, call, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fakes.FakeRenderer, "paint", interrupt)
    run = ("run", world.frames, "--style", world.style, "-o", "out", "--renderer", "fake")
    code, _, err = call(*run)
    assert code == 130
    assert "finished work is kept" in error_line(err)
    monkeypatch.undo()


def test_a_machine_on_which_kernels_cannot_be_kept(world, call, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("cannot cache function 'hash3': no locator available for file '_patch.py'")

    monkeypatch.setattr(fakes.FakeRenderer, "paint", refuse)
    code, _, err = call("run", world.frames, "--style", world.style, "-o", "out", "--renderer", "fake")
    assert code == 6
    assert "NUMBA_CACHE_DIR" in error_line(err)


@pytest.fixture
def interruptible():
    """What runs tests in the background may have Ctrl+C ignored; here it counts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_before_a_command_begins_is_one_line(call, monkeypatch, interruptible):
    monkeypatch.setattr("stylize.cli.commands.all_commands", lambda: signal.raise_signal(signal.SIGINT))
    code, out, err = call("keys", "list", "clip.mp4")
    assert (code, out, err) == (130, "", "stylize: interrupted\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_is_to_be_ignored_stays_ignored(call, monkeypatch, interruptible):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    monkeypatch.setattr(
        "stylize.cli.ebsynth_args.normalize_arguments", lambda words: signal.raise_signal(signal.SIGINT) or words
    )
    assert call("--version")[0] == 0


def test_termination_is_one_line_and_keeps_finished_work(world, call, monkeypatch):
    paint = fakes.FakeRenderer.paint

    def end(*given, **named):
        signal.raise_signal(signal.SIGTERM)
        return paint(*given, **named)

    monkeypatch.setattr(fakes.FakeRenderer, "paint", end)
    code, _, err = call("run", world.frames, "--style", world.style, "-o", "out", "--renderer", "fake")
    assert code == 143
    assert error_line(err) == "stylize: terminated; finished work is kept, run again to resume"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert not list(world.root.rglob(".lock"))


def test_an_interrupt_that_a_library_swallows_still_ends_the_run(world, call, monkeypatch, interruptible):
    paint = fakes.FakeRenderer.paint

    def swallow(*given, **named):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        return paint(*given, **named)

    monkeypatch.setattr(fakes.FakeRenderer, "paint", swallow)
    code, _, err = call("run", world.frames, "--style", world.style, "-o", "out", "--renderer", "fake")
    assert code == 130
    assert "finished work is kept" in error_line(err)
    assert len(fakes.PAINTED) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_command_is_installed():
    name = Path(sys.executable).with_name("stylize.exe" if sys.platform == "win32" else "stylize")
    if not name.exists():
        pytest.skip("run from a checkout that is not installed")
    done = subprocess.run([name, "run", "nowhere.mp4", "--style", "x.png"], capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
