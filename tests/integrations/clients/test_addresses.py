"""Whatever stands in an address is read, or refused by a `Problem`, and no secret is repeated."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.clients import postgres, redis_server
from integrations.clients.mysql_address import MySqlAddress
from integrations.clients.redis_address import RedisAddress
from integrations.errors import Problem

MARK = "Gehe1m"
READERS: dict[str, tuple[str, Callable[[str], str]]] = {
    "postgres": ("postgresql", postgres.address),
    "redis": ("redis", lambda url: str(RedisAddress.parse(url))),
    "redis shown": ("rediss", redis_server.address),
    "mysql": ("mysql", lambda url: str(MySqlAddress.parse(url))),
}
SIGNS = st.text(st.sampled_from("aZ09/@#?:[]%&=+ \\'\"\t\n\0é\u202e{}$;"), max_size=6)
ANYTHING = st.text(max_size=12)


@pytest.mark.parametrize("kind", READERS)
@given(left=SIGNS, right=SIGNS, host=st.sampled_from(["db", "[::1]", "127.0.0.1", ""]))
@example(left="x@", right="", host="db")
@example(left="12?", right="=", host="db")
@example(left="12/", right="", host="db")
def test_no_sign_in_a_password_lets_a_part_of_it_out(kind: str, left: str, right: str, host: str) -> None:
    scheme, read = READERS[kind]
    url = f"{scheme}://user:{left}{MARK}{right}@{host}:1234/5"
    try:
        said = read(url)
    except Problem as problem:
        said = str(problem)
    assert MARK not in said


@pytest.mark.parametrize("kind", READERS)
@given(
    port=st.one_of(st.integers(-(10**9), 10**30).map(str), ANYTHING),
    path=ANYTHING,
    option=ANYTHING,
    value=ANYTHING,
    host=ANYTHING,
)
def test_hostile_hosts_ports_paths_and_options_are_no_crash(
    kind: str, port: str, path: str, option: str, value: str, host: str
) -> None:
    scheme, read = READERS[kind]
    for url in (
        f"{scheme}://{host}:{port}/{path}?{option}={value}",
        f"{host}{port}",
        f"{scheme}://u:p@db:{port}/5?{option}",
    ):
        with suppress(Problem):
            assert isinstance(read(url), str)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@127.0.0.1:99999/d",
        "postgresql://u@127.0.0.1:1/d?sslmode=nonsense",
        "postgresql://u@127.0.0.1:1/d?connect_timeout=x",
        "postgresql://u@127.0.0.1:1/d?sslrootcert=/nowhere&sslmode=verify-full",
        "postgresql://u@h\0st:1/d",
    ],
)
def test_a_connection_with_odd_settings_ends_in_a_problem(url: str) -> None:
    with pytest.raises(Problem) as refused:
        postgres.connect(url)
    assert refused.value.what
