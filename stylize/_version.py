"""Version of the installed package."""

from __future__ import annotations


def installed_version() -> str:
    """Return the version of the installed package; ``0+unknown`` in a checkout that is not installed."""
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    try:
        return version("keystylize")
    except PackageNotFoundError:
        return "0+unknown"
