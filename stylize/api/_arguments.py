"""Arguments that several public functions share: the request of a project, and settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from stylize.pipeline.request import RunRequest
from stylize.settings.loading import load_settings
from stylize.settings.schema import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

PathLike: TypeAlias = str | Path
AnySettings: TypeAlias = Settings | Mapping[str, Any] | None
"""All settings, or some by full name (``{"select.max_keys": 4}``) over those of the environment and the files."""


def make_request(
    clip: PathLike, style: PathLike | Sequence[PathLike] = (), *, matte: PathLike | None = None, **given: Any
) -> RunRequest:
    """Return the request of a run.

    Parameters
    ----------
    **given
        Other fields of `RunRequest`; the paths ``output``, ``project``, ``keys``, ``scenes`` may be strings.
    """
    styles = [style] if isinstance(style, (str, Path)) else style
    for name in ("output", "project", "keys", "scenes"):
        if given.get(name) is not None:
            given[name] = Path(given[name])
    return RunRequest(Path(clip), tuple(Path(one) for one in styles), matte=matte, **given)


def make_settings(settings: AnySettings) -> Settings:
    """Return settings for work without a project: the defaults for None.

    A mapping lies over the environment's values and the user's file; complete settings are taken as they are.
    """
    if isinstance(settings, Settings):
        return settings
    return Settings() if settings is None else load_settings(flags=settings)
