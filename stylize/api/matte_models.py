"""The models that the settings ask for: found before any work, loaded when needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from stylize.mattes.refine.vitmatte import Matter
    from stylize.mattes.segment.sam2 import Segmenter
    from stylize.settings.schema import Settings


@dataclass(frozen=True)
class MattingModels:
    """Where they are, by kind: ``segmenter``, ``matter``."""

    paths: dict[str, Path]
    settings: Settings

    @classmethod
    def find(cls, settings: Settings, *, sam2: bool = False) -> MattingModels:
        """Find them; ModelError if one is not here. Nothing is loaded."""
        wanted = [("segmenter", sam2), ("matter", settings.making.edges == "vitmatte")]
        paths = {}
        for kind, asked in wanted:
            if asked:
                from stylize.mattes.learned_models import find_learned

                paths[kind] = find_learned(kind, settings.making, settings.models)
        return cls(paths, settings)

    @property
    def hashes(self) -> dict[str, str]:
        """What each is, by its content."""
        from stylize.models import model_hash

        return {kind: model_hash(path) for kind, path in self.paths.items()}

    def segmenter(self) -> Segmenter | None:
        """Load SAM 2, if it is asked for."""
        if "segmenter" not in self.paths:
            return None
        from stylize.mattes.segment.sam2 import Segmenter

        return Segmenter(self.paths["segmenter"], self.settings.making)

    def matter(self) -> Matter | None:
        """Load ViTMatte, if it is asked for."""
        if "matter" not in self.paths:
            return None
        from stylize.mattes.refine.vitmatte import Matter

        return Matter(self.paths["matter"], self.settings.making)
