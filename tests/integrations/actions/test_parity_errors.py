"""Errors keep their class and their three sentences between the comparison library and the actions."""

from __future__ import annotations

import pytest

from integrations.actions.parity_errors import parity_errors_as_problems, unreachable_as_parity_error
from integrations.errors import Problem, Unreachable
from integrations.parity.errors import ParityError, ServerUnreachable
from integrations.parity.server.lost_connections import RecoveryConflict

SENTENCES = {"what": "It failed.", "means": "Nothing was changed.", "next": "Try again."}


@pytest.mark.parametrize(("raised", "expected"), [(ParityError, Problem), (ServerUnreachable, Unreachable)])
def test_errors_of_the_library_become_those_of_actions(
    raised: type[ParityError], expected: type[Problem]
) -> None:
    with pytest.raises(expected) as found, parity_errors_as_problems():
        raise raised(SENTENCES["what"], means=SENTENCES["means"], next=SENTENCES["next"])
    assert type(found.value) is expected
    assert found.value.as_facts() == SENTENCES


def test_a_recovery_conflict_is_an_unreachable_server() -> None:
    with pytest.raises(Unreachable, match="to keep up with its primary"), parity_errors_as_problems():
        raise RecoveryConflict("standby:5432/app")


def test_an_unreachable_database_is_reported_to_the_library_as_its_own_error() -> None:
    with pytest.raises(ServerUnreachable) as found, unreachable_as_parity_error():
        raise Unreachable(SENTENCES["what"], means=SENTENCES["means"], next=SENTENCES["next"])
    assert str(found.value) == " ".join(SENTENCES.values())


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(KeyError), parity_errors_as_problems(), unreachable_as_parity_error():
        raise KeyError("column")
