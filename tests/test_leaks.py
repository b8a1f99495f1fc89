"""No secret is in anything that comes out, however the audit goes and whatever the other side repeats."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from auditor.collect.registry import providers
from auditor.facts.ref import Layer
from auditor.facts.saved import encode
from tests.audits import collected
from tests.clusters import everything
from tests.failing import FAILURES, Failure
from tests.fakes.cloud.gateway import Reply, Request
from tests.fakes.cloud.raw import sending, with_length
from tests.fakes.kubernetes.faults import Fault
from tests.leaks import (
    CLIENT_KEY,
    OIDC_TOKEN,
    PLUGIN_TOKEN,
    SMTP_PASSWORD,
    Answer,
    Watch,
    cut,
    echo_of,
    echoing,
    everything_logged,
    in_a_hurry,
    noted,
    watched,
    with_secrets,
)

JSON = "application/json"
TEXTS = "json,markdown,csv,html"
Logged = Callable[[], str]
"""Returns what all loggers said."""
RUN = ("run", "--now", "--format", TEXTS)
ROLE = "acs:ram::1098765432101234:role/auditor"


def error(code: str, words: str) -> str:
    return json.dumps({"Code": code, "Message": words, "RequestId": "0", "HostId": "ecs.aliyuncs.com"})


def lower(code: str, words: str) -> str:
    return json.dumps({"code": code, "message": words, "requestId": "0"})


ECHOES: dict[str, Answer] = {
    "string-to-sign": echoing(
        400, JSON, lambda said: error("SignatureDoesNotMatch", f"server string to sign is:{quote(said, safe='')}")
    ),
    "incomplete-signature": echoing(400, JSON, lambda said: error("IncompleteSignature", said)),
    "unknown-error": echoing(400, JSON, lambda said: error("InvalidParameter", f"The request {said} is not valid.")),
    "quoted-request": echoing(400, JSON, lambda said: error("InvalidParameter", quote(said, safe=""))),
    "denied": echoing(403, JSON, lambda said: error("Forbidden.RAM", said)),
    "in-lower-case": echoing(400, JSON, lambda said: lower("ErrorParam", said)),
    "in-the-code": echoing(400, JSON, lambda said: error(said, "no")),
    "success-false": echoing(200, JSON, lambda said: json.dumps({"Success": False, "Code": "X", "Message": said})),
    "page": echoing(502, "text/html", lambda said: f"<html><body>Bad gateway: {said}</body></html>"),
    "page-that-is-well": echoing(200, "text/html", lambda said: f"<html><body>Sign in: {said}</body></html>"),
    "no-json": echoing(200, JSON, lambda said: said),
    "another-shape": echoing(200, JSON, lambda said: json.dumps({"TotalCount": said, "Disks": said})),
    "cut": cut,
}


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    with watched(tmp_path) as made:
        yield made


@pytest.fixture
def logged() -> Iterator[Logged]:
    with everything_logged() as said, in_a_hurry():
        yield said


def assert_no_leak(watch: Watch, said: Logged, *arguments: str, code: int | None = None) -> None:
    """Run a command, and look for the secrets in all that it wrote."""
    watch.place.environment["DEBUG"] = "sdk"
    ran = watch.place.run(*arguments)
    assert code is None or ran.code == code, ran.err
    watch.assert_clean(ran, said())


def test_what_is_looked_for_is_found(watch: Watch, logged: Logged) -> None:
    """The signatures are known, the secrets are where they could be read, and each form of them is noticed."""
    assert_no_leak(watch, logged, *RUN)
    assert len([name for name in watch.secrets.values if name.startswith("Signature ")]) > 20
    assert len([name for name in watch.secrets.values if name.startswith("signature ")]) >= 3
    for secret in watch.secrets.values.values():
        if secret:
            assert watch.secrets.seen_in(f"a text with {secret} in it")
            assert watch.secrets.seen_in(f"a text with {quote(secret, safe='')} in it")


def test_an_audit_and_a_landscape(watch: Watch, logged: Logged) -> None:
    assert_no_leak(watch, logged, *RUN)
    assert_no_leak(watch, logged, "collect", "--output", "shop.landscape", code=0)
    assert {path.suffix for path in watch.written()} == {".csv", ".html", ".json", ".landscape", ".markdown"}


def test_a_report_as_pdf(watch: Watch) -> None:
    """Without the records of all loggers: those of the fonts are many, and make it slow."""
    with in_a_hurry():
        watch.assert_clean(watch.place.run("run", "--now", "--format", "pdf", "--check", "storage/nas-*"), "")
    assert [path.suffix for path in watch.written()] == [".pdf"]


CALLS = (
    (Layer.CLOUD, "cs:DescribeClusterDetail"),
    (Layer.CLOUD, "ecs:DescribeDisks"),
    (Layer.CLOUD, "slb:DescribeLoadBalancers"),
    (Layer.CLOUD, "ess:DescribeScalingConfigurations"),
    (Layer.KUBERNETES, "list pods"),
    (Layer.KUBERNETES, "list secrets"),
)


@pytest.mark.parametrize("way", FAILURES, ids=lambda way: way.name)
def test_every_way_to_fail(logged: Logged, way: Failure) -> None:
    cluster = everything()
    secrets = with_secrets(cluster)
    for layer, permission in CALLS:
        if way.fits(layer):
            way.lay(cluster, layer, permission)
    with noted(cluster, secrets):
        landscape = collected(cluster, providers(), way.haste)
    assert not secrets.seen_in(gzip.decompress(encode(landscape, "0")).decode())
    assert not secrets.seen_in(logged())


@pytest.mark.parametrize("name", ECHOES)
def test_a_cloud_that_repeats_the_request(watch: Watch, logged: Logged, name: str) -> None:
    watch.answer = ECHOES[name]
    assert_no_leak(watch, logged, *RUN)
    assert watch.written()


@pytest.mark.parametrize("name", ["string-to-sign", "unknown-error", "page", "cut"])
def test_a_cloud_that_repeats_the_first_request(watch: Watch, logged: Logged, name: str) -> None:
    answer = ECHOES[name]
    watch.answer = lambda request: answer(request._replace(target=request.target.replace("GetCaller", "Get-Caller")))
    assert_no_leak(watch, logged, *RUN)


KUBERNETES_ECHOES = {
    "401": (401, JSON, '{"kind":"Status","apiVersion":"v1","status":"Failure","message":"bad token %s","code":401}'),
    "403": (403, JSON, '{"kind":"Status","apiVersion":"v1","status":"Failure","message":"User %s may not","code":403}'),
    "500": (500, JSON, '{"kind":"Status","apiVersion":"v1","status":"Failure","message":"token %s","code":500}'),
    "page-of-a-proxy": (502, "text/html", "<html>Authorization: Bearer %s</html>"),
    "page-that-is-well": (200, "text/html", "<html>Authorization: Bearer %s</html>"),
    "another-kind": (200, JSON, '{"kind":"Token %s","items":[]}'),
    "another-shape": (200, JSON, '{"kind":"PodList","items":"%s"}'),
}


@pytest.mark.parametrize("name", KUBERNETES_ECHOES)
@pytest.mark.parametrize("where", ["*", "/api/v1/*"])
def test_an_api_server_that_repeats_the_token(watch: Watch, logged: Logged, name: str, where: str) -> None:
    status, content_type, words = KUBERNETES_ECHOES[name]
    body = (words % watch.place.kubernetes.token).encode()
    watch.place.kubernetes.fail(where, Fault(status, body, content_type))
    assert_no_leak(watch, logged, *RUN)


@pytest.mark.parametrize("side", ["nobody-listens", "no-tls", "certificate-of-nobody"])
def test_connections_that_fail(watch: Watch, logged: Logged, side: str, tmp_path: Path) -> None:
    endpoint = {
        "nobody-listens": "http://127.0.0.1:9",
        "no-tls": watch.place.endpoint.replace("http:", "https:"),
        "certificate-of-nobody": watch.place.kubernetes.url.replace("http:", "https:"),
    }[side]
    watch.place.configure(alibaba=f'endpoint = "{endpoint}"')
    assert_no_leak(watch, logged, *RUN)


def test_answers_that_do_not_come(watch: Watch, logged: Logged) -> None:
    watch.place.configure(alibaba=f'endpoint = "{watch.place.endpoint}"\ntimeout_seconds = 1')
    watch.place.cloud.delay("*:Describe*", 1.5)
    watch.place.kubernetes.fail("/api/v1/pods", Fault(delay=0.2, close="during"))
    assert_no_leak(watch, logged, *RUN)


def as_role(watch: Watch, credentials: str) -> None:
    """Configure credentials that are taken on at STS."""
    watch.place.configure(alibaba=f'endpoint = "{watch.place.endpoint}"\ncredentials = {{ {credentials} }}')


def sts_repeats(code: str) -> Answer:
    def answer(request: Request) -> Reply | None:
        if "AssumeRole" not in request.target + request.body:
            return None
        return Reply(400, JSON, error(code, f"{echo_of(request)} is refused").encode())

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"access_key": "LTAIcanary-key", "secret_key": "canary-secret", "security_token": "canary-token"}},
        {"Code": "Success", "access_key_id": "LTAIcanary-key", "access_key_secret": "canary-secret"},
        {"error": "no", "SecretAccessKey": "canary-secret", "Token": "canary-token"},
    ],
    ids=["vault", "snake-case", "other-names"],
)
@pytest.mark.parametrize("status", [b"200 OK", b"500 Internal Server Error"])
def test_a_credentials_uri(watch: Watch, logged: Logged, answer: Mapping[str, object], status: bytes) -> None:
    body = with_length(json.dumps(answer).encode(), status=status)
    watch.secrets.values |= {name: f"canary-{name}" for name in ("key", "secret", "token")}
    with sending(body, at_once=len(body)) as base_url:
        as_role(watch, f'kind = "uri", uri = "{base_url}/canary-secret?role=canary-token"')
        assert_no_leak(watch, logged, *RUN)
        assert_no_leak(watch, logged, "doctor")
        assert_no_leak(watch, logged, "collect", "--output", "shop.landscape")
    assert watch.written()


@pytest.mark.parametrize("code", ["", "NoPermission", "SignatureDoesNotMatch", "InvalidParameter"])
def test_a_role(watch: Watch, logged: Logged, code: str) -> None:
    as_role(watch, f'kind = "ram_role", role_arn = "{ROLE}", external_id = "canary-external-id"')
    watch.secrets.values["external id"] = "canary-external-id"
    if code:
        watch.answer = sts_repeats(code)
    assert_no_leak(watch, logged, *RUN)


@pytest.mark.parametrize("code", ["", "NoPermission", "AuthenticationFail.OIDCToken.Invalid", "InvalidParameter"])
def test_a_role_by_an_oidc_token(watch: Watch, logged: Logged, code: str) -> None:
    (watch.place.folder / "token").write_text(f"{OIDC_TOKEN}\n")
    provider = "acs:ram::1098765432101234:oidc-provider/ack-rrsa"
    parts = f'role_arn = "{ROLE}", oidc_provider_arn = "{provider}", oidc_token_file = "token"'
    as_role(watch, f'kind = "rrsa", {parts}')
    if code:
        watch.answer = sts_repeats(code)
    assert_no_leak(watch, logged, *RUN)


@pytest.mark.parametrize(
    "script",
    [
        f"echo {PLUGIN_TOKEN}",
        f"echo {PLUGIN_TOKEN} >&2; exit 1",
        f"""echo '{{"kind": "ExecCredential", "status": {{"token": "{PLUGIN_TOKEN}"}}'""",
        f"""echo '{{"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential",
            "status": {{"token": "{PLUGIN_TOKEN}"}}}}'""",
        f"""echo '{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
            "status": {{"token": "{PLUGIN_TOKEN}"}}}}'""",
    ],
    ids=["words", "fails", "half", "another-version", "refused"],
)
def test_a_login_plugin(watch: Watch, logged: Logged, script: str) -> None:
    plugin = watch.place.folder / "login"
    plugin.write_text(f"#!/bin/sh\n{script}\n")
    plugin.chmod(0o755)
    login = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./login"}}
    with_user(watch, login)
    assert_no_leak(watch, logged, *RUN)


@pytest.mark.parametrize(
    "user",
    [
        {"client-certificate-data": "YQ==", "client-key-data": quote(CLIENT_KEY)},
        {"client-certificate-data": CLIENT_KEY, "client-key-data": CLIENT_KEY},
        {"token": [CLIENT_KEY]},
        {"username": "admin", "password": CLIENT_KEY},
        {"auth-provider": {"name": "oidc", "config": {"id-token": CLIENT_KEY, "refresh-token": CLIENT_KEY}}},
    ],
    ids=["key", "certificate", "list", "password", "provider"],
)
def test_a_user_of_a_kubeconfig(watch: Watch, logged: Logged, user: Mapping[str, object]) -> None:
    with_user(watch, user)
    assert_no_leak(watch, logged, *RUN)


def with_user(watch: Watch, user: Mapping[str, object]) -> None:
    """Let the kubeconfig hold another user."""
    path = watch.place.folder / "kubeconfig"
    document = json.loads(path.read_text(encoding="utf-8"))
    document["users"][0]["user"] = user
    path.write_text(json.dumps(document), encoding="utf-8")


CHANNEL = '[[channels]]\nname = "ops"\nkind = "email"\n'


@pytest.mark.parametrize(
    "lines",
    [
        f'{CHANNEL}password = "{SMTP_PASSWORD}"\n',
        f'{CHANNEL}pasword = "{SMTP_PASSWORD}"\n',
        f'smtp_password = "{SMTP_PASSWORD}"\n',
        f'[ledger]\nurl = ["postgresql://auditor:{SMTP_PASSWORD}@db/auditor"]\n',
        f'[ledger]\nurl = "postgresql://auditor:{SMTP_PASSWORD}@db/auditor"\n',
        f'[clusters.alibaba.credentials]\nkind = "access_key"\naccess_key_secrt = "{SMTP_PASSWORD}"\n',
        f'[clusters.alibaba.credentials]\nkind = "access_key"\naccess_key_secret = ["{SMTP_PASSWORD}"]\n',
        f'[clusters.alibaba.credentials]\nkind = "access_key"\naccess_key_secret = "{SMTP_PASSWORD}"\n',
        f'[clusters.alibaba.credentials]\nkind = "uri"\nuri = "http://auditor:{SMTP_PASSWORD}@127.0.0.1:9/?t={SMTP_PASSWORD}"\n',
        f'[ledger]\nurl = "{SMTP_PASSWORD}\n',
    ],
    ids=["channel", "typo", "top", "list", "ledger", "misspelt-key", "listed-key", "half-a-key", "uri", "no-end"],
)
@pytest.mark.parametrize("command", [RUN, ("config", "check")], ids=["run", "check"])
def test_a_configuration_with_secrets(watch: Watch, logged: Logged, lines: str, command: tuple[str, ...]) -> None:
    with watch.place.config.open("a", encoding="utf-8") as file:
        file.write(lines)
    assert_no_leak(watch, logged, *command)


@pytest.mark.parametrize("name", ["", "string-to-sign", "unknown-error"])
def test_a_process_of_its_own(watch: Watch, name: str) -> None:
    """Here the libraries are loaded by the command itself, and write where they want; all of them are told to."""
    loud = "import logging\nlogging.basicConfig(level=logging.DEBUG)\nlogging.getLogger('aliyunsdkcore').setLevel(10)\n"
    (watch.place.folder / "sitecustomize.py").write_text(loud)
    path = f"{watch.place.folder}:{Path(__file__).parents[1]}"
    watch.place.environment |= {"DEBUG": "sdk", "PYTHONPATH": path}
    if name:
        watch.answer = ECHOES[name]
    ran = watch.place.end(watch.place.start(*RUN))
    assert "DEBUG:" in ran.err
    watch.assert_clean(ran, "")
