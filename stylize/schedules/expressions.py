"""Arithmetic of one variable, walked node by node: what is not on the list is refused, nothing is run."""

from __future__ import annotations

import ast
import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stylize.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VARIABLES: Final = ("t", "s", "max_f")
"""The frame's number, its time in seconds, and the number of the clip's last frame."""
CONSTANTS: Final = {"pi": math.pi, "e": math.e}
FUNCTIONS: Final[Mapping[str, tuple[Callable[..., float], int, int]]] = {
    "sin": (math.sin, 1, 1),
    "cos": (math.cos, 1, 1),
    "tan": (math.tan, 1, 1),
    "arcsin": (math.asin, 1, 1),
    "arccos": (math.acos, 1, 1),
    "arctan": (math.atan, 1, 1),
    "sqrt": (math.sqrt, 1, 1),
    "exp": (math.exp, 1, 1),
    "log": (math.log, 1, 1),
    "abs": (abs, 1, 1),
    "floor": (math.floor, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "round": (round, 1, 1),
    "min": (min, 2, 8),
    "max": (max, 2, 8),
    "where": (lambda condition, yes, no: yes if condition else no, 3, 3),
}
"""What may be called: the function, and how many numbers it takes at least and at most."""
OPERATORS: Final[Mapping[type[ast.AST], Callable[..., Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
LONGEST = 400
"""Characters; a longer expression is a mistake, or an attack on the parser."""


@dataclass(frozen=True)
class Expression:
    """Arithmetic that was read and found harmless.

    Attributes
    ----------
    text
        As it was written.
    tree
        Nodes of the list only.
    names
        The variables in it.
    """

    text: str
    tree: ast.expr
    names: frozenset[str]

    def at(self, **variables: float) -> float:
        """Return its value.

        Raises
        ------
        UsageError
            If there is none: a division by zero, the root of a negative number, no end.
        """
        try:
            value = _value(self.tree, {**CONSTANTS, **variables})
        except (ArithmeticError, ValueError, TypeError) as error:
            raise UsageError(f"{self.text!r} has no value at t = {variables.get('t', 0):g}: {error}") from error
        if not math.isfinite(value):
            raise UsageError(f"{self.text!r} has no finite value at t = {variables.get('t', 0):g}")
        return value


def parse_expression(text: str) -> Expression:
    """Read arithmetic over t (the frame), s (seconds) and max_f (the last frame).

    Raises
    ------
    UsageError
        If it is misspelt, or holds anything but numbers, the operators ``+ - * / // % **``, comparisons,
        brackets, the names above, pi, e and the functions of `FUNCTIONS`. The message points at the place.
    """
    stripped = text.strip()
    if not stripped:
        raise UsageError("an expression is missing")
    if len(stripped) > LONGEST:
        raise UsageError(f"{stripped[:20]!r}… is {len(stripped)} characters long; at most {LONGEST} are read")
    try:
        tree = ast.parse(stripped, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        at = getattr(error, "offset", None) or 1
        raise UsageError(f"{stripped!r} is no arithmetic, at character {at}") from error
    names: set[str] = set()
    _check(tree, stripped, names)
    return Expression(stripped, tree, frozenset(names))


def _check(node: ast.expr, text: str, names: set[str]) -> None:
    """Refuse every node that is not on the list, and collect the variables."""
    inside: list[ast.expr] = []
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            _refuse(node, text, "only numbers may stand here")
    elif isinstance(node, ast.Name):
        if node.id not in VARIABLES and node.id not in CONSTANTS:
            known = ", ".join((*VARIABLES, *CONSTANTS))
            what = "is a function; give it a bracket" if node.id in FUNCTIONS else f"is unknown; there are {known}"
            _refuse(node, text, what)
        if node.id in VARIABLES:
            names.add(node.id)
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        inside = [node.left, node.right]
    elif isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
        inside = [node.operand]
    elif isinstance(node, ast.Compare) and all(type(op) in OPERATORS for op in node.ops):
        inside = [node.left, *node.comparators]
    elif isinstance(node, ast.Call):
        inside = _check_call(node, text)
    else:
        _refuse(node, text, "is no arithmetic")
    for one in inside:
        _check(one, text, names)


def _check_call(node: ast.Call, text: str) -> list[ast.expr]:
    if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
        _refuse(node.func, text, f"may not be called; only {', '.join(FUNCTIONS)} may")
        return []
    _, least, most = FUNCTIONS[node.func.id]
    if node.keywords or not least <= len(node.args) <= most:
        count = f"{least}" if least == most else f"{least} to {most}"
        _refuse(node, text, f"takes {count} number{'s' if most > 1 else ''}")
    return node.args


def _refuse(node: ast.expr, text: str, why: str) -> None:
    piece = ast.get_source_segment(text, node) or text
    raise UsageError(f"{piece!r} in {text!r}, at character {node.col_offset + 1}, {why}")


def _value(node: ast.expr, variables: Mapping[str, float]) -> float:
    """Walk the tree; all numbers are floats, so that none can grow without end."""
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name):
        return float(variables[node.id])
    if isinstance(node, ast.BinOp):
        return _real(OPERATORS[type(node.op)](_value(node.left, variables), _value(node.right, variables)))
    if isinstance(node, ast.UnaryOp):
        return _real(OPERATORS[type(node.op)](_value(node.operand, variables)))
    if isinstance(node, ast.Compare):
        sides = [_value(one, variables) for one in (node.left, *node.comparators)]
        pairs = zip(node.ops, sides, sides[1:], strict=False)
        return float(all(OPERATORS[type(op)](a, b) for op, a, b in pairs))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _real(FUNCTIONS[node.func.id][0](*(_value(one, variables) for one in node.args)))
    raise TypeError(f"{type(node).__name__} was not refused")  # `_check` lets no such node through


def _real(value: Any) -> float:
    if isinstance(value, complex):
        raise ValueError("the result is not a real number")  # noqa: TRY004  of the value, not of a type
    return float(value)
