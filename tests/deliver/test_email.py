"""Mail, sent to a real mail server on this machine and read back with the library's parser."""

import json
import socket
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from auditor.deliver.channel import NotDelivered, NotNow, Undeliverable
from auditor.deliver.email import Mail, open_channel
from auditor.deliver.message import Kind
from tests.deliver.mailboxes import MailServer, certificate, misbehaving
from tests.deliver.messages import message, settings
from tests.deliver.receivers import away

PASSWORD = "correct-horse-battery"
SMALL: dict[str, Any] = {"attach": []}


@pytest.fixture
def tls(tmp_path: Path) -> tuple[Path, Path]:
    return certificate(tmp_path)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


def mail(server: MailServer | int, **keys: Any) -> Mail:
    """Open a channel to a server; in plain text, if nothing else is said."""
    given = {
        "host": "127.0.0.1",
        "port": server if isinstance(server, int) else server.port,
        "security": "none",
        "from": "ACK auditor <auditor@example.com>",
        "to": ["ops@example.com"],
        "timeout_seconds": 20,
        **SMALL,
    }
    return open_channel(settings("email", **(given | keys)))


def signed_in(server: MailServer | int, **keys: Any) -> Mail:
    return mail(server, **{"username": "auditor", "password_env": "SMTP_PASSWORD", **keys})


def failure(channel: Mail, kind: type[NotDelivered], **more: Any) -> str:
    """Send, and return how it failed. No secret may be in that."""
    with pytest.raises(kind) as raised:
        channel.send(message(Kind.FINDING, **more))
    shown = "".join(traceback.format_exception(raised.value))
    assert PASSWORD not in shown
    assert PASSWORD not in repr(channel)
    assert raised.value.sentence.isprintable()
    return raised.value.sentence


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)


def lines(*said: bytes) -> Callable[[socket.socket], None]:
    """Answer to each line with the next of some replies; then fall silent until the other side goes away."""

    def talk(connection: socket.socket) -> None:
        for number, reply in enumerate(said):
            if number:
                connection.recv(4096)
            connection.sendall(reply)
        while connection.recv(65536):
            pass

    return talk


# Connections


def test_starttls_with_a_password_and_a_private_authority(tls: tuple[Path, Path]) -> None:
    with MailServer(tls=tls, password=PASSWORD) as server:
        signed_in(server, security="starttls", ca_file=str(tls[0].with_name("ca.pem"))).send(message())
        assert server.only.encrypted
        assert server.only.user == "auditor"
        assert server.only.recipients == ("ops@example.com",)


def test_tls_from_the_start(tls: tuple[Path, Path]) -> None:
    with MailServer(tls=tls, implicit=True, password=PASSWORD) as server:
        signed_in(server, security="tls", ca_file=str(tls[0].with_name("ca.pem"))).send(message())
        assert server.only.user == "auditor"


def test_without_encryption_where_that_is_asked_for(server: MailServer) -> None:
    mail(server).send(message())
    assert not server.only.encrypted
    assert server.only.sender == "auditor@example.com"


def test_the_same_channel_sends_again(server: MailServer) -> None:
    channel = mail(server)
    channel.send(message())
    channel.send(message())
    first, second = server.box
    assert first.mail["Message-ID"] == second.mail["Message-ID"]


def test_a_password_goes_unencrypted_to_this_machine_only(server: MailServer) -> None:
    with MailServer(password=PASSWORD) as local:
        signed_in(local).send(message())
        assert local.only.user == "auditor"
    said = failure(signed_in(server, host="mail.example.com"), Undeliverable)
    assert "the password would go unencrypted to mail.example.com" in said


def test_a_server_without_starttls_is_sent_nothing(server: MailServer) -> None:
    said = failure(signed_in(server, security="starttls"), Undeliverable)
    assert said.startswith("127.0.0.1 does not offer STARTTLS, and nothing is sent unencrypted")
    assert server.box == []


def test_an_unknown_authority_is_not_trusted(tls: tuple[Path, Path]) -> None:
    for implicit, security in ((False, "starttls"), (True, "tls")):
        with MailServer(tls=tls, implicit=implicit, password=PASSWORD) as server:
            said = failure(signed_in(server, security=security), NotNow)
            assert said.startswith("127.0.0.1: no trusted connection: ")
            assert said.endswith("(see ca_file)")
            assert server.tried == []


@pytest.mark.parametrize(("host", "days"), [("127.0.0.2", 1), ("127.0.0.1", -1)])
def test_a_certificate_of_another_host_or_time_is_not_trusted(tmp_path: Path, host: str, days: int) -> None:
    with MailServer(tls=certificate(tmp_path, host, days=days), password=PASSWORD) as server:
        said = failure(signed_in(server, security="starttls", ca_file=str(tmp_path / "ca.pem")), NotNow)
        assert "no trusted connection" in said
        assert server.tried == []


def test_tls_on_a_port_without_it(server: MailServer) -> None:
    assert failure(mail(server, security="tls"), NotNow).endswith("(see security and port)")


def test_a_ca_file_that_can_not_be_used(tmp_path: Path, tls: tuple[Path, Path]) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_bytes(b"\xff\x00 no certificate")
    for path, why in ((tmp_path / "none.pem", "No such file"), (garbage, "expected certificates in PEM")):
        with MailServer(tls=tls) as server:
            said = failure(mail(server, security="starttls", ca_file=str(path)), Undeliverable)
            assert said.startswith(f"channel 'hook': ca_file: {path}: {why}")


# Passwords


def test_a_wrong_password_is_said_in_the_words_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "wrong-" + PASSWORD)
    with MailServer(password=PASSWORD) as server:
        server.replies["AUTH"] = f"535 5.7.8 no: auditor wrong-{PASSWORD} is not known"
        said = failure(signed_in(server), Undeliverable)
    assert said == "127.0.0.1 refused the username or the password: 535 5.7.8 no: auditor *** is not known"


def test_a_server_that_can_not_check_passwords_now_is_asked_later() -> None:
    with MailServer(password=PASSWORD) as server:
        server.replies["AUTH"] = "454 4.7.0 try later"
        assert "454 4.7.0 try later" in failure(signed_in(server), NotNow)


def test_a_server_that_takes_no_passwords() -> None:
    with misbehaving(lines(b"220 here\r\n", b"250 here\r\n", b"221 bye\r\n")) as port:
        assert "can't be used as it is configured: SMTP AUTH" in failure(signed_in(port), Undeliverable)


def test_a_password_that_is_not_there(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMTP_PASSWORD")
    said = failure(signed_in(server), Undeliverable)
    assert said.startswith("channel 'hook': password: the environment variable SMTP_PASSWORD is not set")
    assert "username is given" in failure(mail(server, username="auditor"), Undeliverable)
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    assert "password is given" in failure(mail(server, password_env="SMTP_PASSWORD"), Undeliverable)


def test_a_password_beyond_ascii(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "密码密码")
    assert "ASCII" in failure(signed_in(server), Undeliverable)


# Refusals


@pytest.mark.parametrize("command", ["MAIL", "DATA"])
@pytest.mark.parametrize(("reply", "kind"), [("451 4.3.0 busy", NotNow), ("554 5.7.1 no", Undeliverable)])
def test_what_the_server_says_decides(server: MailServer, command: str, reply: str, kind: type[NotDelivered]) -> None:
    server.replies[command] = reply
    said = failure(mail(server), kind)
    assert said.startswith("127.0.0.1 refused the ")
    assert reply in said


def test_recipients_that_are_all_refused(server: MailServer) -> None:
    channel = mail(server, to=["a@example.com", "b@example.com"])
    server.refusals = {"a@example.com": "550 5.1.1 unknown", "b@example.com": "550 5.1.1 unknown"}
    said = failure(channel, Undeliverable)
    assert said == (
        "127.0.0.1 refused all recipients: a@example.com (550 5.1.1 unknown), b@example.com (550 5.1.1 unknown)"
    )
    server.refusals["b@example.com"] = "450 4.2.1 greylisted"
    assert "greylisted" in failure(channel, NotNow)
    server.refusals["a@example.com"] = "421 4.7.0 too many"
    assert "421 4.7.0 too many" in failure(channel, NotNow)
    assert server.box == []


@pytest.mark.parametrize("reply", ["550 5.1.1 unknown", "450 4.2.1 mailbox full"])
def test_those_that_are_taken_get_it_once_and_the_refused_are_named(server: MailServer, reply: str) -> None:
    server.refusals = {"gone@example.com": reply}
    channel = mail(server, to=["gone@example.com", "here@example.com"], bcc=["boss@example.com"])
    said = failure(channel, Undeliverable)
    assert said == (
        f"127.0.0.1 took the mail for 2 of 3 recipients, who have it, and refused: gone@example.com ({reply})"
    )
    assert server.only.recipients == ("here@example.com", "boss@example.com")


def test_many_refusals_are_counted(server: MailServer) -> None:
    many = [f"no{number}@example.com" for number in range(9)]
    server.refusals = dict.fromkeys(many, "550 no")
    assert failure(mail(server, to=many), Undeliverable).endswith("no4@example.com (550 no) and 4 more")


# Servers that behave badly


def test_nobody_listens() -> None:
    with away() as url:
        port = int(url.rsplit(":", 1)[1].strip("/"))
    assert failure(mail(port), NotNow).startswith("127.0.0.1: can't be reached: ")


@pytest.mark.parametrize(("greeting", "kind"), [(b"421 4.3.2 busy\r\n", NotNow), (b"554 5.3.2 no\r\n", Undeliverable)])
def test_a_greeting_that_refuses(greeting: bytes, kind: type[NotDelivered]) -> None:
    with misbehaving(lines(greeting)) as port:
        assert failure(mail(port), kind).startswith("127.0.0.1 refused the connection: ")


def test_a_greeting_that_is_none() -> None:
    with misbehaving(lines(b"SSH-2.0-OpenSSH_9.2\r\n")) as port:
        failure(mail(port), NotNow)


def test_silence() -> None:
    with misbehaving(lines(b"")) as port:
        assert failure(mail(port, timeout_seconds=0.2), NotNow) == "127.0.0.1: no answer within 0.2 seconds"


def test_silence_after_the_mail_was_sent() -> None:
    taken = [b"220 here\r\n", b"250 here\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"]
    with misbehaving(lines(*taken)) as port:
        failure(mail(port, timeout_seconds=0.2), NotNow)


def test_a_server_that_drips_is_cut_off() -> None:
    def drip(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"2")
            connection.settimeout(0.05)
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    with misbehaving(drip) as port:
        assert failure(mail(port, timeout_seconds=0.1), NotNow) == "127.0.0.1: not done within 1 seconds"


def test_a_server_that_hangs_up() -> None:
    with misbehaving(lambda connection: connection.sendall(b"220 here\r\n")) as port:
        failure(mail(port), NotNow)


def test_a_host_that_can_not_be_one() -> None:
    failure(mail(25, host="a" * 70 + ".example"), Undeliverable)


# What arrives


def test_the_parts_of_a_mail(server: MailServer) -> None:
    mail(server, attach=["html", "json", "markdown", "csv"]).send(message(Kind.REPORT))
    read = server.only.mail
    assert read.get_content_type() == "multipart/mixed"
    body = read.get_body(("html",))
    twin = read.get_body(("plain",))
    assert body is not None
    assert twin is not None
    assert "A disk is in another zone than the node" in body.get_content()
    assert "A disk is in another zone than the node" in twin.get_content()
    files = {part.get_filename(): part for part in read.iter_attachments()}
    assert list(files) == [f"shop-prod-2026-11-23.{ending}" for ending in ("html", "json", "md", "csv")]
    report = json.loads(files["shop-prod-2026-11-23.json"].get_content())
    assert report["run"]["cluster"] == "shop-prod"
    assert "shop-prod" in files["shop-prod-2026-11-23.html"].get_content()
    for name in files:
        assert name in twin.get_content()


def test_lines_are_as_long_as_every_server_takes(server: MailServer) -> None:
    mail(server, attach=["html"]).send(message(Kind.REPORT, language="zh"))
    content = server.only.content
    assert content.isascii()
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_kind_is_sent_in_both_languages(server: MailServer, language: str) -> None:
    channel = mail(server)
    for kind in Kind:
        channel.send(message(kind, language=language))
    for delivered in server.box:
        body = delivered.mail.get_body(("html",))
        assert body is not None
        assert ('lang="zh-CN"' in body.get_content()) == (language == "zh")
    assert len(server.box) == len(Kind)


def test_nobody_sees_who_gets_a_blind_copy(server: MailServer) -> None:
    mail(server, cc=["Second <second@example.com>"], bcc=["boss@example.com"], reply_to="desk@example.com").send(
        message()
    )
    assert server.only.recipients == ("ops@example.com", "second@example.com", "boss@example.com")
    assert b"boss@" not in server.only.content
    read = server.only.mail
    assert read["Cc"] == "Second <second@example.com>"
    assert read["Reply-To"] == "desk@example.com"
    assert read["Bcc"] is None


def test_an_address_that_is_given_twice_gets_one_mail(server: MailServer) -> None:
    mail(server, cc=["Ops <ops@example.com>"]).send(message())
    assert server.only.recipients == ("ops@example.com",)


def test_a_server_that_takes_only_small_mails_gets_a_small_one() -> None:
    with MailServer(size=400_000) as server:
        mail(server, attach=["html", "csv"], max_attachment_mb=10).send(message(Kind.REPORT, _long()))
        read = server.only.mail
    assert [part.get_filename() for part in read.iter_attachments()] == ["shop-prod-2026-11-23.csv"]
    text = read.get_body(("plain",))
    assert text is not None
    assert "shop-prod-2026-11-23.html is not attached" in text.get_content()


def _long() -> Any:
    from tests.report import samples  # noqa: PLC0415

    return samples.crowded(60)
