"""Error texts: each leads to its symptom and to what it names; what is not known is not guessed."""

import re

import pytest

from auditor.facts.landscape import WantedRight
from auditor.judge.error_patterns import PATTERNS
from auditor.judge.error_texts import BadObject, Denial, NamedObject, Reading, nearest, parse_object, read_error
from auditor.judge.symptoms import SYMPTOMS
from tests.judge.texts import TEXTS

PV = "pvc-0e06e1f2-5a7f-49c1-a6b4-c0d3dce64db7"
KNOWN = [
    # kubectl
    ("Unable to connect to the server: dial tcp 47.96.1.2:6443: i/o timeout", "kubectl-timeout"),
    ("Unable to connect to the server: x509: certificate has expired or is not yet valid", "kubectl-timeout"),
    ("Unable to connect to the server: dial tcp: lookup api.shop.example: no such host", "kubectl-timeout"),
    ("error: You must be logged in to the server (Unauthorized)", "kubectl-timeout"),
    ("Error from server (Timeout): the server was unable to return a response in the time allotted", "kubectl-timeout"),
    ("The connection to the server 192.168.0.5:6443 was refused - did you specify the right host?", "kubectl-timeout"),
    (
        (
            'Error from server: Get "https://192.168.0.11:10250/containerLogs/shop/web-0/app": '
            "dial tcp 192.168.0.11:10250: i/o timeout"
        ),
        "kubectl-logs-exec-fail",
    ),
    (
        (
            "error: unable to upgrade connection: error dialing backend: "
            "dial tcp 192.168.0.11:10250: connect: connection refused"
        ),
        "kubectl-logs-exec-fail",
    ),
    (
        (
            "Error from server: error dialing backend: tls: failed to verify certificate for 192.168.0.11:10250: "
            "x509: certificate signed by unknown authority"
        ),
        "kubectl-logs-exec-fail",
    ),
    ('User "ops" cannot get path "/metrics"', "kubectl-forbidden"),
    # storage
    (f'Multi-Attach error for volume "{PV}" Volume is already exclusively attached to one node', "disk-mount-fails"),
    ("0/8 nodes are available: 8 node(s) had volume node affinity conflict.", "disk-mount-fails"),
    (
        "driver name diskplugin.csi.alibabacloud.com not found in the list of registered CSI drivers",
        "disk-mount-fails",
    ),
    ("driver name nasplugin.csi.alibabacloud.com not found in the list of registered CSI drivers", "nas-mount-fails"),
    ("rpc error: code = Aborted desc = The specified disk is not a portable disk.", "disk-detach-fails"),
    ("disk should be pay-as-you-go, not be subscription", "disk-detach-fails"),
    (
        "mount.nfs: access denied by server while mounting 0a1b2c3d4e-x.cn-hangzhou.nas.aliyuncs.com:/",
        "nas-mount-fails",
    ),
    ("mount.nfs: mounting a:/data failed, reason given by server: No such file or directory", "nas-mount-fails"),
    ("InvalidMountTarget.NotFound: The specified mount target does not exist", "nas-mount-fails"),
    (
        (
            'waiting for a volume to be created, either by external provisioner "nasplugin.csi.alibabacloud.com" or '
            "manually created by system administrator"
        ),
        "pvc-pending",
    ),
    ('failed to provision volume with StorageClass "alicloud-disk": rpc error', "pvc-pending"),
    ("waiting for first consumer to be created before binding", "pvc-pending"),
    ("Setting volume ownership for /var/lib/kubelet/pods/1 and fsGroup set.", "nas-pod-start-timeout"),
    ("Warning VolumeResizeFailed: only dynamically provisioned pvc can be resized", "pvc-pending"),
    (f'AttachVolume.Attach failed for volume "{PV}" : rpc error: code = Internal', "disk-mount-fails"),
    (f'DetachVolume.Detach failed for volume "{PV}" : rpc error: code = Internal', "disk-detach-fails"),
    ("the disk on instance in question reach its limits", "disk-mount-fails"),
    # autoscaling
    ("0/8 nodes are available: 8 Insufficient cpu.", "no-scale-up"),
    ("pod didn't trigger scale-up: 2 max node group size reached", "no-scale-up"),
    ("node group asg-bp1 is not ready for scaleup - in backoff after failed scale-up", "no-scale-up"),
    ("0/8 nodes are available: 8 node(s) didn't match Pod's node affinity/selector.", "no-scale-up"),
    (
        "failed to query autoscaling groups: Forbidden.RAM: User not authorized to operate on the specified resource",
        "autoscaler-fails",
    ),
    # Services
    (
        (
            "Warning SyncLoadBalancerFailed service/web Message: The backend server number has reached to the quota "
            "limit of this load balancers"
        ),
        "lb-service-pending",
    ),
    ("ErrorCode: VSwitchAvailableIpNotExist, has no available ip", "lb-service-pending"),
    ("SyncLoadBalancerFailed: Error syncing load balancer", "lb-service-pending"),
    ("There are no available nodes for LoadBalancer", "lb-service-pending"),
    # network
    ("nginx: [emerg] invalid number of arguments in proxy_set_header", "ingress-unreachable"),
    ('Service "shop/web" does not have any active Endpoint.', "ingress-unreachable"),
    (
        (
            "connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1, "
            'upstream: "http://172.20.1.5:8080/"'
        ),
        "ingress-unreachable",
    ),
    ("<h1>503 Service Temporarily Unavailable</h1>", "ingress-unreachable"),
    ("access forbidden by rule, client: 203.0.113.7", "ingress-unreachable"),
    (
        'Readiness probe failed: Get "http://172.20.1.5/": dial tcp 172.20.1.5:80: connect: connection refused',
        "pod-unreachable",
    ),
]


def reading(text: str) -> Reading:
    found = read_error(text)
    assert found is not None, text
    return found


@pytest.mark.parametrize(("text", "symptom"), KNOWN)
def test_a_known_text_leads_to_its_symptom(text: str, symptom: str) -> None:
    assert reading(text).symptoms[0].id == symptom


@pytest.mark.parametrize(
    ("text", "symptom"),
    [(line.strip(), symptom) for symptom, lines in TEXTS.items() for line in lines.strip().splitlines()],
)
def test_the_texts_of_the_documents_lead_to_their_symptom(text: str, symptom: str) -> None:
    assert reading(text).symptoms[0].id == symptom


@pytest.mark.parametrize(
    "text",
    [
        "",
        "all is well",
        'pods "web" is forbidden: exceeded quota: compute, requested: cpu=1, used: cpu=8, limited: cpu=8',
        'pods "web" is forbidden: violates PodSecurity "restricted:latest"',
        'Failed to pull image "shop/web": x509: certificate signed by unknown authority',
        "dial tcp 10.1.2.3:5432: i/o timeout",
        "HTTP/1.1 502",
        "Waited for 1.1s due to client-side throttling, not priority and fairness",
        "the HPA is in its cooldown",
        "no IP addresses available in range set",
    ],
)
def test_what_is_not_known_is_not_guessed(text: str) -> None:
    assert read_error(text) is None


def test_a_general_text_does_not_stand_beside_one_that_says_why() -> None:
    said = 'FailedMount MountVolume.SetUp failed for volume "nas" : mount.nfs: access denied by server while mounting'
    assert [pattern.id for pattern in reading(said).patterns] == ["nas-access-denied"]
    timed_out = "Unable to attach or mount volumes: unmounted volumes=[a]: timed out waiting for the condition"
    assert [pattern.id for pattern in reading(timed_out).patterns] == ["mount-timed-out"]
    assert [one.id for one in reading(timed_out).symptoms] == ["disk-mount-fails", "nas-pod-start-timeout"]


def test_a_text_with_two_errors_leads_to_both() -> None:
    said = "0/8 nodes are available: 3 Insufficient memory, 5 node(s) had volume node affinity conflict."
    assert [one.id for one in reading(said).symptoms] == ["disk-mount-fails", "no-scale-up"]


@pytest.mark.parametrize(
    ("text", "denial"),
    [
        (
            (
                'Error from server (Forbidden): deployments.apps "web" is forbidden: User "20482-1" cannot patch '
                'resource "deployments" in API group "apps" in the namespace "shop"'
            ),
            Denial("20482-1", WantedRight(["patch"], "deployments", "apps", "shop")),
        ),
        (
            (
                'nodes is forbidden: User "system:serviceaccount:ci:deployer" cannot list resource "nodes" in API '
                'group "" at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io not found'
            ),
            Denial("system:serviceaccount:ci:deployer", WantedRight(["list"], "nodes")),
        ),
        (
            (
                r"failed to list: pods is forbidden: User \"ops\" cannot list resource \"pods/log\" in API group \"\" "
                r"in the namespace \"shop\""
            ),
            Denial("ops", WantedRight(["list"], "pods/log", "", "shop")),
        ),
        ('forbidden: User "ops" cannot get path "/livez"', Denial("ops", None, "/livez")),
    ],
)
def test_a_denial_says_who_and_what(text: str, denial: Denial) -> None:
    said = reading(text)
    assert said.denial == denial
    assert [one.id for one in said.symptoms] == ["kubectl-forbidden"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (f'Multi-Attach error for volume "{PV}"', NamedObject(PV, "PersistentVolume")),
        (
            f"AttachVolume.Attach failed: disk d-bp1meuryy17fee8kib4h of {PV}",
            NamedObject("d-bp1meuryy17fee8kib4h", "Disk"),
        ),
        (
            'Get "https://192.168.0.11:10250/containerLogs/shop/web-0/app": dial tcp 192.168.0.11:10250: i/o timeout',
            NamedObject("web-0", "Pod", "shop"),
        ),
        ("error dialing backend: dial tcp 192.168.0.11:10250: i/o timeout", NamedObject("192.168.0.11", "address")),
        (
            "shop   2m   Warning   FailedMount   pod/web-0   MountVolume.SetUp failed for volume",
            NamedObject("web-0", "Pod", "shop"),
        ),
        (
            "2m   Warning   SyncLoadBalancerFailed   service/web   quota",
            NamedObject("web", "Service"),
        ),
        (
            "2m  Normal  ExternalProvisioning  persistentvolumeclaim/data-0  waiting for a volume to be created",
            NamedObject("data-0", "PersistentVolumeClaim"),
        ),
        (
            'Event(v1.ObjectReference{Kind:"Service", Namespace:"shop", Name:"web"}): SyncLoadBalancerFailed',
            NamedObject("web", "Service", "shop"),
        ),
        (
            'Event(v1.ObjectReference{Kind:"Node", Namespace:"", Name:"worker-1"}): SyncNodeFailed',
            NamedObject("worker-1", "Node"),
        ),
        ('pod="shop/web-0" max node group size reached', NamedObject("web-0", "Pod", "shop")),
        ("failed to sync service [shop/web]: SyncLoadBalancerFailed", NamedObject("web", "Service", "shop")),
        (
            'Multi-Attach error for volume "d-1" Volume is already used by pod(s) mysql-0, mysql-1',
            NamedObject("mysql-0", "Pod"),
        ),
        (
            "FailedAttachVolume on cn-hangzhou.i-bp1vcw8abao0i6uxb1xi",
            NamedObject("cn-hangzhou.i-bp1vcw8abao0i6uxb1xi", "Node"),
        ),
        ('Service "shop/web" does not have any active Endpoint', NamedObject("web", "Service", "shop")),
        ("FailedAttachVolume node cn-hangzhou.192.168.0.11", NamedObject("cn-hangzhou.192.168.0.11", "Node")),
        (
            'nodes is forbidden: User "system:serviceaccount:ci:deployer" cannot list resource "nodes" in API group ""',
            NamedObject("deployer", "ServiceAccount", "ci"),
        ),
        (
            "asg-bp1nwqhisb6qfhy9i7gm is not exist: max node group size reached",
            NamedObject("asg-bp1nwqhisb6qfhy9i7gm", "ScalingGroup"),
        ),
        (
            "mount.nfs: access denied by server while mounting 0a1b2c3d4e-abc.cn-hangzhou.nas.aliyuncs.com:/",
            NamedObject("0a1b2c3d4e", "FileSystem"),
        ),
    ],
)
def test_what_is_named_is_found(text: str, named: NamedObject) -> None:
    assert named in reading(text).objects


def test_a_name_that_holds_what_looks_like_an_id_is_no_id() -> None:
    assert not reading("FailedMount for pod mysql-d-bp1meuryy17fee8kib4h").objects


def test_patterns_are_sound() -> None:
    assert len({pattern.id for pattern in PATTERNS}) == len(PATTERNS)
    for pattern in PATTERNS:
        re.compile(pattern.expression)
        assert set(pattern.symptoms) <= set(SYMPTOMS)
        assert pattern.symptoms, pattern.id
        assert pattern.source, pattern.id


def test_every_symptom_with_words_of_its_own_is_led_to() -> None:
    led_to = {name for pattern in PATTERNS for name in pattern.symptoms}
    without = {"slb-unreachable", "console-fails", "load-uneven"}
    assert set(SYMPTOMS) - led_to == without, "these are seen, and say nothing"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("shop/web", NamedObject("web", "", "shop")),
        ("cn-hangzhou.192.168.0.11", NamedObject("cn-hangzhou.192.168.0.11")),
        ("pod/shop/web-0", NamedObject("web-0", "Pod", "shop")),
        ("services/shop/web", NamedObject("web", "Service", "shop")),
        ("Ingresses/shop/web", NamedObject("web", "Ingress", "shop")),
        ("node/a", NamedObject("a", "Node")),
        ("pv/disk-1", NamedObject("disk-1", "PersistentVolume")),
        ("user/web", NamedObject("web", "", "user")),
    ],
)
def test_an_object_is_named_with_or_without_its_kind(given: str, named: NamedObject) -> None:
    assert parse_object(given) == named


@pytest.mark.parametrize("given", ["", "/", "shop/", "a/b/c/d", "widget/shop/web"])
def test_what_is_no_object_is_refused(given: str) -> None:
    with pytest.raises(BadObject):
        parse_object(given)


def test_the_nearest_are_a_hint() -> None:
    assert nearest("the ingress answers oddly")[0].id == "ingress-unreachable"
    assert nearest("zzz") == []
