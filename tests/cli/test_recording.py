"""``auditor run --now`` with a ledger, and with ``--deliver``."""

import json
from pathlib import Path

import pytest

from auditor.ledger.ledger import Ledger
from auditor.ledger.records import DeliveryState
from tests.cli.conftest import Place
from tests.deliver.receivers import Receiver, Reply, away

DISK = "d-bp1dgkv4xmy49qfhhlnm"
NOW = ("run", "--now", "--format", "json")


def configure(place: Place, text: str) -> None:
    place.configure()
    place.config.write_text(text + place.config.read_text(encoding="utf-8"), encoding="utf-8")


def channel(url: str, **more: str) -> str:
    keys = "".join(f"{key} = {value}\n" for key, value in more.items())
    return f'[[channels]]\nname = "hook"\nkind = "webhook"\nurl = "{url}"\n{keys}'


def break_a_disk(place: Place) -> None:
    place.cloud.state.ecs.disks[DISK]["ZoneId"] = "cn-hangzhou-i"


def test_without_a_ledger_nothing_is_kept(place: Place) -> None:
    assert place.run(*NOW).code == 0
    assert list(place.folder.glob("*.db*")) == []


def test_a_ledger_tells_what_is_new_open_and_resolved(place: Place) -> None:
    configure(place, "[ledger]\n")
    zone = place.cloud.state.ecs.disks[DISK]["ZoneId"]
    break_a_disk(place)
    assert place.run(*NOW).code == 1
    (first,) = [one for one in place.report()["findings"] if one["severity"] != "info"]
    assert first["lifecycle"] == "new"
    assert place.run(*NOW).code == 1
    (second,) = [one for one in place.report()["findings"] if one["severity"] != "info"]
    assert second["lifecycle"] == "open"
    assert second["seen"]["first"] == first["seen"]["first"]
    place.cloud.state.ecs.disks[DISK]["ZoneId"] = zone
    assert place.run(*NOW).code == 0
    assert [one["fingerprint"] for one in place.report()["resolved"]] == [first["fingerprint"]]
    assert place.report()["summary"]["lifecycle"]["resolved"] == 1
    place.cloud.deny("ecs:DescribeDisks")
    assert place.run(*NOW).code == 2
    assert place.report()["resolved"] == []


def test_a_ledger_that_can_not_be_used_costs_no_report(place: Place) -> None:
    configure(place, '[ledger]\nurl = "sqlite:////nowhere/at/all.db"\n')
    ran = place.run(*NOW)
    assert ran.code == 0
    assert "the run is not recorded: " in ran.err
    assert "/nowhere/at/all.db" in ran.err
    assert place.report()["run"]["trigger"] == "now"


def test_deliver_tells_the_channels_and_keeps_the_run(place: Place) -> None:
    break_a_disk(place)
    with Receiver() as receiver:
        configure(place, channel(receiver.url("/hook")))
        assert place.run(*NOW, "--deliver").code == 1
        assert place.run(*NOW, "--deliver").code == 1, "nothing is new, so nobody is told again"
    (request,) = receiver.requests
    assert request.json["data"]["summary"]["lifecycle"]["new"] >= 1
    with Ledger.open(f"sqlite:///{place.folder / 'auditor.db'}") as ledger:
        assert len(ledger.runs()) == 2
        assert [one.state for one in ledger.deliveries()] == [DeliveryState.DELIVERED]


def test_a_run_that_nobody_was_told_of_hides_nothing(place: Place) -> None:
    break_a_disk(place)
    with Receiver() as receiver:
        configure(place, "[ledger]\n" + channel(receiver.url("/hook")))
        assert place.run(*NOW).code == 1
        assert receiver.requests == []
        assert place.run(*NOW, "--deliver").code == 1
    assert len(receiver.requests) == 1, "no longer new, and new to the channel"


def test_what_does_not_arrive_is_said_and_stays_owed(place: Place) -> None:
    break_a_disk(place)
    with away() as url:
        configure(place, channel(url))
        ran = place.run(*NOW, "--deliver")
    assert ran.code == 1
    assert "hook: not delivered yet, and still owed: 127.0.0.1" in ran.err
    with Ledger.open(f"sqlite:///{place.folder / 'auditor.db'}") as ledger:
        assert [one.state for one in ledger.deliveries()] == [DeliveryState.OWED]


def test_what_the_receiver_refuses_is_given_up(place: Place) -> None:
    break_a_disk(place)
    with Receiver(always=Reply(410, b"gone")) as receiver:
        configure(place, channel(receiver.url("/hook")))
        ran = place.run(*NOW, "--deliver")
    assert "hook: given up: 127.0.0.1" in ran.err
    assert "answered 410: gone" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--deliver"], "the configuration names no channel: --deliver expects at least one [[channels]] table"),
        (["--channel", "hook"], "--channel is given without --deliver"),
        (["--demo", "--deliver"], "a saved landscape is neither recorded nor delivered"),
    ],
)
def test_deliver_without_anybody_to_tell(place: Place, arguments: list[str], said: str) -> None:
    ran = place.run(*NOW, *arguments)
    assert ran.code == 3
    assert said in ran.err


def test_an_unknown_channel_and_one_that_lacks_a_key(place: Place) -> None:
    configure(place, '[[channels]]\nname = "hook"\nkind = "webhook"\n')
    ran = place.run(*NOW, "--deliver", "--channel", "hok")
    assert "no channel is called 'hok'; the configuration knows: hook" in ran.err
    ran = place.run(*NOW, "--deliver")
    assert ran.code == 3
    assert "channels[hook].url: this key is required for a channel of kind webhook" in ran.err


def test_the_report_of_a_file_is_not_recorded(place: Place) -> None:
    configure(place, "[ledger]\n")
    assert place.run("collect", "--output", "a.landscape").code == 0
    assert place.run(*NOW, "--landscape", "a.landscape").code == 0
    assert list(place.folder.glob("*.db")) == []
    assert json.loads(Path(place.folder / "reports/shop-prod/report.json").read_text())["run"]["trigger"] == "landscape"


def test_only_the_channels_that_are_named_are_told(place: Place) -> None:
    break_a_disk(place)
    with Receiver() as receiver, Receiver() as other:
        one, two = channel(receiver.url("/hook")), channel(other.url("/"))
        configure(place, one + two.replace('"hook"', '"other"'))
        assert place.run(*NOW, "--deliver", "--channel", "hook").code == 1
        assert (len(receiver.requests), len(other.requests)) == (1, 0)
        assert place.run(*NOW, "--deliver").code == 1
        assert (len(receiver.requests), len(other.requests)) == (1, 1), "it is still new to the other one"
