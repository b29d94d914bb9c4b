"""What can go wrong, as a tree. The command line prints one line and exits with the class's code.

StylizeError                1   failed
├── UsageError              2   an option, a name or a combination that cannot work
├── MediaError              4   a clip, image or key that is missing, bad or truncated
├── ModelError              5   a model or its weights are missing
├── DeviceError             6   device, memory or disk
└── PartialError            7   a part of what was asked is done and kept, another failed

Messages are one line: what is wrong, where (path, frame, option), and the way out.
"""

from __future__ import annotations


class StylizeError(Exception):
    """Root of everything this package raises on purpose."""

    exit_code = 1


class UsageError(StylizeError):
    """An option, a name or a combination that cannot work."""

    exit_code = 2


class MediaError(StylizeError):
    """A clip, image or key that is missing, bad or truncated."""

    exit_code = 4


class ModelError(StylizeError):
    """A model or its weights are missing or damaged."""

    exit_code = 5


class DeviceError(StylizeError):
    """The device, its memory or the disk cannot do what was asked."""

    exit_code = 6


class PartialError(StylizeError):
    """A part of what was asked is done and kept, another failed."""

    exit_code = 7
