"""Step cache: results of pure functions in a folder, by the fingerprint of their inputs.

The folder may be deleted at any time; missing or damaged results are computed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from stylize.storage import serialization
from stylize.storage.atomic import write_bytes
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


@dataclass(frozen=True)
class StepCache:
    """The cache in one folder."""

    folder: Path

    def recall(self, name: str, function: Callable[..., T], *inputs: Any, **unhashed: Any) -> T:
        """Return ``function(*inputs)``, from the cache if the same step had the same inputs before.

        Parameters
        ----------
        name
            The step's name, the first part of the file's name.
        function
            A pure function of its inputs; `stylize.storage.fingerprint.step` gives it a version.
        *inputs
            Everything that the result depends on; must have a fingerprint (see `stylize.storage.fingerprint`).
        **unhashed
            Passed to the function, but not part of the fingerprint, such as ``on_progress``.
        """
        path = self.path(name, function, *inputs)
        if path.exists():
            try:
                found: T = serialization.loads(path.read_bytes())
            except ValueError:  # damaged
                path.unlink()
            else:
                return found
        made = function(*inputs, **unhashed)
        write_bytes(path, serialization.dumps(made))
        return made

    def path(self, name: str, function: Callable[..., Any], *inputs: Any) -> Path:
        """Return the file of the result of this step with these inputs; it may not exist yet."""
        version = getattr(function, "version", 1)
        return self.folder / f"{name}-{fingerprint(name, version, inputs)[:20]}.npz"
