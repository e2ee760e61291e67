"""The pages of the front end: what each asks of the API, and which figures and lists it shows.

Paths and requests: `customer/frontend.json`; what stands on them: `customer/frontend_figures.json`.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TITLE = "Covenant Connect"
LAYOUT = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"/><title>{title}</title></head>
<body><main><h1>{heading}</h1>{body}</main></body></html>"""
ERROR_SHELL = (
    f'<!DOCTYPE html><html id="__next_error__"><head><title>{TITLE}</title></head><body></body></html>'
)

REPORT = "/reports/dashboard"
KPIS = ("Total Giving", "Completed Donations", "Upcoming Events", "Open Prayer Requests")
NO_REPORT = {"kpis": [{"label": label, "value": 0} for label in KPIS]}
NO_ROWS: dict[str, Any] = {"data": []}
NO_METRICS = {
    "attendance": {"total_expected": 0, "total_checked": 0},
    "assimilation": {"total_members": 0},
    "giving": {"total": 0},
}
Found = Mapping[str, Any]  # the API's answers by what was asked; empty when one of them failed


class ApiFailed(Exception):
    """The API gave no answer that a page could use."""


@dataclass(frozen=True)
class FrontEndPage:
    """One page. ``render`` shows what was found, and made-up data when nothing was."""

    path: str
    calls: Sequence[str]
    render: Callable[[Found], str]

    @property
    def is_admin(self) -> bool:
        """Whether it is meant for staff."""
        return self.path.startswith("/admin")


def show_page(heading: str, *parts: str, title: str = TITLE) -> str:
    """A whole page; the parts are HTML."""
    return LAYOUT.format(title=html.escape(title), heading=html.escape(heading), body="".join(parts))


def show_error_shell() -> str:
    """What Next.js sends when a page fails while it is made: no text but the title."""
    return ERROR_SHELL


def _figure(label: str, value: str) -> str:
    return f"<section><p>{label}</p><p>{html.escape(value)}</p></section>"


def _list(rows: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{row}</li>' for row in rows)}</ul>"


def _grouped(value: float) -> str:
    """As ``toLocaleString('en-US', {maximumFractionDigits: 2})`` writes it."""
    return f"{value:,.2f}".rstrip("0").rstrip(".") if value % 1 else f"{value:,.0f}"


def _javascript(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def show_home(found: Found) -> str:
    """Welcome, the four figures, the next events."""
    home = found.get("/content/home", {"heroTitle": "Welcome to our rehearsal"})
    kpis = found.get(REPORT, NO_REPORT)["kpis"]
    events = found.get("/events?page=1&pageSize=3", NO_ROWS)["data"]
    figures = [_figure(one["label"], _grouped(one["value"])) for one in kpis]
    return show_page(home["heroTitle"], *figures, _list([html.escape(event["title"]) for event in events]))


def show_dashboard(found: Found) -> str:
    """The four figures."""
    kpis = found.get(REPORT, NO_REPORT)["kpis"]
    return show_page("Dashboard", *(_figure(one["label"], _javascript(one["value"])) for one in kpis))


def show_events(found: Found) -> str:
    """Events, each with a button."""
    events = found.get("/events?page=1&pageSize=12", NO_ROWS)["data"]
    rows = [f"{html.escape(event['title'])} <button>Edit event</button>" for event in events]
    return show_page("Events", _list(rows))


def show_donations(found: Found) -> str:
    """The newest gifts and their sum, in the first one's currency."""
    gifts = found.get("/donations?page=1&pageSize=25", NO_ROWS)["data"]
    completed = [gift for gift in gifts if gift["status"] == "completed"]
    total = sum(gift["amount"] for gift in completed)
    currency = gifts[0]["currency"] if gifts else "$"
    rate = round(100 * len(completed) / len(gifts)) if gifts else 0
    figures = [_figure("Completed giving", f"{currency}{total:,.2f}"), _figure("Completion rate", f"{rate}%")]
    rows = [html.escape(f"{gift['currency']} {gift['amount']} {gift['status']}") for gift in gifts]
    # React puts a comment between a text and a value.
    return show_page("Donations", *figures, f"<p>Out of <!-- -->{len(gifts)}<!-- --> gifts.</p>", _list(rows))


def show_prayers(found: Found) -> str:
    """All requests, and how many are open."""
    prayers = found.get("/prayer/requests", NO_ROWS)["data"]
    still_open = sum(prayer["status"] != "answered" for prayer in prayers)
    rows = [html.escape(prayer["requesterName"]) for prayer in prayers]
    return show_page("Prayer", _figure("Open requests", str(still_open)), _list(rows))


def show_admin(found: Found) -> str:
    """Attendance and members; a notice when they could not be read."""
    metrics = found.get("/admin/reports/metrics?range=90d", NO_METRICS)
    notice = "" if found else "<p>The API is unavailable.</p>"
    attendance, tracked = metrics["attendance"], metrics["assimilation"]["total_members"]
    return show_page(
        "Administration",
        notice,
        _figure("Expected check-ins", _grouped(attendance["total_expected"])),
        _figure("Actual check-ins", _grouped(attendance["total_checked"])),
        f"<p>{_grouped(tracked)}<!-- --> tracked</p>",
    )


def show_care(found: Found) -> str:
    """The latest follow-ups."""
    rows = found.get("/admin/care/follow-ups?limit=25", [])
    names = [html.escape(str(row["member_name"])) for row in rows]
    return show_page("Care", f"<p>{len(rows)}<!-- --> records</p>", _list(names))


def show_users(found: Found) -> str:
    """All accounts."""
    rows = found.get("/admin/users", [])
    admins = sum(row["is_admin"] for row in rows)
    names = [html.escape(row["username"]) for row in rows]
    return show_page(
        "Users", f"<p>{len(rows)}<!-- --> users · <!-- -->{admins}<!-- --> admins</p>", _list(names)
    )


def show_plugin(found: Found) -> str:
    """The one page that asks nothing."""
    return show_page("A WordPress plugin for your own pages", "<p>Made when the front end was built.</p>")


PAGES = {
    page.path: page
    for page in (
        FrontEndPage("/", ("/content/home", REPORT, "/events?page=1&pageSize=3"), show_home),
        FrontEndPage("/dashboard", (REPORT,), show_dashboard),
        FrontEndPage("/events", ("/events?page=1&pageSize=12",), show_events),
        FrontEndPage("/donations", ("/donations?page=1&pageSize=25",), show_donations),
        FrontEndPage("/prayer", ("/prayer/requests",), show_prayers),
        FrontEndPage(
            "/admin",
            ("/admin/reports/metrics?range=90d", "/admin/care/follow-ups?limit=8"),
            show_admin,
        ),
        FrontEndPage("/admin/users", ("/admin/users",), show_users),
        FrontEndPage("/admin/care", ("/admin/care/follow-ups?limit=25",), show_care),
        FrontEndPage("/solutions/wordpress-plugin", (), show_plugin),
    )
}
