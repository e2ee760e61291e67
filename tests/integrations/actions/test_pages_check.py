"""A page is right when it shows its texts and the database's figures; its status proves nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django import forms

from integrations.actions import Context, registry
from integrations.actions.expected_pages import ExpectedFigure, visible_text
from integrations.errors import Problem
from integrations.sandbox.serving import Answer, Asked, server_of
from tests.integrations.conftest import AppDatabase
from tests.integrations.recorder import Recorder
from tests.ports import free_port

ACTION = registry()["pages.check"]
MEMBERS = {"after": "Members", "query": "select count(*) from members"}
SHAPE = {
    "path": "/login",
    "token": "token",
    "email": "email",
    "session": {"path": "/session/{token}", "email": "email"},
}
PAGE = "<html><head><title>Members 9</title></head><body><h2>Members</h2><p>{}</p>{}</body></html>"


class Site:
    """Pages by their paths, and what was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self.needs_cookie: set[str] = set()
        self.meanwhile: Callable[[], object] = lambda: None  # happens while a page is made

    def __call__(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        self.meanwhile()
        if asked.path == "/login":
            return Answer(200, {"token": "t0ken", "email": "a@b.c"})
        if asked.path in self.needs_cookie and asked.headers.get("cookie") != "kept=t0ken":
            return Answer(401, "<p>no</p>")
        return self.pages.get(asked.path, Answer(404, "<p>nothing</p>"))

    def show(self, path: str, figure: str, more: str = "") -> None:
        self.pages[path] = Answer(200, PAGE.format(figure, more))


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def run(
    site: Site, app_database: AppDatabase, new_context: Callable[..., Context]
) -> Iterator[Callable[..., tuple[Any, dict[str, Any]]]]:
    port = free_port()
    server = server_of(port, site, name="site")
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    systems = {
        "site": {"kind": "http", "url": f"http://127.0.0.1:{port}", "sign_in": SHAPE},
        "gone": {"kind": "http", "url": "http://127.0.0.1:9"},
        "other": {"kind": "http", "url": f"http://127.0.0.1:{port}", "marker": "server: other"},
        "reader": {"kind": "postgres", "url": app_database.app_url},
        "someone": {"kind": "login", "email": "a@b.c", "password": "p"},
    }

    def run_check(**params: Any) -> tuple[Any, dict[str, Any]]:
        given = {"site": "site", "database": "reader", **params}
        report = Recorder()
        outcome = ACTION.run(ACTION.bind(given, new_context(systems)), report)
        return outcome, report.facts

    yield run_check
    server.shutdown()
    thread.join()
    server.server_close()


def page(path: str = "/", **more: Any) -> list[dict[str, Any]]:
    return [{"path": path, "shows": ["Members"], "figures": [MEMBERS], **more}]


def test_a_page_with_its_texts_and_the_databases_figures_is_green(site: Site, run: Any) -> None:
    site.show("/", "500")
    outcome, facts = run(pages=page())
    assert outcome.ok, outcome.summary
    assert outcome.summary == "1 page(s) are right; 1 figure(s) on them are those of the database."
    (opened,) = facts["pages"]["opened"]
    assert opened["figures"] == [{"where": "after “Members”", "shown": "500", "database": "500"}]
    assert run(pages=page())[1] == facts, "the same result again is the same evidence"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(200, PAGE.format("0", "")), "/: shows 0 after “Members”, and the database has 500."),
        (Answer(200, "<p>Members</p>"), "shows no number after “Members”"),
        (Answer(200, "<p>People 500</p>"), "does not show “Members”."),
        (Answer(200, "<script>Members 500</script>"), "does not show “Members”."),
        (Answer(500, "<p>Members 500</p>"), "answers 500"),
        (Answer(307, "", {"Location": "/login"}), "answers 307"),
        (
            Answer(200, '<html id="__next_error__"><p>Members 500</p></html>'),
            "has “__next_error__”, which marks an error, although it answers 200.",
        ),
    ],
)
def test_a_page_that_fails_or_shows_other_figures_is_red(
    site: Site, run: Any, answer: Answer, why: str
) -> None:
    site.pages["/"] = answer
    outcome, _ = run(pages=page(), error_markers=["__next_error__"])
    assert not outcome.ok
    assert why in outcome.summary


def test_pages_that_something_else_shows_or_nobody_are_red(site: Site, run: Any) -> None:
    site.show("/", "500")
    assert "something else answers there" in run(pages=page(), served_by="other")[0].summary
    outcome, _ = run(pages=page(), site="gone")
    assert not outcome.ok
    assert "/: " in outcome.summary


def test_each_page_is_named_and_one_that_is_right_is_not(site: Site, run: Any) -> None:
    site.show("/", "500")
    site.show("/other", "499")
    outcome, facts = run(pages=[*page(), *page("/other"), *page("/missing")])
    assert outcome.summary.startswith("2 of 3 page(s) are not as they should be. /other: shows 499")
    assert "/missing: answers 404" in outcome.summary
    assert [bool(one["wrong"]) for one in facts["pages"]["opened"]] == [False, True, True]


def test_what_must_not_be_open_is_red_when_it_is(site: Site, run: Any) -> None:
    site.show("/", "500")
    site.pages |= {"/moved": Answer(302, "", {"Location": "/login"}), "/no": Answer(403, "")}
    outcome, _ = run(pages=page(), refused=["/moved", "/no", "/nothing"])
    assert outcome.ok, outcome.summary
    assert "3 path(s) show nothing without a sign-in" in outcome.summary
    site.pages["/broken"] = Answer(500, "")
    outcome, _ = run(pages=page(), refused=["/", "/broken"])
    assert outcome.summary == (
        "2 path(s) are not refused without a sign-in: / answers 200 without a sign-in. "
        "/broken answers 500 without a sign-in."
    )


def test_pages_for_staff_are_opened_with_the_sign_in_and_refused_without(site: Site, run: Any) -> None:
    site.show("/staff", "500")
    site.needs_cookie = {"/staff"}
    signed_in = {"login": "someone", "sign_in_at": "site", "cookie": "kept"}
    outcome, _ = run(pages=page("/staff", signed_in=True), refused=["/staff"], **signed_in)
    assert outcome.ok, outcome.summary
    assert [one.headers.get("cookie") for one in site.asked] == [None, "kept=t0ken", None]


def test_rows_that_come_while_the_page_is_made_are_no_difference(
    site: Site, run: Any, app_database: AppDatabase
) -> None:
    site.show("/", "500")
    site.meanwhile = lambda: app_database.execute("insert into members (name) values ('late')")
    outcome, facts = run(pages=page())
    assert outcome.ok, outcome.summary
    assert facts["pages"]["opened"][0]["figures"][0]["database"] == "501"


@pytest.mark.parametrize(
    ("place", "text", "shown"),
    [
        ("after", "Total", "1234.5"),
        ("before", "people", "12"),
        ("times", "Edit", "2"),
        ("after", "nowhere", "None"),
        ("after", "Edit", "None"),
    ],
)
def test_the_number_beside_a_text_is_read_as_people_read_it(place: str, text: str, shown: str) -> None:
    source = "<p>Total</p><p>GHS 1,234.50</p><p>12<!-- --> people</p><ul><li>Edit</li><li>Edit</li></ul>"
    figure = ExpectedFigure(place, text, "select 1")
    assert str(figure.read(visible_text(source))).removesuffix("0") == shown.removesuffix("0")


def test_only_what_people_see_is_text() -> None:
    source = (
        "<head><title>Shop</title><body><script>let a = '<p>no</p>'</script><p>A</p>&amp;<style>p{}</style>"
    )
    assert visible_text(source) == "A &"


def test_a_query_that_gives_no_number_is_an_error(site: Site, run: Any) -> None:
    site.show("/", "500")
    with pytest.raises(Problem, match="gives no number"):
        run(pages=page(figures=[{"after": "Members", "query": "select null"}]))
    with pytest.raises(Problem, match="read-only"):
        run(pages=page(figures=[{"after": "Members", "query": "with x as (insert into members default values"
                                 " returning id) select id from x"}]))  # fmt: skip


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"pages": ["/"]}, "each must have a path"),
        ({"pages": [{"path": "//evil.invalid", "shows": ["x"]}]}, "each must have a path"),
        ({"pages": [{"path": "/"}]}, "one of them says what is expected"),
        ({"pages": [{"path": "/", "shows": ["x"], "colour": "red"}]}, "there is no setting colour"),
        ({"pages": [{"path": "/", "shows": ["x"], "status": "200"}]}, "status must be a whole number"),
        ({"pages": [{"path": "/", "figures": [{"after": "x"}]}]}, "begins with select"),
        ({"pages": [{"path": "/", "figures": [{"query": "select 1"}]}]}, "one of after, before, times"),
        ({"pages": page(), "refused": ["x"]}, "begins with"),
        ({"pages": page(), "error_markers": [7]}, "each must be a text"),
        ({"pages": page(), "database": ""}, "figures: needs database:"),
        ({"pages": page(signed_in=True)}, "signed_in: needs login:"),
    ],
)
def test_parameters_that_say_nothing_or_too_much_are_refused(
    run: Any, params: dict[str, Any], why: str
) -> None:
    with pytest.raises(forms.ValidationError, match=why):
        run(**params)


def test_the_preview_names_pages_and_queries(new_context: Callable[..., Context]) -> None:
    systems = {
        "site": {"kind": "http", "url": "http://127.0.0.1:9"},
        "reader": {"kind": "postgres", "url": "postgresql://127.0.0.1:9/x"},
    }
    given = {"site": "site", "database": "reader", "pages": page(), "refused": ["/staff"]}
    lines = ACTION.preview(ACTION.bind(given, new_context(systems))).lines
    assert lines == [
        "GET /",
        "  after “Members”: select count(*) from members",
        "GET /staff without a sign-in: refused",
    ]
