"""Reads an expression that gives a database address: which environment variables it names."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.prisma.source_tokens import SourceToken

ALTERNATIVES = ("??", "||")
DECLARATIONS = ("const", "let", "var")
#: Marks after an operand by which the expression goes on in a way that is not read here.
METHOD_CALL = (".", "?.")  # also at the begin of the next line
OPERATORS = ("(", "[", "+", "?", "-", "*", "/", "&", "|", "<")


@dataclass(frozen=True)
class AddressExpression:
    """The variables of an expression in their order. ``literal``: it begins with an address in quotes.

    The first operand decides when it is set, so a literal after ``??`` or ``||`` is never used.
    """

    variables: tuple[str, ...]
    literal: bool
    end: int  # index of the token after it


def read_expression(
    tokens: list[SourceToken], start: int, *, follow: bool = True
) -> AddressExpression | None:
    """Reads ``env("A")``, ``process.env.A``, ``process.env["A"]``, texts, and several with ?? or ||.

    A name stands for what a ``const NAME = …`` of the same file gives it. Returns None for anything else.
    """
    variables: list[str] = []
    literal, index = False, start
    while True:
        operand = _read_operand(tokens, index, follow)
        if operand is None:
            return None
        literal = literal or (operand.literal and index == start)
        variables += operand.variables
        index = _skip_type(tokens, operand.end)
        if _text(tokens, index) not in ALTERNATIVES:
            break
        index += 1
    if _goes_on(tokens, index):
        return None
    return AddressExpression(tuple(dict.fromkeys(variables)), literal, index)


def _goes_on(tokens: list[SourceToken], index: int) -> bool:
    mark = _text(tokens, index)
    return mark in METHOD_CALL or (mark in OPERATORS and tokens[index].line == tokens[index - 1].line)


def _text(tokens: list[SourceToken], index: int) -> str:
    """The mark or word at an index; empty at the end and for a text in quotes."""
    return tokens[index].text if index < len(tokens) and tokens[index].kind in {"word", "mark"} else ""


def _read_operand(tokens: list[SourceToken], index: int, follow: bool) -> AddressExpression | None:
    if index >= len(tokens):
        return None
    token = tokens[index]
    if token.kind == "string":
        return AddressExpression((), bool(token.text), index + 1)
    if token.kind != "word":
        return None
    if token.text == "env":
        return _read_env_call(tokens, index + 1)
    if token.text == "process":
        return _read_process_variable(tokens, index + 1)
    if token.text == "undefined":
        return AddressExpression((), False, index + 1)
    return _read_constant(tokens, index) if follow else None


def _read_env_call(tokens: list[SourceToken], index: int) -> AddressExpression | None:
    """Reads ``("NAME")`` after env, and ``<Type>("NAME")``."""
    if _text(tokens, index) == "<":
        while index < len(tokens) and _text(tokens, index) != ">":
            index += 1
        index += 1
    words = tokens[index : index + 3]
    if len(words) == 3 and words[0].text == "(" and words[1].kind == "string" and words[2].text == ")":
        return AddressExpression((words[1].text,), False, index + 3)
    return None


def _read_process_variable(tokens: list[SourceToken], index: int) -> AddressExpression | None:
    """Reads ``.env.NAME`` or ``.env["NAME"]`` after process."""
    if _text(tokens, index) not in {".", "?."} or _text(tokens, index + 1) != "env":
        return None
    mark, rest = _text(tokens, index + 2), tokens[index + 3 : index + 5]
    if mark in {".", "?."} and rest and rest[0].kind == "word":
        return AddressExpression((rest[0].text,), False, index + 4)
    if mark == "[" and len(rest) == 2 and rest[0].kind == "string" and rest[1].text == "]":
        return AddressExpression((rest[0].text,), False, index + 5)
    return None


def _read_constant(tokens: list[SourceToken], index: int) -> AddressExpression | None:
    """Reads what the file's own ``const NAME = …`` gives a name."""
    name = tokens[index].text
    for at in range(len(tokens) - 3):
        if _text(tokens, at) in DECLARATIONS and _text(tokens, at + 1) == name:
            begin = at + 2
            while begin < len(tokens) and _text(tokens, begin) not in {"=", ";"}:
                begin += 1
            value = read_expression(tokens, begin + 1, follow=False)
            return AddressExpression(value.variables, value.literal, index + 1) if value else None
    return None


def _skip_type(tokens: list[SourceToken], index: int) -> int:
    """Returns the index after ``!`` and ``as TYPE``, which change no value."""
    if _text(tokens, index) == "!":
        index += 1
    if _text(tokens, index) == "as":
        index += 2
    return index
