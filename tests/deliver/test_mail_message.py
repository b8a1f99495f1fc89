"""The headers and the attachments of mails, read back with the library's parser."""

import email
import io
import string
from email import policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any

import pypdf
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from auditor.deliver import mail_message
from auditor.deliver.channel import Undeliverable
from auditor.deliver.mail_message import LONGEST_SUBJECT, addresses, make, make_attachments, subject
from auditor.deliver.message import Kind, Message
from auditor.facts.landscape import ClusterIdentity
from auditor.report import pdf_process
from auditor.report.formats import FormatUnavailable, Report
from tests.deliver.messages import LINK, message, settings
from tests.report import samples


def channel(**keys: Any) -> Any:
    given = {"host": "smtp.example.com", "from": "auditor@example.com", "to": ["ops@example.com"], "attach": []}
    return settings("email", **(given | keys))


def made(told: Message, **keys: Any) -> EmailMessage:
    """Return a mail as it is read at the other end."""
    given = channel(**keys)
    attachments, failed = make_attachments(told, given)
    most = int(given.max_attachment_mb * 1_000_000)
    content = bytes(make(told, given, addresses(given), attachments, failed, most))
    read = email.message_from_bytes(content, policy=policy.default)
    assert isinstance(read, EmailMessage)
    assert not read.defects
    return read


def text(read: EmailMessage) -> str:
    part = read.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def named(name: str, **more: Any) -> Any:
    return samples.outcome(cluster=ClusterIdentity(name, "c1", "cn-hangzhou"), **more)


def test_the_headers() -> None:
    read = made(message(Kind.REPORT), subject_prefix="[ACK]")
    assert read["Subject"] == ("[ACK] shop-prod: 1 critical, 1 high, 1 info (1 new, 1 resolved), audit incomplete")
    assert read["From"] == "auditor@example.com"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["X-Auditor-Key"] == "01JDC0M6ZQ4Y8T/hook/batch"
    assert parsedate_to_datetime(read["Date"]).tzinfo is not None


def test_every_attempt_has_the_same_id_and_every_message_its_own() -> None:
    first, again = made(message(Kind.REPORT)), made(message(Kind.REPORT))
    other = made(message(Kind.REPORT, key="01JDC0M6ZQ4Y8T/hook/report"))
    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    assert first["Message-ID"].endswith("@example.com>")


def test_the_reports_of_a_cluster_to_a_channel_are_one_thread() -> None:
    first = made(message(Kind.REPORT))
    second = made(message(Kind.BATCH, samples.outcome(run_id="another"), key="another"))
    elsewhere = made(message(Kind.REPORT), name="second-channel")
    of_other = made(message(Kind.REPORT, named("other")))
    for header in ("References", "In-Reply-To", "Thread-Index", "Thread-Topic"):
        assert first[header] == second[header], header
    assert first["References"] == first["In-Reply-To"] != first["Message-ID"]
    assert len({read["References"] for read in (first, elsewhere, of_other)}) == 3
    assert len({read["Thread-Index"] for read in (first, elsewhere, of_other)}) == 3


def test_a_finding_and_its_end_are_one_thread() -> None:
    found = samples.finding()
    begin = made(message(Kind.FINDING, findings=(found,)))
    end = made(message(Kind.RESOLVED, resolved=(found,), key="end"))
    other = made(message(Kind.FINDING))
    assert begin["References"] == end["References"]
    assert begin["Thread-Topic"] == end["Thread-Topic"]
    assert len({one["References"] for one in (begin, other, made(message(Kind.REPORT)))}) == 3


def test_a_test_belongs_to_no_thread() -> None:
    assert made(message(Kind.TEST))["References"] is None


@pytest.mark.parametrize(
    "name", [*samples.HOSTILE, "x\r\nBcc: evil@example.com", "a\nb", "\u2028x", "x" * 400, "商店" * 90]
)
def test_names_from_a_cluster_add_no_header(name: str) -> None:
    subject_of_finding = samples.finding(name)
    for kind, found in ((Kind.REPORT, samples.outcome().counting), (Kind.FINDING, (subject_of_finding,))):
        told = message(kind, named(name), findings=found, resolved=(), key=f"run/{name}/x")
        read = made(told)
        plain = made(message(kind, findings=found, resolved=()))
        assert read.keys() == plain.keys()
        assert read["Subject"].isprintable()
        assert len(read["Subject"]) <= LONGEST_SUBJECT
        assert read["To"] == "ops@example.com"
        assert read["X-Auditor-Key"].isascii()
        assert " " not in read["X-Auditor-Key"]


@hypothesis_settings(max_examples=150, deadline=None)
@given(st.text(max_size=120), st.text(alphabet=string.printable, max_size=30).filter(str.isprintable))
def test_any_name_arrives_in_the_subject_as_it_is_shown(name: str, prefix: str) -> None:
    told = message(Kind.REPORT, named(name or "x"), findings=(), resolved=())
    expected = subject(told, prefix)
    mail = EmailMessage(policy=mail_message._POLICY)
    mail["Subject"] = expected
    raw = bytes(mail)
    read = email.message_from_bytes(raw, policy=policy.default)
    assert read.keys() == ["Subject"]
    assert " ".join(str(read["Subject"]).split()) == " ".join(expected.split())
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert raw.isascii()


def test_names_of_people_may_be_of_any_letters() -> None:
    read = made(
        message(),
        **{
            "from": "集群审计 <auditor@example.com>",
            "to": ["Müller, Jörg <jm@example.com>", '"Ops" <ops@example.com>'],
        },
    )
    assert read["From"].addresses[0].display_name == "集群审计"
    assert [(one.display_name, one.addr_spec) for one in read["To"].addresses] == [
        ("Müller, Jörg", "jm@example.com"),
        ("Ops", "ops@example.com"),
    ]


@pytest.mark.parametrize("key", ["to", "cc", "bcc", "from", "reply_to"])
def test_addresses_beyond_ascii_are_refused_by_name(key: str) -> None:
    for wrong in ("运维@example.com", "ops@例子.中国"):
        value: Any = wrong if key in ("from", "reply_to") else [wrong]
        with pytest.raises(Undeliverable, match=rf"channel 'hook': {key}: '{wrong}' has letters beyond ASCII"):
            addresses(channel(**{key: value}))


def test_addresses_that_are_none_are_refused_by_name() -> None:
    for wrong in ("a.@example.com", "Ops <ops..x@example.com>", "ops@example.com>"):
        with pytest.raises(Undeliverable, match="is no address"):
            addresses(channel(to=[wrong]))


def test_the_pdf_opens_and_the_page_is_whole() -> None:
    for language, words in (("en", "Faults found"), ("zh", "审计")):
        read = made(message(Kind.REPORT, language=language), attach=["html", "pdf"])
        page, pdf = read.iter_attachments()
        assert page.get_content_type() == "text/html"
        assert page.get_content().rstrip().endswith("</html>")
        assert pdf.get_content_type() == "application/pdf"
        assert pdf.get_filename() == "shop-prod-2026-11-23.pdf"
        opened = pypdf.PdfReader(io.BytesIO(pdf.get_content()))
        assert "shop-prod" in opened.pages[0].extract_text()
        assert words in opened.pages[0].extract_text()
        assert words in text(read)


def test_mails_about_one_finding_have_no_attachment() -> None:
    for kind in (Kind.FINDING, Kind.RESOLVED):
        assert list(made(message(kind), attach=["html", "json"]).iter_attachments()) == []


def test_names_of_files_are_plain() -> None:
    (part,) = made(message(Kind.REPORT, named("../..\r\n商店/\x1b")), attach=["json"]).iter_attachments()
    assert part.get_filename() == "cluster-2026-11-23.json"
    (part,) = made(message(Kind.REPORT, named("../shop prod!")), attach=["json"]).iter_attachments()
    assert part.get_filename() == "shop-prod-2026-11-23.json"


def test_what_is_too_large_is_left_out_and_named() -> None:
    read = made(message(Kind.REPORT), attach=["html", "csv"], max_attachment_mb=0.02)
    assert [part.get_filename() for part in read.iter_attachments()] == ["shop-prod-2026-11-23.csv"]
    assert "shop-prod-2026-11-23.html is not attached: it takes " in text(read)
    assert f"all attachments may take 0.02 MB. See {LINK}" in text(read)
    without = made(message(Kind.REPORT, link=""), attach=["html"], max_attachment_mb=0.001)
    assert "all attachments may take 0.001 MB.\n" in text(without)
    html = without.get_body(("html",))
    assert html is not None
    assert "is not attached" in html.get_content()


def test_a_mail_is_not_larger_than_its_attachments_may_be() -> None:
    told = message(Kind.REPORT, samples.crowded(120))
    plain = len(bytes(made(told)))
    for limit in (0.05, 0.2, 0.6, 2):
        read = made(told, attach=["html", "json", "csv", "markdown"], max_attachment_mb=limit)
        assert len(bytes(read)) <= plain + limit * 1_000_000 + 2_000


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FormatUnavailable("install Pango"), "it could not be made: install Pango"),
        (RuntimeError("secret-token"), "this is a fault of the auditor itself: RuntimeError"),
        (
            pdf_process.NotRendered("the process that made it died"),
            "auditor itself: the process that made it died",
        ),
    ],
)
def test_a_format_that_fails_is_named_and_the_mail_goes(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = pdf_process.render

    def render(name: str, report: Report) -> bytes:
        if name == "pdf":
            raise error
        return real(name, report)

    monkeypatch.setattr(pdf_process, "render", render)
    read = made(message(Kind.REPORT), attach=["pdf", "csv"])
    assert [part.get_filename() for part in read.iter_attachments()] == ["shop-prod-2026-11-23.csv"]
    assert "The report as pdf is not attached, because " in text(read)
    assert words in text(read)
    assert "secret-token" not in text(read)
