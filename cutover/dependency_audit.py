"""Asks OSV whether a pinned package has a known weakness: a part of `./panel check`.

It sends names and versions of the packages in requirements-dev.txt, which contains the other lock files, in
one request (https://google.github.io/osv.dev/post-v1-querybatch/). ``OSV_URL`` names a mirror. Exit codes:
0 when there is none, 1 when there is one, 3 when OSV cannot be asked, so that nothing is known.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import requests

from cutover.data_folder import PROJECT

SERVICE = "https://api.osv.dev"
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
FOUND, UNKNOWN = 1, 3
#: Weaknesses that do not concern us → why. One that OSV does not name any more has to be taken out.
ACCEPTED: Mapping[str, str] = {}


def read_pins() -> list[tuple[str, str]]:
    """Name and version of every package that is installed anywhere."""
    return PIN.findall((PROJECT / "requirements-dev.txt").read_text())


def ask_osv(pins: list[tuple[str, str]], service: str) -> dict[str, list[str]]:
    """Package and version → names of its weaknesses, for those that have any.

    Raises `requests.RequestException` when OSV does not answer, and ValueError for another number of answers.
    """
    queries = [{"package": {"name": n, "ecosystem": "PyPI"}, "version": v} for n, v in pins]
    answer = requests.post(f"{service}/v1/querybatch", json={"queries": queries}, timeout=(5, 30))
    answer.raise_for_status()
    results = answer.json()["results"]
    if len(results) != len(pins):
        raise ValueError(f"{len(results)} answers to {len(pins)} questions")
    found = {
        f"{name} {version}": sorted(str(weakness["id"]) for weakness in result.get("vulns", []))
        for (name, version), result in zip(pins, results, strict=True)
    }
    return {package: weaknesses for package, weaknesses in found.items() if weaknesses}


def main() -> int:
    """Prints what is known; the exit code says whether it is good."""
    pins, service = read_pins(), os.environ.get("OSV_URL", SERVICE).rstrip("/")
    try:
        found = ask_osv(pins, service)
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        _say(
            f"NOT AUDITED: {service} cannot be asked ({type(error).__name__}). It is unknown whether one of "
            f"the {len(pins)} pinned packages has a known weakness. Run ./panel check audit where OSV is "
            "reachable, or set OSV_URL to a mirror."
        )
        return UNKNOWN
    named = {weakness for weaknesses in found.values() for weakness in weaknesses}
    for package, weaknesses in found.items():
        for weakness in sorted(set(weaknesses) - set(ACCEPTED)):
            _say(f"{package}: https://osv.dev/vulnerability/{weakness}")
    for weakness in sorted(set(ACCEPTED) - named):
        _say(f"{weakness} is accepted in {__file__}, but no pinned package has it: take it out.")
    now, accepted = datetime.now(UTC).isoformat(timespec="minutes"), len(named & set(ACCEPTED))
    _say(f"Asked OSV about {len(pins)} packages at {now}; {accepted} weaknesses are accepted.")
    return FOUND if named ^ set(ACCEPTED) else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
