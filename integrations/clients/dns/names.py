"""DNS names as people write them, in the one form that servers and providers use."""

from __future__ import annotations

import re

import dns.exception
import dns.name

LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
#: names of other scripts become A-labels by IDNA 2008 (RFC 5891), as registries take them
IDNA = dns.name.IDNA_2008_Practical


def normal_name(text: str) -> str:
    """The name in small letters and A-labels, without the final dot.

    A wildcard may only be the first label. Raises ValueError with the reason for what is no name.
    """
    try:
        found = dns.name.from_text(text.strip(), None, idna_codec=IDNA).to_text(omit_final_dot=True).lower()
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError(f"“{text}” is no DNS name: {error}") from None
    for number, label in enumerate(found.split(".")):
        if not LABEL.fullmatch(label) and not (number == 0 and label == "*"):
            raise ValueError(f"“{text}” is no DNS name: “{label}” cannot be a part of one.")
    if len(found) > 253:
        raise ValueError(f"“{text}” is no DNS name: it has more than 253 characters.")
    return found


def full_name(name: str, zone: str) -> str:
    """The full name of a record: “www”, “@” and “www.example.org” are all understood.

    Raises ValueError for what is no name, and for “www.example.com.” in another zone.
    """
    zone = normal_name(zone)
    if name.strip() in ("@", "", "."):
        return zone
    plain = normal_name(name)
    if plain == zone or plain.endswith(f".{zone}"):
        return plain
    if name.strip().endswith("."):
        raise ValueError(f"“{name}” is not in the zone {zone}.")
    return normal_name(f"{plain}.{zone}")


def check_place(name: str, zone: str) -> str:
    """As `full_name`, for a name in a runbook: of several labels it has to be written with its zone.

    “www.example.com” in the zone example.org would silently become www.example.com.example.org.
    """
    full = full_name(name, zone)
    plain = name.strip().rstrip(".")
    if "." in plain and normal_name(plain) != full:
        raise ValueError(
            f"“{name}” is not in the zone {normal_name(zone)}. Name the system of its own zone in zone:, or "
            f"write the whole name “{full}” if that is meant."
        )
    return full
