"""The text of a query for MySQL is split into words as MySQL does it, and only what reads passes."""

from __future__ import annotations

import pytest

from integrations.clients.mysql_text import refuse_changes


@pytest.mark.parametrize(
    "query",
    [
        "select count(*) from orders",
        "  ( select 1 ) union (select 2) ;; ",
        "with x as (select 1) select * from x",
        "values (1, 'a')",
        "table orders",
        "select 'it''s; into outfile', \"for update\", `into` from orders -- ; delete from orders",
        "select 'a\\'; delete from orders', 1",
        "/* into */ select 1 # ; drop table orders",
        "select 2--1",
        "select insert('abc', 1, 1, 'x'), replace('a', 'a', 'b'), @@read_only",
    ],
)
def test_a_query_that_only_reads_passes(query: str) -> None:
    refuse_changes(query)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "only SELECT"),
        ("delete from orders", "only SELECT"),
        ("call clean_up()", "only SELECT"),
        ("set global read_only = 0", "only SELECT"),
        ("select 1; delete from orders", "several statements"),
        ("select 1;-- \ndelete from orders", "several statements"),
        ("select * into outfile '/tmp/x' from orders", "INTO writes"),
        ("select 1 INTO @x", "INTO writes"),
        ("select * from orders for/**/update", "FOR UPDATE locks"),
        ("select * from orders for share", "FOR SHARE locks"),
        ("select * from orders lock in share mode", "LOCK IN SHARE MODE locks"),
        ("select 1 /*! into outfile '/tmp/x' */", "a comment that the server would run"),
        ("select 1 /*M!100100 into outfile '/tmp/x' */", "a comment that the server would run"),
        ("select * from orders procedure analyse()", "PROCEDURE runs"),
        ("select 'open", "' is opened and never closed"),
        ("select 1 /* open", "/* is opened and never closed"),
        ("select 'a\\' into outfile ", "' is opened and never closed"),
    ],
)
def test_everything_else_is_refused_with_the_reason(query: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        refuse_changes(query)
    assert said in str(caught.value)
