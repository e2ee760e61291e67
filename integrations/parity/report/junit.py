"""A result as JUnit XML, for build servers: a case for each table, and for each kind of finding beside them.

A table that differs is a failure. One that could not be compared is an error: it never passes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree  # builds the document, and reads none

from integrations.parity.report.findings import (
    ERRORS,
    FAILURES,
    LEFT_OUT,
    ReportEntry,
    describe_sides,
    list_findings,
)
from integrations.parity.report.printable import printable
from integrations.parity.report.terminal import describe_rows

WHOLE = "beside the rows of tables"
VERDICT = "verdict"

Facts = Mapping[str, Any]


def render_junit(facts: Facts) -> str:
    """The whole document."""
    suite = ElementTree.Element("testsuite", name="parity", timestamp=str(facts["started"]))
    findings = list_findings(facts)
    properties = ElementTree.SubElement(suite, "properties")
    pairs = [("sides", describe_sides(facts)), ("digest", facts["digest"])]
    for name, value in [*pairs, *((one.kind, _sentence(one)) for one in findings)]:
        ElementTree.SubElement(properties, "property", name=name, value=_text(value))
    for table in facts["tables"]:
        _add_table(suite, table, [one for one in findings if one.table == table["table"]])
    _add_case(suite, WHOLE, [one for one in findings if not one.table], [])
    _add_verdict(suite, facts)
    for one in findings:
        if one.kind == LEFT_OUT and not one.table:
            case = ElementTree.SubElement(
                suite, "testcase", classname="parity.left out", name=_text(one.text)
            )
            ElementTree.SubElement(case, "skipped", message=LEFT_OUT)
    for attribute, tag in (
        ("tests", "testcase"),
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ):
        suite.set(attribute, str(len(list(suite.iter(tag)))))
    text = ElementTree.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _add_table(suite: ElementTree.Element, table: Facts, findings: Sequence[ReportEntry]) -> None:
    case = _add_case(suite, table["table"], findings, describe_rows(table))
    case.set("time", f"{table['seconds']:.3f}")
    if not table["equal"] and len(case) == 0:
        ElementTree.SubElement(case, "error", message="it is not proven equal")


def _add_case(
    suite: ElementTree.Element, name: str, findings: Sequence[ReportEntry], rows: Sequence[str]
) -> ElementTree.Element:
    case = ElementTree.SubElement(suite, "testcase", classname="parity", name=_text(name))
    for tag, kinds in (("failure", FAILURES), ("error", ERRORS)):
        if lines := [one.text for one in findings if one.kind in kinds]:
            element = ElementTree.SubElement(case, tag, message=_text(lines[0]), type=kinds[0])
            element.text = "\n".join(map(_text, [*lines, *(rows if tag == "failure" else [])]))
    others = [_sentence(one) for one in findings if one.kind not in (*FAILURES, *ERRORS)]
    if others:
        ElementTree.SubElement(case, "system-out").text = "\n".join(map(_text, others))
    return case


def _add_verdict(suite: ElementTree.Element, facts: Facts) -> None:
    """A case of its own: whatever the others say, it passes only where the comparison is equal."""
    case = ElementTree.SubElement(suite, "testcase", classname="parity", name=VERDICT)
    if not facts["equal"]:
        tag = "failure" if facts["verdict"] == "Different" else "error"
        ElementTree.SubElement(case, tag, message=_text(facts["summary"]), type=facts["verdict"])
    ElementTree.SubElement(case, "system-out").text = _text(f"{facts['verdict']}: {facts['summary']}")


def _sentence(finding: ReportEntry) -> str:
    return f"{finding.table}: {finding.text}" if finding.table else finding.text


def _text(text: str) -> str:
    """XML has no control characters, not even escaped ones: they are written as Python writes them."""
    return printable(text)
