"""Where models are looked for, and what is let in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModelOptions:
    """Where models are looked for, and what is let in.

    Attributes
    ----------
    folders
        More folders with models, searched before the cache of the Hugging Face hub: a list, or one text with
        the system's path separator between them. A model ``org/name`` is found there as ``org/name``,
        ``name`` or ``name.safetensors``.
    download
        Fetch what is missing; without it nothing is ever fetched, and a missing model is an error at once.
    allow_pickle
        Also take weights in Python's pickle format (.ckpt, .bin, .pth). Loading one runs the code in it:
        only for files whose maker you trust.
    """

    folders: tuple[str, ...] | str = ()
    download: bool = False
    allow_pickle: bool = False

    @property
    def places(self) -> tuple[Path, ...]:
        """The folders as paths, with ``~`` spelled out."""
        names = self.folders.split(os.pathsep) if isinstance(self.folders, str) else self.folders
        return tuple(Path(name).expanduser() for name in names if name)
