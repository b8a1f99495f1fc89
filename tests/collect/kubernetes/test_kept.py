"""Keys and passwords that people write into annotations, snippets and volume parameters are not kept."""

from typing import Any

import msgspec
import pytest

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.kept import without_secrets
from auditor.facts.rules.suppress_annotation import MOST_CHARACTERS
from tests.collect.kubernetes.kit import PODS, collect, row_of
from tests.fakes.kubernetes import FakeKubernetes

CANARY = "CANARY-do-not-keep"
VOLUMES, CLASSES = "/api/v1/persistentvolumes", "/apis/storage.k8s.io/v1/storageclasses"
DEPLOYMENTS, INGRESSES = "/apis/apps/v1/deployments", "/apis/networking.k8s.io/v1/ingresses"


def saved(client: KubernetesClient, table: str) -> str:
    return msgspec.json.encode(list(collect(client, table).all())).decode()


def volume(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "planted"}, "spec": {"accessModes": ["ReadWriteMany"], **spec}}


KEYS = {"akId": CANARY, "akSecret": CANARY, "otherOpts": f"-o passwd={CANARY}", "bucket": "logs", "path": "/a"}
SOURCES: list[dict[str, Any]] = [
    {"csi": {"driver": "ossplugin.csi.alibabacloud.com", "volumeHandle": "oss-1", "volumeAttributes": KEYS}},
    {"flexVolume": {"driver": "alicloud/oss", "options": KEYS}},
    {
        "csi": {
            "driver": "nasplugin.csi.alibabacloud.com",
            "volumeHandle": "nas-1",
            "volumeAttributes": {"server": "a.nas.aliyuncs.com", "options": f"vers=3,password={CANARY},nolock"},
        }
    },
    {"nfs": {"server": "10.0.0.1", "path": "/"}, "mountOptions": ["nolock", f"password={CANARY}"]},
]


@pytest.mark.parametrize("source", SOURCES)
def test_the_keys_of_a_volume(cluster: FakeKubernetes, client: KubernetesClient, source: dict[str, Any]) -> None:
    cluster.add(VOLUMES, volume(**source))
    text = saved(client, "persistent_volumes")
    assert '"planted"' in text
    assert CANARY not in text


def test_what_rules_read_of_a_volume_stays(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.add(VOLUMES, volume(**SOURCES[2]))
    row = collect(client, "persistent_volumes").get("planted")
    assert row is not None
    assert row.spec.csi.volume_attributes == {"server": "a.nas.aliyuncs.com", "options": "vers=3,nolock"}
    assert row.nas_server == "a.nas.aliyuncs.com"


def test_the_keys_of_a_class_and_of_volumes_of_pods_and_templates(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    parameters = {"type": "cloud_essd", "akSecret": CANARY, "url": f"https://me:{CANARY}@oss.aliyuncs.com"}
    cluster.add(CLASSES, {"metadata": {"name": "planted"}, "provisioner": "x", "parameters": parameters})
    inline = {"name": "v", "csi": {"driver": "ossplugin.csi.alibabacloud.com", "volumeAttributes": KEYS}}
    spec = {"containers": [{"name": "a"}], "volumes": [inline]}
    cluster.add(PODS, {"metadata": {"name": "planted", "namespace": "shop"}, "spec": spec, "status": {}})
    template = {"spec": {"selector": {}, "template": {"spec": spec}}}
    cluster.add(DEPLOYMENTS, {"metadata": {"name": "planted", "namespace": "shop"}, **template})
    for table in ("storage_classes", "pods", "deployments"):
        text = saved(client, table)
        assert '"planted"' in text
        assert CANARY not in text, table


ANNOTATIONS = {
    "objectset.rio.cattle.io/applied": CANARY,
    "vault.example/token": CANARY,
    "description": CANARY,
    "kubectl.kubernetes.io/last-applied-configuration": CANARY,
    "nginx.ingress.kubernetes.io/auth-url": f"https://me:{CANARY}@login.example.com/check",
    "nginx.ingress.kubernetes.io/configuration-snippet": f'''
        allow 10.0.0.0/8; # {CANARY}
        proxy_set_header Authorization "Basic {CANARY}; allow 1.2.3.4";
        if ($http_x_key != "{CANARY}") {{ return 403 "{CANARY}"; }}
        deny all;
    ''',
}


@pytest.mark.parametrize(("path", "table"), [(INGRESSES, "ingresses"), ("/api/v1/services", "services")])
def test_keys_in_annotations(cluster: FakeKubernetes, client: KubernetesClient, path: str, table: str) -> None:
    meta = {"name": "planted", "namespace": "shop", "annotations": ANNOTATIONS}
    cluster.add(path, {"metadata": meta, "spec": {"ports": []}})
    text = saved(client, table)
    assert "configuration-snippet" in text
    assert "login.example.com/check" in text
    assert CANARY not in text


def test_a_snippet_keeps_who_may_come_in_and_its_blocks() -> None:
    kept = without_secrets(ANNOTATIONS["nginx.ingress.kubernetes.io/configuration-snippet"]).split("\n")
    assert kept == ["allow 10.0.0.0/8;", ";", "if {", "return ;", "}", "deny all;"]


SUPPRESS = "ack-auditor/suppress"


@pytest.mark.parametrize(
    ("path", "table"),
    [
        (PODS, "pods"),
        (DEPLOYMENTS, "deployments"),
        ("/api/v1/services", "services"),
        ("/apis/batch/v1/jobs", "jobs"),
        ("/api/v1/nodes", "nodes"),
        (VOLUMES, "persistent_volumes"),
        (CLASSES, "storage_classes"),
        (INGRESSES, "ingresses"),
        ("/apis/apps/v1/daemonsets", "daemonsets"),
        ("/apis/apps/v1/statefulsets", "statefulsets"),
        ("/api/v1/persistentvolumeclaims", "persistent_volume_claims"),
        ("/apis/storage.k8s.io/v1/csidrivers", "csi_drivers"),
    ],
)
def test_what_is_written_to_the_auditor_is_kept_of_every_kind(
    cluster: FakeKubernetes, client: KubernetesClient, path: str, table: str
) -> None:
    first = cluster.objects.all(path)[0]
    name, namespace = first["metadata"]["name"], first["metadata"].get("namespace", "")
    note = f"see https://me:{CANARY}@wiki.example"
    cluster.patch(
        path,
        name,
        lambda found: found["metadata"].update(annotations={SUPPRESS: note, "example.com/own": CANARY}),
        namespace,
    )
    rows = [row for row in collect(client, table).all() if row.metadata.suppress is not None]
    assert [(row.name, row.metadata.suppress) for row in rows] == [(name, "see https://wiki.example")]
    assert CANARY not in saved(client, table)


@pytest.mark.parametrize(("path", "table"), [(PODS, "pods"), ("/api/v1/services", "services")])
def test_of_one_that_is_too_long_so_much_is_kept_that_it_is_told(
    cluster: FakeKubernetes, client: KubernetesClient, path: str, table: str
) -> None:
    first = cluster.objects.all(path)[0]["metadata"]
    cluster.patch(
        path,
        first["name"],
        lambda found: found["metadata"].update(annotations={SUPPRESS: "x" * 100_000}),
        first["namespace"],
    )
    (kept,) = [row.metadata.suppress for row in collect(client, table).all() if row.metadata.suppress]
    assert len(kept) == MOST_CHARACTERS + 1


def test_of_the_status_of_a_pod_what_is_said_twice_is_not_kept(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    def pod(name: str, addresses: list[str], **conditions: str) -> dict[str, Any]:
        status = {
            "podIP": addresses[0],
            "podIPs": [{"ip": address} for address in addresses],
            "conditions": [{"type": type_, "status": status} for type_, status in conditions.items()],
        }
        return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"containers": []}, "status": status}

    steps = {"PodReadyToStartContainers": "True", "Initialized": "True", "ContainersReady": "True"}
    cluster.add(PODS, pod("ready", ["172.20.0.1"], **steps, Ready="True", PodScheduled="True"))
    unready = {**steps, "ContainersReady": "False", "Ready": "False", "example.com/gate": "True"}
    cluster.add(PODS, pod("unready", ["172.20.0.2", "fd00::2"], **unready))
    pods = collect(client, "pods")
    ready, other = row_of(pods, "shop/ready").status, row_of(pods, "shop/unready").status
    assert (ready.pod_ip, ready.pod_ips) == ("172.20.0.1", None)
    assert [one.ip for one in other.pod_ips] == ["172.20.0.2", "fd00::2"]
    assert [one.type for one in ready.conditions] == ["Ready", "PodScheduled"]
    assert [one.type for one in other.conditions] == ["ContainersReady", "Ready", "example.com/gate"]


def test_an_event_keeps_the_uid_of_what_it_is_about_and_not_its_own(client: KubernetesClient) -> None:
    events = collect(client, "events").all()
    assert {event.metadata.uid for event in events} == {""}
    assert any(event.involved_object.uid for event in events)
