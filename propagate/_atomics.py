"""Whole numbers that threads count on together from inside a kernel.

Waking a thread takes longer than a turn of a small picture's sweep.  With these a thread is woken once for a
sweep: whoever is there takes the next piece of work, and what comes later waits until all pieces are done.
"""
# mypy: disable-error-code="import-untyped,no-untyped-call"

from __future__ import annotations

import threading
from typing import Any

from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic


def _place(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return cgutils.get_item_pointer(context, builder, signature.args[0], array, [arguments[1]])


@intrinsic
def _count(_typing: Any, counters: Any, _at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature, arguments)
        return builder.atomic_rmw("add", place, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(counters, types.intp), generate


@intrinsic
def _look(_typing: Any, counters: Any, _at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature, arguments)
        return builder.load_atomic(place, "seq_cst", 8)

    return types.int64(counters, types.intp), generate


_lock = threading.Lock()


def _count_slowly(counters: Any, at: int) -> int:
    with _lock:
        before = int(counters[at])
        counters[at] += 1
    return before


def _look_slowly(counters: Any, at: int) -> int:
    return int(counters[at])


# `count(counters, at)` adds 1 to an int64 of a vector and returns what it was, `look` only reads it.  What a
# thread wrote before it counted is seen by whoever sees that count.
_plain = bool(getattr(config, "DISABLE_JIT", 0))
count: Any = _count_slowly if _plain else _count
look: Any = _look_slowly if _plain else _look
