"""The contract of an action: code that can carry out one item of a runbook.

An action is one module in this folder and one test module in ``tests/integrations/actions/``; nothing else
has to be changed to add one. Pages, forms, the reference of actions and ``manage.py check`` read the
registry. A module looks like this::

    from django import forms

    from integrations import actions
    from integrations.actions.backup_take import BackupTakeEvidence

    @dataclass(frozen=True)
    class ThingCheckParams(actions.ActionParams):       # one field for each field of the form
        database: System                                # SystemField
        backup: actions.EarlierItem[BackupTakeEvidence] # EvidenceField(action="backup.take")
        jobs: int | None                                # a number that need not be given
        label: str                                      # text is "" when it is not given
        tables: list[Any]                               # JSONValueField(kind=list): [] when not given

    class ThingCheckEvidence(TypedDict, total=False):   # total=False: a failed run records only a part
        thing: ThingFacts                               # a TypedDict as well where other actions read it

    @actions.register
    class ThingCheck(actions.ReadOnlyAction[ThingCheckParams, ThingCheckEvidence]):
        key, title = "thing.check", "Check the thing"

        class Params(actions.ActionForm):
            \"\"\"What a runbook may set.\"\"\"
            database = actions.SystemField(kind="postgres")
            ...

        def preview(self, params: ThingCheckParams) -> actions.Preview: ...

        def run(
            self, params: ThingCheckParams, report: actions.RunReport[ThingCheckEvidence]
        ) -> actions.Outcome:
            facts = params.backup.evidence.get("backup")    # BackupFacts | None
            report.evidence({"thing": {...}})
            return actions.Outcome(True, "The thing is right.")

Functions that only log take ``report: actions.Report``. The type checker then reports every misspelt
parameter and every misspelt key of evidence. What a field cleans to, and so its type in the dataclass:
``SystemField`` → `System`; ``EvidenceField`` → `EarlierItem`; whole numbers and numbers → int, float; all of
these ``| None`` with ``required=False``. Text and choices → str, "" when empty. Boolean → bool. A
``clean_<name>`` method may return any other type.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar, cast, get_args, get_origin

from django import forms

from integrations.actions.context import ActionParams, Context
from integrations.actions.fields import PUBLIC_FIELDS, ActionForm
from integrations.actions.report import Effect, Finding, Outcome, Preview, ProbeStatus, RunReport
from integrations.runbook_commands import NamedCommand
from integrations.secrecy import Secrecy

P = TypeVar("P", bound=ActionParams)
E = TypeVar("E", bound=Mapping[str, Any])


class Action(ABC, Generic[P, E]):
    """One thing that a worker can do. ``P`` are its parameters, ``E`` is the evidence that it records.

    Subclasses have no state of their own: everything is in the parameters and the report.
    """

    key: ClassVar[str]  # “backup.take”
    title: ClassVar[str]  # a short imperative sentence, for the pages and the reference
    effect: ClassVar[Effect]
    deadline: ClassVar[timedelta] = timedelta(minutes=30)  # the runbook may set another
    grace: ClassVar[timedelta] = timedelta(seconds=10)  # from the request to stop until it is killed
    risky: ClassVar[bool] = False  # changes production: its item must name its undo
    #: judges what it finds, so that a rehearsal should see it fail once: pages mark a check that never did
    is_check: ClassVar[bool] = False
    #: only reads, and may also run before the direction of its part of the runbook is ordered
    any_direction: ClassVar[bool] = False
    #: its sentences (outcome, problem, progress, finding) name no value of a row, nor of a person's account:
    #: people who only watch may read them. Its facts have places in `integrations.row_values`.
    texts_shown: ClassVar[bool] = False
    verdict_shown: ClassVar[bool] = False  # of its sentences only the summary of a verdict may be read so
    #: whether ``context.history`` is filled: the record of the cutover so far (`checklists.record.history`)
    reads_history: ClassVar[bool] = False
    #: Parameters that are commands of the runbook; those whose values are no secret; and addresses or their
    #: paths, of which login and query are secret. Of every other text, each value of a variable is masked.
    command_params: ClassVar[frozenset[str]] = frozenset()
    public_params: ClassVar[frozenset[str]] = frozenset()
    address_params: ClassVar[frozenset[str]] = frozenset()
    #: the types that a subclass fills in for ``P`` and ``E``
    params_type: ClassVar[type[Any]] = ActionParams
    evidence_type: ClassVar[Any] = dict[str, Any]

    class Params(ActionForm):
        """No parameters."""

    def __init_subclass__(cls) -> None:
        """Keeps the types in ``Action[P, E]`` for `bind` and for the registry."""
        for base in cls.__dict__.get("__orig_bases__", ()):
            origin, arguments = get_origin(base), get_args(base)
            is_action = isinstance(origin, type) and issubclass(origin, Action)
            if is_action and not any(isinstance(argument, TypeVar) for argument in arguments):
                cls.params_type, cls.evidence_type = arguments

    def effect_of(self, raw: Mapping[str, Any]) -> Effect:
        """The effect of an item with these parameters, as the runbook has them.

        It is stored with an attempt when it is queued, and counts for it from then on. An action whose
        effect the runbook declares overrides this; what it does not understand is AT_MOST_ONCE.
        """
        return self.effect

    def is_risky_with(self, raw: Mapping[str, Any]) -> bool:
        """Whether an item with these parameters changes production, so that it must name its undo."""
        return self.risky

    def secrecy_of(self, param: str) -> Secrecy:
        """How secret a parameter is; what nobody has declared is secret. Fields that can only hold names of
        the runbook, numbers, choices, yes or no are public."""
        if param in self.command_params:
            return Secrecy.COMMAND
        if param in self.address_params:
            return Secrecy.ADDRESS
        has_public_type = isinstance(self.Params.base_fields.get(param), PUBLIC_FIELDS)
        return Secrecy.PUBLIC if has_public_type or param in self.public_params else Secrecy.SECRET

    def list_commands(self, params: P) -> Iterable[NamedCommand]:
        """The commands that the parameters name, for the check of a runbook."""
        return ()

    def resource(self, params: P) -> str | None:
        """What two attempts must never use at the same time, such as ``db:host/name:schema``, or None."""
        return None

    @abstractmethod
    def preview(self, params: P) -> Preview:
        """What a run would do, secrets masked. Changes nothing and needs no worker."""

    def before(self, params: P) -> dict[str, Any]:
        """The state just before the effect, for a probe to compare with."""
        return {}

    @abstractmethod
    def run(self, params: P, report: RunReport[E]) -> Outcome:
        """Carries the item out. Raises `Problem`, in words for people, when it cannot."""

    @abstractmethod
    def probe(self, params: P, before: Mapping[str, Any]) -> Finding:
        """Finds out, without changing anything, whether an earlier attempt had its effect."""

    def bind(self, raw: Mapping[str, Any], context: Context) -> P:
        """Validates the parameters of a runbook. Raises ``forms.ValidationError`` naming each bad field."""
        form = self.Params(raw, context=context)
        unknown = sorted(set(map(str, raw)) - set(form.fields))
        try:
            errors = {name: [str(m) for m in messages] for name, messages in form.errors.items()}
        except RecursionError:
            raise forms.ValidationError("A parameter is nested too deeply to be read.") from None
        for name in unknown:
            errors[name] = [f"{self.key} has no parameter “{name}”; it has: {', '.join(form.fields)}."]
        if errors:
            raise forms.ValidationError(errors)
        return cast(P, self.params_type(**form.cleaned_data, context=context))


AnyAction: TypeAlias = Action[Any, Any]


class ReadOnlyAction(Action[P, E]):
    """An action that changes nothing, so a lost attempt can simply run again."""

    effect = Effect.PURE
    is_check = True

    def probe(self, params: P, before: Mapping[str, Any]) -> Finding:
        """There is never an effect to find."""
        return Finding(
            ProbeStatus.NOT_DONE, "The action only reads: a lost attempt changed nothing and can run again."
        )


def check_parameters(action: type[AnyAction]) -> None:
    """Raises TypeError when the form and the parameters of an action have different fields, when it declares
    the secrecy of a parameter that it has not, and when it may run in any direction although it changes
    something."""
    decided = action.command_params | action.public_params | action.address_params
    if unknown := sorted(decided - set(action.Params.base_fields)):
        raise TypeError(
            f"{action.__name__} has no parameter {', '.join(unknown)}, whose secrecy it declares."
        )
    if action.any_direction and action.effect != Effect.PURE:
        raise TypeError(f"{action.__name__}: only an action that changes nothing may run in any direction.")
    declared = {each.name for each in fields(action.params_type)} - {"context"}
    if differing := sorted(declared ^ set(action.Params.base_fields)):
        raise TypeError(
            f"{action.__name__}: the form and {action.params_type.__name__} differ in {', '.join(differing)}."
        )
