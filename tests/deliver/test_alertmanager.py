"""Alerts, as Debian's real Alertmanager shows them and sends them on; and the requests that carry them."""

import base64
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import time_machine
from pydantic import ValidationError

from auditor.config.channels import ALERT_LABELS
from auditor.deliver.alertmanager import AT_ONCE, Alertmanager, open_channel
from auditor.deliver.channel import NotDelivered, NotNow, Undeliverable
from auditor.deliver.message import Kind, Message
from auditor.facts.ref import cloud_ref
from auditor.facts.text import t
from auditor.judge.outcome import Changed, Outcome, ReportedFinding, Suppression
from auditor.judge.verdicts import Severity
from tests.deliver import documented
from tests.deliver.alertmanagers import Alertmanagers, eventually, running
from tests.deliver.messages import LINK, configured, message, settings
from tests.deliver.receivers import Receiver, Reply, away, reply
from tests.report import samples

WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
ROOM = "sEcReTpAtH"
DISK = samples.finding()
GROUP = samples.group_finding()
NOTES = samples.notes()
OTHER = samples.finding("pv-old", fingerprint="99887766554433221100ffeeddccbbaa", severity=Severity.MEDIUM)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Alertmanagers]:
    with running(tmp_path) as one:
        yield one


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as one:
        yield one


def channel(url: str, **keys: Any) -> Alertmanager:
    return open_channel(settings("alertmanager", url=url, **keys))


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def seen(findings: Iterable[ReportedFinding], first: datetime) -> tuple[ReportedFinding, ...]:
    return tuple(msgspec.structs.replace(finding, first_seen=first, last_seen=now()) for finding in findings)


def run(
    findings: Iterable[ReportedFinding] = (),
    resolved: Iterable[ReportedFinding] = (),
    ago: timedelta = timedelta(minutes=1),
    first: datetime | None = None,
    **more: Any,
) -> Message:
    """Make the snapshot after a run that looked at the cluster some time ago."""
    observed = now() - ago
    first = first or now() - WEEK
    outcome = about(observed, seen(findings, first), seen(resolved, first), **more)
    return message(Kind.SNAPSHOT, outcome)


def about(
    observed: datetime, findings: tuple[ReportedFinding, ...], resolved: tuple[ReportedFinding, ...], **more: Any
) -> Outcome:
    times = {"observed_at": observed, "started_at": observed, "finished_at": observed}
    return samples.outcome(findings=findings, resolved=resolved, **times, **more)


class TestWithTheRealOne:
    def test_it_shows_exactly_the_open_findings(self, server: Alertmanagers) -> None:
        first = now() - WEEK
        suppressed = samples.finding(
            fingerprint="5" * 32, suppression=Suppression("known", "us", (now() + WEEK).date())
        )
        channel(server.url, labels={"team": "platform"}).send(run([GROUP, DISK, suppressed], [OTHER], first=first))
        group, disk = server.alerts()
        assert disk["labels"] == {
            "alertname": "storage/disk-in-other-zone",
            "severity": "high",
            "cluster": "shop-prod",
            "cluster_id": "c1cef2604bddf0081a2bc425e1415ce18",
            "region": "cn-hangzhou",
            "layer": "kubernetes",
            "kind": "PersistentVolume",
            "name": "pv-mysql-0",
            "fingerprint": DISK.fingerprint,
            "team": "platform",
        }
        assert disk["annotations"]["summary"] == str(DISK.message)
        assert disk["annotations"]["description"].startswith("A disk is in another zone than the node\n\nA cloud disk")
        assert disk["annotations"]["remedy"].splitlines()[:2] == [
            "Confirm where the disk is",
            "$ kubectl get pv pv-mysql-0 -o yaml",
        ]
        assert disk["annotations"]["link"] == disk["generatorURL"] == LINK
        assert group["labels"]["fingerprint"] == GROUP.fingerprint
        assert [datetime.fromisoformat(alert["startsAt"]) for alert in (group, disk)] == [first, first]
        assert [alert["status"]["state"] for alert in (group, disk)] == ["active", "active"]

    def test_a_finding_that_stays_is_one_alert_that_began_when_it_was_first_seen(self, server: Alertmanagers) -> None:
        first = now() - WEEK
        shown = []
        for ago in (3 * HOUR, 2 * HOUR, HOUR):
            channel(server.url).send(run([DISK, GROUP], ago=ago, first=first))
            shown.append([(alert["fingerprint"], alert["startsAt"]) for alert in server.alerts()])
        assert shown[0] == shown[1] == shown[2]
        assert [datetime.fromisoformat(starts) for _, starts in shown[0]] == [first, first]

    def test_a_finding_that_is_gone_is_resolved_at_the_moment_it_was_seen_to_be(self, server: Alertmanagers) -> None:
        channel(server.url).send(run([DISK, GROUP], ago=2 * HOUR))
        eventually(lambda: len(server.notified()) == 2)
        gone = run([GROUP], [DISK], ago=HOUR)
        channel(server.url).send(gone)
        assert server.fingerprints() == [GROUP.fingerprint]
        eventually(lambda: server.notified()[-1].status == "resolved")
        last = server.notified()[-1]
        assert last.labels["fingerprint"] == DISK.fingerprint
        assert last.ends == gone.outcome.observed_at

    def test_groups_arrive_with_all_that_there_is_to_say(self, server: Alertmanagers) -> None:
        channel(server.url).send(run([DISK]))
        eventually(lambda: bool(server.notified()))
        (fired,) = server.notified()
        assert (fired.status, fired.link) == ("firing", LINK)
        assert set(fired.annotations) == {
            *("summary", "description", "subject", "remedy", "certainty", "last_seen", "link"),
        }

    def test_a_finding_that_comes_back_fires_again(self, server: Alertmanagers) -> None:
        channel(server.url).send(run([DISK], ago=3 * HOUR))
        channel(server.url).send(run([], [DISK], ago=2 * HOUR))
        assert server.fingerprints() == []
        eventually(lambda: server.notified()[-1:] != [] and server.notified()[-1].status == "resolved")
        channel(server.url).send(run([DISK], ago=HOUR))
        assert server.fingerprints() == [DISK.fingerprint]
        eventually(lambda: server.notified()[-1].status == "firing")

    def test_to_send_the_same_again_changes_nothing(self, server: Alertmanagers) -> None:
        about_it = run([DISK, GROUP], [OTHER])
        for _ in range(3):
            channel(server.url).send(about_it)
            channel(server.url).refresh(about_it)
        assert server.fingerprints() == sorted([DISK.fingerprint, GROUP.fingerprint])

    def test_after_a_restart_a_refresh_brings_them_back(self, server: Alertmanagers) -> None:
        about_it = run([DISK, GROUP], [OTHER])
        channel(server.url).send(about_it)
        before = server.alerts()
        server.stop()
        with pytest.raises(NotNow):
            channel(server.url).refresh(about_it)
        server.start()
        assert server.alerts() == []
        channel(server.url).refresh(about_it)
        volatile = ("endsAt", "updatedAt")
        assert [{k: v for k, v in alert.items() if k not in volatile} for alert in server.alerts()] == [
            {k: v for k, v in alert.items() if k not in volatile} for alert in before
        ]

    def test_what_was_resolved_before_a_restart_is_not_told_again(self, server: Alertmanagers) -> None:
        channel(server.url).send(run([DISK], ago=2 * HOUR))
        gone = run([GROUP], [DISK], ago=HOUR)
        channel(server.url).send(gone)
        told = {DISK.fingerprint, GROUP.fingerprint}
        eventually(lambda: {one.labels["fingerprint"] for one in server.notified()} == told)
        eventually(lambda: any(one.status == "resolved" for one in server.notified()))
        server.stop()
        server.start()
        count = len(server.notified())
        channel(server.url).send(gone)
        channel(server.url).send(run([GROUP, NOTES]))
        eventually(lambda: server.notified()[-1].labels["fingerprint"] == NOTES.fingerprint)
        again = [one.labels["fingerprint"] for one in server.notified()[count:] if one.status == "resolved"]
        assert again == []

    def test_what_nobody_sends_again_ends_by_itself(self, server: Alertmanagers) -> None:
        short = settings("alertmanager", url=server.url).model_copy(update={"expire_seconds": 1.0})
        open_channel(short).send(run([DISK]))
        eventually(lambda: server.fingerprints() == [])

    def test_a_refresh_puts_the_end_off(self, server: Alertmanagers) -> None:
        about_it = run([DISK])
        start = datetime.now(UTC)
        ends = []
        for seconds in (0, 60):
            with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
                channel(server.url, expire_seconds=900).refresh(about_it)
            (alert,) = server.alerts()
            ends.append(datetime.fromisoformat(alert["endsAt"]))
        assert ends[1] - ends[0] == timedelta(seconds=60)
        assert abs(ends[0] - start - timedelta(seconds=900)) < timedelta(milliseconds=1)

    @pytest.mark.parametrize("name", ["alertname", "cluster", "cluster_id", "layer", "kind", "name", "fingerprint"])
    def test_a_silence_by_a_label_still_holds_after_the_next_run(self, server: Alertmanagers, name: str) -> None:
        channel(server.url).send(run([DISK], ago=2 * HOUR))
        (alert,) = server.alerts()
        server.silence(**{name: alert["labels"][name]})
        channel(server.url).send(run([DISK], ago=HOUR))
        assert [one["fingerprint"] for one in server.alerts(silenced="true", active="false")] == [alert["fingerprint"]]
        assert server.alerts(silenced="false") == []

    def test_another_severity_takes_the_place_of_the_old_one(self, server: Alertmanagers) -> None:
        channel(server.url).send(run([DISK], ago=2 * HOUR))
        worse = msgspec.structs.replace(DISK, severity=Severity.CRITICAL)
        changed = (Changed(DISK.fingerprint, Severity.HIGH, suppressed=False),)
        channel(server.url).send(run([worse], ago=HOUR, changed=changed))
        (alert,) = server.alerts()
        assert alert["labels"]["severity"] == "critical"

    def test_one_that_another_severity_leads_elsewhere_ends(self, server: Alertmanagers) -> None:
        channel(server.url).send(run([DISK], ago=2 * HOUR))
        better = msgspec.structs.replace(DISK, severity=Severity.LOW)
        changed = (Changed(DISK.fingerprint, Severity.HIGH, suppressed=False),)
        channel(server.url).send(run([], [better], ago=HOUR, changed=changed))
        assert server.alerts() == []

    def test_one_that_could_not_be_looked_at_stays(self, server: Alertmanagers) -> None:
        channel(server.url).send(run([DISK, GROUP], ago=2 * HOUR))
        later = run([GROUP], ago=HOUR, checks=())
        kept = replace(later, findings=(*later.findings, *seen([DISK], now() - WEEK)))
        channel(server.url).send(kept)
        assert server.fingerprints() == sorted([DISK.fingerprint, GROUP.fingerprint])

    def test_thousands_arrive(self, server: Alertmanagers) -> None:
        crowd = samples.crowded().findings
        channel(server.url).send(run(crowd))
        assert server.fingerprints() == sorted(finding.fingerprint for finding in crowd)
        channel(server.url).send(run(crowd[:1], crowd[1:], ago=timedelta()))
        assert server.fingerprints() == [crowd[0].fingerprint]

    def test_hostile_names_are_shown_as_they_are_written_out(self, server: Alertmanagers) -> None:
        hostile = samples.hostile()
        channel(server.url).send(run(hostile.counting, cluster=hostile.cluster))
        alerts = server.alerts()
        assert len(alerts) == len(samples.HOSTILE)
        for alert in alerts:
            assert all(value.isprintable() for value in alert["labels"].values())
            assert all(value.replace("\n", "").isprintable() for value in alert["annotations"].values())

    def test_single_messages_fire_and_resolve(self, server: Alertmanagers) -> None:
        outcome = run([DISK], [OTHER]).outcome
        channel(server.url).send(message(Kind.FINDING, outcome))
        assert server.fingerprints() == [DISK.fingerprint]
        channel(server.url).send(message(Kind.RESOLVED, run([], [DISK]).outcome))
        assert server.fingerprints() == []

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_a_test_fires_one_alert_that_says_so(self, server: Alertmanagers, language: str) -> None:
        channel(server.url).send(message(Kind.TEST, language=language))
        (alert,) = server.alerts()
        assert (alert["labels"]["alertname"], alert["labels"]["severity"]) == ("AckAuditorTest", "info")
        assert alert["annotations"]["summary"]

    def test_a_clock_that_was_set_back_changes_nothing(self, server: Alertmanagers) -> None:
        ahead = run([DISK], ago=-HOUR, first=now() + 2 * HOUR)
        channel(server.url).send(ahead)
        assert server.fingerprints() == [DISK.fingerprint]
        channel(server.url).send(run([], [DISK], ago=-HOUR, first=now() + 2 * HOUR))
        assert server.fingerprints() == []


class TestRequests:
    def test_a_request_is_a_list_of_alerts(self, receiver: Receiver) -> None:
        moment = datetime(2026, 11, 23, 8, 0, 0, 123456, tzinfo=UTC)
        with time_machine.travel(moment, tick=False):
            channel(receiver.url("/am/"), expire_seconds=900).send(run([DISK], [OTHER], ago=HOUR, first=now() - WEEK))
        request = receiver.only
        assert (request.method, request.target) == ("POST", "/am/api/v2/alerts")
        assert request.headers["content-type"] == "application/json"
        assert "authorization" not in request.headers
        fired, gone = request.json
        assert (fired["startsAt"], fired["endsAt"]) == ("2026-11-16T08:00:00.000Z", "2026-11-23T08:15:00.123Z")
        assert (gone["startsAt"], gone["endsAt"]) == ("2026-11-16T08:00:00.000Z", "2026-11-23T07:00:00.000Z")

    def test_no_label_says_what_may_change(self, receiver: Receiver) -> None:
        renamed = msgspec.structs.replace(GROUP, subject=cloud_ref("SecurityGroup", GROUP.subject.id, "another-name"))
        for finding in (GROUP, renamed):
            channel(receiver.url()).send(run([finding]))
        first, second = (request.json[0] for request in receiver.requests)
        assert first["labels"] == second["labels"]
        assert first["labels"]["name"] == GROUP.subject.id
        assert "another-name" in second["annotations"]["subject"]

    def test_the_labels_that_can_not_be_configured_are_those_it_sets(self, receiver: Receiver) -> None:
        namespaced = samples.finding(subject=samples.POD)
        channel(receiver.url()).send(run([namespaced]))
        assert receiver.only.json[0]["labels"].keys() == ALERT_LABELS

    def test_a_message_without_a_link_has_none(self, receiver: Receiver) -> None:
        channel(receiver.url()).send(replace(run([DISK]), link=""))
        (alert,) = receiver.only.json
        assert "generatorURL" not in alert
        assert "link" not in alert["annotations"]

    def test_a_finding_without_a_first_time_began_with_the_run(self, receiver: Receiver) -> None:
        about_it = run([DISK])
        finding = msgspec.structs.replace(about_it.findings[0], first_seen=None, last_seen=None)
        channel(receiver.url()).send(replace(about_it, findings=(finding,)))
        starts = datetime.fromisoformat(receiver.only.json[0]["startsAt"])
        assert starts == about_it.outcome.observed_at

    def test_it_speaks_the_language_of_the_message(self, receiver: Receiver) -> None:
        for language in ("en", "zh"):
            channel(receiver.url()).send(replace(run([DISK]), language=language))
        english, chinese = (request.json[0] for request in receiver.requests)
        assert english["labels"] == chinese["labels"]

    def test_requests_are_bounded(self, receiver: Receiver) -> None:
        channel(receiver.url()).send(run(samples.crowded(2 * AT_ONCE + 1).findings))
        assert [len(request.json) for request in receiver.requests] == [AT_ONCE, AT_ONCE, 1]

    def test_long_values_are_cut_and_say_so(self, receiver: Receiver) -> None:
        long = samples.finding("n" * 5000, why=t("{text}", text="why " * 5000))
        channel(receiver.url()).send(run([long]))
        (alert,) = receiver.only.json
        assert alert["labels"]["name"] == "n" * 999 + "…"
        assert len(alert["annotations"]["description"]) == 4000
        assert alert["annotations"]["description"].endswith("…")

    def test_nothing_to_say_is_no_request(self, receiver: Receiver) -> None:
        channel(receiver.url()).send(run())
        assert receiver.requests == []

    def test_those_that_are_refused_do_not_keep_back_the_others(self, receiver: Receiver) -> None:
        receiver.script.append(reply(400, '"invalid label set"'))
        with pytest.raises(Undeliverable) as caught:
            channel(receiver.url()).send(run(samples.crowded(AT_ONCE + 1).findings))
        assert [len(request.json) for request in receiver.requests] == [AT_ONCE, 1]
        assert caught.value.sentence == f'127.0.0.1:{receiver.port} answered 400: "invalid label set"'

    @pytest.mark.parametrize("answer", [reply(503), reply(429), Reply(cut=True)])
    def test_one_that_can_not_now_is_tried_again(self, receiver: Receiver, answer: Reply) -> None:
        receiver.always = answer
        with pytest.raises(NotNow):
            channel(receiver.url()).send(run(samples.crowded(AT_ONCE + 1).findings))
        assert len(receiver.requests) == 1

    def test_one_that_is_away_is_tried_again(self) -> None:
        with away() as url, pytest.raises(NotNow):
            channel(url).send(run([DISK]))


class TestSigningIn:
    def test_with_a_name_and_a_password(self, receiver: Receiver) -> None:
        channel(receiver.url(), username="auditor", password="pässword").send(run([DISK]))
        scheme, _, encoded = receiver.only.headers["authorization"].partition(" ")
        assert (scheme, base64.b64decode(encoded).decode()) == ("Basic", "auditor:pässword")

    def test_with_a_token(self, receiver: Receiver) -> None:
        channel(receiver.url(), token="tOkEn").send(run([DISK]))
        assert receiver.only.headers["authorization"] == "Bearer tOkEn"

    @pytest.mark.parametrize("keys", [{"token": "tOkEnOfMine"}, {"username": "auditor", "password": "pAsSwOrD"}])
    def test_no_secret_shows(self, receiver: Receiver, keys: dict[str, str]) -> None:
        receiver.always = lambda request: reply(401, " ".join([*request.headers.values(), *keys.values()]))
        with pytest.raises(NotDelivered) as caught:
            channel(receiver.url(f"/{ROOM}"), **keys).send(run([DISK]))
        shown = "".join(traceback.format_exception(caught.value))
        sent = receiver.only.headers["authorization"].split()[1]
        for secret in (sent, ROOM, *(value for key, value in keys.items() if key != "username")):
            assert secret not in shown

    def test_both_ways_at_once_are_a_mistake(self, receiver: Receiver) -> None:
        with pytest.raises(Undeliverable, match="token and username are given together"):
            channel(receiver.url(), token="tOkEn", username="auditor").send(run([DISK]))
        assert receiver.requests == []

    def test_a_password_that_is_not_there_is_named(self, receiver: Receiver, tmp_path: Path) -> None:
        with pytest.raises(Undeliverable) as caught:
            channel(receiver.url(), username="a", password_file=str(tmp_path / "gone")).send(run([DISK]))
        assert caught.value.sentence.startswith("channel 'hook': password: ")


class TestSettings:
    @pytest.mark.parametrize(
        ("keys", "said"),
        [
            ({"labels": {"severity": "page"}}, "labels: expected names"),
            ({"labels": {"my-team": "x"}}, "labels: expected names"),
            ({"labels": {"1st": "x"}}, "labels: expected names"),
            ({"resend_seconds": 900, "expire_seconds": 900}, "resend_seconds: expected less than expire_seconds"),
        ],
    )
    def test_what_can_not_work_is_refused(self, keys: dict[str, Any], said: str) -> None:
        with pytest.raises(ValidationError, match=said):
            settings("alertmanager", url="http://127.0.0.1:9093", **keys)

    def test_the_documented_channel_works(self, receiver: Receiver) -> None:
        (toml,) = documented.blocks("Alertmanager", "toml")
        found = configured(toml.replace("http://alertmanager.monitoring:9093", receiver.base))
        open_channel(found).send(run([DISK]))
        assert receiver.only.path == "/api/v2/alerts"
        assert receiver.only.json[0]["labels"]["team"] == "platform"
