"""The figures for Prometheus, read back with its own parser."""

from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from auditor import __version__
from auditor.ledger.errors import LedgerError
from auditor.ledger.ledger import Ledger
from auditor.ledger.overview import Overview
from tests.agent.web import sites
from tests.report import samples

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def series(site: sites.Running) -> Series:
    found: Series = {}
    for family in parse(site.get("/metrics").text):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, "a series stands there twice"
            found[key] = sample.value
    return found


def value(found: Series, name: str, **labels: str) -> float:
    return found[f"auditor_{name}", frozenset(labels.items())]


def test_the_figures_are_those_of_the_ledger(shown: sites.Running) -> None:
    found = series(shown)
    shop = {"cluster": "shop-prod"}
    disk = {**shop, "check": "storage/disk-in-other-zone", "severity": "high"}
    assert value(found, "build_info", version=__version__) == 1
    assert value(found, "ledger_up") == 1
    assert value(found, "scheduler_running") == 1
    assert value(found, "findings", **disk, state="open") == 2
    assert value(found, "findings", **disk, state="suppressed") == 1
    month = 30 * 24 * 3600
    assert month - 600 < value(found, "oldest_finding_age_seconds", **shop) < month + 7200
    assert 288 <= value(found, "last_run_age_seconds", **shop) < 7200
    assert value(found, "last_run_duration_seconds", **shop) == 12
    assert value(found, "last_run_complete", **shop) == 0
    assert value(found, "last_run_complete", cluster="shop-staging") == 1
    assert value(found, "last_run_checks", **shop, status="not_evaluated") == 3
    assert value(found, "check_not_evaluated", **shop, check="storage/nas-access-denied") == 1
    assert (
        "auditor_check_not_evaluated",
        frozenset({**shop, "check": "network/node-forwarding-disabled"}.items()),
    ) not in found, "it is switched off"
    assert value(found, "last_run_calls", **shop, source="kubernetes") == 14
    assert value(found, "last_run_retries", **shop, source="nas") == 2
    assert value(found, "runs", **shop, state="finished") == 31
    assert value(found, "runs", **shop, state="failed") == 0
    assert value(found, "deliveries", channel="pager", state="dead") == 1
    assert value(found, "deliveries", channel="chat", state="delivered") == 1
    assert value(found, "deliveries", channel="ops-mail", state="owed") == 1
    assert 0 <= value(found, "oldest_owed_delivery_age_seconds", channel="ops-mail") < 7200
    assert value(found, "schedule_next_due_timestamp_seconds", schedule="weekly") > 1_700_000_000
    assert found["process_resident_memory_bytes", frozenset()] > 1_000_000


def test_openmetrics_is_given_to_who_asks_for_it(shown: sites.Running) -> None:
    accept = "application/openmetrics-text; version=1.0.0"
    answer = shown.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert any(family.name == "auditor_findings" for family in parse_openmetrics(answer.text))  # type: ignore[no-untyped-call]


def test_resolved_findings_and_foreign_clusters_are_no_series(own: sites.Running) -> None:
    gone = sites.run(2, samples.CLUSTER.__class__("gone", "c9", "cn-beijing"))
    own.agent.ledger.finish(gone, sites.owing())
    found = series(own)
    assert not [labels for _, labels in found if ("cluster", "gone") in labels]
    assert not [labels for _, labels in found if ("state", "resolved") in labels]


def test_without_the_ledger_the_rest_is_there(own: sites.Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Overview) -> Any:
        raise LedgerError("the disk is full")

    monkeypatch.setattr(Overview, "life_counts", broken)
    found = series(own)
    assert value(found, "ledger_up") == 0
    assert value(found, "build_info", version=__version__) == 1
    assert not [name for name, _ in found if name == "auditor_findings"]


def test_an_outcome_is_read_once_for_each_run(own: sites.Running, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    whole = Ledger.outcome

    def outcome(self: Ledger, run_id: str) -> Any:
        read.append(run_id)
        return whole(self, run_id)

    monkeypatch.setattr(Ledger, "outcome", outcome)
    for _ in range(3):
        series(own)
    assert read == ["shop-prod-0000", "shop-staging-0000"]
    own.agent.ledger.finish(sites.run(-1), sites.owing())
    series(own)
    assert read[2:] == ["shop-prod--001"]


def test_hostile_names_break_no_line(own: sites.Running) -> None:
    hostile = samples.hostile()
    own.agent.ledger.finish(
        sites.run(-1, findings=hostile.findings, checks=hostile.checks, collection=hostile.collection), sites.owing()
    )
    found = series(own)
    sources = {dict(labels)["source"] for name, labels in found if name == "auditor_last_run_calls"}
    assert samples.HOSTILE[0] in sources
    assert len([one for one in sources if "\n" not in one]) > 10


def test_names_of_objects_are_no_labels(shown: sites.Running) -> None:
    text = shown.get("/metrics").text
    assert "pv-mysql-0" not in text
    assert "d-bp1j4i2jdf3owlheb6kx" not in text
