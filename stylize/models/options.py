"""Options of finding and loading models."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from typing_extensions import Doc

from propagate.option_fields import described


@described
@dataclass(frozen=True)
class ModelOptions:
    """Where models are searched, and which files are accepted."""

    type_id: ClassVar[str] = "model-options"
    folders: Annotated[
        tuple[str, ...] | str,
        Doc(
            "More folders with models, searched before the cache of the Hugging Face hub; a list, or one text with the "
            "system's path separator. org/name is found as org/name, name or name.safetensors."
        ),
    ] = ()
    download: Annotated[bool, Doc("Downloads missing models; without it nothing is ever downloaded.")] = False
    allow_pickle: Annotated[
        bool,
        Doc("Accepts weights in Python's pickle format, which run code when loaded: only from makers you trust."),
    ] = False

    @property
    def places(self) -> tuple[Path, ...]:
        """The folders as paths, with ``~`` expanded."""
        names = self.folders.split(os.pathsep) if isinstance(self.folders, str) else self.folders
        return tuple(Path(name).expanduser() for name in names if name)
