"""Metadata of options: type, bounds, choices, unit and visible effect are given once, with the field itself.

    @described
    @dataclass(frozen=True)
    class PatchOptions:
        stroke_scale: Annotated[float, Interval(ge=0.25, le=4), Doc("2 paints strokes twice as large.")] = 1.0

        def __post_init__(self) -> None:
            check_options(self)

Checks, help of the command line, sliders of the review page and the reference of all settings read this metadata.
"""

from __future__ import annotations

import math
import types
from dataclasses import MISSING, Field, dataclass, fields
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Interval, Le, Lt, Unit
from typing_extensions import Doc

T = TypeVar("T")
_KNOWN: dict[type[Any], tuple[OptionField, ...]] = {}  # options that were read before, by class


class OptionError(ValueError):
    """A value that an option does not take.

    Attributes
    ----------
    name, value
        The option and the value.
    expected
        What it takes, ready for "use …".
    """

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(f"invalid {name} {value!r}; use {expected}")
        self.name = name
        self.value = value
        self.expected = expected


@dataclass(frozen=True)
class OptionField:
    """One option, as its field describes it.

    Attributes
    ----------
    name
        The field's name.
    kind
        ``bool``, ``int``, ``float``, ``str`` or ``tuple``; ``float`` too where a schedule may stand.
    default
        Its default; None where the program decides.
    effect
        Its visible effect, in one line.
    unit
        Unit of its numbers; empty for none.
    choices
        The only texts it takes; empty for any.
    low, high
        Bounds; infinite for none.
    above_low
        True where `low` itself is not allowed.
    schedule
        True where a text may give values that change along the clip.
    """

    name: str
    kind: type
    default: Any
    effect: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf
    above_low: bool = False
    schedule: bool = False

    @property
    def expected(self) -> str:
        """The values that it takes, in words: ``0 to 1``, ``draft, high or best``; empty for any."""
        if self.choices:
            return listed(self.choices)
        low, high = f"{self.low:.15g}", f"{self.high:.15g}"
        unit = f" {self.unit}" if self.unit else ""
        if math.isinf(self.low) and math.isinf(self.high):
            return self.unit
        if math.isinf(self.high):
            single = unit.removesuffix("s") if self.low == 1 else unit
            return f"more than {low}{unit}" if self.above_low else f"{low}{single} or more"
        if self.above_low:
            return f"a value above {low}, up to {high}{unit}"
        return f"{low} to {high}{unit}"

    def check(self, value: object) -> None:
        """Raise `OptionError` for a value that the option does not take."""
        if value is None and self.default is None:
            return
        if self.choices and value not in self.choices:
            raise OptionError(self.name, value, self.expected)
        number = _number(value) if self.schedule and isinstance(value, str) else value
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            inside = self.low < number if self.above_low else self.low <= number
            if not (inside and number <= self.high and math.isfinite(number)):
                raise OptionError(self.name, value, self.expected or "a finite number")


def option_fields(options: type[Any]) -> tuple[OptionField, ...]:
    """Return the options of a dataclass, in the order of its fields."""
    if options not in _KNOWN:
        hints = get_type_hints(options, include_extras=True)
        _KNOWN[options] = tuple(_read(one.name, hints[one.name], _default(one)) for one in fields(options))
    return _KNOWN[options]


def check_options(options: Any) -> None:
    """Check every option of an options object; for ``__post_init__``.

    Raises
    ------
    OptionError
        For the first value beyond its bounds or choices.
    """
    for one in option_fields(type(options)):
        one.check(getattr(options, one.name))


def described(options: type[T]) -> type[T]:
    """Add the section "Attributes" to an options class's docstring, from its fields."""
    lines = [(options.__doc__ or "").rstrip(), "", "Attributes", "----------"]
    for one in option_fields(options):
        kind = "{" + ", ".join(map(repr, one.choices)) + "}" if one.choices else one.kind.__name__
        kind += " or str" if one.schedule else ""
        bounds = f" {one.expected[:1].upper()}{one.expected[1:]}." if one.expected and not one.choices else ""
        schedule = " May be a schedule along the clip." if one.schedule else ""
        lines += [f"{one.name} : {kind}, default {one.default!r}", f"    {one.effect}{bounds}{schedule}"]
    options.__doc__ = "\n".join(lines) + "\n"
    return options


def listed(words: tuple[str, ...]) -> str:
    """Return words as a person lists them: ``a, b or c``."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _read(name: str, hint: Any, default: Any) -> OptionField:
    """Read one field's annotation."""
    plain, extras = (get_args(hint)[0], get_args(hint)[1:]) if get_origin(hint) is Annotated else (hint, ())
    parts = [one for one in _alternatives(plain) if one is not type(None)]
    choices = tuple(str(word) for one in parts if get_origin(one) is Literal for word in get_args(one))
    kinds = [get_origin(one) or one for one in parts if get_origin(one) is not Literal]
    numeric = next((kind for kind in kinds if kind in (float, int)), None)
    kind = numeric or (kinds[0] if kinds else str)
    low, high, above = -math.inf, math.inf, False
    for one in _bounds(extras):
        if isinstance(one, (Ge, Gt)):
            low, above = float(getattr(one, "ge", getattr(one, "gt", low))), isinstance(one, Gt)
        elif isinstance(one, (Le, Lt)):
            high = float(getattr(one, "le", getattr(one, "lt", high)))
    return OptionField(
        name,
        kind,
        default,
        next((one.documentation for one in extras if isinstance(one, Doc)), ""),
        next((one.unit for one in extras if isinstance(one, Unit)), ""),
        choices,
        low,
        high,
        above,
        numeric is not None and str in kinds,
    )


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _bounds(extras: tuple[Any, ...]) -> list[Any]:
    return [bound for one in extras for bound in (one if isinstance(one, Interval) else [one])]


def _number(text: str) -> float | None:
    """Return a text as a number; None if it is a schedule, which is checked where it is evaluated."""
    try:
        return float(text)
    except ValueError:
        return None
