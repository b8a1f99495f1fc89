"""What chat messages say, whatever the markup, and what all chats have in common."""

import re
import traceback
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings

from auditor.deliver import chat
from auditor.deliver.channel import NotNow, Undeliverable, open_channel
from auditor.deliver.chat import tell
from auditor.deliver.message import Kind
from auditor.facts.text import t
from auditor.judge.outcome import Lifecycle, Suppression
from auditor.judge.verdicts import Severity, step
from tests.deliver.chats import (
    APPRISE_WARNS,
    HTTP_KINDS,
    TAKEN,
    TOKEN,
    addresses,
    mentioning,
    names,
    one,
    seen,
    send_to,
    sent,
    url,
)
from tests.deliver.messages import LINK, message, settings
from tests.deliver.receivers import Receiver, Reply, away, reply
from tests.report import samples

ALL_KINDS = tuple(TAKEN)
pytestmark = [pytest.mark.filterwarnings(APPRISE_WARNS)]


def said(told: chat.Chat) -> str:
    """Return all that a message says."""
    points = [
        part
        for point in told.points
        for part in (point.title, point.subject, point.said, point.why, *(f"{s.text} {s.command}" for s in point.steps))
    ]
    sections = [part for section in told.sections for part in (section.heading, *section.lines)]
    return "\n".join([told.title, *told.about, *points, told.more, *sections, told.footer])


class TestWhatIsSaid:
    def test_a_report(self) -> None:
        told = tell(message(Kind.REPORT), 10, 300)
        assert told.title.startswith("🔴 shop-prod: 1 critical, 1 high")
        assert told.about == (message(Kind.REPORT).view.verdict.sentence,)
        assert [point.mark for point in told.points] == ["🔴", "🟠", "⚪"]
        assert told.points[0].title == "critical, new: The API server can't reach the kubelet"
        assert told.points[1].title == "high: A disk is in another zone than the node"
        assert told.points[1].subject == "PersistentVolume pv-mysql-0 (d-bp1j4i2jdf3owlheb6kx)"
        assert told.points[1].said == str(samples.finding().message)
        assert told.points[1].why == ""
        assert told.points[1].steps == (chat.Advice("Confirm where the disk is", "kubectl get pv pv-mysql-0 -o yaml"),)
        over, unseen = told.sections
        assert over.heading == "What is over"
        assert over.lines[0].startswith("resolved: ")
        assert unseen.heading == "What could not be looked at"
        denied, late = unseen.lines
        assert denied == (
            "Permission is missing (ecs): ecs:DescribeSecurityGroupAttribute. Checks: "
            "The API server can't reach the kubelet, A node may not call a load balancer"
        )
        assert late == "No answer in time (nas). Checks: NAS refuses a node"
        assert told.more == ""
        assert told.link == LINK
        assert "ACK auditor" in told.footer
        assert samples.CLUSTER.cluster_id in told.footer
        assert "01JDC0M6ZQ4Y8T" in told.footer

    def test_one_finding_is_told_with_why_and_all_its_steps(self) -> None:
        told = tell(message(Kind.FINDING, findings=(samples.finding(),)), 8, 1200)
        (point,) = told.points
        assert point.why.startswith("A cloud disk can be attached only")
        assert [bool(advice.command) for advice in point.steps] == [True, True, False]
        assert told.sections == ()

    def test_what_was_resolved(self) -> None:
        told = tell(message(Kind.RESOLVED), 8, 1200)
        assert (told.mark, told.is_good, told.severity, told.points) == ("🟢", True, None, ())
        (over,) = told.sections
        assert "pv-old" in over.lines[0]

    def test_what_is_only_not_reported_any_more_is_no_good_news(self) -> None:
        still = samples.finding(suppression=Suppression("later", "me", samples.STARTED.date()))
        told = tell(message(Kind.RESOLVED, samples.outcome(findings=(still,)), findings=(), resolved=(still,)), 8, 1200)
        assert (told.mark, told.is_good) == ("⚠️", False)
        assert told.sections[0].lines[0].startswith("suppressed: ")

    def test_what_came_back_is_said_to_be_back(self) -> None:
        back = samples.finding(lifecycle=Lifecycle.REOPENED)
        told = tell(message(Kind.FINDING, samples.outcome(findings=(back,)), findings=(back,)), 8, 1200)
        assert told.points[0].title == "high, reopened: A disk is in another zone than the node"

    def test_a_test_says_that_nothing_happened_and_lists_nothing(self) -> None:
        told = tell(message(Kind.TEST, findings=message().findings), 10, 300)
        assert told.mark == "🔔"
        assert told.about == ("This is a test of the ACK auditor: nothing has happened.",)
        assert (told.points, told.sections, told.more) == ((), (), "")

    def test_nothing_found(self) -> None:
        told = tell(message(Kind.REPORT, samples.healthy()), 10, 300)
        assert (told.mark, told.is_good, told.sections) == ("🟢", True, ())

    def test_nothing_found_where_not_everything_was_looked_at_is_not_shown_as_good(self) -> None:
        told = tell(message(Kind.REPORT, samples.outcome(findings=(), resolved=())), 10, 300)
        assert (told.mark, told.is_good) == ("⚠️", False)
        assert "incomplete" in told.headline
        assert told.sections[0].heading == "What could not be looked at"

    def test_what_is_left_out_is_counted(self) -> None:
        told = tell(message(Kind.DIGEST, samples.crowded(50)), 10, 300)
        assert len(told.points) == 10
        assert told.more == "… and 40 more"

    def test_the_worst_are_shown(self) -> None:
        told = tell(message(Kind.REPORT, samples.crowded(50)), 10, 300)
        assert {point.mark for point in told.points} == {chat.MARKS[Severity.HIGH]}

    def test_a_command_that_is_too_long_is_left_out_and_never_cut(self) -> None:
        finding = samples.finding(remedy=(step(t("do it"), "kubectl", "x" * 400),))
        told = tell(message(Kind.FINDING, samples.outcome(findings=(finding,)), findings=(finding,)), 8, 300)
        assert told.points[0].steps == (chat.Advice("do it", ""),)

    def test_code_in_a_text_has_no_backticks(self) -> None:
        finding = samples.finding(remedy=(step(t("set ``a: b`` there")),))
        told = tell(message(Kind.FINDING, samples.outcome(findings=(finding,)), findings=(finding,)), 8, 300)
        assert told.points[0].steps[0].text == "set a: b there"

    def test_a_finding_that_the_run_could_not_look_at_is_shown_as_last_seen(self) -> None:
        earlier = samples.finding("pv-earlier", fingerprint="e" * 32)
        told = tell(message(Kind.DIGEST, samples.healthy(), findings=(earlier,)), 10, 300)
        assert told.points[0].subject.startswith("PersistentVolume pv-earlier")

    @pytest.mark.parametrize("kind", list(Kind))
    def test_every_kind_is_said_in_both_languages(self, kind: Kind) -> None:
        english = tell(message(kind), 10, 300)
        chinese = tell(message(kind, language="zh"), 10, 300)
        assert english.mark == chinese.mark
        assert len(said(english).splitlines()) == len(said(chinese).splitlines())
        assert not re.search(r"\{\w+\}", said(chinese))

    @hypothesis_settings(deadline=None)
    @given(names)
    def test_no_address_is_left_to_make_a_link_of(self, name: str) -> None:
        shown = chat.without_links(name)
        assert seen(shown) == name
        assert addresses(shown) == []


@pytest.mark.parametrize("kind", ALL_KINDS)
class TestAllChats:
    @pytest.mark.parametrize("about", list(Kind))
    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_every_kind_of_message_is_sent(self, kind: str, about: Kind, language: str) -> None:
        text = seen(sent(kind, message(about, language=language)).text)
        assert "ACK auditor" in text
        if about is not Kind.TEST:
            assert "shop" in text

    @pytest.mark.parametrize("about", [Kind.REPORT, Kind.DIGEST, Kind.SNAPSHOT, Kind.BATCH])
    def test_a_crowd_is_cut_and_counted(self, kind: str, about: Kind) -> None:
        received = sent(kind, message(about, samples.crowded(400)))
        assert "more" in received.text
        assert len(received.body) <= 31_000

    def test_the_link_is_there_only_if_there_is_one(self, kind: str) -> None:
        assert LINK in sent(kind, message()).text
        assert "auditor's site" not in sent(kind, message(link="")).text

    def test_hostile_names_come_through(self, kind: str) -> None:
        for outcome in (samples.hostile(), mentioning()):
            assert sent(kind, message(Kind.REPORT, outcome)).body
        about = message(Kind.REPORT, mentioning())
        for index in range(len(about.findings)):
            assert sent(kind, one(about, index)).body

    def test_a_secret_that_can_not_be_read_is_named_by_its_key(self, kind: str) -> None:
        made = settings(kind, url_env="SURELY_NOT_SET")
        with pytest.raises(Undeliverable, match="SURELY_NOT_SET"):
            open_channel(made).send(message())

    def test_a_missing_url_is_named(self, kind: str) -> None:
        with pytest.raises(Undeliverable, match="url: this key is required"):
            open_channel(settings(kind)).send(message())

    def test_nobody_there_is_tried_again(self, kind: str) -> None:
        with away() as base:
            there = f"{base.replace('http', 'json') if kind == 'apprise' else base}{TOKEN}"
            channel = open_channel(settings(kind, url=there))
            with pytest.raises(NotNow) as raised:
                channel.send(message())
        assert TOKEN not in "".join(traceback.format_exception(raised.value))

    def test_a_receiver_that_never_answers_is_given_up(self, kind: str) -> None:
        with pytest.raises(NotNow):
            send_to(kind, Reply(stall=True), message(), timeout_seconds=0.3)

    def test_no_secret_shows_in_an_error_or_a_log(
        self, kind: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        caplog.set_level("WARNING")
        for status in (400, 403, 404, 429, 500):
            with pytest.raises((NotNow, Undeliverable)) as raised:
                send_to(kind, reply(status, f"no such token {TOKEN}"), message())
            assert TOKEN not in "".join(traceback.format_exception(raised.value))
        assert TOKEN not in caplog.text
        assert TOKEN not in "".join(capfd.readouterr())

    def test_the_channel_shows_no_secret(self, kind: str) -> None:
        with Receiver() as receiver:
            channel = open_channel(settings(kind, url=url(kind, receiver)))
        assert TOKEN not in f"{channel!r} {vars(channel)!r}"


@pytest.mark.parametrize("kind", HTTP_KINDS)
class TestStatuses:
    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
    def test_a_status_that_asks_to_come_again(self, kind: str, status: int) -> None:
        with pytest.raises(NotNow) as raised:
            send_to(kind, reply(status, "later", Retry_After="7"), message())
        assert raised.value.after == timedelta(seconds=7)

    @pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 410, 413])
    def test_a_status_that_refuses(self, kind: str, status: int) -> None:
        with pytest.raises(Undeliverable, match=str(status)):
            send_to(kind, reply(status, "no"), message())
