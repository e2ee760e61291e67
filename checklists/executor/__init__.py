"""Carries out attempts: claim, begin, run, record the ending; find what was lost, and look at it."""

from checklists.executor.beats import beat
from checklists.executor.carrying import carry_out, launch
from checklists.executor.dispatcher import scan
from checklists.executor.probing import look
from checklists.executor.projection import keep_evidence
from checklists.executor.reaper import Reaper

__all__ = ["Reaper", "beat", "carry_out", "keep_evidence", "launch", "look", "scan"]
