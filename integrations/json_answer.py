"""Reads answers of providers: each value by its place and with the type that it must have.

An answer of another shape is a `Problem` about that answer, never an error of the panel, and never a value
that only looks right: ``"false"`` is true in Python, and ``int(0.9)`` is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from integrations.errors import Problem
from integrations.storable_values import LARGEST_NUMBER

#: What an answer of another shape raises in code that reads it with `JsonAnswer`, and in libraries that parse
#: it. A KeyError, TypeError or AttributeError is a mistake of ours, and must not be called one of theirs.
UNREADABLE = (ValueError, ArithmeticError, RecursionError)
#: What code that reads JSON, numbers and times of another shape raises.
MISREAD = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)
KINDS = {dict: "an object", list: "a list", str: "a text", bool: "yes or no", type(None): "null"}


@dataclass(frozen=True)
class JsonAnswer:
    """A value of an answer, and its place there (“data.0.amount”, "" for the whole).

    The methods that return a value raise ValueError with a sentence when it has another type.
    """

    value: Any
    place: str = ""

    def at(self, *names: str | int) -> JsonAnswer:
        """The value below, which has to be there. Raises ValueError."""
        found = self
        for name in names:
            kind = list if isinstance(name, int) else dict
            parts = found._check(kind)
            place = f"{found.place}.{name}" if found.place else str(name)
            try:
                found = JsonAnswer(parts[name], place)
            except LookupError:
                raise ValueError(f"{place} is missing") from None
        return found

    def find(self, name: str) -> JsonAnswer | None:
        """The value of that name; None where it is missing or null. Raises ValueError for no object."""
        return self.at(name) if self.object().get(name) is not None else None

    def object(self) -> Mapping[str, Any]:
        """An object."""
        found: Mapping[str, Any] = self._check(dict)
        return found

    def texts(self) -> dict[str, str]:
        """An object whose values are all texts."""
        return {
            name: JsonAnswer(each, f"{self.place}.{name}")._check(str) for name, each in self.object().items()
        }

    def items(self) -> list[JsonAnswer]:
        """The entries of a list."""
        return [JsonAnswer(each, f"{self.place}.{at}") for at, each in enumerate(self._check(list))]

    def text(self) -> str:
        """A text that is not empty."""
        found: str = self._check(str)
        if not found.strip():
            raise ValueError(f"{self._named} is empty")
        return found

    def name(self) -> str:
        """An identity, which some providers write as text and some as number."""
        is_number = isinstance(self.value, int) and not isinstance(self.value, bool)
        return str(self.value) if is_number else self.text()

    def flag(self) -> bool:
        """Yes or no."""
        return bool(self._check(bool))

    def whole(self, least: int = -LARGEST_NUMBER, most: int = LARGEST_NUMBER) -> int:
        """A whole number, also as text, between ``least`` and ``most``."""
        number = self.decimal()
        if number != number.to_integral_value():
            raise ValueError(f"{self._named} is no whole number")
        if not least <= number <= most:
            raise ValueError(f"{self._named} is too {'small' if number < least else 'large'}")
        return int(number)

    def decimal(self) -> Decimal:
        """A finite number, also as text."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float | str | Decimal):
            raise self._is_not("a number")
        try:
            number = Decimal(str(self.value))
        except (ArithmeticError, ValueError):
            raise self._is_not("a number") from None
        # Arithmetic with an exponent of millions takes memory without end.
        if not number.is_finite() or abs(number.adjusted()) > 30:
            raise ValueError(f"{self._named} is no number that this can be")
        return number

    def moment(self) -> datetime:
        """A time in ISO 8601; without a zone it is UTC."""
        try:
            found = datetime.fromisoformat(self.text())
        except ValueError:
            raise self._is_not("a time") from None
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def _check(self, kind: type) -> Any:
        if not isinstance(self.value, kind):
            raise self._is_not(KINDS[kind])
        return self.value

    @property
    def _named(self) -> str:
        return self.place or "the whole"

    def _is_not(self, wanted: str) -> ValueError:
        found = KINDS.get(type(self.value), "a number")
        if found == wanted or (wanted in ("a time", "a number") and found in ("a text", "a number")):
            return ValueError(f"{self._named} is not {wanted}")
        return ValueError(f"{self._named} is {found}, not {wanted}")


@contextmanager
def reading_answer(whose: str, *, means: str, next: str = "") -> Iterator[None]:
    """Turns whatever the reading of an answer raises into a `Problem` about it."""
    try:
        yield
    except Problem:
        raise
    except UNREADABLE as error:
        raise Problem(
            f"The answer of {whose} cannot be read: {_describe(error)}.",
            means=means,
            next=next
            or "See that the address of the system is that of the service's API, and no proxy or page of "
            "errors answers in its place.",
        ) from error


def _describe(error: Exception) -> str:
    """The sentence of our own readers; of other errors only the kind, because texts may repeat secrets."""
    if isinstance(error, KeyError):
        return "a part of it is missing"
    own = type(error) is ValueError and error.args and isinstance(error.args[0], str)
    return error.args[0][:200].rstrip(".") if own else f"it has another form ({type(error).__name__})"
