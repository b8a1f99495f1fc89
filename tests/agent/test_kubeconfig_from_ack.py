"""A kubeconfig that ACK hands out: for a short time, in memory alone, and never a reason not to read the cloud."""

import base64
import contextlib
import json
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from auditor.agent.sides import local_problems, open_either, open_sides
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.kubernetes.client import KubernetesClient, open_client
from auditor.collect.kubernetes.handed_out import read_handed_out
from auditor.collect.kubernetes.kubeconfig import KubernetesConfigError
from auditor.config.base import BadConfig
from auditor.config.clusters import Cluster
from auditor.config.load import parse
from auditor.facts.ref import Layer
from auditor.facts.table import Reason, ReasonKind
from tests.collect.kubernetes.conftest import QUICK
from tests.collect.kubernetes.kit import collect
from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, FakeCloud
from tests.fakes.kubernetes import FakeKubernetes

CERTIFICATE = Path(__file__).parents[1] / "fakes" / "kubernetes" / "tls" / "valid.pem"
ACTION = "cs:DescribeClusterUserKubeconfig"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def parts() -> tuple[str, str]:
    """Return the certificate and the key of the fake."""
    pem = CERTIFICATE.read_text()
    start = pem.index("-----BEGIN CERTIFICATE")
    end = pem.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----\n")
    return pem[start:end], pem[:start] + pem[end:]


def handed_out(server: str, **user: str) -> str:
    """Return a kubeconfig in the form that ACK gives it."""
    certificate, key = parts()
    given = user or {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "207719364451120883-c1",
        "clusters": [
            {"name": "kubernetes", "cluster": {"server": server, "certificate-authority-data": encoded(certificate)}}
        ],
        "contexts": [
            {"name": "207719364451120883-c1", "context": {"cluster": "kubernetes", "user": "207719364451120883"}}
        ],
        "users": [{"name": "207719364451120883", "user": given}],
    }
    return json.dumps(document)


@pytest.fixture
def kubernetes() -> Iterator[FakeKubernetes]:
    """An API server that takes clients with a certificate only."""
    with FakeKubernetes.recorded(certificate=CERTIFICATE) as made:
        tls = made._server._http.tls
        assert tls is not None
        tls.verify_mode = ssl.CERT_REQUIRED
        tls.load_verify_locations(CERTIFICATE)
        made.token = ""
        yield made


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud.recorded()


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path) -> Iterator[Path]:
    """The folder of temporary files, in which nothing may be left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    key = {"ALIBABA_CLOUD_ACCESS_KEY_ID": ACCESS_KEY_ID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": ACCESS_KEY_SECRET}
    with mock.patch.dict(os.environ, key), mock.patch.object(tempfile, "tempdir", str(folder)):
        yield folder
    assert list(folder.iterdir()) == []


@contextlib.contextmanager
def configured(cloud: FakeCloud, way: str = "public", *, more: str = "") -> Iterator[Cluster]:
    with cloud.serve() as endpoint:
        text = (
            f'[[clusters]]\nname = "shop"\nregion = "cn-hangzhou"\ncluster_id = "{cloud.state.cs.cluster_id}"\n'
            f'[clusters.kubernetes]\nfrom_ack = "{way}"\n{more}\n[clusters.alibaba]\nendpoint = "{endpoint}"\n'
        )
        yield parse(text.encode(), Path("auditor.toml")).clusters[0]


def hand(cloud: FakeCloud, config: str) -> None:
    cloud.state.cs.kubeconfigs[cloud.state.cs.cluster_id] = config


def call(cloud: FakeCloud) -> dict[str, str]:
    [found] = [made for made in cloud.calls if made.action == "DescribeClusterUserKubeconfig"]
    return dict(found.params)


def test_the_cluster_is_read_with_it_and_nothing_is_left_behind(
    cloud: FakeCloud, kubernetes: FakeKubernetes, temporary: Path
) -> None:
    hand(cloud, handed_out(kubernetes.url))
    with configured(cloud) as cluster, open_sides(cluster) as sides:
        client = sides[Layer.KUBERNETES]
        assert isinstance(client, KubernetesClient)
        assert isinstance(sides[Layer.CLOUD], CloudClient)
        assert list(temporary.iterdir()) == []
        assert len(collect(client, "nodes")) == 8
        [row] = collect(client, "kubeconfigs").all()
        assert (row.origin, row.server, row.user, row.renews) == ("ack", kubernetes.url, "207719364451120883", True)
        assert (row.certificate_ends_at.year, row.ca_ends_at.year) == (2120, 2120)
        assert "KEY" not in repr(client.access)


@pytest.mark.parametrize(
    ("way", "more", "private", "minutes"),
    [
        ("public", "", "false", "60"),
        ("intranet", "", "true", "60"),
        ("public", "timeout_seconds = 3600", "false", "76"),
    ],
)
def test_it_is_asked_for_with_an_end_that_outlasts_the_audit(
    cloud: FakeCloud, kubernetes: FakeKubernetes, way: str, more: str, private: str, minutes: str
) -> None:
    hand(cloud, handed_out(kubernetes.url))
    with configured(cloud, way, more=more) as cluster, open_sides(cluster):
        pass
    params = call(cloud)
    assert (params["PrivateIpAddress"], params["TemporaryDurationMinutes"]) == (private, minutes)


def test_a_token_in_it_is_used(cloud: FakeCloud) -> None:
    with FakeKubernetes.recorded() as kubernetes:
        hand(cloud, handed_out(kubernetes.url, token=kubernetes.token))
        with configured(cloud) as cluster, open_sides(cluster) as sides:
            client = sides[Layer.KUBERNETES]
            assert isinstance(client, KubernetesClient)
            assert len(collect(client, "nodes")) == 8


def test_a_denial_names_the_action_and_leaves_the_cloud(cloud: FakeCloud) -> None:
    cloud.deny(ACTION)
    for opened in (open_sides, open_either):
        with configured(cloud) as cluster, opened(cluster) as sides:
            why = sides[Layer.KUBERNETES]
            assert isinstance(why, Reason)
            assert (why.source, why.kind, why.missing) == ("cs", ReasonKind.FORBIDDEN, (ACTION,))
            assert ACTION in str(why.message)
            assert isinstance(sides[Layer.CLOUD], CloudClient)


def broken(**changes: object) -> str:
    document = json.loads(handed_out("https://192.0.2.1:6443"))
    document.update(changes)
    return json.dumps(document)


BROKEN = {
    "empty": "",
    "no YAML": "a: [",
    "no mapping": "[]",
    "no context": broken(contexts=[]),
    "no user": broken(users=[]),
    "no cluster": broken(clusters=[{"name": "kubernetes", "cluster": {}}]),
    "unencrypted": handed_out("http://192.0.2.1:6443", token="sEcReT-token"),
    "another scheme": handed_out("ftp://192.0.2.1"),
    "half a key": handed_out("https://192.0.2.1:6443", **{"client-certificate-data": encoded(parts()[0])}),
    "no base64": handed_out("https://192.0.2.1:6443", **{"client-certificate-data": "%%", "client-key-data": "%%"}),
    "no PEM": handed_out("https://192.0.2.1:6443", **{"client-certificate-data": "YQ==", "client-key-data": "YQ=="}),
    "odd token": handed_out("https://192.0.2.1:6443", token="a\nb"),
    "a command": handed_out("https://192.0.2.1:6443", exec="touch"),
    "a file": handed_out("https://192.0.2.1:6443", tokenFile="/etc/passwd"),
}


@pytest.mark.parametrize("config", BROKEN.values(), ids=list(BROKEN))
def test_what_can_not_be_used_is_a_reason_that_quotes_nothing(cloud: FakeCloud, config: str) -> None:
    hand(cloud, config)
    with configured(cloud) as cluster, open_sides(cluster) as sides:
        why = sides[Layer.KUBERNETES]
        assert isinstance(why, Reason)
        assert (why.source, why.kind) == ("cs", ReasonKind.MALFORMED)
        assert "sEcReT" not in str(why.message)
        assert isinstance(sides[Layer.CLOUD], CloudClient)


def test_a_command_beside_the_certificate_is_never_run(tmp_path: Path, kubernetes: FakeKubernetes) -> None:
    document = json.loads(handed_out(kubernetes.url))
    trace = tmp_path / "was-run"
    document["users"][0]["user"]["exec"] = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "touch",
        "args": [str(trace)],
    }
    with open_client(handed_out=json.dumps(document), patience=QUICK) as client:
        assert len(collect(client, "nodes")) == 8
    assert not trace.exists()


def test_its_secrets_are_not_shown() -> None:
    assert "PRIVATE" not in repr(read_handed_out(handed_out("https://192.0.2.1:6443")))
    with pytest.raises(KubernetesConfigError):
        read_handed_out("a" * 2**21)


def test_nothing_local_is_looked_for(cloud: FakeCloud) -> None:
    with configured(cloud) as cluster, mock.patch.dict(os.environ, {"KUBECONFIG": "/nowhere"}):
        assert local_problems(cluster) == []


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('from_ack = "public"\nin_cluster = true', "`from_ack` and `in_cluster` are given together"),
        ('from_ack = "public"\nkubeconfig = "a"', "`from_ack` and `kubeconfig` are given together"),
        ('in_cluster = true\nkubeconfig = "a"', "`in_cluster` and `kubeconfig` are given together"),
        ('from_ack = "vpc"', "expected 'public' or 'intranet'"),
        ('from_ack = "public"\ncontext = "a"', "`context`"),
    ],
)
def test_the_configuration_names_one_way(keys: str, said: str) -> None:
    cluster = '[[clusters]]\nname = "shop"\nregion = "cn-hangzhou"\ncluster_id = "c0123456789"\n'
    text = f"{cluster}[clusters.kubernetes]\n{keys}\n"
    with pytest.raises(BadConfig) as raised:
        parse(text.encode(), Path("auditor.toml"))
    assert said in str(raised.value)
