"""The JSON format is an interface: its keys are spelled out here."""

import json
import math
from typing import Any

import pytest

from auditor.judge.outcome import Outcome
from auditor.judge.verdicts import Severity
from auditor.report import json_report
from auditor.report.formats import Report
from tests.report import samples

Json = dict[str, Any]


def render(outcome: Outcome, language: str = "en") -> Json:
    document: Json = json.loads(json_report.render(Report(outcome, language)))
    return document


def shape(value: Any) -> Any:
    """Return keys and types; of a list, the shape of its first member."""
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


REASON = {"source": "str", "kind": "str", "message": "str", "missing": ["str"]}
OBJECT = {"layer": "str", "kind": "str", "namespace": "str", "name": "str", "id": "str"}
FINDING = {
    "fingerprint": "str",
    "check": "str",
    "severity": "str",
    "certainty": "str",
    "lifecycle": "str",
    "subject": OBJECT,
    "message": "str",
    "why": "str",
    "remedy": ["str"],
    "trail": [{"layer": "str", "kind": "str", "name": "str", "id": "str", "state": "str", "detail": "str"}],
    "evidence": {"refusing_rule": "str", "affected": ["str"]},
    "affected": [OBJECT],
    "seen": {"first": "str", "last": "str"},
    "suppression": "NoneType",
}


def test_shape_is_the_interface() -> None:
    document = render(samples.outcome())
    assert list(document) == [
        "schema", "auditor", "run", "summary", "checks", "findings", "resolved", "collection",
        "suppressions", "undelivered",
    ]  # fmt: skip
    assert document["schema"] == "auditor.report/v1"
    assert shape(document["auditor"]) == {"version": "str"}
    assert shape(document["run"]) == {
        "id": "str",
        "cluster": "str",
        "cluster_id": "str",
        "region": "str",
        "trigger": "str",
        "observed_at": "str",
        "started_at": "str",
        "finished_at": "str",
        "complete": "bool",
    }
    assert shape(document["summary"]) == {
        "severity": dict.fromkeys(("critical", "high", "medium", "low", "info"), "int"),
        "checks": dict.fromkeys(("passed", "found", "not_evaluated", "not_applicable"), "int"),
        "lifecycle": dict.fromkeys(("new", "open", "reopened", "resolved", "suppressed"), "int"),
    }
    assert shape(document["checks"][0]) == {
        "id": "str",
        "title": "str",
        "severity": "str",
        "status": "str",
        "subjects": "int",
        "findings": "int",
        "reasons": [REASON],
        "unseen": [{"subject": OBJECT, "reasons": [REASON]}],
    }
    assert shape(document["findings"][0]) == FINDING
    assert shape(document["collection"][1]) == {
        "source": "str",
        "layer": "str",
        "state": "str",
        "items": "int",
        "calls": "int",
        "retries": "int",
        "seconds": "float",
        "reason": REASON,
        "reasons": [REASON],
        "tables": [{"name": "str", "state": "str", "items": "int"}],
    }
    assert document["collection"][0]["reason"] is None
    assert shape(document["suppressions"][4]) == {
        "status": "str",
        "origin": "str",
        "check": "str",
        "subject": "str",
        "reason": "str",
        "owner": "str",
        "expires": "str",
        "findings": "int",
        "fingerprints": [],
        "evaluated": "bool",
        "objects": "int",
        "annotated": [OBJECT],
        "problem": "NoneType",
    }


def test_values() -> None:
    document = render(samples.outcome())
    assert document["run"]["started_at"] == "2026-11-23T00:00:04Z"
    assert document["run"]["complete"] is False
    assert document["summary"]["severity"] == {"critical": 1, "high": 1, "medium": 0, "low": 0, "info": 1}
    assert document["summary"]["checks"] == {"passed": 1, "found": 3, "not_evaluated": 3, "not_applicable": 1}
    assert document["summary"]["lifecycle"] == {"new": 1, "open": 2, "reopened": 0, "resolved": 1, "suppressed": 1}
    disk = document["findings"][1]
    assert disk["subject"] == {
        "layer": "kubernetes",
        "kind": "PersistentVolume",
        "namespace": "",
        "name": "pv-mysql-0",
        "id": "d-bp1j4i2jdf3owlheb6kx",
    }
    assert disk["message"].startswith("Pod data/mysql-0 waits for disk d-bp1j4i2jdf3owlheb6kx")
    assert disk["remedy"][:2] == ["Confirm where the disk is", "$ kubectl get pv pv-mysql-0 -o yaml"]
    assert disk["remedy"][-1] == "Or copy the data to a disk in the node's zone, from a snapshot"
    assert disk["trail"][0] == {
        "layer": "kubernetes",
        "kind": "Pod",
        "name": "data/mysql-0",
        "id": "",
        "state": "ok",
        "detail": "waits for its volume since 42 minutes",
    }
    assert [hop["state"] for hop in disk["trail"]] == ["ok", "ok", "ok", "broken", "ok", "unknown"]
    assert disk["evidence"]["volume_node_affinity"] is None
    assert disk["evidence"]["disk_regional"] is False
    assert disk["evidence"]["nodes_by_zone"] == {"cn-hangzhou-h": 0, "cn-hangzhou-k": 3}
    suppressed = document["findings"][2]
    assert suppressed["suppression"] == {
        "reason": "migrating in December",
        "owner": "storage team",
        "expires": "2026-12-31",
        "annotated": None,
    }
    assert document["resolved"][0]["subject"]["name"] == "pv-old"
    assert document["checks"][3]["reasons"] == [
        {
            "source": "ecs",
            "kind": "forbidden",
            "message": "DescribeSecurityGroupAttribute was denied: Forbidden.RAM",
            "missing": ["ecs:DescribeSecurityGroupAttribute"],
        }
    ]


def test_fixed_names_are_the_same_in_every_language() -> None:
    def fixed(document: Json) -> list[Any]:
        findings = [(f["severity"], f["certainty"], f["lifecycle"], f["fingerprint"]) for f in document["findings"]]
        return [document["summary"], findings, [(c["id"], c["status"]) for c in document["checks"]]]

    assert fixed(render(samples.outcome(), "zh")) == fixed(render(samples.outcome(), "en"))


@pytest.mark.parametrize("text", samples.HOSTILE)
def test_hostile_strings_are_data_and_escaped(text: str) -> None:
    outcome = samples.outcome(findings=(samples.finding(text, evidence={"read": text}),))
    content = json_report.render(Report(outcome, "en")).decode()
    finding = json.loads(content)["findings"][0]
    assert finding["subject"]["name"] == text
    assert finding["evidence"]["read"] == text
    assert not [char for char in content if char != "\n" and (ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0)]
    assert "\u202e" not in content


@pytest.mark.parametrize("number", [math.inf, math.nan])
def test_numbers_that_json_lacks_are_strings(number: float) -> None:
    outcome = samples.outcome(findings=(samples.finding(evidence={"ratio": number}),))
    assert render(outcome)["findings"][0]["evidence"]["ratio"] == str(number)


def test_chinese_is_readable_in_the_file() -> None:
    outcome = samples.outcome(findings=(samples.finding("数据盘"),))
    assert "数据盘" in json_report.render(Report(outcome, "zh")).decode()


def test_a_run_is_complete_when_only_choices_left_something_out() -> None:
    base = samples.outcome()
    by_choice = tuple(check for check in base.checks if check.reasons in ((), (samples.NO_PROBE,)))
    assert len(by_choice) < len(base.checks)
    assert render(samples.outcome(checks=by_choice))["run"]["complete"] is True
    assert render(base)["run"]["complete"] is False


def test_nothing_is_left_out_of_a_crowded_report() -> None:
    document = render(samples.crowded(2000))
    assert len(document["findings"]) == 2000
    assert sum(document["summary"]["severity"].values()) == 2000
    assert document["summary"]["severity"][Severity.HIGH] == 1000
