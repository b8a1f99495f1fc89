"""Mail servers for the tests: a real SMTP server that keeps what it gets, and one that behaves badly as told."""

import asyncio
import contextlib
import datetime as dt
import email
import ipaddress
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LONGEST = 30
"""Seconds that are waited at most; only a test that has failed waits so long."""


@dataclass(frozen=True)
class Delivered:
    """One mail as the server took it."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    encrypted: bool
    user: str

    @property
    def mail(self) -> EmailMessage:
        """The mail, read by the standard library's parser."""
        read = email.message_from_bytes(self.content, policy=policy.default)
        assert isinstance(read, EmailMessage)
        assert not read.defects
        return read


class MailServer:
    """A mail server on this machine.

    Attributes:
        box: the mails that it took.
        refusals: what it answers to RCPT, by recipient.
        replies: what it answers to MAIL, to DATA and to AUTH, instead of taking it.
    """

    def __init__(
        self, *, tls: tuple[Path, Path] | None = None, implicit: bool = False, password: str = "", size: int = 0
    ) -> None:
        """Take the files of a certificate and its key, whether it is encrypted from the start, and what opens it."""
        self.box: list[Delivered] = []
        self.refusals: dict[str, str] = {}
        self.replies: dict[str, str] = {}
        self.tried: list[tuple[bytes, bytes]] = []
        self.sessions = 0
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*tls)
        self._implicit = implicit
        self._password = password
        self._size = size
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda *_: None)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        made = asyncio.run_coroutine_threadsafe(
            self._loop.create_server(self._protocol, "127.0.0.1", 0, ssl=self._context if self._implicit else None),
            self._loop,
        )
        self._server = made.result(LONGEST)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no longer."""

        async def end() -> None:
            self._server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(LONGEST)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LONGEST)
        self._loop.close()

    @property
    def only(self) -> Delivered:
        """The mail, of which there must be one."""
        (mail,) = self.box
        return mail

    def _protocol(self) -> SMTP:
        self.sessions += 1
        with warnings.catch_warnings():
            # It warns of passwords without encryption: with encryption from the start it does not know of it.
            warnings.simplefilter("ignore")
            return SMTP(
                _Handler(self),
                hostname="mail.test",
                tls_context=None if self._implicit else self._context,
                authenticator=self._authenticate if self._password else None,
                auth_required=bool(self._password),
                auth_require_tls=bool(self._context) and not self._implicit,
                data_size_limit=self._size or None,
                loop=self._loop,
            )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.tried.append((data.login, data.password))
        if "AUTH" in self.replies:
            return AuthResult(success=False, handled=False, message=self.replies["AUTH"])
        return AuthResult(
            success=data.password == self._password.encode(), handled=False, auth_data=data.login.decode()
        )


class _Handler:
    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def handle_MAIL(  # noqa: N802 - the names that the library looks for
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "MAIL" in self._server.replies:
            return self._server.replies["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - the names that the library looks for
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self._server.refusals:
            return self._server.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if "DATA" in self._server.replies:
            return self._server.replies["DATA"]
        assert isinstance(envelope.content, bytes)
        user: Any = session.auth_data
        self._server.box.append(
            Delivered(
                sender=str(envelope.mail_from),
                recipients=tuple(envelope.rcpt_tos),
                content=envelope.content,
                encrypted=session.ssl is not None,
                user="" if user is None else str(user),
            )
        )
        return "250 taken"


@contextlib.contextmanager
def misbehaving(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Give the port of a server that does with its first connection whatever it is told, and then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(LONGEST)

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                connection.settimeout(LONGEST)
                with connection:
                    talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
    thread.join(LONGEST)


def certificate(folder: Path, host: str = "127.0.0.1", *, days: int = 1) -> tuple[Path, Path]:
    """Write a certificate of a private authority for this machine; return its file and that of its key.

    The authority's certificate stands beside it, as ``ca.pem``. With negative ``days`` it has expired.
    """
    now = dt.datetime.now(dt.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
    start = now - dt.timedelta(days=30)

    def begun(name: x509.Name, public: Any, until: dt.datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(until)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )

    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    authority = (
        begun(ca_name, ca_key.public_key(), now + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    own = (
        begun(name, key.public_key(), now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    paths = folder / "mail.pem", folder / "mail.key"
    (folder / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    paths[0].write_bytes(own.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
