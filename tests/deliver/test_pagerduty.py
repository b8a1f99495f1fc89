"""Events of PagerDuty, received over real connections."""

import json
import traceback
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from auditor.deliver.channel import NotNow, Undeliverable
from auditor.deliver.message import Kind, Message
from auditor.deliver.pagerduty import PagerDuty, open_channel
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import kubernetes_ref
from auditor.facts.text import t
from auditor.judge.outcome import ReportedFinding
from auditor.judge.verdicts import Severity, ok, step
from tests.deliver import documented
from tests.deliver.messages import KEY, LINK, configured, message, settings
from tests.deliver.receivers import Receiver, Reply, away, reply
from tests.report import samples

ROUTING_KEY = "e93facc04764012d7bfb002500d5d1a6"
CLUSTER = samples.CLUSTER.cluster_id
ACCEPTED = {"status": "success", "message": "Event processed", "dedup_key": "x"}
FIELDS = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(always=reply(202, ACCEPTED)) as running:
        yield running


def channel(receiver: Receiver, **keys: Any) -> PagerDuty:
    return open_channel(
        settings("pagerduty", **{"url": receiver.url("/v2/enqueue"), "routing_key": ROUTING_KEY, **keys})
    )


def sent(receiver: Receiver, about: Message) -> list[dict[str, Any]]:
    before = len(receiver.requests)
    channel(receiver).send(about)
    return [request.json for request in receiver.requests[before:]]


def only(receiver: Receiver, about: Message) -> dict[str, Any]:
    (event,) = sent(receiver, about)
    return event


def of(finding: ReportedFinding, **more: Any) -> Message:
    return message(Kind.FINDING, findings=(finding,), **more)


class TestFindings:
    def test_a_finding_is_triggered(self, receiver: Receiver) -> None:
        event = only(receiver, of(samples.finding()))
        request = receiver.only
        assert (request.method, request.target) == ("POST", "/v2/enqueue")
        assert request.headers["content-type"] == "application/json"
        assert event.keys() == {
            *("routing_key", "event_action", "dedup_key", "client", "client_url", "links", "payload")
        }
        assert (event["routing_key"], event["event_action"]) == (ROUTING_KEY, "trigger")
        assert event["dedup_key"] == f"{CLUSTER}/{samples.finding().fingerprint}"
        assert event["client_url"] == LINK
        assert event["links"] == [{"href": LINK, "text": "The run on the auditor's site"}]
        payload = event["payload"]
        assert payload.keys() == FIELDS
        assert payload["summary"] == f"shop-prod: {samples.finding().message}"
        assert (payload["source"], payload["group"]) == ("shop-prod", "shop-prod")
        assert payload["component"] == "PersistentVolume pv-mysql-0 (d-bp1j4i2jdf3owlheb6kx)"
        assert payload["class"] == "storage/disk-in-other-zone"
        assert payload["timestamp"] == "2026-11-23T00:00:04Z"

    def test_the_details_are_all_that_somebody_on_call_needs(self, receiver: Receiver) -> None:
        details = only(receiver, of(samples.finding()))["payload"]["custom_details"]
        assert (details["cluster_id"], details["region"]) == (CLUSTER, "cn-hangzhou")
        assert (details["certainty"], details["lifecycle"]) == ("confirmed", "open")
        assert details["first_seen"] == "2026-11-16T00:00:04Z"
        assert details["title"] == "A disk is in another zone than the node"
        assert details["why"].startswith("A cloud disk can be attached")
        assert details["remedy"][:2] == ["Confirm where the disk is", "$ kubectl get pv pv-mysql-0 -o yaml"]
        assert details["trail"][3] == "Disk d-bp1j4i2jdf3owlheb6kx: zone cn-hangzhou-h [broken]"
        assert details["evidence"]["disk_zone"] == "cn-hangzhou-h"
        assert details["evidence"]["volume_node_affinity"] == "null"
        assert details["evidence"]["candidate_zones"] == '["cn-hangzhou-h", "cn-hangzhou-k"]'

    def test_a_finding_that_is_gone_is_resolved_by_the_key_it_was_triggered_with(self, receiver: Receiver) -> None:
        finding = samples.outcome().resolved[0]
        triggered = only(receiver, of(finding))
        later = samples.outcome(run_id="another", observed_at=samples.STARTED + timedelta(days=7))
        event = only(receiver, message(Kind.RESOLVED, later, key="another/key"))
        assert event == {
            "routing_key": ROUTING_KEY,
            "event_action": "resolve",
            "dedup_key": triggered["dedup_key"],
        }

    def test_the_key_is_another_in_another_cluster(self, receiver: Receiver) -> None:
        other = samples.outcome(cluster=ClusterIdentity("shop-test", "c2", "cn-hangzhou"))
        keys = {only(receiver, of(samples.finding(), outcome=one))["dedup_key"] for one in (samples.outcome(), other)}
        assert len(keys) == 2

    def test_a_cluster_without_an_id_is_known_by_its_name(self, receiver: Receiver) -> None:
        nameless = samples.outcome(cluster=ClusterIdentity("shop-prod", "", ""))
        key = only(receiver, of(samples.finding(), outcome=nameless))["dedup_key"]
        assert key == f"shop-prod/{samples.finding().fingerprint}"

    def test_a_key_that_is_too_long_is_hashed(self, receiver: Receiver) -> None:
        long = samples.outcome(cluster=ClusterIdentity("shop-prod", "c" * 300, ""))
        keys = {
            only(receiver, of(samples.finding(fingerprint=fingerprint), outcome=long))["dedup_key"]
            for fingerprint in ("1" * 32, "2" * 32)
        }
        assert len(keys) == 2
        assert all(len(key) <= 255 for key in keys)

    @pytest.mark.parametrize(
        ("severity", "expected"),
        [
            (Severity.CRITICAL, "critical"),
            (Severity.HIGH, "error"),
            (Severity.MEDIUM, "warning"),
            (Severity.LOW, "info"),
            (Severity.INFO, "info"),
        ],
    )
    def test_severities(self, receiver: Receiver, severity: Severity, expected: str) -> None:
        event = only(receiver, of(samples.finding(severity=severity)))
        assert event["payload"]["severity"] == expected

    def test_without_a_site_there_is_no_link(self, receiver: Receiver) -> None:
        assert not {"links", "client_url"} & only(receiver, of(samples.finding(), link="")).keys()

    def test_it_speaks_the_language_of_the_message(self, receiver: Receiver) -> None:
        english, chinese = (only(receiver, message(Kind.FINDING, language=one)) for one in ("en", "zh"))
        assert english["dedup_key"] == chinese["dedup_key"]
        assert english["payload"]["severity"] == chinese["payload"]["severity"]


class TestRuns:
    @pytest.mark.parametrize("kind", [Kind.REPORT, Kind.BATCH, Kind.DIGEST])
    def test_many_findings_are_one_alert_of_the_run(self, receiver: Receiver, kind: Kind) -> None:
        about = message(kind, resolved=())
        event = only(receiver, about)
        assert (event["event_action"], event["dedup_key"]) == ("trigger", f"{CLUSTER}/run/01JDC0M6ZQ4Y8T")
        payload = event["payload"]
        assert payload["summary"] == "shop-prod: 1 critical, 1 high, 1 info"
        assert (payload["severity"], payload["class"]) == ("critical", kind.value)
        assert len(payload["custom_details"]["findings"]) == len(about.findings) == 3
        assert payload["custom_details"]["findings"][1] == (
            f"[high] {samples.finding().message} (PersistentVolume pv-mysql-0 (d-bp1j4i2jdf3owlheb6kx))"
        )

    def test_the_severity_is_the_worst_of_those_it_is_about(self, receiver: Receiver) -> None:
        findings = tuple(samples.finding(severity=one) for one in (Severity.LOW, Severity.MEDIUM))
        assert only(receiver, message(Kind.DIGEST, findings=findings, resolved=()))["payload"]["severity"] == "warning"

    @pytest.mark.parametrize("kind", [Kind.REPORT, Kind.BATCH])
    def test_a_run_without_findings_wakes_nobody(self, receiver: Receiver, kind: Kind) -> None:
        assert sent(receiver, message(kind, findings=())) == []

    def test_a_digest_resolves_what_is_gone_one_by_one(self, receiver: Receiver) -> None:
        gone = samples.crowded(3).findings
        events = sent(receiver, message(Kind.DIGEST, resolved=gone))
        assert [event["event_action"] for event in events] == ["trigger", "resolve", "resolve", "resolve"]
        assert [event["dedup_key"] for event in events[1:]] == [f"{CLUSTER}/{one.fingerprint}" for one in gone]

    def test_a_snapshot_is_each_finding(self, receiver: Receiver) -> None:
        about = message(Kind.SNAPSHOT)
        events = sent(receiver, about)
        assert [event["event_action"] for event in events] == ["trigger"] * 3 + ["resolve"]
        assert [event["dedup_key"] for event in events] == [
            f"{CLUSTER}/{finding.fingerprint}" for finding in about.all_findings
        ]

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_a_test_says_that_it_is_one(self, receiver: Receiver, language: str) -> None:
        event = only(receiver, message(Kind.TEST, language=language))
        assert (event["event_action"], event["dedup_key"]) == ("trigger", KEY)
        assert (event["payload"]["severity"], event["payload"]["class"]) == ("info", "test")
        assert event["payload"]["summary"]

    @pytest.mark.parametrize("kind", Kind)
    def test_every_attempt_sends_the_same(self, receiver: Receiver, kind: Kind) -> None:
        assert sent(receiver, message(kind)) == sent(receiver, message(kind))


class TestLimits:
    def test_a_summary_has_at_most_1024_characters(self, receiver: Receiver) -> None:
        event = only(receiver, of(samples.finding(message=t("{text}", text="long " * 500))))
        assert len(event["payload"]["summary"]) == 1024
        assert event["payload"]["summary"].endswith("…")

    def test_an_event_stays_below_512_kilobytes(self, receiver: Receiver) -> None:
        long = "\U0001f6d1" * 10_000
        finding = samples.finding(
            long,
            message=t("{text}", text=long),
            why=t("{text}", text=long),
            remedy=tuple(step(t("{text}", text=long), "kubectl", long) for _ in range(100)),
            trail=tuple(ok(kubernetes_ref("Pod", f"{n}{long}"), t("{text}", text=long)) for n in range(100)),
            evidence={f"{n}{long}": [long] * 5 for n in range(100)},
            affected=tuple(kubernetes_ref("Pod", f"{n}{long}") for n in range(500)),
        )
        only(receiver, of(finding))
        assert 100_000 < len(receiver.last.body) < 512 * 1024
        details = receiver.last.json["payload"]["custom_details"]
        assert details["affected"][-1] == "… (+450)"

    def test_a_digest_of_thousands_stays_below_it_too(self, receiver: Receiver) -> None:
        event = only(receiver, message(Kind.DIGEST, samples.crowded(), resolved=()))
        assert event["payload"]["summary"] == "shop-prod: 1000 high, 500 medium, 500 low"
        assert event["payload"]["custom_details"]["findings"][-1] == "… (+1950)"
        assert len(receiver.last.body) < 512 * 1024

    def test_what_the_cluster_made_up_is_clean_text(self, receiver: Receiver) -> None:
        for kind in (Kind.SNAPSHOT, Kind.DIGEST):
            for event in sent(receiver, message(kind, samples.hostile(), key="\x1bkey")):
                assert all(text.replace("\n\n", "").isprintable() for text in texts(event))

    def test_numbers_that_json_lacks_are_text(self, receiver: Receiver) -> None:
        event = only(receiver, of(samples.finding(evidence={"ratio": float("inf")})))
        assert event["payload"]["custom_details"]["evidence"] == {"ratio": "Infinity"}


def texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for name, value in data.items():
            yield name
            yield from texts(value)
    elif isinstance(data, list):
        for value in data:
            yield from texts(value)


class TestAnswers:
    def test_a_refusal_is_final_and_says_why(self, receiver: Receiver) -> None:
        errors = ["Length of 'routing_key' is incorrect (should be 32 characters)"]
        receiver.always = reply(
            400, {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
        )
        with pytest.raises(Undeliverable) as caught:
            channel(receiver).send(message(Kind.FINDING))
        assert errors[0] in caught.value.sentence

    def test_too_many_events_are_tried_again(self, receiver: Receiver) -> None:
        receiver.always = reply(429, Retry_After="30")
        with pytest.raises(NotNow) as caught:
            channel(receiver).send(message(Kind.FINDING))
        assert caught.value.after == timedelta(seconds=30)

    @pytest.mark.parametrize("answer", [reply(500), reply(503), Reply(cut=True)])
    def test_a_fault_of_theirs_is_tried_again(self, receiver: Receiver, answer: Reply) -> None:
        receiver.always = answer
        with pytest.raises(NotNow):
            channel(receiver).send(message(Kind.FINDING))

    def test_nobody_there_is_tried_again(self, receiver: Receiver) -> None:
        with away() as url, pytest.raises(NotNow):
            channel(receiver, url=url).send(message(Kind.FINDING))

    def test_the_routing_key_does_not_show(self, receiver: Receiver) -> None:
        receiver.always = lambda request: reply(400, request.text)
        one = channel(receiver)
        with pytest.raises(Undeliverable) as caught:
            one.send(message(Kind.FINDING))
        shown = "".join(traceback.format_exception(caught.value)) + repr(one) + repr(vars(one))
        assert ROUTING_KEY not in shown
        assert json.dumps("***") in caught.value.sentence

    def test_a_routing_key_that_is_not_there_is_named(
        self, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PD_KEY", raising=False)
        one = open_channel(settings("pagerduty", url=receiver.url(), routing_key_env="PD_KEY"))
        with pytest.raises(Undeliverable, match="routing_key: the environment variable PD_KEY is not set"):
            one.send(message(Kind.FINDING))


def test_the_documented_channel_asks_pagerduty() -> None:
    (toml,) = documented.blocks("PagerDuty", "toml")
    found = configured(toml)
    assert found.missing() == []
    assert found.url.reveal() == "https://events.pagerduty.com/v2/enqueue"
    assert found.content == "findings"


def test_a_life_changes_no_key(receiver: Receiver) -> None:
    finding = samples.finding()
    changed = msgspec.structs.replace(finding, severity=Severity.LOW, message=t("another"), last_seen=None)
    assert only(receiver, of(finding))["dedup_key"] == only(receiver, of(changed))["dedup_key"]
