"""Reads the status of a Compose service from its containers, of which no sum may stand for one of them.

The rows are those of ``docker compose ps --all --format json``
(docs.docker.com/reference/cli/docker/compose/ps), the details those of ``docker container inspect``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from integrations.clients.platform.service_status import (
    BETWEEN,
    ServiceStatus,
    parse_json,
    unreadable_status,
)

Row = Mapping[str, Any]
LONGEST = 300  # characters of what a health check said
ONE_OFF = "com.docker.compose.oneoff=True"  # label of a container of ``docker compose run``
ENDED = ("exited", "dead")


def group_rows(text: str) -> dict[str, list[Row]]:
    """Service → its containers, without those of ``docker compose run``. Raises `Problem`."""
    services: dict[str, list[Row]] = {}
    for row in _parse_rows(text):
        if not isinstance(row, dict) or not row.get("Service") or not row.get("State"):
            raise unreadable_status("a row of docker compose ps has no Service or no State")
        if not all(isinstance(row.get(name) or "", str) for name in ("Service", "State", "Image", "ID")):
            raise unreadable_status("a row of docker compose ps has something else than texts")
        if row.get("Health") is not None and not isinstance(row["Health"], str):
            raise unreadable_status("a row of docker compose ps has a Health that is no text")
        if ONE_OFF not in str(row.get("Labels") or "").split(","):
            services.setdefault(str(row["Service"]), []).append(row)
    return services


def read_details(text: str) -> dict[str, Row]:
    """Container's id → what ``docker container inspect`` says. Raises `Problem`."""
    found = parse_json(text)
    rows = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return {str(one.get("Id", "")): one for one in rows}


def read_containers(
    name: str, rows: Sequence[Row], details: Mapping[str, Row] | None = None
) -> ServiceStatus:
    """The status of one service. ``details``: by id; without them restarts are not known.

    When one of several containers ended by itself, it is still wanted: Compose removes those that are not.
    When all of them ended, the service is stopped.
    """
    states = [str(row["State"]) for row in rows]
    wanted = 0 if all(state in ENDED for state in states) else len(rows)
    bad = [row for row in rows if not _is_ready(row)] or [rows[-1]]
    known = [_detail(row, details or {}) for row in rows]
    restarts = [one.get("RestartCount") for one in known]
    counted = [count for count in restarts if isinstance(count, int) and 0 <= count < 2**31]
    return ServiceStatus(
        name,
        state=str(bad[0]["State"]),
        replicas=wanted,
        ready=sum(_is_ready(row) for row in rows),
        # Two containers of a service may run two images: such a name equals none that was deployed.
        image=BETWEEN.join(dict.fromkeys(str(row.get("Image") or "") for row in rows)),
        restarts=sum(counted) if len(counted) == len(rows) else None,
        message=_explain(bad[0], _detail(bad[0], details or {})),
    )


def _is_ready(row: Row) -> bool:
    """“starting” and “unhealthy” are not ready; a container without a health check is once it runs."""
    return bool(row["State"] == "running" and (row.get("Health") or "") in ("", "healthy"))


def _explain(row: Row, detail: Row) -> str:
    """The status in Docker's words, the kernel's kill, and what the last health check printed."""
    state = detail.get("State") if isinstance(detail.get("State"), dict) else {}
    words = [str(row.get("Status") or "")]
    if state and state.get("OOMKilled"):
        words.append("killed for lack of memory (OOMKilled)")
    if state and state.get("Error"):
        words.append(str(state["Error"]))
    health = row.get("Health") or ""
    if health not in ("", "healthy"):
        said = _last_check(state or {})
        words.append(f"its health is “{health}”{f': {said}' if said else ''}")
    return "; ".join(filter(None, words))


def _last_check(state: Row) -> str:
    health = state.get("Health")
    log = health.get("Log") if isinstance(health, dict) else None
    last = log[-1] if isinstance(log, list) and log and isinstance(log[-1], dict) else {}
    return " ".join(str(last.get("Output") or "").split())[:LONGEST]


def _detail(row: Row, details: Mapping[str, Row]) -> Row:
    """The details of a row's container, whose id ``ps`` may have cut short."""
    short = str(row.get("ID") or "")
    return next((one for key, one in details.items() if short and key.startswith(short)), {})


def _parse_rows(text: str) -> Iterator[Any]:
    for line in text.splitlines():
        if line.strip():
            found = parse_json(line)
            yield from found if isinstance(found, list) else [found]
