"""Runbooks as a team of another trade writes them: one that loads, and one with that team's own words."""

from __future__ import annotations

import pytest

from checklists.runbook import read
from tests.checklists.runbook_files import line_of

pytestmark = pytest.mark.usefixtures("only_own_actions")

LONG = "Switch off cron and workers on all six hosts, and the nightly import, which has a machine of its own"
HEAD = """\
name: shop-upgrade
title: The shop gets a newer MySQL on another host
timezone: Africa/Accra
roles:
  lead: Migration lead
  dba: Database administrator
  web: Web developer whose title the head office wants to see in full wherever it is shown
seats: {technical: Technical, business: Business}
"""
LOADS = f"""{HEAD}\
systems:
  shop:
    kind: http
    url: ${{SHOP_URL:-http://127.0.0.1:26043}}
  hosts:
    kind: platform
    driver: command
    apply: ssh db2 sudo systemctl start mysql
    status: echo running
    start: echo started
    stop: echo stopped
    describe: echo web
phases:
  - key: prepare
    title: Prepare
    items:
      - key: dump
        title: Dump the old database
        kind: manual
        owner: dba
        planned: 20m
        how: |
          ```
          mysqldump --single-transaction shop | zstd > /backup/shop.sql.zst
          ```
          **It worked when** the file ends with “Dump completed”.
      - key: cron-off
        title: {LONG}
        kind: manual
        owner: web
        needs: [dump]
        how: |
          ```
          for h in web1 web2; do ssh $h sudo systemctl stop cron; done
          ```
      - {{key: stop-shop, title: Stop it, kind: action, action: service.stop, owner: web, needs: [cron-off],
         params: {{platform: hosts, services: [web]}}, undo: start-shop}}
      - {{key: site-up, title: See that it answers, kind: action, action: http.smoke, owner: web,
         params: {{api: shop, reads: [/]}}}}
      - {{key: go, title: Go, kind: gate, owner: lead, needs: [cron-off, site-up], quorum: 2,
         seats: [technical, business], evidence: [dump, site-up], opens: Writes go to the new server.}}
  - key: back
    title: Way back
    direction: rollback
    items:
      - {{key: start-shop, title: Start the shop on the old host, kind: manual, owner: web, how: Start it.}}
"""
OTHER_WORDS = f"""{HEAD}\
systems:
  target:
    url: ${{SHOP_MYSQL_URL}}
phases:
  - key: prepare
    title: Prepare
    items:
      - key: dump
        title: Dump the old database
        kind: action
        action: shell.run
        owner: dba
        with:
          command: mysqldump --single-transaction shop | zstd > /backup/shop.sql.zst
      - key: site-up
        title: See that the shop answers
        kind: action
        action: http.smoke
        owner: web
      - key: backup
        title: Take a backup
        kind: action
        action: backup.take
        owner: dba
"""


def test_a_runbook_of_manual_items_and_own_commands_loads() -> None:
    found = read(LOADS)
    assert found.errors == []
    assert found.document is not None
    assert found.document.item("cron-off").title == LONG


def test_a_program_that_is_not_allowed_here_is_reported_and_it_still_loads() -> None:
    found = read(LOADS, environ={})
    assert found.document is not None
    (error,) = found.errors  # the tests' list has echo
    assert (error.line, error.is_fatal) == (line_of(LOADS, "apply: ssh"), False)
    assert "“ssh” is not among the programs" in str(error)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("  target:", "kind: is missing. Add it: with url it can be one of: http, mysql, postgres, redis"),
        ("shell.run", "there is no action “shell.run”. Did you mean “command.run”? It starts one program"),
        ("shell.run", "a pipe or a redirection belongs in a script of its own"),
        ("with:", "“with” is no key here. Did you mean “params”?"),
        ("key: site-up", "“api”: This field is required. Name a system of kind http; the runbook has none"),
        (
            "key: backup",
            "“database”: This field is required. Name a system of kind postgres; the runbook has",
        ),
    ],
)
def test_the_words_of_another_tool_are_reported_in_their_line_with_ours(line: str, said: str) -> None:
    errors = [f"{error.line}: {error}" for error in read(OTHER_WORDS).errors]
    number = line_of(OTHER_WORDS, line)
    assert any(error.startswith(f"{number}: ") and said in error for error in errors), errors


def test_nothing_else_is_wrong_with_it() -> None:
    assert len(read(OTHER_WORDS).errors) == 5


def test_a_command_line_in_place_of_words_is_explained() -> None:
    text = OTHER_WORDS.replace("shell.run", "command.run").replace("with:", "params:")
    (error,) = (error for error in read(text).errors if "“command”" in error.what)
    assert error.line == line_of(text, "command: mysqldump")
    assert "Did you mean “argv”? It is a list of words, which no shell reads" in error.remedy
