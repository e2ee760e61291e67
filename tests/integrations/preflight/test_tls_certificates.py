"""Certificates that end before the window does, or that clients refuse, are seen at real servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from integrations.preflight import CheckResult, CheckScope, Verdict
from tests.integrations.certificates import DAY, Issued, issue
from tests.integrations.preflight.scopes import planned, run_check, scope_of
from tests.integrations.preflight.tls_servers import nginx, postgres_with_tls

HOST = "127.0.0.1"
PUBLIC = "www.move.test"


@pytest.fixture(scope="module")
def root() -> Issued:
    return issue("Root of the tests", authority=True, ends=900 * DAY)


@pytest.fixture(scope="module")
def ports(root: Issued, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    folder = tmp_path_factory.mktemp("nginx")
    between = issue("Intermediate", root, authority=True, ends=600 * DAY)
    brief = issue("Brief intermediate", root, authority=True, ends=3 * DAY)
    long = {"names": (HOST,), "ends": 200 * DAY}
    certificates = {
        "good": issue("api", between, **long),
        "soon": issue("api", between, names=(HOST,), ends=5 * DAY),
        "chain": issue("api", brief, **long),
        "expired": issue("api", between, names=(HOST,), begins=-9 * DAY, ends=-DAY),
        "early": issue("api", between, names=(HOST,), begins=2 * DAY),
        "name": issue("api", between, names=("other.move.test",)),
        "own": issue("api", **long),
        "bare": issue("api", between, **long),
        "old": issue("api", between, **long),
        "public": issue(PUBLIC, between, names=(PUBLIC,), ends=200 * DAY),
    }
    with nginx(folder, certificates, old="old") as found:
        yield found


@pytest.fixture(autouse=True)
def _trusted(root: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "root.pem").write_bytes(root.pem())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))


def window(ends: int) -> tuple[datetime, datetime]:
    """A window of a day that ends in so many days."""
    end = datetime.now(UTC) + ends * DAY
    return end - DAY, end


def by_port(scope: CheckScope) -> dict[int, CheckResult]:
    found = run_check("tls.certificates", scope)
    return {int(subject.split()[0].rstrip(":").rpartition(":")[2]): each for subject, each in found.items()}


def ask(ports: Mapping[str, int], **more: Any) -> dict[str, CheckResult]:
    """One system for each port, asked at once; the results by the names of the ports."""
    systems = {name: {"kind": "http", "url": f"https://{HOST}:{port}"} for name, port in ports.items()}
    found = by_port(scope_of(systems, **more))
    return {name: found[port] for name, port in ports.items()}


def test_each_defect_is_red_with_its_own_remedy(ports: dict[str, int]) -> None:
    found = ask(ports, window=window(ends=7))
    assert found["good"].verdict == Verdict.GREEN
    assert found["good"].systems == ("good",)
    seen = {
        "expired": "expired",
        "early": "not yet valid",
        "name": "mismatch",
        "own": "self-signed",
        "bare": "unable to get local issuer",
        "old": "too old",
        "soon": "before the window does",
        "chain": "CN=Brief intermediate ends",
    }
    for name, words in seen.items():
        assert found[name].verdict == Verdict.RED, name
        assert words in found[name].seen
    assert len({found[name].change for name in seen}) >= 7


def test_without_a_window_fourteen_days_count_and_with_one_its_end(ports: dict[str, int]) -> None:
    some = {name: ports[name] for name in ("good", "soon")}
    assert ask(some)["soon"].verdict == Verdict.AMBER
    assert ask(some, window=window(ends=4))["soon"].verdict == Verdict.AMBER
    assert ask(some, window=window(ends=195))["good"].verdict == Verdict.AMBER
    assert ask(some, window=window(ends=201))["good"].verdict == Verdict.RED


def test_a_server_is_asked_once_for_all_systems_that_lead_to_it(ports: dict[str, int]) -> None:
    url = f"https://{HOST}:{ports['good']}"
    systems = {"api": {"kind": "http", "url": f"{url}/v1"}, "other": {"kind": "http", "url": url}}
    (found,) = run_check("tls.certificates", scope_of(systems)).values()
    assert found.systems == ("api", "other")


def test_a_name_that_will_lead_elsewhere_needs_a_certificate_there(ports: dict[str, int]) -> None:
    """The new stack has to have the certificate before the name is switched."""
    items = planned(
        switch=("dns.switch", {"zone": "names", "name": "www", "to": ["${NEW}"], "old": "o", "new": "n"})
    )

    def asked(name: str) -> CheckResult:
        systems = {
            "public": {"kind": "http", "url": f"https://{PUBLIC}:{ports[name]}"},
            "names": {"kind": "dns", "driver": "rfc2136", "zone": "move.test", "server": "127.0.0.1:1"},
        }
        scope = scope_of(systems, {"NEW": HOST}, items=items)
        return run_check("tls.certificates", scope)[f"{PUBLIC}:{ports[name]} at {HOST}: certificate"]

    assert asked("public").verdict == Verdict.GREEN
    wrong = asked("good")
    assert wrong.verdict == Verdict.RED
    assert "Hostname mismatch" in wrong.seen
    assert wrong.items == ("switch",)


def test_nobody_who_listens_is_unknown_unless_an_item_starts_it_later(ports: dict[str, int]) -> None:
    systems = {"api": {"kind": "http", "url": "https://127.0.0.1:1"}}
    assert by_port(scope_of(systems))[1].verdict == Verdict.UNKNOWN
    start = planned(start=("service.start", {"answers": "api", "services": ["api"]}))
    assert by_port(scope_of(systems, items=start))[1].verdict == Verdict.AMBER


def test_redis_and_its_options(ports: dict[str, int]) -> None:
    """The handshake of rediss:// is a plain one."""

    def asked(query: str = "", name: str = "own") -> Verdict:
        url = f"rediss://:secret@{HOST}:{ports[name]}/0{query}"
        return by_port(scope_of({"queue": {"kind": "redis", "url": url}}))[ports[name]].verdict

    assert asked(name="good") == Verdict.GREEN
    assert asked() == Verdict.RED
    assert asked("?ssl_cert_reqs=none") == Verdict.GREEN
    assert asked("?ssl_ca_certs=/nowhere.pem") == Verdict.RED


def test_postgres_is_judged_as_its_sslmode_asks(
    root: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "root.pem"
    with postgres_with_tls(issue("db", root, names=("db.move.test",), ends=5 * DAY), "pg-tls") as port:

        def asked(query: str, **more: Any) -> CheckResult | None:
            url = f"postgresql://u:p@{HOST}:{port}/app?{query}"
            return by_port(scope_of({"db": {"kind": "postgres", "url": url}}, **more)).get(port)

        assert asked("sslmode=prefer") is None, "a certificate decides nothing there"
        full = asked(f"sslmode=verify-full&sslrootcert={file}")
        assert full
        assert full.verdict == Verdict.RED
        assert "mismatch" in full.seen
        authority = asked(f"sslmode=verify-ca&sslrootcert={file}")
        assert authority
        assert authority.verdict == Verdict.AMBER, "it ends in five days"
        late = asked(f"sslmode=verify-ca&sslrootcert={file}", window=window(ends=6))
        assert late
        assert late.verdict == Verdict.RED
        own = asked("sslmode=require")
        assert own
        assert own.verdict == Verdict.AMBER, "it ends in five days, and nobody checks its name"
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / ".postgresql").mkdir()
        (tmp_path / ".postgresql" / "root.crt").write_bytes(issue("Another root", authority=True).pem())
        checked = asked("sslmode=require")
        assert checked
        assert checked.verdict == Verdict.RED, "libpq verifies where it finds authorities"
        missing = asked("sslmode=verify-full&sslrootcert=/nowhere.crt")
        assert missing
        assert "/nowhere.crt" in missing.seen


def test_a_postgres_without_tls_is_told_so(postgres_server: Any) -> None:
    url = f"postgresql://u:p@127.0.0.1:{postgres_server.port}/app?sslmode=require"
    (found,) = by_port(scope_of({"db": {"kind": "postgres", "url": url}})).values()
    assert found.verdict == Verdict.RED
    assert "does not offer TLS" in found.seen
