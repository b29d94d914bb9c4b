"""Files of a repository on the Hugging Face hub, fetched whole or not at all into the hub's own cache."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

from stylize.errors import DeviceError, ModelError
from stylize.models.locations import repo_folder
from stylize.storage.atomic import disk_errors, write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

BLOCK = 1 << 20
SPARE = 200 << 20
"""Bytes that must stay free on the disk after a download."""


@dataclass(frozen=True)
class HubFile:
    """A file of a repository.

    Attributes
    ----------
    name
        Its path in the repository.
    size
        In bytes.
    hash
        SHA-256 of a large file, or git's SHA-1 of a small one; it is also the file's name in the cache.
    """

    name: str
    size: int
    hash: str


@dataclass(frozen=True)
class Listing:
    """A repository at one commit, with all of its files."""

    repo: str
    commit: str
    files: tuple[HubFile, ...]


def endpoint() -> str:
    """Return the hub's address: HF_ENDPOINT, or the public one."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def list_repository(repo: str, revision: str) -> Listing:
    """Ask the hub what a repository holds at a branch, tag or commit.

    Raises
    ------
    ModelError
        If the hub cannot be reached, or does not have or does not give it.
    """
    hub = _hub()
    try:
        info = hub.HfApi(endpoint=endpoint()).model_info(repo, revision=revision, files_metadata=True, timeout=20)
    except Exception as error:
        raise _said_by_hub(repo, revision, error) from error
    files = [
        HubFile(one.rfilename, int(one.size or 0), one.lfs.sha256 if one.lfs else str(one.blob_id))
        for one in info.siblings or ()
    ]
    return Listing(repo, str(info.sha), tuple(files))


def download(listing: Listing, files: Sequence[HubFile], revision: str, on_share: Callable[[float], None]) -> Path:
    """Fetch files into the cache, going on where an earlier attempt stopped, and return their snapshot.

    Every file is checked against the hub's hash before it gets its name: what is in the snapshot is whole.
    The branch's name leads to the snapshot only when all `files` are there.

    Raises
    ------
    ModelError
        If the connection fails for good or a file arrives other than the hub says.
    DeviceError
        If the disk is full or cannot be written.
    """
    home = repo_folder(listing.repo)
    missing = [one for one in files if not (home / "blobs" / one.hash).exists()]
    with disk_errors(home):
        (home / "blobs").mkdir(parents=True, exist_ok=True)
    partial = {one: home / "blobs" / f"{one.hash}.incomplete" for one in missing}
    here = sum(path.stat().st_size for path in partial.values() if path.exists())
    _check_room(home, listing.repo, sum(one.size for one in missing) - here)
    total = max(sum(one.size for one in files), 1)
    done = total - sum(one.size for one in missing)
    on_share(min(done / total, 1.0))
    for one in missing:
        _fetch(listing, one, partial[one], _part_of(on_share, done, total))
        done += one.size
    snapshot = home / "snapshots" / listing.commit
    for one in files:
        place(home / "blobs" / one.hash, snapshot / one.name)
    write_text(home / "refs" / revision, listing.commit)
    return snapshot


def place(blob: Path, target: Path) -> None:
    """Make a cached file appear under its name: a link, or a copy where links cannot be made."""
    if target.exists():
        return
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            target.symlink_to(os.path.relpath(blob, target.parent))
        except (OSError, NotImplementedError):  # Windows without the right to make links
            partial = target.with_name(target.name + ".part")
            shutil.copyfile(blob, partial)
            partial.replace(target)


def git_hash(path: Path) -> str:
    """Return the SHA-1 by which git knows a file's content."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    return _digest(path, digest)


def matches(path: Path, expected: str) -> bool:
    """Whether a file's content has the hash by which the hub knows it."""
    return (_digest(path, hashlib.sha256()) if len(expected) == 64 else git_hash(path)) == expected


def _digest(path: Path, digest: Any) -> str:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return str(digest.hexdigest())


def _fetch(listing: Listing, one: HubFile, partial: Path, on_size: Callable[[int], None]) -> None:
    hub = _hub()
    http_get = import_module("huggingface_hub.file_download").http_get
    url = hub.hf_hub_url(listing.repo, one.name, revision=listing.commit, endpoint=endpoint())
    with disk_errors(partial), partial.open("ab") as file:
        if file.tell() > one.size:
            file.truncate(0)
        start = file.tell()
        if start < one.size:
            try:
                http_get(
                    url, _Counted(file, on_size), resume_size=start, expected_size=one.size,
                    headers=hub.utils.build_hf_headers(),
                )  # fmt: skip
            except OSError as error:
                if error.errno is not None:  # the disk's own words
                    raise
                raise _broken(one, error) from error
            except Exception as error:
                raise _broken(one, error) from error
    if not matches(partial, one.hash):
        partial.unlink()
        raise ModelError(
            f"{listing.repo}: {one.name} arrived damaged (its hash is not the hub's) and was thrown away; "
            "fetch it again"
        )
    with disk_errors(partial):
        partial.replace(partial.with_suffix(""))


def _part_of(on_share: Callable[[float], None], before: int, total: int) -> Callable[[int], None]:
    return lambda size: on_share(min((before + size) / total, 1.0))


class _Counted:
    """A file that tells how much was written to it."""

    def __init__(self, file: BinaryIO, on_size: Callable[[int], None]) -> None:
        self._file, self._on_size = file, on_size

    def write(self, block: bytes) -> int:
        written = self._file.write(block)
        self._on_size(self._file.tell())
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _check_room(home: Path, repo: str, needed: int) -> None:
    free = shutil.disk_usage(home).free
    if needed + SPARE > free:
        raise DeviceError(
            f"{home}: {repo} needs {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; free some "
            "space, or put the cache elsewhere with HF_HOME"
        )


def _broken(one: HubFile, error: Exception) -> ModelError:
    return ModelError(f"{one.name}: the download broke off ({_short(error)}); run the same command to go on")


def _said_by_hub(repo: str, revision: str, error: Exception) -> ModelError:
    """Turn what the hub's library raises into one line."""
    kind = type(error).__name__
    if kind == "GatedRepoError":
        why = f"its makers ask you to accept a license first: {endpoint()}/{repo}, then set HF_TOKEN"
    elif kind == "RevisionNotFoundError":
        why = f"has no revision {revision!r}"
    elif kind == "RepositoryNotFoundError":
        why = "the hub has no such repository, or it is private (set HF_TOKEN)"
    elif kind == "OfflineModeIsEnabled":
        why = "HF_HUB_OFFLINE is set; unset it to fetch"
    else:
        why = f"{endpoint()} cannot be reached ({_short(error)})"
    return ModelError(f"{repo}: {why}")


def _short(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _hub() -> Any:
    """Load the hub's library, which neither prints nor draws bars here."""
    try:
        hub, tools = import_module("huggingface_hub"), import_module("huggingface_hub.utils")
    except ImportError as error:
        raise ModelError(
            "fetching needs huggingface_hub; install it with: pip install 'keystylize[diffusion]'"
        ) from error
    tools.disable_progress_bars()
    tools.logging.set_verbosity_error()
    return hub
