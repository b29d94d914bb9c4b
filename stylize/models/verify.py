"""Is a model whole? Everything that can be told without loading it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stylize.errors import ModelError
from stylize.models.families import family_of, kind_of, read_config
from stylize.models.fetch import read_lock
from stylize.models.hub import matches
from stylize.models.weights import PICKLE_REFUSED, is_pickle, read_header, weight_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """Something wrong with a model: the file, and in words what it is and how to mend it.

    `pickled` marks what is wrong only for who does not allow pickles.
    """

    file: Path
    what: str
    pickled: bool = False


def check_model(
    path: Path, on_share: Callable[[float], None] = lambda _: None, *, quick: bool = False
) -> list[Finding]:
    """Look at a model's configs, parts, headers and, when it was fetched by this program, at every hash.

    Parameters
    ----------
    path
        A folder or a file.
    on_share
        Told how far it is.
    quick
        Leave the hashes out, which read every byte.
    """
    if path.is_file():
        found = [_pickled(path)] if is_pickle(path) else _guard(path, lambda: read_header(path))
    else:
        found = [*_parts(path), *_shards(path), *_weights(path)]
    if not quick:
        found += list(_hashes(path, on_share))
    on_share(1.0)
    return sorted({one.file: one for one in reversed(found)}.values(), key=lambda one: str(one.file))


def describe_model(path: Path) -> str:
    """Return kind and family of a model in two words; empty when nobody knows."""
    try:
        return " ".join(word for word in (kind_of(path), family_of(path)) if word)
    except ModelError:
        return ""


def known_hashes(path: Path) -> tuple[Path, dict[str, Any]]:
    """Return the snapshot that a model lies in, and by name the size and hash of its files there.

    They were recorded when the files were fetched; empty for a model that came otherwise: then nobody knows
    whether its content is what its makers published.
    """
    top = next((one for one in (path, *path.parents) if one.parent.name == "snapshots"), None)
    lock = read_lock(top.parent.parent) if top is not None else {}
    if top is None or lock.get("commit") != top.name:
        return path, {}
    return top, {name: facts for name, facts in lock["files"].items() if (top / name).is_relative_to(path)}


def _guard(path: Path, look: Callable[[], Any]) -> list[Finding]:
    try:
        look()
    except ModelError as error:
        return [Finding(path, str(error).removeprefix(f"{path}: "))]
    return []


def _parts(folder: Path) -> Iterator[Finding]:
    """Look for every part that a pipeline's index names, and for configs that cannot be read."""
    index = folder / "model_index.json"
    if index.is_file():
        broken = _guard(index, lambda: read_config(index))
        yield from broken
        parts = {} if broken else read_config(index)
        for name, value in parts.items():
            missing = isinstance(value, list) and value[0] is not None and not (folder / name).is_dir()
            if missing and name not in ("safety_checker", "feature_extractor"):
                yield Finding(folder / name, "missing, and the pipeline needs it; fetch the model again")
    for config in sorted(folder.rglob("*config.json")):
        yield from _guard(config, lambda config=config: read_config(config))  # type: ignore[misc]


def _shards(folder: Path) -> Iterator[Finding]:
    """Look for weights that come in several files: all of them must be there."""
    for index in sorted(folder.rglob("*.safetensors.index.json")):
        broken = _guard(index, lambda index=index: read_config(index))  # type: ignore[misc]
        yield from broken
        table = {} if broken else read_config(index).get("weight_map", {})
        for name in sorted(set(table.values())):
            if not (index.parent / name).exists():
                yield Finding(index.parent / name, "missing, a part of the weights; fetch the model again")


def _weights(folder: Path) -> Iterator[Finding]:
    """Look at headers, and for parts whose weights are missing or pickled."""
    safe, pickled = weight_files(folder)
    for file in safe:
        yield from _guard(file, lambda file=file: read_header(file))  # type: ignore[misc]
    covered = {file.parent for file in safe}
    yield from (_pickled(file) for file in pickled if file.parent not in covered)
    holders = [path.parent for path in folder.rglob("config.json")]
    for place in holders:
        if place not in covered and not any(file.parent == place for file in pickled):
            yield Finding(place, "has a config and no weights; fetch the model again")
    if not safe and not pickled and not holders:
        yield Finding(folder, "holds no weights (no .safetensors file) and no config; it is no model")


def _pickled(path: Path) -> Finding:
    return Finding(path, PICKLE_REFUSED, pickled=True)


def _hashes(path: Path, on_share: Callable[[float], None]) -> Iterator[Finding]:
    """Compare files with what was recorded when they were fetched."""
    top, mine = known_hashes(path)
    total, done = max(sum(int(facts["size"]) for facts in mine.values()), 1), 0
    for name, facts in mine.items():
        file = top / name
        if not file.exists():
            yield Finding(file, "missing; fetch the model again")
        elif not matches(file, facts["hash"]):
            yield Finding(file, "changed since it was fetched: its hash differs; delete it and fetch it again")
        done += int(facts["size"])
        on_share(done / total)
