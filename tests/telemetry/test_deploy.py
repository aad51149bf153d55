"""Alert rules and the Grafana dashboard: every expression parses, and every metric and label that it uses is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from app.observing.metrics import render
from tests.telemetry.world import families

ROOT = Path(__file__).resolve().parents[2]
RULES = YAML(typ="safe").load((ROOT / "deploy" / "prometheus-rules.yml").read_text())["groups"]
ALERTS = [rule for group in RULES for rule in group["rules"]]
BOARD = json.loads((ROOT / "deploy" / "grafana.json").read_text())
SCRAPER = {"job", "instance"}  # what Prometheus adds
VARIABLES = {"$__rate_interval": "5m", "$tenant": ".*", "$switch": ".*"}
TARGETS = [
    pytest.param(target["expr"], target["legendFormat"], id=f"{panel['title']}-{target['refId']}")
    for panel in BOARD["panels"]
    for target in panel["targets"]
]


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The labels of each series of a scrape; `le` included."""
    store = tmp_path_factory.mktemp("store") / "store"
    store.write_bytes(b"")
    found: dict[str, set[str]] = {"up": set()}
    for family in text_string_to_metric_families(render(tuple(families(store)), False).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def parts(expression: Any) -> Iterator[Any]:
    """The expression and all in it."""
    yield expression
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        part = getattr(expression, name, None)
        if part is not None:
            yield from parts(part)
    for part in getattr(expression, "args", ()):
        yield from parts(part)


def check(expression: str, scraped: dict[str, set[str]]) -> set[str]:
    """The labels of what it selects, after `by`, if there is one outside."""
    for name, text in VARIABLES.items():
        expression = expression.replace(name, text)
    tree = promql.parse(expression)
    known: set[str] = set()
    selectors = [part for part in parts(tree) if isinstance(part, promql.VectorSelector)]
    assert selectors
    for selector in selectors:
        assert selector.name in scraped, selector.name
        known |= scraped[selector.name]
        used = {matcher.name for matcher in selector.matchers.matchers}
        assert used <= scraped[selector.name] | SCRAPER, (selector.name, used)
    for part in parts(tree):
        modifier = getattr(part, "modifier", None)
        grouped = (
            getattr(modifier, "labels", None) or getattr(getattr(modifier, "matching", None), "labels", None) or ()
        )
        assert set(grouped) <= known | SCRAPER, (expression, grouped)
    return known


@pytest.mark.parametrize("alert", ALERTS, ids=[alert["alert"] for alert in ALERTS])
def test_an_alert_asks_for_what_there_is(alert: dict[str, Any], scraped: dict[str, set[str]]) -> None:
    known = check(alert["expr"], scraped)
    assert alert["labels"]["severity"] in ("page", "ticket")
    for text in alert["annotations"].values():
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= known | SCRAPER


@pytest.mark.parametrize(("expression", "legend"), TARGETS)
def test_a_panel_asks_for_what_there_is(expression: str, legend: str, scraped: dict[str, set[str]]) -> None:
    known = check(expression, scraped)
    assert set(re.findall(r"{{(\w+)}}", legend)) <= known


def test_the_check_notices_what_is_not_there(scraped: dict[str, set[str]]) -> None:
    for wrong in (
        "ovswarden_nothing > 0",
        'ovswarden_leader{tenant="x"}',
        "sum by (color) (ovswarden_ports)",
        "rate(ovswarden_http_requests[5m])",
    ):
        with pytest.raises(AssertionError):
            check(wrong, scraped)
    with pytest.raises(ValueError, match=r"unexpected|invalid|unclosed|expected"):
        check("sum(ovswarden_ports", scraped)


def test_the_alerts_of_the_reference_are_all_there() -> None:
    named = {alert["alert"].removeprefix("Ovswarden") for alert in ALERTS}
    assert named >= {
        "SwitchDown", "PolicyNotRealized", "FlowDrift", "TraceDisagreement", "ConntrackNearLimit", "ConntrackFull",
        "SpoofBurst", "OpenFlowErrors", "HubStall", "StoreSlow", "StoreErrors", "Leader", "AuditStale", "QuotaNear",
        "HttpErrors", "AssertionFailed", "TokenExpiring",
    }  # fmt: skip
    text = (ROOT / "docs" / "metrics.md").read_text()
    assert all(f"`{alert['alert']}`" in text for alert in ALERTS)


def test_panels_do_not_overlap_and_variables_are_declared() -> None:
    places: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & places, panel["title"]
        assert at["x"] + at["w"] <= 24
        places |= cells
    declared = {variable["name"] for variable in BOARD["templating"]["list"]}
    used = {
        name for panel in BOARD["panels"] for t in panel["targets"] for name in re.findall(r"\$([a-z]+)", t["expr"])
    }
    assert used <= declared
