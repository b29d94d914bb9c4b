"""Eight numbers at once in kernels: where a loop is so short that the compiler unrolls it and sees no vector.

A kernel loads eight neighbors of a flat array and computes with them as with one number. A processor without
such vectors takes them apart; the result is the same, but for the rounding of `madd8`.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, overload, register_model

WIDTH = 8
_I32 = ir.IntType(32)


def _made(typing: Any) -> Any:
    """Numba's `intrinsic`; what it returns has a signature that type checkers take for the function's."""
    return intrinsic(typing)


class Lanes(types.Type):
    """Eight numbers of one type."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes) -> None:
        vector = ir.VectorType(manager.lookup(kind.dtype).get_value_type(), WIDTH)
        super().__init__(manager, kind, vector)  # type: ignore[no-untyped-call]  # numba has types in part


@_made
def load8(_context: Any, array: Any, place: Any) -> Any:
    """Return the eight numbers of flat `array` from `place` on, which has to be within it."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        vector = context.get_value_type(signature.return_type)
        return builder.load(_place_of(context, builder, signature, values, vector), align=1)

    return Lanes(array.dtype)(array, place), build


@_made
def store8(_context: Any, array: Any, place: Any, a: Any) -> Any:
    """Put eight numbers into flat `array` from `place` on, which has to be within it."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(values[2], _place_of(context, builder, signature, values, values[2].type), align=1)
        return context.get_dummy_value()

    return types.void(array, place, a), build


def _place_of(context: Any, builder: Any, signature: Any, values: Any, vector: Any) -> Any:
    data = context.make_array(signature.args[0])(context, builder, values[0]).data
    return builder.bitcast(builder.gep(data, [values[1]]), vector.as_pointer())


@_made
def real8(_context: Any, a: Any) -> Any:
    """Return whole numbers that have no sign as float32."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.uitofp(values[0], context.get_value_type(signature.return_type))

    return Lanes(types.float32)(a), build


@_made
def full8(_context: Any, number: Any) -> Any:
    """Return eight times the same number."""

    def build(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return _spread(builder, values[0])

    return Lanes(number)(number), build


@_made
def halves8(_context: Any, left: Any, _right: Any) -> Any:
    """Return four times one number and four times another."""

    def build(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        places = ir.Constant(ir.VectorType(_I32, WIDTH), [0] * 4 + [WIDTH] * 4)
        return builder.shuffle_vector(*(_spread(builder, value) for value in values), places)

    return Lanes(left)(left, left), build


@_made
def lane8(_context: Any, a: Any, place: Any) -> Any:
    """Return one number of eight."""

    def build(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        return builder.extract_element(*values)

    return a.dtype(a, place), build


def _spread(builder: Any, number: Any) -> Any:
    one = builder.insert_element(ir.Constant(ir.VectorType(number.type, WIDTH), ir.Undefined), number, _I32(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(_I32, WIDTH), [0] * WIDTH))


def _pairwise(name: str) -> Any:
    """Return an intrinsic that does `name` of the builder to two vectors of one type."""

    @_made
    def both(_context: Any, a: Any, b: Any) -> Any:
        def build(_context: Any, builder: Any, signature: Any, values: Any) -> Any:
            kind = ("f" if signature.return_type.dtype in types.real_domain else "") + name
            return getattr(builder, kind)(*values)

        return a(a, b), build

    return both


_add, _sub, _mul = (_pairwise(name) for name in ("add", "sub", "mul"))


def _operate(sign: Any, both: Any) -> None:
    @overload(sign)
    def operate(a: Any, b: Any) -> Any:
        def do(a: Any, b: Any) -> Any:
            return both(a, b)

        return do if isinstance(a, Lanes) and a == b else None


for _sign, _both in ((operator.add, _add), (operator.sub, _sub), (operator.mul, _mul)):
    _operate(_sign, _both)


@_made
def madd8(_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c of float32, rounded once where the processor can."""

    def build(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(values[0].type, [value.type for value in values])
        name = "llvm.fmuladd.v8f32"
        return builder.call(builder.module.globals.get(name) or ir.Function(builder.module, kind, name), values)

    return a(a, b, c), build


@_made
def fold8(_context: Any, a: Any) -> Any:
    """Return the sum of both halves of real numbers, twice."""

    def build(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        places = ir.Constant(ir.VectorType(_I32, WIDTH), [4, 5, 6, 7, 0, 1, 2, 3])
        return builder.fadd(values[0], builder.shuffle_vector(values[0], values[0], places))

    return a(a), build


@_made
def apart8(_context: Any, a: Any, b: Any) -> Any:
    """Return how far whole numbers are apart."""

    def build(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        less = builder.icmp_signed("<", *values)
        return builder.select(less, builder.sub(values[1], values[0]), builder.sub(*values))

    return a(a, b), build


@_made
def least8(_context: Any, a: Any, _most: Any) -> Any:
    """Return whole numbers, none more than the second."""

    def build(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        top = _spread(builder, values[1])
        return builder.select(builder.icmp_signed("<", values[0], top), values[0], top)

    return a(a, a.dtype), build


@_made
def dot8(_context: Any, a: Any, b: Any) -> Any:
    """Return the sum of products of whole numbers, int32."""

    def build(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        wide = ir.VectorType(_I32, WIDTH)
        total = builder.mul(*(builder.sext(v, wide) for v in values))
        for half in (4, 2, 1):
            places = (ir.Constant(ir.VectorType(_I32, half), [*range(k, k + half)]) for k in (0, half))
            total = builder.add(*(builder.shuffle_vector(total, total, place) for place in places))
        return builder.extract_element(total, _I32(0))

    return types.int32(a, b), build
