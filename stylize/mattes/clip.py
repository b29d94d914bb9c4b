"""The matte of every frame of a clip: opened from a specification, matched, fitted, steadied and shaped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self, overload

import numpy as np

from stylize.mattes.buffer import CachedMattes
from stylize.mattes.morphology import apply_options
from stylize.mattes.options import MatteOptions
from stylize.mattes.sources.base import open_source
from stylize.mattes.sources.channels import sample_indices
from stylize.mattes.sources.frame_matching import fit_to_clip, match_frames
from stylize.mattes.sources.spec import parse_spec
from stylize.mattes.temporal.stabilize import stabilize
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from propagate.arrays import F32
    from stylize.mattes.sources.base import MatteSource
    from stylize.mattes.sources.spec import Term
    from stylize.media import Clip, ClipInfo

log = logging.getLogger(__name__)

_VERSION = 1
"""Raise when the same files and options give other mattes."""


class MatteClip(Sequence["F32"]):
    """The matte of every frame, made when asked for: float32 (H, W), 1 is styled, 0 stays the clip's own.

    A range of it is a view: a frame has the same matte whichever range it is asked of. Several threads may
    read, one frame at a time.
    """

    def __init__(
        self,
        mattes: Sequence[F32],
        options: MatteOptions,
        name: str,
        span: range | None = None,
        lock: threading.Lock | None = None,
        stack: ExitStack | None = None,
    ) -> None:
        self._mattes, self.options, self._name = mattes, options, name
        self._span = span if span is not None else range(len(mattes))
        self._lock = lock or threading.Lock()
        self._stack = stack

    @property
    def fingerprint(self) -> str:
        """The content's short name."""
        return fingerprint("matte", self._name, self._span.start, self._span.stop)

    def __len__(self) -> int:
        return len(self._span)

    @overload
    def __getitem__(self, index: int) -> F32: ...
    @overload
    def __getitem__(self, index: slice) -> MatteClip: ...
    def __getitem__(self, index: int | slice) -> F32 | MatteClip:
        if isinstance(index, slice):
            return MatteClip(self._mattes, self.options, self._name, self._span[index], self._lock)
        at = self._span[index]
        with self._lock:
            matte = self._mattes[at]
        return apply_options(matte, self.options)

    def close(self) -> None:
        """Close the files; of a range, nothing."""
        if self._stack is not None:
            self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_matte(
    spec: str | Path, info: ClipInfo, options: MatteOptions | None = None, frames: Clip | None = None
) -> MatteClip:
    """Open the matte of the clip or range that `info` describes.

    Parameters
    ----------
    spec
        A video, a folder of images by frame, or one image; ``FILE:WHAT`` takes ``alpha``, ``luma``, ``red``,
        ``green``, ``blue``, an EXR's ``layer.channel``, or ``crypto=hero,chair``. Without WHAT an alpha
        channel is taken where there is one, else brightness: white is styled. Several go together from left
        to right: ``A + B`` (sum), ``A | B`` (greater), ``A & B`` (lesser), ``A - B``; ``not A`` is inverted.
    info
        The clip, or the range of it, that is worked on.
    options
        How the matte is fitted, steadied and shaped.
    frames
        The clip's frames that `info` describes; without them edges are not steadied.

    Raises
    ------
    MediaError
        If a matte is missing or bad, or its size or number of frames is another and nothing is said of it.
    UsageError
        If `spec` cannot be read.
    """
    options, terms = options or MatteOptions(), parse_spec(spec)
    with ExitStack() as stack:
        sources = [open_source(term, gaps=options.missing != "error") for term in terms]
        for source in sources:
            stack.callback(source.close)
        raw = _CombinedMattes(terms, sources, info, options)
        raw.look_for_emptiness(str(spec))
        mattes: Sequence[F32] = raw
        names = [raw.fingerprint, _VERSION, options]
        if frames is not None and options.stabilize:
            calm = stabilize(frames, raw, radius=options.radius, strength=options.stabilize)
            names.append(calm.fingerprint)
            mattes = stack.enter_context(CachedMattes(calm))  # they are asked for several times in a run
        return MatteClip(mattes, options, fingerprint(names), stack=stack.pop_all())


class _CombinedMattes(Sequence["F32"]):
    """Mattes as they come: matched, fitted and put together."""

    def __init__(
        self, terms: Sequence[Term], sources: Sequence[MatteSource], info: ClipInfo, options: MatteOptions
    ) -> None:
        self.terms, self.sources, self.info, self.options = terms, sources, info, options
        self.places = [match_frames(source, info, options) for source in sources]
        for source, term in zip(sources, terms, strict=True):
            first = source.read(0)
            if first is not None:
                fit_to_clip(first, info, options, term)  # refused now rather than in the middle of the work

    @property
    def fingerprint(self) -> str:
        pairs = zip(self.sources, self.terms, strict=True)
        parts = [(source.fingerprint, term.invert, term.operator) for source, term in pairs]
        return fingerprint("mattes", parts, self.places, self.options)

    def __len__(self) -> int:
        return self.info.count

    @overload
    def __getitem__(self, index: int) -> F32: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[F32]: ...
    def __getitem__(self, index: int | slice) -> F32 | Sequence[F32]:
        if isinstance(index, slice):
            raise TypeError("mattes are cut to a range by MatteClip")
        total: F32 | None = None
        for term, source, places in zip(self.terms, self.sources, self.places, strict=True):
            matte = self._of(source, places, index, term)
            matte = 1 - matte if term.invert else matte
            total = matte if total is None else _combine(total, matte, term.operator)
        if total is None:
            raise ValueError("a specification holds one matte at least")
        return total

    def _of(self, source: MatteSource, places: list[int | None], index: int, term: Term) -> F32:
        for at in range(index, -1, -1):
            place = places[at]
            matte = None if place is None else source.read(place)
            if matte is not None:
                return fit_to_clip(matte, self.info, self.options, term)
            if self.options.missing != "hold":
                break
        return np.zeros((self.info.height, self.info.width), np.float32)

    def look_for_emptiness(self, name: str) -> None:
        """Say so where a matte leaves nothing to be styled, or everything."""
        looks = [apply_options(self[at], self.options) for at in sample_indices(len(self))]
        if not any(matte.any() for matte in looks):
            log.warning("%s: black in all frames looked at; the clip comes through as it is", name)
        elif all(bool((matte >= 1).all()) for matte in looks):
            log.warning("%s: white in all frames looked at; the whole frame is styled", name)


def _combine(left: F32, right: F32, operator: str) -> F32:
    if operator == "|":
        return np.maximum(left, right)
    if operator == "&":
        return np.minimum(left, right)
    total = left + right if operator == "+" else left - right
    return np.asarray(np.clip(total, 0, 1), np.float32)
