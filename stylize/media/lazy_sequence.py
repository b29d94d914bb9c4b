"""Sequences whose items are read or computed on request."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")
S = TypeVar("S", bound="Sequence[Any]")


class LazySequence(Sequence[T], ABC, Generic[T, S]):
    """Sequence of items of type `T` whose slices are of type `S`; a subclass reads one item at a time."""

    @abstractmethod
    def _item(self, index: int) -> T:
        """Return item `index`, 0 to ``len(self) - 1``."""

    def _slice(self, places: range) -> S:  # noqa: ARG002
        """Return the items at `places`, in that order."""
        raise TypeError(f"{type(self).__name__} has no slices; read its items one by one")

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> S: ...
    def __getitem__(self, index: int | slice) -> T | S:
        places = range(len(self))[index]
        return self._slice(places) if isinstance(places, range) else self._item(places)
