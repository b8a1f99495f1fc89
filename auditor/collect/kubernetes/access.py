"""How a client gets to its API server: where it stands, who is trusted, and who the client is. Holds no secret."""

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Access:
    """The way to one API server.

    Attributes:
        server: its URL.
        origin: where that was read: ``file``, ``pod`` (the account of the Pod) or ``ack`` (handed out by ACK).
        context: of the kubeconfig.
        user: what the kubeconfig calls the client.
        certificate: the client's certificates (PEM), without their key; empty if it has none.
        authority: the certificates that the server is trusted by (PEM); empty for those of the system.
        is_verified: whether the server's certificate is verified at all.
        server_name: the name that the server's certificate is held against, where it is not that of the URL.
        renews: whether the client is given another certificate at each start: by a login command, or by ACK.
        has_proxy: whether calls go through a proxy.
        other_proxy: whether calls to other hosts would, if ``no_proxy`` does not name them.
        no_proxy: the hosts that are called directly.
    """

    server: str
    origin: str
    context: str = ""
    user: str = ""
    certificate: str = ""
    authority: str = ""
    is_verified: bool = True
    server_name: str = ""
    renews: bool = False
    has_proxy: bool = False
    other_proxy: bool = False
    no_proxy: str = ""

    @property
    def is_encrypted(self) -> bool:
        """Whether the server is called by https."""
        return urlsplit(self.server).scheme == "https"

    def goes_through_a_proxy(self, server: str) -> bool:
        """Tell whether calls to this URL go through a proxy."""
        if server == self.server:
            return self.has_proxy
        return self.other_proxy and not proxy_bypass_environment(urlsplit(server).netloc, {"no": self.no_proxy})

    def tls(self) -> ssl.SSLContext:
        """Return what the server's certificate is verified with. The client's own certificate is not in it."""
        context = ssl.create_default_context(cadata=self.authority or None)
        if not self.is_verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def certificates_in(pem: str) -> str:
    """Return the certificates of a PEM text, and nothing else of it: a key may stand beside them."""
    return "\n".join(_CERTIFICATE.findall(pem))


def certificates_of(path: str | None) -> str:
    """Return the certificates of a PEM file; empty without a path."""
    return certificates_in(Path(path).read_text(encoding="utf-8", errors="replace")) if path else ""


def access_of(
    api_client: Any,
    origin: str,
    *,
    context: str = "",
    user: str = "",
    certificate: str | None = None,
    authority: str | None = None,
    renews: bool = False,
) -> Access:
    """Return the access of an ``ApiClient`` of the ``kubernetes`` package.

    ``certificate`` and ``authority`` are read from the files that its configuration names, if they are not given.
    """
    configuration = api_client.configuration
    server = str(configuration.host).rstrip("/")
    encrypted = urlsplit(server).scheme == "https"
    if certificate is None:
        certificate = certificates_of(configuration.cert_file) if encrypted else ""
    if authority is None:
        authority = certificates_of(configuration.ssl_ca_cert) if encrypted else ""
    return Access(
        server=server,
        origin=origin,
        context=context,
        user=user,
        certificate=certificate,
        authority=authority,
        is_verified=bool(configuration.verify_ssl),
        server_name=getattr(configuration, "tls_server_name", None) or "",
        renews=renews,
        has_proxy=getattr(api_client.rest_client.pool_manager, "proxy", None) is not None,
        other_proxy=bool(configuration.proxy),
        no_proxy=configuration.no_proxy or "",
    )
