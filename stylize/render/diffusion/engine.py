"""A loaded pipeline on its device: what it has given up for memory, and which are kept for the next key."""

from __future__ import annotations

import gc
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stylize.models.device import free_bytes
from stylize.models.weights import weight_files
from stylize.render.diffusion.loading import load_checker, load_pipeline, prepare_imports
from stylize.render.diffusion.memory import MemoryFallback, offload, release
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from propagate.arrays import Image
    from stylize.render.diffusion.components import Components, LoraPart

_MOST = 3
"""Pipelines that are kept, for keys with models of their own, where memory allows."""
_ROOM = 1.6
"""Free memory that a pipeline needs to be loaded beside another, over the size of its files."""


@dataclass
class Engine:
    """A loaded pipeline, with what has been given up for memory, and style embeddings by their content.

    `noise` is the configuration of the scheduler that the model came with.
    """

    pipe: Any
    parts: Components
    device: str
    dtype: Any
    ladder: MemoryFallback
    noise: Any
    checker: Any = None
    styles: dict[Any, Any] = field(default_factory=dict)

    def style_of(self, styles: Sequence[Image], encode: Callable[[], Any]) -> Any:
        """Return the embeddings of these pictures, encoded when they are first asked for."""
        key = fingerprint(*styles)
        if key not in self.styles:
            self.styles.clear()
            self.styles[key] = encode()
        return self.styles[key]

    def weigh(self, loras: Sequence[LoraPart]) -> None:
        """Give the LoRAs, which are on already, these weights."""
        if loras:
            self.pipe.set_adapters([f"lora{index}" for index in range(len(loras))], [o.weight for o in loras])

    def run(self, attempt: Callable[[], Any], references: int = 0, keys: int = 1) -> Any:
        """Return what `attempt` makes, giving up one thing after the other while memory is short."""
        return self.ladder.run(attempt, self.apply_fallback, references, keys, spare=lambda: _close(but=self))

    def apply_fallback(self, step: str) -> None:
        """Do what a step of the ladder says."""
        if step == "tiling":
            self.pipe.vae.enable_slicing()
            self.pipe.vae.enable_tiling()
        elif "offload" in step:
            offload(self.pipe, step, self.device)

    def place(self) -> None:
        """Bring the weights to the device, unless they are brought part by part while painting."""
        if not self.ladder.offloading:
            self.pipe.to(self.device)

    def cast(self, dtype: Any) -> None:
        """Change the number format of all weights."""
        for part in self.pipe.components.values():
            if hasattr(part, "parameters"):
                part.to(dtype=dtype)
        self.dtype = dtype


_OPEN: OrderedDict[Any, Engine] = OrderedDict()
"""Engines, the one that was used last at the end."""


def open_engine(parts: Components, device: str, dtype: Any, *, safety_checker: bool) -> Engine:
    """Load the pipeline of `parts`, or return it if it is loaded; others are kept while they fit beside it.

    Raises
    ------
    ModelError
        If a file does not load, or does not fit.
    DeviceError
        If memory does not suffice, with all of it kept in main memory.
    """
    key = (parts.weights(), device, str(dtype), safety_checker)
    if key not in _OPEN:
        _make_room(parts, device)
        prepare_imports()
        pipe = load_pipeline(parts, dtype)
        checker = load_checker(parts, dtype) if safety_checker else None
        engine = Engine(pipe, parts, device, dtype, MemoryFallback(device), pipe.scheduler.config, checker)
        useless = ("batch", "references", "no references", "tiling")  # all of that is of painting
        engine.ladder.run(engine.place, engine.apply_fallback, 0, passing=useless, spare=lambda: _close(but=engine))
        _OPEN[key] = engine
    _OPEN.move_to_end(key)
    _OPEN[key].weigh(parts.loras)
    return _OPEN[key]


@contextmanager
def full_precision(engine: Engine) -> Iterator[None]:
    """Let an engine compute with full precision for the block."""
    import torch

    before = engine.dtype
    try:
        engine.cast(torch.float32)
        yield
    finally:
        engine.cast(before)


def _make_room(parts: Components, device: str) -> None:
    """Drop what was not used for longest until `parts` fit into memory beside the rest."""
    needed = _ROOM * sum(_size(path) for path in parts.files())
    while _OPEN and (len(_OPEN) >= _MOST or free_bytes(device) < needed):
        _OPEN.popitem(last=False)
        gc.collect()
        release(device)


def _close(but: Engine) -> bool:
    """Drop every other engine; returns whether there was one."""
    others = [key for key, engine in _OPEN.items() if engine is not but]
    for key in others:
        del _OPEN[key]
    return bool(others)


def _size(path: Path) -> int:
    files = [path] if path.is_file() else weight_files(path)[0]
    return sum(file.stat().st_size for file in files)
