"""How secret a text of the runbook is: what a setting of a system or a parameter of an action declares."""

from __future__ import annotations

from enum import IntEnum


class Secrecy(IntEnum):
    """The strictest is the greatest. What nobody has declared is secret."""

    PUBLIC = 0  # a host, a zone, a path, a currency
    ADDRESS = 1  # a URL: its login and its query are secret, and nothing else of it
    SECRET = 2
    COMMAND = 3  # every value that a variable gives to it is secret
