"""Puts a mail together: its headers, its two bodies and its attachments.

``Message-ID`` is made from the key of the message, so that it is the same at every attempt, and a mail system knows
a repeat. All reports of one cluster to one channel refer to one message that never was, which makes them one thread;
the mails about one finding are a thread of their own, from its beginning to its end.

Sources: RFC 5322 (headers, threads), RFC 2047 (words beyond ASCII), RFC 3834 (Auto-Submitted); for conversations in
Outlook the layout of the property PidTagConversationIndex.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import errors, policy, utils
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from urllib.parse import quote

from auditor.config.channels import Email
from auditor.deliver.channel import Undeliverable
from auditor.deliver.mail_body import html_body, text_body
from auditor.deliver.mail_story import tell
from auditor.deliver.message import Kind, Message
from auditor.deliver.plain import cut
from auditor.deliver.wording import headline
from auditor.facts.text import Text, t
from auditor.own_fault import own_fault
from auditor.report import pdf_process
from auditor.report.clean import one_line
from auditor.report.formats import FormatUnavailable

LONGEST_SUBJECT = 150
"""Characters of a subject; mail programs show half of that."""
_TYPES = {
    "html": ("text", "html"),
    "pdf": ("application", "pdf"),
    "json": ("application", "json"),
    "markdown": ("text", "markdown"),
    "csv": ("text", "csv"),
}
_TEXTS = frozenset({"subject", "thread-topic"})
"""The headers of free text."""
_ENDINGS = {"markdown": "md"}
_MEGABYTE = 1_000_000
_ENCODED = 78 / 57
"""Bytes of a line in base64, with its end, over the bytes that it carries."""
_SINGLE = (Kind.FINDING, Kind.RESOLVED)
_EPOCH = bytes.fromhex("01d8000000")
"""The time in the conversation indexes: the same in all of a thread, so that it says nothing."""


class _Policy(policy.EmailPolicy):
    """How headers are written.

    The library's own way with texts beyond ASCII loses spaces between them where it has to break the line.
    """

    def fold(self, name: str, value: str) -> str:
        """Return a header as it stands in the mail."""
        if name.lower() not in _TEXTS:
            return str(super().fold(name, value))
        charset = "us-ascii" if value.isascii() else "utf-8"
        written = Header(value, charset, maxlinelen=75, header_name=name).encode(linesep=self.linesep)
        return f"{name}: {written}{self.linesep}"

    def fold_binary(self, name: str, value: str) -> bytes:
        """Return the same as bytes."""
        return (
            self.fold(name, value).encode("ascii")
            if name.lower() in _TEXTS
            else bytes(super().fold_binary(name, value))
        )


# Every server takes lines of 7 bits; whether it takes others it need not say.
_POLICY = _Policy(linesep="\r\n", raise_on_defect=True, cte_type="7bit")


@dataclass(frozen=True)
class Attachment:
    """A report as a file."""

    name: str
    type: tuple[str, str]
    content: bytes

    @property
    def size(self) -> int:
        """Bytes that it takes in a mail."""
        return int(len(self.content) * _ENCODED) + 500


@dataclass(frozen=True)
class Addresses:
    """From whom and to whom, read from the settings."""

    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: Address | None

    @property
    def recipients(self) -> list[str]:
        """Everybody who gets the mail, each once."""
        return list(dict.fromkeys(address.addr_spec for address in (*self.to, *self.cc, *self.bcc)))


def addresses(settings: Email) -> Addresses:
    """Return the addresses of a channel. Raises Undeliverable for one that can't be used."""
    if settings.sender is None:
        raise Undeliverable(f"channel {settings.name!r}: from: this key is required")

    def read(key: str, values: Sequence[str]) -> tuple[Address, ...]:
        return tuple(_address(settings, key, value) for value in values)

    return Addresses(
        sender=_address(settings, "from", settings.sender),
        to=read("to", settings.to),
        cc=read("cc", settings.cc),
        bcc=read("bcc", settings.bcc),
        reply_to=_address(settings, "reply_to", settings.reply_to) if settings.reply_to else None,
    )


def _address(settings: Email, key: str, value: str) -> Address:
    name, has_name, rest = value.rpartition("<")
    spec = rest.removesuffix(">").strip() if has_name else value.strip()
    where = f"channel {settings.name!r}: {key}: {one_line(value)!r}"
    if not spec.isascii():
        raise Undeliverable(
            f"{where} has letters beyond ASCII in the address itself, which many mail servers do not take; write the "
            "domain in its form xn--…, and use a mailbox with an ASCII name"
        )
    try:
        return Address(one_line(name).strip().strip('"'), addr_spec=spec)
    except (ValueError, IndexError, errors.MessageError):
        raise Undeliverable(f"{where} is no address; expected one such as Ops team <ops@example.com>") from None


def make(
    message: Message,
    settings: Email,
    who: Addresses,
    attachments: Sequence[Attachment],
    left_out: Sequence[str],
    most: int,
) -> EmailMessage:
    """Return the mail, with those of the attachments that fit.

    Args:
        message: what it tells.
        settings: of the channel.
        who: its addresses.
        attachments: the files, in the order in which they are to be kept.
        left_out: a sentence for each file that could not be made.
        most: bytes that the attachments may take together.
    """
    kept, too_large = _fitting(message, attachments, most)
    story = tell(message, [attachment.name for attachment in kept], [*left_out, *too_large])
    mail = EmailMessage(policy=_POLICY)
    _set_headers(mail, message, settings, who)
    mail.set_content(text_body(story, message))
    mail.add_alternative(html_body(story, message), subtype="html")
    for attachment in kept:
        maintype, subtype = attachment.type
        mail.add_attachment(
            attachment.content,
            maintype,
            subtype,
            filename=attachment.name,
            params={"charset": "utf-8"} if maintype == "text" else None,
        )
    return mail


def subject(message: Message, prefix: str) -> str:
    """Return the subject of a message."""
    return cut(one_line(f"{prefix.strip()} {headline(message)}").strip(), LONGEST_SUBJECT)


def _set_headers(mail: EmailMessage, message: Message, settings: Email, who: Addresses) -> None:
    domain = who.sender.domain
    mail["From"] = who.sender
    mail["To"] = who.to
    if who.cc:
        mail["Cc"] = who.cc
    if who.reply_to:
        mail["Reply-To"] = who.reply_to
    mail["Subject"] = subject(message, settings.subject_prefix)
    mail["Date"] = utils.format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{_digest('message', message.key)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    # Exchange does not heed the header above: without this one it answers with notes of absence.
    mail["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    mail["X-Auditor-Key"] = quote(message.key, safe="/:@!$&'()*+,;=~_-.", errors="replace")
    if message.kind is Kind.TEST:
        return
    thread, topic = _thread(message, settings)
    mail["In-Reply-To"] = f"<{thread}@{domain}>"
    mail["References"] = f"<{thread}@{domain}>"
    mail["Thread-Topic"] = topic
    mail["Thread-Index"] = base64.b64encode(b"\x01" + _EPOCH + bytes.fromhex(thread)[:16]).decode()


def _thread(message: Message, settings: Email) -> tuple[str, str]:
    """Return by what a thread is known, and what it is called."""
    cluster = message.outcome.cluster
    parts = ["thread", settings.name, cluster.cluster_id or cluster.name]
    topic = one_line(cluster.name)
    if message.kind in _SINGLE and message.all_findings:
        finding = message.all_findings[0]
        parts.append(finding.fingerprint)
        topic = f"{topic}: {message.views[finding.fingerprint].subject.label}"
    return _digest(*parts), cut(topic, LONGEST_SUBJECT)


def _digest(*parts: str) -> str:
    # What is hashed may be any text: half a surrogate pair too.
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:40]


def make_attachments(message: Message, settings: Email) -> tuple[list[Attachment], list[str]]:
    """Return the reports as files, and a sentence for each that can't be made: the mail goes all the same.

    A mail about one finding has none: it tells all there is itself, and there may be many of them.
    """
    made: list[Attachment] = []
    failed: list[str] = []
    for name in dict.fromkeys(settings.attach) if message.kind not in _SINGLE else ():
        try:
            content = pdf_process.render(name, message.report)
        except FormatUnavailable as error:
            failed.append(_not_made(message, name, str(error)))
        except pdf_process.NotRendered as error:
            failed.append(_not_made(message, name, f"this is a fault of the auditor itself: {error}"))
        except Exception as error:  # noqa: BLE001 - whatever a format fails on is told, and the mail goes
            failed.append(_not_made(message, name, f"this is a fault of the auditor itself: {own_fault(error)}"))
        else:
            made.append(Attachment(_file_name(message, name), _TYPES[name], content))
    return made, failed


def _not_made(message: Message, name: str, why: str) -> str:
    said = t("The report as {format} is not attached, because it could not be made: {why}", format=name, why=why)
    return one_line(said.render(message.translate))


def _file_name(message: Message, name: str) -> str:
    cluster = re.sub(r"[^A-Za-z0-9._-]+", "-", message.outcome.cluster.name).strip("-.")[:60] or "cluster"
    return f"{cluster}-{message.outcome.observed_at:%Y-%m-%d}.{_ENDINGS.get(name, name)}"


def _fitting(message: Message, attachments: Sequence[Attachment], most: int) -> tuple[list[Attachment], list[str]]:
    kept: list[Attachment] = []
    too_large: list[str] = []
    room = most
    for attachment in attachments:
        if attachment.size <= room:
            room -= attachment.size
            kept.append(attachment)
        else:
            too_large.append(_too_large(message, attachment, most))
    return kept, too_large


def _too_large(message: Message, attachment: Attachment, most: int) -> str:
    size, limit = f"{attachment.size / _MEGABYTE:.1f}", f"{most / _MEGABYTE:.3g}"
    if message.link:
        said: Text = t(
            "{name} is not attached: it takes {size} MB, and all attachments may take {limit} MB. See {link}",
            name=attachment.name,
            size=size,
            limit=limit,
            link=message.link,
        )
    else:
        said = t(
            "{name} is not attached: it takes {size} MB, and all attachments may take {limit} MB.",
            name=attachment.name,
            size=size,
            limit=limit,
        )
    return one_line(said.render(message.translate))
