"""Mail over SMTP.

A mail goes to all recipients in one transaction. If the server takes it for some of them and refuses others, those
that were taken have it, and must not get it again; so the delivery is then given up, and the sentence says who has
not got it, and in which words the server refused. It stands in the list of those that were given up, where a human
sees it. To retry such a delivery by hand sends to all once more, with the same ``Message-ID``.

Whatever is sent before the connection is encrypted could be read and changed on the way: a server that does not
offer STARTTLS where it is configured is sent nothing, and a password only goes over an encrypted connection, or to
this machine itself.

Sources: RFC 5321 (replies, timeouts), RFC 3207 (STARTTLS), RFC 4954 (AUTH), RFC 1870 (SIZE).
"""

import base64
import contextlib
import smtplib
import ssl
from collections.abc import Iterator, Mapping, Sequence

from auditor.config.channels import Channel as ChannelSettings
from auditor.config.channels import Email
from auditor.deliver.channel import Misconfigured, NotDelivered, NotNow, Undeliverable
from auditor.deliver.mail_message import Addresses, addresses, make, make_attachments
from auditor.deliver.message import Message
from auditor.deliver.secrets import blotted, reveal
from auditor.deliver.smtp import Connection
from auditor.loopback import is_loopback

PORTS = {"starttls": 587, "tls": 465, "none": 25}
"""The ports by the kind of security, as they are assigned."""
LONGEST = 300.0
"""Seconds that one mail may take in all, however patiently the server answers piece by piece."""
_BODIES = 300_000
"""Bytes that a mail takes at most beside its attachments: both bodies, encoded, and the headers."""
_SHOWN = 5
"""How many refused recipients a sentence names."""
_MEGABYTE = 1_000_000


class Mail:
    """One way to send mail, and those who get it."""

    def __init__(self, settings: Email) -> None:
        """Take the settings. The password is read when something is sent."""
        self._settings = settings

    def send(self, message: Message) -> None:
        """Deliver a message. See :class:`~auditor.deliver.channel.Channel`."""
        settings = self._settings
        who = addresses(settings)
        password = reveal(settings.password, f"channel {settings.name!r}: password")
        self._ensure_usable(password)
        attachments, failed = make_attachments(message, settings)
        most = int(settings.max_attachment_mb * _MEGABYTE)
        content = bytes(make(message, settings, who, attachments, failed, most))
        hidden = _forms(settings.username, password)
        with self._failures(hidden), self._connection() as server:
            if settings.security == "starttls":
                self._start_tls(server)
            if settings.username:
                server.login(settings.username, password)
            limit = server.largest()
            if limit and len(content) > limit:
                content = bytes(make(message, settings, who, attachments, failed, max(0, limit - _BODIES)))
            self._transfer(server, who, content, hidden)

    def check(self) -> None:
        """Raise Misconfigured if the channel can't work, as far as this machine can tell."""
        addresses(self._settings)
        self._ensure_usable(reveal(self._settings.password, f"channel {self._settings.name!r}: password"))
        self._context()

    def _ensure_usable(self, password: str) -> None:
        settings = self._settings
        where = f"channel {settings.name!r}"
        if bool(settings.username) != bool(password):
            given, lacking = (
                ("username", "password_env or password_file") if password == "" else ("password", "username")
            )
            raise Misconfigured(f"{where}: {given} is given, and {lacking} is not; expected both or none")
        if not (settings.username + password).isascii():
            raise Misconfigured(f"{where}: expected a username and a password of ASCII characters, as SMTP servers do")
        if settings.username and settings.security == "none" and not _is_here(settings.host):
            raise Misconfigured(
                f"{where}: the password would go unencrypted to {settings.host}, which is allowed for loopback "
                'addresses only; set security = "starttls" or "tls"'
            )

    def _context(self) -> ssl.SSLContext:
        """Return what certificates are checked with: the public ones and, beside them, those of ``ca_file``."""
        context = ssl.create_default_context()
        if self._settings.ca_file is not None:
            where = f"channel {self._settings.name!r}: ca_file: {self._settings.ca_file}"
            try:
                context.load_verify_locations(self._settings.ca_file)
            except (ssl.SSLError, ValueError):
                raise Misconfigured(f"{where}: expected certificates in PEM") from None
            except OSError as error:
                raise Misconfigured(f"{where}: {error.strerror or error}") from None
        return context

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        settings = self._settings
        server = Connection(
            settings.host,
            settings.port or PORTS[settings.security],
            timeout=settings.timeout_seconds,
            longest=min(LONGEST, settings.timeout_seconds * 10),
            tls=self._context() if settings.security == "tls" else None,
        )
        try:
            yield server
        finally:
            server.leave()

    def _start_tls(self, server: Connection) -> None:
        server.ehlo_or_helo_if_needed()
        if not server.has_extn("starttls"):
            raise Undeliverable(
                f"{self._settings.host} does not offer STARTTLS, and nothing is sent unencrypted; if it is the right "
                'server, set security = "tls" (port 465), or "none" for a server of your own network'
            )
        server.starttls(context=self._context())

    def _transfer(self, server: Connection, who: Addresses, content: bytes, hidden: Sequence[str]) -> None:
        server.ehlo_or_helo_if_needed()
        size = [f"size={len(content)}"] if server.has_extn("size") else []
        code, said = server.mail(who.sender.addr_spec, size)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, said, who.sender.addr_spec)
        refused: dict[str, tuple[int, bytes]] = {}
        for recipient in who.recipients:
            code, said = server.rcpt(recipient)
            if code not in (250, 251):
                refused[recipient] = (code, said)
            if code == 421:
                raise smtplib.SMTPRecipientsRefused(refused)
        if len(refused) == len(who.recipients):
            raise smtplib.SMTPRecipientsRefused(refused)
        server.be_patient()
        code, said = server.data(content)
        if code != 250:
            raise smtplib.SMTPDataError(code, said)
        if refused:
            others = len(who.recipients) - len(refused)
            raise Undeliverable(
                f"{self._settings.host} took the mail for {others} of {len(who.recipients)} recipients, who have it, "
                f"and refused: {_refusals(refused, hidden)}"
            )

    @contextlib.contextmanager
    def _failures(self, hidden: Sequence[str]) -> Iterator[None]:
        """Turn whatever a mail server or the network does into what it means for the delivery."""
        host = self._settings.host
        try:
            yield
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            kind = Undeliverable if all(500 <= code < 600 for code in codes) else NotNow
            raise kind(f"{host} refused all recipients: {_refusals(error.recipients, hidden)}") from None
        except smtplib.SMTPResponseException as error:
            raise self._refusal(error, hidden) from None
        except smtplib.SMTPNotSupportedError as error:
            raise Undeliverable(f"{host} can't be used as it is configured: {blotted(str(error), hidden)}") from None
        except ssl.SSLError as error:
            hint = "ca_file" if isinstance(error, ssl.SSLCertVerificationError) else "security and port"
            raise NotNow(f"{host}: no trusted connection: {blotted(_words(error), hidden)} (see {hint})") from None
        except TimeoutError as error:
            what = (
                error.args[0]
                if len(error.args) == 1
                else f"no answer within {self._settings.timeout_seconds:g} seconds"
            )
            raise NotNow(f"{host}: {what}") from None
        except smtplib.SMTPServerDisconnected as error:
            raise NotNow(f"{host} ended the connection: {blotted(str(error), hidden)}") from None
        except smtplib.SMTPException as error:
            raise Undeliverable(f"{host} can't be used as it is configured: {blotted(str(error), hidden)}") from None
        except UnicodeError:
            raise Undeliverable(f"{host!r} is no name of a mail server") from None
        except OSError as error:
            raise NotNow(f"{host}: can't be reached: {blotted(_words(error), hidden)}") from None

    def _refusal(self, error: smtplib.SMTPResponseException, hidden: Sequence[str]) -> NotDelivered:
        what = {
            smtplib.SMTPAuthenticationError: "refused the username or the password",
            smtplib.SMTPSenderRefused: "refused the sender",
            smtplib.SMTPDataError: "refused the mail",
            smtplib.SMTPConnectError: "refused the connection",
        }.get(type(error), "refused")
        sentence = f"{self._settings.host} {what}: {_reply(error.smtp_code, error.smtp_error, hidden)}"
        return Undeliverable(sentence) if 500 <= error.smtp_code < 600 else NotNow(sentence)


def open_channel(settings: ChannelSettings) -> Mail:
    """Make the channel."""
    if not isinstance(settings, Email):
        raise TypeError(f"expected the settings of mail, got {type(settings).__name__}")
    return Mail(settings)


def _is_here(host: str) -> bool:
    return is_loopback(f"smtp://[{host}]" if ":" in host else f"smtp://{host}")


def _refusals(refused: Mapping[str, tuple[int, bytes]], hidden: Sequence[str]) -> str:
    """Return who was refused, and how; of many the first."""
    shown = [f"{who} ({_reply(code, said, hidden)})" for who, (code, said) in list(refused.items())[:_SHOWN]]
    more = len(refused) - _SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _reply(code: int, said: bytes | str, hidden: Sequence[str]) -> str:
    words = said if isinstance(said, str) else said.decode("utf-8", "replace")
    return f"{code} {blotted(words, hidden)}".strip()


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or str(error)


def _forms(username: str, password: str) -> list[str]:
    """Return the forms in which a password goes over the wire: a server may quote the line that it did not like."""
    plain = f"\0{username}\0{password}"
    return [password, *(base64.b64encode(form.encode()).decode() for form in (password, plain) if password)]
