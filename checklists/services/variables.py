"""Commands on the variables of the environment that runbooks may use."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction

from checklists.models import ReleasedVariable
from checklists.services.refusal import CommandRefused


@transaction.atomic
def release_variables(
    *, names: Iterable[str], by: User | None, may_be_shown: bool = False, reason: str = ""
) -> list[ReleasedVariable]:
    """Lets runbooks use these variables; with ``may_be_shown`` their values may be shown, too.

    ``by`` is None for the command line. A name that is released already changes only when it was not public.
    Raises `CommandRefused` for a name that can never be released, and releases none then.
    """
    return [_release(name, by, may_be_shown, reason) for name in dict.fromkeys(names)]


def _release(name: str, by: User | None, may_be_shown: bool, reason: str) -> ReleasedVariable:
    known = ReleasedVariable.objects.filter(name=name).first()
    wanted = known or ReleasedVariable(name=name, released_by=by, reason=reason)
    wanted.may_be_shown = wanted.may_be_shown or may_be_shown
    try:
        wanted.full_clean(exclude=["released_by"])
    except ValidationError as error:
        raise CommandRefused(
            f"{name} cannot be released: {' '.join(error.messages)}", means="Nothing was released."
        ) from None
    wanted.save()
    return wanted


@transaction.atomic
def withdraw_variables(*, names: Iterable[str]) -> int:
    """Runbooks may not use these variables any more, open cutovers included; gives how many were released."""
    return ReleasedVariable.objects.filter(name__in=list(names)).delete()[0]
