"""Alerting rules with the recording rules that they use: a recording rule alone alerts nobody."""

from __future__ import annotations

import re
from collections.abc import Iterable

from integrations.environment.monitoring import ConfigText

#: the path of a rule in the files of Prometheus and of Grafana: ``groups[0].rules[2]``
RULE = re.compile(r"^(?P<rule>.*\brules\[\d+\])(?P<rest>.*)$")
METRIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")


def read_alerting_rules(texts: Iterable[ConfigText]) -> list[list[str]]:
    """The texts of each alerting rule, and those of the recording rules whose metrics they name.

    A panel of a dashboard alerts nobody and is none.
    """
    rules: dict[tuple[str, str], list[str]] = {}
    recorded: dict[tuple[str, str], str] = {}
    for each in texts:
        match = RULE.match(each.where)
        if match:
            key = (each.file, match["rule"])
            rules.setdefault(key, []).append(each.text)
            if match["rest"] == ".record":
                recorded[key] = each.text
    by_metric: dict[str, list[str]] = {}
    for key, metric in recorded.items():
        by_metric.setdefault(metric, []).extend(rules[key])
    return [_with_recorded(found, by_metric) for key, found in rules.items() if key not in recorded]


def _with_recorded(texts: list[str], by_metric: dict[str, list[str]]) -> list[str]:
    found, waiting, seen = list(texts), list(texts), set[str]()
    while waiting:
        for metric in METRIC.findall(waiting.pop()):
            if metric in by_metric and metric not in seen:
                seen.add(metric)
                found += by_metric[metric]
                waiting += by_metric[metric]
    return found
