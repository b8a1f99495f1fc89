"""A kubeconfig that ACK handed out: used in memory, and never left in a file.

Only what ACK itself writes into one is taken: a server, certificates, a key, a token. A login command or a path
of a file in it would come from outside, and is passed over.
"""

import base64
import binascii
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from auditor.collect.kubernetes.access import certificates_in
from auditor.collect.kubernetes.kubeconfig import KubernetesConfigError
from auditor.facts.text import t
from auditor.loopback import is_loopback

LARGEST_CHARACTERS = 2**20


@dataclass(frozen=True)
class HandedOut:
    """What is taken from a kubeconfig of ACK."""

    server: str
    context: str
    user: str
    authority: str
    certificate: str
    key: str = field(repr=False)
    token: str = field(repr=False)

    def tls(self) -> ssl.SSLContext | None:
        """Return the context of its connections, the client's certificate in it; None for plain http.

        Raises KubernetesConfigError if the certificates can't be used.
        """
        if not self.server.startswith("https"):
            return None
        try:
            context = ssl.create_default_context(cadata=self.authority or None)
            if self.certificate:
                # Python loads a key from a file only, so it stands in one of this process' own for this moment.
                with tempfile.TemporaryDirectory(prefix="auditor-") as folder:
                    path = Path(folder) / "client.pem"
                    path.touch(mode=0o600)
                    path.write_text(f"{self.certificate}\n{self.key}\n", encoding="utf-8")
                    context.load_cert_chain(path, password="")
        except (OSError, ValueError):
            raise _fault("certificate-authority-data, client-certificate-data, client-key-data") from None
        return context


def read_handed_out(text: str) -> HandedOut:
    """Read a kubeconfig. Raises KubernetesConfigError, which quotes nothing of it, if it is not usable."""
    import yaml  # noqa: PLC0415 - comes with the kubernetes package, and is needed only here

    if len(text) > LARGEST_CHARACTERS:
        raise _fault("size")
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        raise _fault("YAML") from None
    if not isinstance(document, dict):
        raise _fault("clusters, contexts, users")
    name = document.get("current-context")
    context = _entry(document, "contexts", "context", name)
    cluster = _entry(document, "clusters", "cluster", context.get("cluster"))
    user = _entry(document, "users", "user", context.get("user"))
    certificate, key = _certificates(user, "client-certificate-data"), _pem(user, "client-key-data")
    token = user.get("token") or ""
    if not isinstance(token, str) or bool(certificate) != bool(key) or not (certificate or token):
        raise _fault("client-certificate-data, client-key-data, token")
    if any(ord(character) < 32 or ord(character) > 126 for character in token):
        raise _fault("token")
    return HandedOut(
        server=_server(cluster),
        context=str(name),
        user=str(context.get("user")),
        authority=_certificates(cluster, "certificate-authority-data"),
        certificate=certificate,
        key=key,
        token=token,
    )


def _entry(document: Mapping[str, Any], section: str, inner: str, name: object) -> Mapping[str, Any]:
    entries = document.get(section)
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(name, str) and entry.get("name") == name:
            found = entry.get(inner)
            if isinstance(found, dict):
                return found
    raise _fault(section)


def _server(cluster: Mapping[str, Any]) -> str:
    server = cluster.get("server")
    try:
        parts = urlsplit(server if isinstance(server, str) else "")
        usable = bool(parts.hostname) and (parts.port or 1) > 0 and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable or not isinstance(server, str):
        raise _fault("server")
    # Credentials are sent to it: unencrypted only to this machine itself.
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(server)):
        raise _fault("server")
    return server.rstrip("/")


def _certificates(entry: Mapping[str, Any], key: str) -> str:
    given = _pem(entry, key)
    found = certificates_in(given)
    if given and not found:
        raise _fault(key)
    return found


def _pem(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key) or ""
    try:
        return base64.b64decode(value if isinstance(value, str) else "-", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise _fault(key) from None


def _fault(key: str) -> KubernetesConfigError:
    return KubernetesConfigError(t("the kubeconfig that ACK handed out can't be used: {key}", key=key))
