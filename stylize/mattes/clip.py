"""Matte of every frame of a clip: opened from a specification, matched, fitted, stabilized and shaped."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import numpy as np

from stylize.mattes.buffer import CachedMattes
from stylize.mattes.morphology import apply_options
from stylize.mattes.options import MatteOptions
from stylize.mattes.sources.base import open_source
from stylize.mattes.sources.channels import sample_indices
from stylize.mattes.sources.frame_matching import fit_to_clip, match_frames
from stylize.mattes.sources.spec import parse_spec
from stylize.mattes.temporal.stabilize import stabilize
from stylize.media.lazy_sequence import LazySequence
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from propagate.arrays import F32
    from stylize.mattes.sources.base import MatteSource
    from stylize.mattes.sources.spec import Term
    from stylize.media import Clip, ClipInfo

log = logging.getLogger(__name__)

_VERSION = 1
"""Raise it when the same files and options give other mattes."""


class MatteClip(LazySequence["F32", "MatteClip"]):
    """Matte of every frame, computed on request: float32 (H, W), 1 is styled, 0 keeps the clip.

    A slice is a view: a frame has the same matte in every slice. It is safe to read from several threads, which
    take turns.
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
        """Fingerprint of the content."""
        return fingerprint("matte", self._name, self._span.start, self._span.stop)

    def __len__(self) -> int:
        return len(self._span)

    def _slice(self, places: range) -> MatteClip:
        return MatteClip(
            self._mattes, self.options, self._name, self._span[places.start : places.stop : places.step], self._lock
        )

    def _item(self, index: int) -> F32:
        with self._lock:
            matte = self._mattes[self._span[index]]
        return apply_options(matte, self.options)

    def close(self) -> None:
        """Close the files; a slice has none of its own."""
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
        A video, a folder of images by frame, or one image. ``FILE:CHANNEL`` selects ``alpha``, ``luma``, ``red``,
        ``green``, ``blue``, an EXR's ``layer.channel``, or ``crypto=hero,chair``. The default is an alpha
        channel if there is one, else brightness: white is styled. Several are combined from left to
        right: ``A + B`` (sum), ``A | B`` (maximum), ``A & B`` (minimum), ``A - B``; ``not A`` is inverted.
    info
        The clip, or a range of it.
    options
        How the matte is fitted, stabilized and shaped.
    frames
        The frames that `info` describes; without them edges are not stabilized.

    Raises
    ------
    MediaError
        If a matte is missing or damaged, or of another size or length and `options` does not allow that.
    UsageError
        If `spec` is invalid.
    """
    options, terms = options or MatteOptions(), parse_spec(spec)
    with ExitStack() as stack:
        sources = [open_source(term, gaps=options.missing != "error") for term in terms]
        for source in sources:
            stack.callback(source.close)
        raw = _CombinedMattes(terms, sources, info, options)
        raw.warn_if_uniform(str(spec))
        mattes: Sequence[F32] = raw
        names = [raw.fingerprint, _VERSION, options]
        if frames is not None and options.stabilize:
            stable = stabilize(frames, raw, radius=options.radius, strength=options.stabilize)
            names.append(stable.fingerprint)
            mattes = stack.enter_context(CachedMattes(stable))  # a run reads each several times
        return MatteClip(mattes, options, fingerprint(names), stack=stack.pop_all())


class _CombinedMattes(LazySequence["F32", "Sequence[F32]"]):
    """Mattes of all terms of a specification: matched to frames, fitted and combined."""

    def __init__(
        self, terms: Sequence[Term], sources: Sequence[MatteSource], info: ClipInfo, options: MatteOptions
    ) -> None:
        self.terms, self.sources, self.info, self.options = terms, sources, info, options
        self.places = [match_frames(source, info, options) for source in sources]
        for source, term in zip(sources, terms, strict=True):
            first = source.read(0)
            if first is not None:
                fit_to_clip(first, info, options, term)  # fail before the work, not in the middle of it

    @property
    def fingerprint(self) -> str:
        pairs = zip(self.sources, self.terms, strict=True)
        parts = [(source.fingerprint, term.invert, term.operator) for source, term in pairs]
        return fingerprint("mattes", parts, self.places, self.options)

    def __len__(self) -> int:
        return self.info.count

    def _item(self, index: int) -> F32:
        total: F32 | None = None
        for term, source, places in zip(self.terms, self.sources, self.places, strict=True):
            matte = self._of(source, places, index, term)
            matte = 1 - matte if term.invert else matte
            total = matte if total is None else _combine(total, matte, term.operator)
        if total is None:
            raise ValueError("the specification has no matte; name one file at least")
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

    def warn_if_uniform(self, name: str) -> None:
        """Log a warning if the mattes style nothing, or everything."""
        sampled = [apply_options(self[at], self.options) for at in sample_indices(len(self))]
        if not any(matte.any() for matte in sampled):
            log.warning("%s: the matte is black in all sampled frames; the clip stays unchanged", name)
        elif all(bool((matte >= 1).all()) for matte in sampled):
            log.warning("%s: the matte is white in all sampled frames; the full frame is styled", name)


def _combine(left: F32, right: F32, operator: str) -> F32:
    if operator == "|":
        return np.maximum(left, right)
    if operator == "&":
        return np.minimum(left, right)
    total = left + right if operator == "+" else left - right
    return np.asarray(np.clip(total, 0, 1), np.float32)
