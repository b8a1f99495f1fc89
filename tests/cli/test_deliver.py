"""``auditor deliver``: try a channel, list what is owed, and owe again what was given up."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from auditor.deliver.message import Kind
from auditor.ledger.ledger import Ledger
from auditor.ledger.records import Delivery, DeliveryState, Owed
from tests.cli.conftest import Place
from tests.deliver.mailboxes import MailServer
from tests.deliver.receivers import Receiver, Reply
from tests.report import samples

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PASSWORD = "correct-horse-battery"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


def configure(place: Place, *channels: str) -> None:
    """Write a configuration with a ledger and some channels."""
    place.configure()
    text = place.config.read_text(encoding="utf-8")
    ledger = '[ledger]\nurl = "sqlite:///auditor.db"\n'
    place.config.write_text("\n".join([ledger, text, *channels]), encoding="utf-8")


def mail(port: int, more: str = "", name: str = "ops-mail") -> str:
    return (
        f'[[channels]]\nname = "{name}"\nkind = "email"\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'
        f'from = "auditor@example.com"\nto = ["ops@example.com"]\nattach = ["html"]\n{more}\n'
    )


def ledger(place: Place) -> Ledger:
    return Ledger.open(f"sqlite:///{place.folder / 'auditor.db'}")


def owe(place: Place, *channels: str) -> dict[str, Delivery]:
    """Record a run that owes each of some channels a report; return the deliveries by channel."""
    owed = [Owed(channel=channel, kind=Kind.REPORT.value, give_up_after=timedelta(days=36500)) for channel in channels]
    with ledger(place) as opened:
        opened.finish(samples.outcome(), lambda outcome, told: owed)
        return {delivery.channel: delivery for delivery in opened.deliveries()}


def give_up(place: Place, *keys: str) -> None:
    with ledger(place) as opened:
        opened.claim(NOW, 50, timedelta(minutes=10))
        for key in keys:
            opened.give_up(key, NOW, "relay.example.com refused all recipients: ops@example.com (550 unknown)")


def test_a_test_message_arrives(place: Place, server: MailServer) -> None:
    configure(place, mail(server.port))
    ran = place.run("deliver", "test", "ops-mail")
    assert ran.code == 0, ran.err
    read = server.only.mail
    assert read["Subject"] == "Test message of the ACK auditor"
    assert ran.out == f"ops-mail: delivered (key {read['X-Auditor-Key']})\n"
    body = read.get_body(("plain",))
    assert body is not None
    assert "This is a test of the ACK auditor: nothing has happened." in body.get_content()
    assert "shop-demo" in body.get_content()
    assert [part.get_content_type() for part in read.iter_attachments()] == ["text/html"]


def test_every_test_message_is_another_one(place: Place, server: MailServer) -> None:
    configure(place, mail(server.port))
    place.run("deliver", "test", "ops-mail")
    place.run("deliver", "test", "ops-mail")
    first, second = server.box
    assert first.mail["Message-ID"] != second.mail["Message-ID"]


def test_the_language_of_the_channel_is_spoken(place: Place, server: MailServer) -> None:
    configure(place, mail(server.port, 'language = "zh"'))
    assert place.run("deliver", "test", "ops-mail").code == 0
    body = server.only.mail.get_body(("html",))
    assert body is not None
    assert 'lang="zh-CN"' in body.get_content()


def test_a_test_message_leaves_no_trace(place: Place, server: MailServer) -> None:
    configure(place, mail(server.port))
    place.run("deliver", "test", "ops-mail")
    assert not (place.folder / "auditor.db").exists()
    assert place.cloud.actions() == []


def test_what_the_receiver_says_is_passed_on(place: Place, server: MailServer) -> None:
    configure(place, mail(server.port))
    server.refusals["ops@example.com"] = "550 5.1.1 unknown"
    ran = place.run("deliver", "test", "ops-mail")
    assert ran.code == 3
    assert "ops-mail: not delivered: 127.0.0.1 refused all recipients: ops@example.com (550 5.1.1 unknown)" in ran.err
    assert ran.out == ""


def test_a_webhook_is_tried_as_well(place: Place) -> None:
    with Receiver(Reply(), always=Reply(503)) as receiver:
        place.environment["HOOK"] = receiver.url("/hooks/in")
        configure(place, '[[channels]]\nname = "hook"\nkind = "webhook"\nurl_env = "HOOK"\n')
        assert place.run("deliver", "test", "hook").code == 0
        assert receiver.only.json["type"] == "com.ack-auditor.test"
        ran = place.run("deliver", "test", "hook")
    assert ran.code == 3
    assert "hook: not delivered: " in ran.err
    assert "503" in ran.err


def test_no_secret_is_printed(place: Place, server: MailServer) -> None:
    place.environment["SMTP_PASSWORD"] = PASSWORD
    with MailServer(password="another") as closed:
        closed.replies["AUTH"] = f"535 5.7.8 {PASSWORD} is wrong"
        configure(place, mail(closed.port, 'username = "auditor"\npassword_env = "SMTP_PASSWORD"'))
        ran = place.run("deliver", "test", "ops-mail")
    assert ran.code == 3
    assert "refused the username or the password: 535 5.7.8 *** is wrong" in ran.err
    assert PASSWORD not in ran.out + ran.err


def test_a_channel_that_is_not_there(place: Place) -> None:
    configure(place, mail(25))
    ran = place.run("deliver", "test", "ops")
    assert ran.code == 3
    assert "no channel is called 'ops'; the configuration knows: ops-mail" in ran.err


def test_a_channel_that_lacks_a_key(place: Place) -> None:
    configure(place, '[[channels]]\nname = "bare"\nkind = "email"\nhost = "127.0.0.1"\nfrom = "a@example.com"\n')
    ran = place.run("deliver", "test", "bare")
    assert ran.code == 3
    assert "channels[bare].to: this key is required for a channel of kind email" in ran.err


def test_without_deliveries_the_lists_are_empty(place: Place) -> None:
    configure(place, mail(25))
    with ledger(place):
        pass
    assert place.run("deliver", "list").out == "nothing is owed, and nothing was given up\n"
    assert place.run("deliver", "list", "--all").out == "there are no deliveries yet\n"


def test_without_a_ledger_nothing_is_made(place: Place) -> None:
    configure(place, mail(25))
    ran = place.run("deliver", "list")
    assert ran.code == 3
    assert ran.err
    assert not (place.folder / "auditor.db").exists()


def test_a_list_shows_what_is_owed_and_what_was_given_up(place: Place) -> None:
    configure(place, mail(25), mail(25, name="second"), mail(25, name="third"))
    owed = owe(place, "ops-mail", "second", "third")
    give_up(place, owed["second"].key)
    with ledger(place) as opened:
        opened.delivered(owed["third"].key, NOW)
    shown = place.run("deliver", "list")
    assert shown.code == 0
    assert "refused all recipients: ops@example.com (550 unknown)" in shown.out
    lines = {line.split()[0]: line for line in shown.out.splitlines() if not line.startswith(" ")}
    assert set(lines) == {"owed", "dead"}
    assert owed["ops-mail"].key in lines["owed"]
    assert owed["second"].key in lines["dead"]
    everything = place.run("deliver", "list", "--all").out
    assert owed["third"].key in everything
    assert "delivered" in everything
    only = place.run("deliver", "list", "--channel", "second").out
    assert owed["second"].key in only
    assert owed["ops-mail"].key not in only


def test_what_was_given_up_is_owed_again_and_arrives(place: Place, server: MailServer) -> None:
    configure(place, mail(server.port))
    key = owe(place, "ops-mail")["ops-mail"].key
    give_up(place, key)
    ran = place.run("deliver", "retry", key)
    assert ran.code == 0, ran.err
    assert ran.out == f"owed again: {key}\n"
    with ledger(place) as opened:
        assert [one.state for one in opened.deliveries()] == [DeliveryState.OWED]
    place.run("run", "--now", "--deliver", "--format", "json", "--check", "service/endpoints-empty")
    assert key in [one.mail["X-Auditor-Key"] for one in server.box]
    with ledger(place) as opened:
        assert {one.state for one in opened.deliveries()} == {DeliveryState.DELIVERED}


def test_all_that_was_given_up_is_owed_again(place: Place) -> None:
    configure(place, mail(25), mail(25, name="second"))
    owed = owe(place, "ops-mail", "second")
    give_up(place, *(delivery.key for delivery in owed.values()))
    ran = place.run("deliver", "retry", "--all")
    assert ran.code == 0
    assert sorted(ran.out.splitlines()) == sorted(f"owed again: {delivery.key}" for delivery in owed.values())
    assert place.run("deliver", "retry", "--all").out == ""


def test_only_what_was_given_up_can_be_owed_again(place: Place) -> None:
    configure(place, mail(25))
    key = owe(place, "ops-mail")["ops-mail"].key
    for wrong in (key, "nothing/like/this"):
        ran = place.run("deliver", "retry", wrong)
        assert ran.code == 3
        assert f"{wrong}: no delivery with this key was given up" in ran.err


def test_a_retry_is_told_what_to_retry(place: Place) -> None:
    configure(place, mail(25))
    for arguments in ((), ("key", "--all")):
        ran = place.run("deliver", "retry", *arguments)
        assert ran.code == 3
        assert "expected keys of deliveries, or --all" in ran.err
