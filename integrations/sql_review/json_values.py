"""SQL conditions on a json column: which values jsonb refuses, and of which it keeps less.

json stores the text as it was written, and checks its grammar only. jsonb parses it: it refuses characters
that PostgreSQL's text cannot hold and numbers that its numeric cannot, and keeps one of several equal keys
(postgresql.org/docs/current/datatype-json.html). It also drops blanks and the order of keys: that is no loss.
"""

from __future__ import annotations

#: From this version on the server itself says whether a text is a value of a type (pg_input_is_valid).
ASKS_SERVER = 160000

_HEX = "[0-9a-fA-F]"
#: What may be in a text without a lone half of a surrogate pair and without \\u0000. Backslashes are only in
#: strings, so the whole value can be read from left to right, and an escaped backslash is never taken apart.
_ESCAPES = "|".join(
    [
        r"[^\\]",
        r"\\[^u]",
        rf"\\u(?:[1-9a-cA-CeEfF]{_HEX}{{3}}|[dD][0-7]{_HEX}{{2}}|0[1-9a-fA-F]{_HEX}{{2}})",
        rf"\\u00(?:[1-9a-fA-F]{_HEX}|0[1-9a-fA-F])",
        rf"\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}",
    ]
)
_STRING = r'"(?:[^"\\]|\\.)*"'
#: numeric has at most 131,072 digits before the point and 16,383 behind it.
_LARGE = r"[eE](?:\+?0*[1-9][0-9]{5}|-0*[1-9][0-9]{4})"


def refused_by_jsonb(server: int) -> str:
    """The condition for values of ``{c}`` that jsonb does not take; ``server`` as libpq gives its version.

    Before version 16, exponents from 100,000 on and from -10,000 down count as refused: from 131,072 on and
    from -16,384 down they are.
    """
    if server >= ASKS_SERVER:
        return "NOT pg_input_is_valid({c}::text, 'jsonb')"
    escapes = rf"strpos({{c}}::text, '\u') > 0 AND {{c}}::text !~ '^(?:{_ESCAPES})*$'"
    numbers = rf"{{c}}::text ~ '{_LARGE}' AND {_outside_strings('{c}::text')} ~ '{_LARGE}'"
    return f"({escapes} OR {numbers})"


def shortened_by_jsonb(server: int) -> str:
    """The condition for values of ``{c}`` in which a key has several values in one object, at any depth.

    jsonb keeps the last of them. The same value twice is no loss. Taking a value apart is dear, so that is
    only done where the value has fewer colons as jsonb, or writes one of them as an escape.
    """
    before, after = "{c}::text", "{c}::jsonb::text"
    # strpos, because a regular expression takes longer than all of the rest.
    escaped = " OR ".join(rf"strpos({before}, '\u003{digit}') > 0" for digit in "aA")
    candidate = f"{_count(before)} <> {_count(after)} OR {escaped}"
    # CASE keeps the order: a value that jsonb refuses must not be cast.
    return f"CASE WHEN {refused_by_jsonb(server)} THEN false WHEN {candidate} THEN {_DIFFERS} ELSE false END"


#: Whether some object inside has a key with two different values.
_DIFFERS = """EXISTS (
  WITH RECURSIVE parts(part) AS (
    SELECT {c}::json
    UNION ALL
    SELECT inner_part FROM parts, LATERAL (
      SELECT value FROM json_each(CASE json_typeof(part) WHEN 'object' THEN part ELSE '{}' END)
      UNION ALL
      SELECT value FROM json_array_elements(CASE json_typeof(part) WHEN 'array' THEN part ELSE '[]' END)
    ) AS inside(inner_part)
  )
  SELECT FROM parts WHERE EXISTS (
    SELECT FROM json_each(CASE json_typeof(part) WHEN 'object' THEN part ELSE '{}' END) AS pair
    GROUP BY pair.key HAVING count(DISTINCT pair.value::jsonb) > 1
  )
)"""


def _outside_strings(text: str) -> str:
    return f"regexp_replace({text}, '{_STRING}', '', 'g')"


def _count(text: str) -> str:
    return f"length({text}) - length(replace({text}, ':', ''))"
