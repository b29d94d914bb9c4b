"""Fetching: whole or not at all, going on after a break, checked, recorded, offline unless told."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("huggingface_hub")

from huggingface_hub import file_download

from stylize.errors import DeviceError, ModelError, PartialError, UsageError
from stylize.models import ModelOptions, find_model, hub, presets
from stylize.models.fetch import LOCK, fetch_model, fetch_models, read_lock
from stylize.models.locations import cached_snapshot, locate, repo_folder
from tests.stylize.models.fake_hub import FakeHub

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
DEPTH = presets()["depth-small"].repo


def weights(count: int = 3000, seed: int = 0) -> bytes:
    """A safetensors file of one tensor."""
    data = np.random.default_rng(seed).normal(size=count).astype("<f4").tobytes()
    header = json.dumps({"a": {"dtype": "F32", "shape": [count], "data_offsets": [0, len(data)]}}).encode()
    return len(header).to_bytes(8, "little") + header + data


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    depth = {
        "config.json": b'{"architectures": ["DepthAnythingForDepthEstimation"]}',
        "preprocessor_config.json": b"{}",
        "model.safetensors": weights(),
        "README.md": b"hello",
        "model.bin": b"\x80\x02 a pickle",
    }
    lines = {"table5_pidinet.pth": b"PK\x03\x04 a pickle too", "sk_model.pth": b"another"}
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)  # commands of their own process read it
    monkeypatch.setattr(file_download.time, "sleep", lambda _: None)
    monkeypatch.setattr(file_download.constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    repos = {DEPTH: depth, "lllyasviel/Annotators": lines, "some/thing": {"a/b.safetensors": weights(seed=1)}}
    with FakeHub(repos).running() as made:
        monkeypatch.setenv("HF_ENDPOINT", made.address)
        yield made


def test_a_preset_arrives_whole_and_is_recorded(fake):
    shares: list[float] = []
    place = fetch_model("depth-small", on_progress=lambda _, share: shares.append(share))
    assert (place / "model.safetensors").read_bytes() == fake.repos[DEPTH]["model.safetensors"]
    assert sorted(p.name for p in place.iterdir()) == [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    lock = read_lock(repo_folder(DEPTH))
    assert lock["commit"] == fake.commit(DEPTH)
    assert lock["files"]["model.safetensors"]["size"] == len(fake.repos[DEPTH]["model.safetensors"])
    assert find_model("depth-small", "depth") == place
    assert find_model(DEPTH, "depth") == place
    asked = len(fake.asked)
    assert fetch_model("depth-small") == place
    assert len(fake.asked) == asked, "what is here is not fetched again"


def test_the_hubs_own_library_finds_what_was_fetched(fake):
    place = fetch_model("depth-small")
    found = file_download.try_to_load_from_cache(DEPTH, "model.safetensors", cache_dir=place.parents[2])
    assert Path(str(found)).samefile(place / "model.safetensors")


def test_a_broken_download_goes_on_where_it_stopped(fake):
    fake.cut["model.safetensors"] = 5000
    with pytest.raises(ModelError, match="run the same command to go on"):
        fetch_model("depth-small")
    assert cached_snapshot(DEPTH) is None
    assert locate("depth-small", ModelOptions()) is None, "nothing half-placed"
    partial = list((repo_folder(DEPTH) / "blobs").glob("*.incomplete"))
    assert [path.stat().st_size for path in partial] == [5000]
    fake.cut.clear()
    fake.asked.clear()
    place = fetch_model("depth-small")
    assert fake.asked == [("model.safetensors", 5000)], "only the rest is asked for"
    assert (place / "model.safetensors").read_bytes() == fake.repos[DEPTH]["model.safetensors"]
    assert not list((repo_folder(DEPTH) / "blobs").glob("*.incomplete"))


def test_a_killed_download_goes_on_too(fake):
    """What a killed process leaves is the partial file and nothing else."""
    data = fake.repos[DEPTH]["model.safetensors"]
    listing = hub.list_repository(DEPTH, "main")
    one = next(file for file in listing.files if file.name == "model.safetensors")
    blobs = repo_folder(DEPTH) / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{one.hash}.incomplete").write_bytes(data[:777])
    place = fetch_model("depth-small")
    assert ("model.safetensors", 777) in fake.asked
    assert (place / "model.safetensors").read_bytes() == data


def test_other_bytes_than_announced_are_thrown_away(fake):
    fake.lie.add("model.safetensors")
    with pytest.raises(ModelError, match="arrived damaged"):
        fetch_model("depth-small")
    assert locate("depth-small", ModelOptions()) is None
    fake.lie.clear()
    fetch_model("depth-small")


def test_a_full_disk_is_said_before_it_is_full(fake, monkeypatch):
    usage = hub.shutil.disk_usage(Path.cwd())
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(DeviceError, match=r"needs .* GB and .* are free"):
        fetch_model("depth-small")
    assert fake.asked == []


def test_a_disk_that_fills_up_leaves_nothing_half_placed(fake, monkeypatch):
    real = hub._Counted.write

    def write(self, block):
        if self._file.tell() > 2000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, block)

    monkeypatch.setattr(hub._Counted, "write", write)
    with pytest.raises(DeviceError, match="disk is full"):
        fetch_model("depth-small")
    assert locate("depth-small", ModelOptions()) is None
    monkeypatch.setattr(hub._Counted, "write", real)
    fetch_model("depth-small")
    assert fake.asked[-1][1] > 2000, "it goes on when there is room again"


def test_later_fetches_keep_the_commit_until_told_otherwise(fake):
    first = fetch_model("depth-small")
    fake.repos[DEPTH]["model.safetensors"] = weights(seed=5)
    with pytest.raises(ModelError, match="revision"):  # this hub has forgotten the old commit
        fetch_model("depth-small")
    second = fetch_model("depth-small", revision="main")
    assert first != second
    assert find_model("depth-small", "depth") == second


def test_pickles_are_fetched_only_when_allowed(fake):
    with pytest.raises(ModelError, match="allow_pickle"):
        fetch_model("aux-pidinet")
    place = fetch_model("aux-pidinet", ModelOptions(allow_pickle=True))
    assert (place / "table5_pidinet.pth").is_file()
    assert not (place / "sk_model.pth").exists(), "only what the preset names"
    with pytest.raises(ModelError, match="allow_pickle"):
        find_model("aux-pidinet", "annotator")
    assert fetch_model(DEPTH).joinpath("config.json").is_file()
    assert "model.bin" not in read_lock(repo_folder(DEPTH))["files"]


def test_a_file_of_a_repository(fake):
    place = fetch_model("some/thing/a/b.safetensors")
    assert place.name == "b.safetensors"
    assert find_model("some/thing/a/b.safetensors", "lora") == place


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("depth-smal", UsageError, "did you mean 'depth-small'"),
        ("no/such", ModelError, "no such repository"),
        ("some/thing/c.safetensors", ModelError, "has no file that fits"),
    ],
)
def test_names_that_lead_nowhere(fake, name, error, words):
    with pytest.raises(error, match=words):
        fetch_model(name)


def test_without_a_network_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)  # commands of their own process read it
    with pytest.raises(ModelError, match=r"127\.0\.0\.1:9 cannot be reached"):
        fetch_model("depth-small")


def test_nothing_is_fetched_unless_told(fake):
    with pytest.raises(ModelError, match=r"stylize models fetch depth-small.*--renderer patch"):
        find_model("depth-small", "depth")
    assert fake.asked == []
    assert find_model("depth-small", "depth", download=True) == find_model("depth-small", "depth")


def test_the_commands(fake, tmp_path):
    def stylize(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "stylize/cli/app.py", "models", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    assert stylize("path", "depth-small").returncode == 5
    assert stylize("check", "depth-small").returncode == 5
    done = stylize("fetch", "depth-small", "--json")
    assert done.returncode == 0, done.stderr
    place = Path(json.loads(done.stdout)["models"]["depth-small"])
    assert Path(stylize("path", "depth-small").stdout.strip()) == place
    listed = json.loads(stylize("list", "--kind", "depth", "--json").stdout)["models"]
    assert [row["path"] for row in listed] == [str(place), None]
    done = stylize("check")
    assert done.returncode == 0
    assert "not verified" not in done.stdout
    assert json.loads(stylize("check", "--json").stdout)["models"][0]["verified"]
    (place / "model.safetensors").resolve().write_bytes(weights(seed=9))
    done = stylize("check", "depth-small")
    assert done.returncode == 5
    assert "hash differs" in done.stdout
    done = stylize("check", "depth-small", "--quick")
    assert done.returncode == 0
    assert "complete, but not verified: --quick" in done.stdout
    copy = tmp_path / "copied.safetensors"
    copy.write_bytes((place / "model.safetensors").read_bytes())
    done = stylize("check", str(copy))
    assert done.returncode == 0
    assert "complete, but not verified: no hash of it is known here" in done.stdout
    assert (place.parents[1] / LOCK).is_file()


def test_of_several_those_that_come_are_kept(fake):
    fake.lie.add("a/b.safetensors")
    other = "some/thing/a/b.safetensors"
    with pytest.raises(PartialError, match=r"b\.safetensors did not come: .*; depth-small did and stays"):
        fetch_models([other, "depth-small"])
    assert locate("depth-small", ModelOptions()) is not None
    fake.lie.clear()
    assert list(fetch_models([other, "depth-small"])) == [other, "depth-small"]


def test_no_byte_is_fetched_before_all_names_are_known(fake):
    with pytest.raises(UsageError, match="dept-small"):
        fetch_models(["depth-small", "dept-small"])
    assert fake.asked == []


def test_a_single_failure_is_told_as_it_is(fake):
    with pytest.raises(ModelError, match="none/such"):
        fetch_models(["none/such"])
