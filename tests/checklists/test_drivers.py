"""A driver that registers itself is known wherever runbooks are checked and described."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command

from checklists.runbook import json_schema
from cutover.data_folder import PROJECT
from integrations import drivers
from integrations.clients.dns import RecordSet, Zone, get_zone
from integrations.drivers import driver, drivers_of
from integrations.secrecy import Secrecy
from integrations.system_kinds import secrecy_of
from integrations.systems import Systems
from tests.checklists.runbook_files import GOOD, read_tiny

ZONE = """\
systems:
  zone:
    kind: dns
    driver: hosts-file
    zone: example.org
    path: /etc/hosts
    pass_phrase: ${PHRASE}
"""


@pytest.fixture
def hosts_file() -> Iterator[type[Zone]]:
    """A driver as a module of `integrations.clients.dns` would register it; gone after the test."""

    @driver(
        "dns",
        "hosts-file",
        summary="a file of hosts",
        settings={"path": "the file", "pass_phrase": ""},
        public=("path",),
    )
    class HostsFile(Zone):
        """A zone in a file."""

        def read(self, name: str, kind: str) -> RecordSet:
            raise LookupError(name)

        def write(self, before: RecordSet, after: RecordSet) -> None:
            raise LookupError(before.name)

        def commands(self, before: RecordSet, after: RecordSet) -> list[str]:
            return []

    yield HostsFile
    del drivers.REGISTRY["dns", "hosts-file"]


def with_zone(old: str = "", new: str = "") -> str:
    """A runbook with a system of the new driver, and one change in its text."""
    return GOOD.replace("systems:\n", ZONE.replace(old, new) if old else ZONE, 1)


def test_a_registered_driver_is_accepted_in_a_runbook(hosts_file: type[Zone]) -> None:
    assert read_tiny(with_zone()).errors == []


def test_without_the_driver_the_same_runbook_is_refused() -> None:
    said = [str(error) for error in read_tiny(with_zone()).errors]
    assert any("the panel does not speak “hosts-file”" in one for one in said)
    assert any("“pass_phrase” is no setting of kind dns" in one for one in said)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("driver: hosts-file", "driver: host-file", "Did you mean “hosts-file”?"),
        ("path: /etc/hosts", "paht: /etc/hosts", "Did you mean “path”?"),
    ],
)
def test_a_misspelt_driver_or_setting_is_told_with_the_nearest_name(
    hosts_file: type[Zone], old: str, new: str, told: str
) -> None:
    (error,) = read_tiny(with_zone(old, new)).errors
    assert told in str(error)


def test_a_registered_driver_is_used_by_its_name(hosts_file: type[Zone]) -> None:
    systems = Systems({"zone": {"kind": "dns", "driver": "hosts-file", "zone": "example.org"}}, {})
    assert isinstance(get_zone(systems["zone"], systems), hosts_file)


def test_a_setting_that_a_driver_does_not_declare_is_secret(hosts_file: type[Zone]) -> None:
    assert secrecy_of("dns", "pass_phrase") == Secrecy.SECRET
    assert secrecy_of("dns", "path") == Secrecy.PUBLIC
    assert secrecy_of("dns", "zone_nobody_knows") == Secrecy.SECRET


def test_a_registered_driver_stands_in_the_table_and_in_the_schema(hosts_file: type[Zone]) -> None:
    out = StringIO()
    call_command("runbook", "drivers", stdout=out)
    assert "| `dns` | `hosts-file` | a file of hosts | `path` (the file), `pass_phrase` |" in out.getvalue()
    of_kind = json_schema({})["properties"]["systems"]["additionalProperties"]["oneOf"]
    (dns,) = (one for one in of_kind if one["properties"]["kind"] == {"const": "dns"})
    assert "pass_phrase" in dns["properties"]


@pytest.mark.reference
def test_the_table_in_the_docs_is_that_of_the_code() -> None:
    out = StringIO()
    call_command("runbook", "drivers", stdout=out)
    page = (PROJECT / "docs/reference/runbook-file.md").read_text()
    kept = page.split("change the drivers, not this table -->\n")[1].split("<!-- /drivers -->")[0]
    assert kept.strip() == out.getvalue().strip(), "make it again: manage.py runbook drivers"


def test_two_drivers_cannot_have_one_name(hosts_file: type[Zone]) -> None:
    with pytest.raises(ValueError, match="two drivers of dns are called hosts-file"):
        driver("dns", "hosts-file", summary="another")(Zone)


def test_a_driver_that_leaves_out_a_method_is_refused() -> None:
    class Half(Zone):
        def commands(self, before: RecordSet, after: RecordSet) -> list[str]:
            return []

    with pytest.raises(TypeError, match=r"the driver half of dns .* lacks read, write"):
        driver("dns", "half", summary="half of one")(Half)
    assert ("dns", "half") not in drivers.REGISTRY


def test_every_driver_is_named_in_a_test() -> None:
    own = "test_drivers.py"
    texts = [path.read_text() for path in (PROJECT / "tests").rglob("*.py") if path.name != own]
    for kind, name in drivers.REGISTRY:
        assert any(f'"{name}"' in text for text in texts), f"no test names the driver {name} of {kind}"


def test_no_driver_at_all_is_an_error_and_no_empty_list() -> None:
    with pytest.raises(RuntimeError, match="load_drivers"):
        drivers_of("unheard-of")


def test_drivers_are_found_without_django() -> None:
    code = (
        "from integrations.clients.payments import get_payment_provider\n"
        "from integrations.systems import Systems\n"
        "it = {'kind': 'payments', 'provider': 'stripe', 'url': 'https://a.invalid', 'secret_key': 'k'}\n"
        "systems = Systems({'it': it}, {})\n"
        "print(get_payment_provider(systems['it'], systems).name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True
    )
    assert done.stdout == "stripe\n"
