"""What must never be seen outside of the calls themselves, and a place to look for it in all that comes out."""

import base64
import contextlib
import functools
import gzip
import json
import logging
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock
from urllib.parse import parse_qs, quote, urlsplit

from pypdf import PdfReader

from auditor.collect.alibaba import client as cloud_client
from auditor.collect.alibaba import sdk
from auditor.collect.alibaba.pacing import Backoff
from auditor.collect.kubernetes import client as kubernetes_client
from auditor.collect.permissions import all_probes
from tests.cli.conftest import Place, Ran
from tests.clusters import PASSWORD, FakeCluster, everything
from tests.fakes.cloud.gateway import CutError, Reply, Request
from tests.fakes.kubernetes.cluster import SECRET_DATA

OIDC_TOKEN = "eyJhbGciOiJSUzI1NiJ9.canary-oidc-token.c2lnbmF0dXJl"
SMTP_PASSWORD = "canary-smtp-password"
KUBECONFIG = "canary-client-key-of-a-kubeconfig"
NAS_PASSWORD = "canary-nas-password"
USER_DATA = base64.b64encode(b"#!/bin/sh\nexport TOKEN=canary-user-data").decode()
PLUGIN_TOKEN = "canary-token-of-a-login-plugin"
CLIENT_KEY = "canary-client-key-data"

Answer = Callable[[Request], Reply | None]
SHORTEST = 8


@dataclass
class Secrets:
    """What must not be seen, by what it is. Keys, tokens and signatures are added as they are sent."""

    values: dict[str, str] = field(default_factory=dict)

    def seen_in(self, text: str) -> list[str]:
        """Return which secrets a text holds, and what stands around them."""
        places = [(name, text.find(form)) for name, form in self._forms().items()]
        return [f"{name}: …{text[max(0, at - 80) : at + 80]}…" for name, at in places if at >= 0]

    def note(self, request: Request) -> None:
        """Take the secrets out of a request: how it was signed, and with what."""
        query = parse_qs(urlsplit(request.target).query) | parse_qs(request.body)
        for name in ("Signature", "SecurityToken", "AccessKeyId", "OIDCToken"):
            for value in query.get(name, []):
                self.values[f"{name} {value}"] = value
        _, _, signature = request.headers.get("authorization", "").rpartition(":")
        self.values[f"signature {signature}"] = signature
        self.values["token of a header"] = request.headers.get("x-acs-security-token", "")

    def _forms(self) -> dict[str, str]:
        """Return the secrets as they stand, and as they stand in URLs, in what is signed, and in JSON."""
        found: dict[str, str] = {}
        for name, secret in self.values.items():
            once = quote(secret, safe="")
            forms = {secret, once, quote(once, safe=""), json.dumps(secret)[1:-1]}
            found |= {f"{name} as {form}": form for form in forms if len(form) >= SHORTEST}
        return found


@dataclass
class Watch:
    """A place with two fakes, and the secrets that go between it and them.

    Attributes:
        place: where the commands are run.
        secrets: what must not be seen.
        answer: what the cloud answers instead of its own answer; None for its own.
    """

    place: Place
    secrets: Secrets
    answer: Answer = lambda _request: None

    def assert_clean(self, ran: Ran, logged: str) -> None:
        """Assert that nothing that came out of a run holds a secret."""
        assert not self.secrets.seen_in(ran.out), "standard output"
        assert not self.secrets.seen_in(ran.err), "standard error"
        assert not self.secrets.seen_in(logged), "log records"
        for path in self.written():
            assert not self.secrets.seen_in(text_of(path)), path.name

    def written(self) -> list[Path]:
        """Return the files that the auditor wrote."""
        folder = self.place.folder
        return [*folder.glob("reports/**/report.*"), *folder.glob("*.landscape")]


def with_secrets(cluster: FakeCluster) -> Secrets:
    """Put a secret wherever an API has one, and return all that there are."""
    cloud, kubernetes = cluster.cloud, cluster.kubernetes
    cloud.state.cs.kubeconfigs = dict.fromkeys(cloud.state.cs.clusters, f"client-key-data: {KUBECONFIG}")
    for configuration in cloud.state.ess.scaling_configurations.values():
        configuration["UserData"] = USER_DATA
    cloud.mutate("nas:*", lambda answer: {**answer, "DefaultPasswd": NAS_PASSWORD})
    key = next(iter(cloud.state.sts.keys))
    return Secrets(
        {
            "key id": key,
            "key secret": cloud.state.sts.keys[key].secret,
            "bearer token": kubernetes.token,
            "OIDC token": OIDC_TOKEN,
            "SMTP password": SMTP_PASSWORD,
            "kubeconfig": KUBECONFIG,
            "NAS password": NAS_PASSWORD,
            "user data": USER_DATA,
            "token of a plugin": PLUGIN_TOKEN,
            "client key": CLIENT_KEY,
            "data of Secrets": SECRET_DATA,
            "plain data of Secrets": base64.b64decode(SECRET_DATA).decode(),
            "password in a workload": PASSWORD,
        }
    )


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[Watch]:
    """Give a place whose fakes hold secrets wherever an API has some."""
    cluster = everything()
    cloud, kubernetes = cluster.cloud, cluster.kubernetes
    secrets = with_secrets(cluster)
    with noted(cluster, secrets) as own:

        def answer(request: Request) -> Reply:
            secrets.note(request)
            return watch.answer(request) or own(request)

        with mock.patch.object(cloud.gateway, "answer", answer), cloud.serve() as endpoint, kubernetes:
            kubernetes.write_kubeconfig(folder / "kubeconfig")
            watch = Watch(Place(folder, cloud, kubernetes, endpoint), secrets)
            watch.place.configure(probes=json.dumps(all_probes()))
            yield watch


@contextlib.contextmanager
def noted(cluster: FakeCluster, secrets: Secrets) -> Iterator[Callable[[Request], Reply]]:
    """Note the secrets of all requests to the cloud; the value is what answers them."""
    own = cluster.cloud.gateway.answer

    def answer(request: Request) -> Reply:
        secrets.note(request)
        return own(request)

    with mock.patch.object(cluster.cloud.gateway, "answer", answer):
        yield answer


@contextlib.contextmanager
def everything_logged() -> Iterator[Callable[[], str]]:
    """Let every logger say all that it can; the value returns what they said, with the traces of exceptions."""
    sdk.tame()
    said: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(self.format(record))

    keeper = Keeper(logging.DEBUG)
    keeper.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root = logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in list(logging.root.manager.loggerDict))]
    before = [(logger, logger.level) for logger in loggers]
    root.addHandler(keeper)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield lambda: "\n".join(said)
    finally:
        root.removeHandler(keeper)
        for logger, level in before:
            logger.setLevel(level)


@contextlib.contextmanager
def in_a_hurry() -> Iterator[None]:
    """Let calls that fail be repeated once, and at once."""
    backoff = functools.partial(Backoff, first=0.001, longest=0.002, attempts=2)
    patience = functools.partial(
        kubernetes_client.Patience, attempts=2, first_wait=0.001, longest_wait=0.002, read_timeout=5
    )
    with (
        mock.patch.object(cloud_client, "Backoff", backoff),
        mock.patch.object(kubernetes_client, "Patience", patience),
    ):
        yield


def text_of(path: Path) -> str:
    """Return the text of a report or of a landscape file."""
    content = path.read_bytes()
    if path.suffix == ".pdf":
        streams = [zlib_text(part) for part in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL)]
        return "\n".join([*(page.extract_text() for page in PdfReader(path).pages), *streams])
    return (gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content).decode()


def zlib_text(stream: bytes) -> str:
    """Return what a stream of a PDF file holds, as far as it is text."""
    try:
        return zlib.decompress(stream).decode("latin-1")
    except zlib.error:
        return stream.decode("latin-1")


def echo_of(request: Request) -> str:
    """Return what a gateway may repeat of a request: all of it."""
    headers = " ".join(f"{name}: {value}" for name, value in request.headers.items())
    return f"{request.method} {request.target} {headers} {request.body}"


def echoing(status: int, content_type: str, make: Callable[[str], str]) -> Answer:
    """Return an answer that repeats the request; who calls is answered, so that the audit goes on."""

    def answer(request: Request) -> Reply | None:
        if "GetCallerIdentity" in request.target:
            return None
        return Reply(status, content_type, make(echo_of(request)).encode())

    return answer


def cut(_request: Request) -> Reply:
    """End the connection without an answer."""
    raise CutError("cut")
