"""Of command lines, only flags that steer a component are kept, and no secret."""

from typing import Any

import msgspec
import pytest

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.flags import STEERING, steering_flags, steering_words
from tests.collect.kubernetes.kit import collect, row_of
from tests.fakes.kubernetes import FakeKubernetes

SECRET = "hunter2-do-not-keep"

HOSTILE = [
    [f"--password={SECRET}"],
    ["--password", SECRET],
    [SECRET],
    [f"PASSWORD={SECRET}"],
    ["sh", "-c", f"controller --configmap=a/b --token {SECRET}"],
    [f"--configmap=a/b --password={SECRET}"],
    [f"--configmap=a/b\n--password={SECRET}"],
    [f"--configmap={SECRET}:x@db"],
    [f"--driver-secret={SECRET}"],
    [f"--driver-token={SECRET}", f"--provisioner-password={SECRET}", f"--leader-elect-password={SECRET}"],
    [f"--ingress-classes={SECRET}"],
    [f"--ingress_class={SECRET}"],
    [f"--leader-elect={SECRET}"],
    ["--leader-elect", SECRET],
    ["--watch-ingress-without-class", SECRET, "--report-node-internal-ip-address", SECRET],
    [f"--scan-interval={SECRET}", f"--http-port={SECRET}", f"--healthz-port=80{SECRET}"],
    [f"--expander=user:{SECRET}@host"],
    [f"--ingress-class=Bearer {SECRET}"],
    ["--ingress-class", f"--password={SECRET}"],
    [f"--nodeid=$({SECRET}"],
    [f"--driver=https://user:{SECRET}@host/"],
    [f"--Driver={SECRET}", f"---driver={SECRET}", f"driver={SECRET}", f"--=driver{SECRET}"],
]


@pytest.mark.parametrize("words", HOSTILE)
def test_no_secret_stays(words: list[str]) -> None:
    assert SECRET not in " ".join([*steering_flags(words), *steering_words(["program", *words])])


@pytest.mark.parametrize(
    "first", [f"PASSWORD={SECRET}", f"curl -u a:{SECRET}", f"mysql://a:{SECRET}@b", f"x\n{SECRET}"]
)
def test_a_first_word_that_is_no_program_is_dropped(first: str) -> None:
    assert steering_words([first, "--expander=random"]) == ["--expander=random"]


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["--configmap=$(POD_NAMESPACE)/nginx-configuration"], ["--configmap=$(POD_NAMESPACE)/nginx-configuration"]),
        (["--publish-service", "kube-system/nginx-ingress-lb"], ["--publish-service=kube-system/nginx-ingress-lb"]),
        (["-driver=disk,nas,oss"], ["--driver=disk,nas,oss"]),
        (["--nodeid=$(KUBE_NODE_NAME)"], ["--nodeid=$(KUBE_NODE_NAME)"]),
        (["--watch-ingress-without-class", "--v=2"], ["--watch-ingress-without-class"]),
        (["--leader-elect=false", "--leader-elect-lease-duration=1m30s"],) * 2,
        (["--controller-class=k8s.io/ingress-nginx", "--election-id=ingress-controller-leader-nginx"],) * 2,
        (["--scan-interval=30s", "--expander=least-waste,random", "--cloud-provider=alicloud"],) * 2,
        (["--ingress-class-by-name", "--watch-namespace=shop", "--annotations-prefix=example.com"],) * 2,
        (["--http-port=8080", "--https-port=8443", "--healthz-port=10254"],) * 2,
        (["--ingress-class"], []),
        (["--ingress-class="], []),
        ([], []),
    ],
)
def test_what_steers_is_kept_in_one_form(words: list[str], kept: list[str]) -> None:
    assert steering_flags(words) == kept


def test_every_flag_has_a_reason() -> None:
    assert all(one.reason for one in STEERING.values())


def test_the_components_of_the_recorded_cluster(client: KubernetesClient) -> None:
    controller = row_of(collect(client, "deployments"), "kube-system/nginx-ingress-controller")
    assert controller.spec.template.spec.containers[0].args == [
        "--election-id=ingress-controller-leader-nginx",
        "--ingress-class=nginx",
        "--watch-ingress-without-class",
        "--controller-class=k8s.io/ingress-nginx",
        "--configmap=$(POD_NAMESPACE)/nginx-configuration",
        "--annotations-prefix=nginx.ingress.kubernetes.io",
        "--publish-service=$(POD_NAMESPACE)/nginx-ingress-lb",
    ]
    autoscaler = row_of(collect(client, "deployments"), "kube-system/cluster-autoscaler")
    assert autoscaler.spec.template.spec.containers[0].command == [
        "./cluster-autoscaler",
        "--cloud-provider=alicloud",
        "--scan-interval=30s",
        "--expander=least-waste",
        "--leader-elect=true",
    ]


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ("deployments", "/apis/apps/v1/deployments"),
        ("daemonsets", "/apis/apps/v1/daemonsets"),
        ("statefulsets", "/apis/apps/v1/statefulsets"),
        ("replicasets", "/apis/apps/v1/replicasets"),
        ("jobs", "/apis/batch/v1/jobs"),
        ("cron_jobs", "/apis/batch/v1/cronjobs"),
    ],
)
def test_no_table_keeps_secrets_of_command_lines(
    cluster: FakeKubernetes, client: KubernetesClient, table: str, path: str
) -> None:
    def plant(thing: dict[str, Any]) -> None:
        spec = thing["spec"]["jobTemplate"]["spec"] if table == "cron_jobs" else thing["spec"]
        pod = spec["template"]["spec"]
        pod["initContainers"] = [{"name": "first", "args": [f"--password={SECRET}"], "command": ["sh", SECRET]}]
        for container in pod["containers"]:
            container["args"] = [f"--password={SECRET}", "--driver=disk", "--token", SECRET]
            container["command"] = ["/bin/server", f"--dsn=mysql://root:{SECRET}@db", SECRET]
            container["env"] = [{"name": "PASSWORD", "value": SECRET}]

    for thing in cluster.objects.all(path):
        cluster.patch(path, thing["metadata"]["name"], plant, namespace=thing["metadata"]["namespace"])
    read = collect(client, table)
    assert len(read.all()) > 0
    text = msgspec.json.encode(list(read.all())).decode()
    assert SECRET not in text
    assert "--driver=disk" in text
    assert "/bin/server" in text
