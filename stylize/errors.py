"""Errors as a tree. The command line prints one line and exits with the code of the class.

StylizeError                1   failed
├── UsageError              2   an option, a name or a combination that cannot work
│   ├── UnknownOptionError  2   an option that does not exist
│   ├── OutputExistsError   2   the output exists, and may not be replaced
│   └── PlanError           2   keyframes.toml is invalid
├── MediaError              4   a clip, image or key that is missing, invalid or truncated
├── ModelError              5   a model or its weights are missing or damaged
├── DeviceError             6   the device, its memory or the disk
├── PartialError            7   one part is done and kept, another failed
└── ProjectBusyError       75   another run holds the project

Messages are one line: what is wrong, where (path, frame, option), and the way out.
"""

from __future__ import annotations


class StylizeError(Exception):
    """Root of all errors that this package raises on purpose."""

    exit_code = 1


class UsageError(StylizeError):
    """An option, a name or a combination that cannot work."""

    exit_code = 2


class UnknownOptionError(UsageError):
    """An option that does not exist."""


class OutputExistsError(UsageError):
    """An existing output that may not be replaced."""


class PlanError(UsageError):
    """An invalid plan, keyframes.toml."""


class MediaError(StylizeError):
    """A clip, image or key that is missing, invalid or truncated."""

    exit_code = 4


class ModelError(StylizeError):
    """A model or its weights are missing or damaged."""

    exit_code = 5


class DeviceError(StylizeError):
    """The device, its memory or the disk cannot do what was asked."""

    exit_code = 6


class PartialError(StylizeError):
    """One part of the work is done and kept, another failed."""

    exit_code = 7


class ProjectBusyError(StylizeError):
    """Another run holds the project."""

    exit_code = 75
