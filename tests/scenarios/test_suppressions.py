"""Annotations that suppress findings, from the API server to the report."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from auditor.agent.audit import Watcher, audit
from auditor.facts.redaction import redact
from auditor.facts.saved import decode, encode
from auditor.judge.check import LoadedCheck
from auditor.judge.outcome import Outcome, SuppressionState, SuppressionStatus
from auditor.judge.registry import load_checks
from auditor.report.formats import FORMATS, Report, load_format
from tests.scenarios import services as v
from tests.scenarios import storage as s
from tests.scenarios.kit import Scene
from tests.scenarios.test_network_pods import CART, LOOPBACK, refused, unready

ZONES, EMPTY = "storage/disk-in-other-zone", "service/endpoints-empty"
NAME = "ack-auditor/suppress"
HOSTILE = "<script>alert(1)</script>\x1b[31m[red]=cmd|'/c calc'!A1 {{7*7}} `x`"

Place = tuple[str, str, str]


def chosen(check_id: str) -> list[LoadedCheck]:
    return [check for check in load_checks() if check.id == check_id]


def note(check: str = "*", expires: str = "2999-12-31", **more: str) -> str:
    return json.dumps({"check": check, "reason": "moving house", "owner": "storage team", "expires": expires, **more})


def annotate(scene: Scene, place: Place, text: str) -> None:
    path, name, namespace = place

    def change(found: dict[str, Any]) -> None:
        found["metadata"].setdefault("annotations", {})[NAME] = text

    scene.kubernetes.patch(path, name, change, namespace)


def moved_disk(scene: Scene) -> None:
    s.disk(scene, s.MYSQL_0, ZoneId=s.zone("k"))


def nobody_behind(scene: Scene) -> None:
    v.edit_service(scene, "payments", "ledger", lambda service: service["spec"].update(selector={"app": "ledgers"}))
    v.empty_slices(scene, "payments", "ledger")


def on_loopback(scene: Scene) -> None:
    unready(scene)
    refused()(scene)


SERVICE: Place = (v.SERVICES, "ledger", "payments")
VOLUME: Place = (s.VOLUMES, s.MYSQL_0, "")
CLAIM: Place = (s.CLAIMS, "data-mysql-0", "data")
POD: Place = (s.PODS, CART, "shop")
DEPLOYMENT: Place = (v.DEPLOYMENTS, "cart", "shop")
FAULTS: dict[str, Callable[[Scene], None]] = {ZONES: moved_disk, EMPTY: nobody_behind, LOOPBACK: on_loopback}


def audited(check: str, place: Place, text: str, *, allowed: bool = True) -> Outcome:
    scene = Scene(suppress_by_annotation=allowed)
    FAULTS[check](scene)
    annotate(scene, place, text)
    return scene.outcome(chosen(check))


def the_state(outcome: Outcome) -> SuppressionState:
    (state,) = outcome.suppressions
    return state


@pytest.mark.parametrize(
    ("check", "place"),
    [(EMPTY, SERVICE), (ZONES, VOLUME), (ZONES, CLAIM), (LOOPBACK, POD), (LOOPBACK, DEPLOYMENT)],
    ids=["Service", "PersistentVolume", "its claim", "Pod", "its Deployment"],
)
def test_it_suppresses_where_it_is_allowed(check: str, place: Place) -> None:
    outcome = audited(check, place, note(check))
    (finding,) = outcome.findings
    assert finding.suppression
    assert finding.suppression.annotated
    assert (finding.suppression.owner, finding.suppression.annotated.name) == ("storage team", place[1])
    assert not outcome.counting
    assert (the_state(outcome).status, the_state(outcome).findings) == (SuppressionStatus.ACTIVE, 1)


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ((v.DEPLOYMENTS, "catalog", "shop"), "another workload"),
        ((v.SERVICES, "cart", "shop"), "the Service in front of the Pod"),
        ((s.PODS, "mysql-0", "data"), "another Pod"),
    ],
)
def test_others_do_not_speak_about_it(place: Place, why: str) -> None:
    outcome = audited(LOOPBACK, place, note())
    assert len(outcome.counting) == 1, why


@pytest.mark.parametrize(
    ("text", "allowed", "status", "said"),
    [
        (note(), False, SuppressionStatus.IGNORED, "suppress_by_annotation"),
        ('{"check": "*"}', True, SuppressionStatus.IGNORED, "lacks the fields reason, owner, expires"),
        (note(expires="tomorrow"), True, SuppressionStatus.IGNORED, "expected a day such as 2026-12-31"),
        (note("storag/*"), True, SuppressionStatus.IGNORED, "no check is called storag/*"),
        (note(subject="*"), True, SuppressionStatus.IGNORED, "the field “subject” is not known"),
        ("x" * 20_000, True, SuppressionStatus.IGNORED, "more than 4096 characters"),
        (note(expires="2020-01-01"), True, SuppressionStatus.EXPIRED, ""),
        (note(ZONES), True, SuppressionStatus.ACTIVE, ""),
    ],
)
def test_what_does_not_count_is_told(text: str, allowed: bool, status: SuppressionStatus, said: str) -> None:
    outcome = audited(EMPTY, SERVICE, text, allowed=allowed)
    assert len(outcome.counting) == len(outcome.findings) == 1
    state = the_state(outcome)
    assert state.status is status
    assert said in str(state.problem or "")
    assert [ref.path for ref in state.annotated] == ["payments/ledger"]


def test_a_check_that_is_not_chosen_leaves_it_as_it_is() -> None:
    assert not the_state(audited(EMPTY, SERVICE, note("service/lb-*"))).evaluated


def test_it_is_unused_when_the_fault_is_gone() -> None:
    scene = Scene(suppress_by_annotation=True)
    annotate(scene, SERVICE, note(EMPTY))
    assert the_state(scene.outcome(chosen(EMPTY))).status is SuppressionStatus.UNUSED


def test_it_is_not_called_unused_when_its_object_could_not_be_looked_at() -> None:
    scene = Scene(suppress_by_annotation=True)
    annotate(scene, SERVICE, note(EMPTY))
    scene.kubernetes.deny("list endpointslices.discovery.k8s.io")
    state = the_state(scene.outcome(chosen(EMPTY)))
    assert (state.status, state.evaluated) == (SuppressionStatus.ACTIVE, False)


def test_hostile_words_act_nowhere() -> None:
    outcome = audited(EMPTY, SERVICE, note(reason=HOSTILE, owner=HOSTILE))
    assert outcome.findings[0].suppression
    for name in sorted(set(FORMATS) - {"pdf"}):
        content = load_format(name).render(Report(outcome, "en")).decode()
        assert "\x1b" not in content
        if name in ("html", "markdown"):
            assert "<script>alert" not in content


def test_the_landscape_file_holds_it_and_redaction_hides_the_words() -> None:
    scene = Scene(suppress_by_annotation=True)
    nobody_behind(scene)
    on_loopback(scene)
    annotate(scene, SERVICE, note(EMPTY, reason="waiting for Zaphod", owner="Beeblebrox"))
    annotate(scene, POD, note("network/pod-*", reason="Zaphod is away", owner="Beeblebrox"))
    annotate(scene, DEPLOYMENT, "Zaphod, remember this")
    checks = [*chosen(EMPTY), *chosen(LOOPBACK)]
    landscape = decode(encode(redact(scene.collect(checks), b"x" * 32), "0.1.0"))
    content = gzip.decompress(encode(landscape, "0.1.0"))
    assert content.count(NAME.encode()) >= 3
    assert b"Zaphod" not in content
    assert b"Beeblebrox" not in content
    outcome = audit(landscape, checks, [], "landscape", Watcher(), by_annotation=True, known=load_checks())
    assert len(outcome.findings) == 2
    assert not outcome.counting
    assert sorted(state.status.value for state in outcome.suppressions) == ["active", "active", "ignored"]
