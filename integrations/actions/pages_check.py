"""Opens pages as a visitor does: what they show, and whether their figures are those of the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypedDict

from django import forms

from integrations import actions
from integrations.actions.expected_pages import ExpectedFigure, ExpectedPage, is_path, visible_text
from integrations.clients import http, postgres
from integrations.clients.http import HttpClient, Response
from integrations.environment import api_sessions
from integrations.errors import Problem
from integrations.systems import System
from integrations.traffic import traffic_probe

ACCEPT = {"Accept": "text/html"}


@dataclass(frozen=True)
class PagesCheckParams(actions.ActionParams):
    """The site, its pages, and with what they are compared."""

    site: System
    served_by: System | None
    pages: list[ExpectedPage]
    error_markers: list[str]
    refused: list[str]
    database: System | None
    login: System | None
    sign_in_at: System | None
    cookie: str


@dataclass(frozen=True)
class OpenedPage:
    """One page that was opened; ``wrong`` says what is wrong with it, empty when nothing is."""

    path: str
    status: int | None = None
    wrong: str = ""
    figures: list[dict[str, str]] = field(default_factory=list)


class PagesFacts(TypedDict):
    """Every page with the fields of `OpenedPage`."""

    address: str
    opened: list[dict[str, Any]]


class PagesCheckEvidence(TypedDict, total=False):
    """What a run records."""

    pages: PagesFacts


@actions.register
class PagesCheck(actions.ReadOnlyAction[PagesCheckParams, PagesCheckEvidence]):
    """A status proves nothing here: a page that failed, or that shows made-up data, may answer 200. Scripts
    are not run, and redirects are not followed."""

    key, title = "pages.check", "Open pages, and compare their figures with the database"
    public_params = frozenset({"error_markers", "cookie"})
    address_params = frozenset({"pages", "refused"})
    deadline = timedelta(minutes=5)

    class Params(actions.ActionForm):
        """``site``: a system of kind http; ``served_by``: the system whose marker its answers must carry,
        where that is another one. ``pages``: a list of {path, status, shows, figures, signed_in, max_mb}:
        without ``status`` any 2xx is right; ``shows``: texts that a visitor must see; ``figures``: a list of
        {after, before or times: a text, query}: the number beside that text, or how often it stands there,
        must be what the query gives (to two decimals); ``max_mb``: of the page (default 1).
        ``error_markers``: texts that none of the pages may have, not even in its source. ``refused``: paths
        that must not show anything without a sign-in: 401, 403, 404 or a redirect. ``database``: where
        the queries run, read-only. ``login``: the account that opens pages with ``signed_in``;
        ``sign_in_at``: the system that signs it in (default: ``site``); ``cookie``: the name of the cookie
        that holds the token then (default: the header of ``sign_in:``)."""

        site = actions.SystemField(kind="http")
        served_by = actions.SystemField(kind="http", required=False)
        pages = actions.JSONValueField(kind=list)
        error_markers = actions.JSONValueField(kind=list, required=False)
        refused = actions.JSONValueField(kind=list, required=False)
        database = actions.SystemField(kind="postgres", required=False)
        login = actions.SystemField(kind="login", required=False)
        sign_in_at = actions.SystemField(kind="http", required=False)
        cookie = forms.RegexField(r"\A[A-Za-z0-9_.-]+\Z", max_length=80, required=False)

        def clean_pages(self) -> list[ExpectedPage]:
            """The parsed entries."""
            try:
                return [ExpectedPage.parse(one) for one in self.cleaned_data["pages"]]
            except ValueError as error:
                raise forms.ValidationError(str(error)) from None

        def clean_error_markers(self) -> list[str]:
            """Texts."""
            given = self.cleaned_data["error_markers"]
            if not all(isinstance(text, str) and text for text in given):
                raise forms.ValidationError("each must be a text.")
            return list(given)

        def clean_refused(self) -> list[str]:
            """Paths only: the host is that of the system."""
            given = self.cleaned_data["refused"]
            if not all(map(is_path, given)):
                raise forms.ValidationError("each must be a path that begins with “/”.")
            return list(given)

        def clean(self) -> dict[str, Any]:
            """Parameters that need each other."""
            given = super().clean() or self.cleaned_data
            pages = given.get("pages", ())
            if any(page.figures for page in pages) and not given.get("database"):
                raise forms.ValidationError("figures: needs database:, where their queries run.")
            if any(page.signed_in for page in pages) and not given.get("login"):
                raise forms.ValidationError("signed_in: needs login:, the account that signs in.")
            return given

    def preview(self, params: PagesCheckParams) -> actions.Preview:
        """The pages and the queries."""
        lines = []
        for page in params.pages:
            lines.append(f"GET {page.path}{' with a sign-in' if page.signed_in else ''}")
            lines += [f"  {one.place} “{one.text}”: {one.query}" for one in page.figures]
        lines += [f"GET {path} without a sign-in: refused" for path in params.refused]
        return actions.Preview(lines, where=http.display_url(params.site["url"]))

    def run(self, params: PagesCheckParams, report: actions.RunReport[PagesCheckEvidence]) -> actions.Outcome:
        """Opens every page, and names each that is not as expected."""
        visit = PagesVisit(params, report)
        with ExitStack() as stack:
            headers: Mapping[str, str] = {}
            if any(page.signed_in for page in params.pages):
                headers = stack.enter_context(_signed_in(params))
                report.secret(*headers.values())
            for number, page in enumerate(params.pages):
                report.raise_if_cancelled()
                report.progress(number, len(params.pages), page.path)
                visit.open(page, headers if page.signed_in else {})
        for path in params.refused:
            visit.open_refused(path)
        opened = [asdict(one) for one in visit.opened]
        report.evidence({"pages": {"address": http.display_url(params.site["url"]), "opened": opened}})
        return _judge(params, visit.opened)


class PagesVisit:
    """One run: the pages opened so far."""

    def __init__(self, params: PagesCheckParams, report: actions.Report) -> None:
        self.params, self.report = params, report
        self.client = HttpClient.of(params.context.systems)
        self.served_by = params.served_by or params.site
        self.opened: list[OpenedPage] = []

    def open(self, page: ExpectedPage, headers: Mapping[str, str]) -> None:
        """Opens one page, between two readings of its figures in the database."""
        before = self._read_figures(page)
        reply = self._request(page.path, headers, page.max_mb)
        if reply is None:
            return
        source = reply.body.decode(errors="replace")
        wrong = self._find_failed(page, reply, source)
        figures: list[dict[str, str]] = []
        if not wrong:
            text = visible_text(source)
            wrong = [f"does not show “{one}”." for one in page.shows if one not in text]
            for figure, first, last in zip(page.figures, before, self._read_figures(page), strict=True):
                shown = figure.read(text)
                wrong.append(figure.find_wrong(shown, first, last))
                where = f"{figure.place} “{figure.text}”"
                figures.append({"where": where, "shown": str(shown), "database": str(last)})
        self._keep(OpenedPage(page.path, reply.status, " ".join(filter(None, wrong)), figures), reply)

    def open_refused(self, path: str) -> None:
        """Requests what must not be shown to strangers."""
        reply = self._request(path, {}, 1)
        if reply is not None:
            wrong = f"answers {reply.status} without a sign-in." if reply.ok or reply.status >= 500 else ""
            self._keep(OpenedPage(path, reply.status, wrong), reply)

    def _request(self, path: str, headers: Mapping[str, str], max_mb: int) -> Response | None:
        sent, largest = {**ACCEPT, **headers}, max_mb * 1_000_000
        try:
            return self.client.request(self.params.site["url"], path, headers=sent, largest=largest)
        except Problem as problem:
            self._keep(OpenedPage(path, wrong=f"{problem.what} {problem.means}".strip()))
            return None

    def _find_failed(self, page: ExpectedPage, reply: Response, source: str) -> list[str]:
        """Why the page as a whole is not what it should be: then nothing on it is worth comparing."""
        if reply.status != page.status if page.status else not reply.ok:
            return [f"answers {reply.status} “{reply.error_text()}”."]
        found = [text for text in self.params.error_markers if text in source]
        if found:
            return [f"has “{found[0]}”, which marks an error, although it answers {reply.status}."]
        other = traffic_probe.find_other_stack(reply, page.path, self.served_by)
        return [other] if other else []

    def _read_figures(self, page: ExpectedPage) -> list[Decimal]:
        database = self.params.database
        if not page.figures or database is None:
            return []
        url, attempt = database["url"], self.params.context.attempt
        with (
            postgres.explain_errors(url),
            postgres.connect(url, attempt=attempt, readonly=True) as connection,
        ):
            rows = [connection.execute(one.query.encode()).fetchone() for one in page.figures]
        return [_to_number(figure, row) for figure, row in zip(page.figures, rows, strict=True)]

    def _keep(self, page: OpenedPage, reply: Response | None = None) -> None:
        # Durations and sizes are in the log only: the same result again has to be the same evidence.
        self.opened.append(page)
        came = f"{reply.status} in {reply.ms:.0f} ms, {len(reply.body):,} bytes" if reply else "no answer"
        said = f" — {page.wrong}" if page.wrong else ""
        self.report.log(" ".join(f"GET {page.path}: {came}{said}".split()))


def _to_number(figure: ExpectedFigure, row: tuple[Any, ...] | None) -> Decimal:
    """The query's one value. Raises `Problem` when that is no number."""
    try:
        return Decimal(str(row[0] if row else None))
    except InvalidOperation:
        raise Problem(
            f"The query of “{figure.text}” gives no number: {figure.query}",
            means="The figure on the page was not compared.",
            next="Let it return one row with one number; coalesce(…, 0) where it may be NULL.",
        ) from None


@contextmanager
def _signed_in(params: PagesCheckParams) -> Iterator[Mapping[str, str]]:
    """Headers that show a sign-in, which ends afterwards. Raises `Problem` when it is refused."""
    assert params.login, "the form wants it for pages with signed_in"
    where = params.sign_in_at or params.site
    shape = api_sessions.require_shape(where)
    if params.cookie:
        shape = replace(shape, header=f"Cookie: {params.cookie}={{token}}")
    with api_sessions.ApiSessions(where["url"], shape).signed_in(params.login) as headers:
        yield headers


def _judge(params: PagesCheckParams, opened: list[OpenedPage]) -> actions.Outcome:
    count = len(params.pages)
    failed = [one for one in opened[:count] if one.wrong]
    shown = [one for one in opened[count:] if one.wrong]
    texts = []
    if failed:
        named = " ".join(f"{one.path}: {one.wrong}" for one in failed)
        texts.append(f"{len(failed)} of {count} page(s) are not as they should be. {named}")
    if shown:
        named = " ".join(f"{one.path} {one.wrong}" for one in shown)
        texts.append(f"{len(shown)} path(s) are not refused without a sign-in: {named}")
    if texts:
        return actions.Outcome(False, " ".join(texts))
    figures = sum(len(one.figures) for one in opened)
    text = f"{count} page(s) are right; {figures} figure(s) on them are those of the database"
    refused = f"; {len(params.refused)} path(s) show nothing without a sign-in" if params.refused else ""
    return actions.Outcome(True, f"{text}{refused}.")
