"""Ingresses that can't work as they are written, planted in the cluster and found through its API."""

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from tests.scenarios.ingresses import (
    CLASSES,
    NGINX,
    SECRETS,
    SLICES,
    SYSTEM,
    Plant,
    add_class,
    add_ingress,
    add_workload,
    annotate,
    audited,
    controller_pods,
    first_path,
    flags,
    local,
    log,
    looked_at,
    no_controller,
    of_class,
    on_alb,
    patch,
    port_of,
    scene,
    to,
)
from tests.scenarios.kit import Report, Scene

CHECK = "network/ingress-config-invalid"
SHOP = "shop/storefront"
BOTH_SPEAK_TLS = [port_of(name, appProtocol="https") for name in ("storefront", "media-uploader")]
TLS = "kubernetes.io/tls"


def found(*plants: Plant) -> Report:
    return audited(CHECK, *plants)


def empty(made: Scene) -> None:
    """Let no Pod behind Service shop/storefront be ready."""
    for piece in made.kubernetes.objects.all(SLICES):
        if piece["metadata"]["labels"].get("kubernetes.io/service-name") == "storefront":
            for endpoint in piece["endpoints"]:
                endpoint["conditions"] = {"ready": False, "serving": False}


def secret(type_: str | None) -> Plant:
    """Take the certificate of the shop away, or give its Secret another type."""
    if type_ is None:
        return lambda made: made.kubernetes.remove(SECRETS, "shop-example-com-tls", "shop")
    return patch(SECRETS, "shop-example-com-tls", lambda row: row.update(type=type_), "shop")


def test_the_recorded_cluster_is_fine() -> None:
    report = found()
    report.is_quiet()
    assert report.result.subjects == 4


@pytest.mark.parametrize(
    "plants",
    [
        pytest.param([of_class("ngnix")], id="class missing"),
        pytest.param([of_class(None, "ngnix"), flags(without="--watch")], id="class missing, by annotation"),
        pytest.param([of_class(None), flags(without="--watch")], id="no class"),
        pytest.param([add_class("inner", "k8s.io/inner"), of_class("inner")], id="controller missing"),
        pytest.param([add_class("alb", "ingress.k8s.alibabacloud/alb"), of_class("alb")], id="no ALB controller"),
        pytest.param([to("storefornt", number=80)], id="service missing"),
        pytest.param([to("gateway", number=80)], id="service of another namespace"),
        pytest.param([to("storefront", number=81)], id="port number missing"),
        pytest.param([to("storefront", name="https")], id="port name missing"),
        pytest.param([empty], id="no ready endpoint"),
        pytest.param([secret(None)], id="secret missing"),
        pytest.param([secret("kubernetes.io/dockerconfigjson")], id="secret of another type"),
        pytest.param([annotate(use_regex="true"), first_path(lambda path: path.update(path="/(a"))], id="regex"),
        pytest.param([annotate(allowlist_source_range="10.0.0.0/40")], id="address list"),
    ],
)
def test_confirmed(plants: list[Plant]) -> None:
    finding = found(*plants).is_confirmed("Ingress", SHOP)
    assert finding.severity == "high"
    assert any(hop.state == "broken" for hop in finding.trail)


@pytest.mark.parametrize(
    "plants",
    [
        pytest.param([secret("Opaque")], id="opaque secret"),
        pytest.param([port_of("storefront", appProtocol="https")], id="appProtocol"),
        pytest.param([port_of("storefront", name="https", targetPort=8443)], id="TLS by name and number"),
        pytest.param([annotate(backend_protocol="HTTPS")], id="HTTPS to HTTP"),
        pytest.param([add_class("edge", "traefik.io/ingress-controller"), of_class("edge")], id="no traefik"),
    ],
)
def test_likely(plants: list[Plant]) -> None:
    finding = found(*plants).loud_one
    assert finding.subject.path == SHOP
    assert finding.certainty == "likely"


@pytest.mark.parametrize(
    "plants",
    [
        pytest.param([of_class(None)], id="the controller takes those without class"),
        pytest.param([of_class(None, "nginx")], id="annotation"),
        pytest.param(
            [
                of_class(None),
                flags(without="--watch"),
                patch(
                    CLASSES,
                    "nginx",
                    lambda row: row["metadata"].update(
                        annotations={"ingressclass.kubernetes.io/is-default-class": "true"}
                    ),
                    "",
                ),
            ],
            id="default class",
        ),
        pytest.param(
            [
                add_class("edge", "traefik.io/ingress-controller"),
                of_class("edge"),
                add_workload("traefik", "traefik", "traefik:v3"),
            ],
            id="traefik",
        ),
        pytest.param([of_class(None, "kong"), add_workload("kong", "kong", "kong:3")], id="kong by annotation"),
        pytest.param([to("storefront", name="http")], id="port by name"),
        pytest.param([to("none", number=80), annotate(permanent_redirect="https://a.example.com")], id="redirection"),
        pytest.param([add_ingress("canary", annotations={f"{NGINX}canary": "true"})], id="canary"),
        pytest.param([add_ingress("other", path="/other")], id="another path"),
        pytest.param([add_ingress("exact", path_type="Exact")], id="another type of path"),
        pytest.param(
            [annotate(use_regex="true"), first_path(lambda path: path.update(path="/a(/|$)(.*)"))], id="regex"
        ),
        pytest.param([first_path(lambda path: path.update(path="/(a"))], id="no regex"),
        pytest.param([*BOTH_SPEAK_TLS, annotate(backend_protocol="HTTPS")], id="TLS"),
        pytest.param([port_of("storefront", name="https")], id="a port that is only called https"),
        pytest.param([local], id="policy Local"),
    ],
)
def test_quiet(plants: list[Plant]) -> None:
    found(*plants).is_quiet()


def test_all_ingresses_of_a_controller_that_is_gone() -> None:
    report = found(no_controller)
    assert sorted(finding.subject.path for finding in report.loud) == [
        "ingress-demo/echo",
        "logging/kibana",
        "shop/storefront",
    ]
    assert {finding.certainty for finding in report.loud} == {"confirmed"}


def test_a_controller_whose_pods_are_not_ready() -> None:
    made = scene()
    for name in controller_pods(made):
        made.kubernetes.patch(
            "/api/v1/pods",
            name,
            lambda pod: [c.update(status="False") for c in pod["status"]["conditions"] if c["type"] == "Ready"],
            SYSTEM,
        )
    assert len(looked_at(made, CHECK).loud) == 3


def test_the_same_host_and_path_again() -> None:
    finding = found(add_ingress("copy")).is_confirmed("Ingress", "shop/copy")
    assert SHOP in str(finding.message)


def test_a_host_and_path_of_a_controller_of_its_own() -> None:
    inner = add_workload("inner", SYSTEM, "x/ingress-nginx/controller:v1.9.0", "--controller-class=k8s.io/inner")
    report = found(add_class("inner", "k8s.io/inner"), inner, add_ingress("copy", class_name="inner"))
    assert [str(finding.message) for finding in report.loud] == [
        "Ingress shop/copy is served by nobody: Deployment kube-system/inner has no ready Pod (0 Pods)"
    ]


def test_nginx_refuses_the_configuration() -> None:
    line = 'nginx: [emerg] invalid number of arguments in "proxy_pass" directive in /tmp/nginx/nginx-cfg1:77'
    finding = found(log(line)).loud_one
    assert finding.subject.kind == "Pod"
    assert finding.certainty == "confirmed"
    assert "proxy_pass" in str(finding.message)


def test_without_secrets_and_logs_the_rest_is_judged() -> None:
    made = Scene()
    report = made.audit(CHECK)
    report.is_open(ReasonKind.SWITCHED_OFF)
    made = Scene()
    to("storefornt", number=80)(made)
    made.audit(CHECK).is_confirmed("Ingress", SHOP)


class TestAlb:
    HTTP = {"port": 80, "protocol": "HTTP"}  # noqa: RUF012

    def test_fine(self) -> None:
        found(on_alb(self.HTTP)).is_quiet()

    def test_no_listener(self) -> None:
        assert "443" in str(
            found(on_alb({"port": 443, "protocol": "HTTPS"})).is_confirmed("Ingress", "shop/web").message
        )

    def test_a_missing_service(self) -> None:
        found(on_alb(self.HTTP, service="none")).is_confirmed("Ingress", "shop/web")

    def test_a_path_with_wildcards(self) -> None:
        found(on_alb(self.HTTP, path="/a/*")).is_confirmed("Ingress", "shop/web")


@pytest.mark.parametrize(
    ("permission", "plants", "is_found"),
    [
        ("list services", [to("none", number=80)], False),
        ("list services", [of_class("ngnix")], True),
        ("list ingressclasses.networking.k8s.io", [of_class("ngnix")], False),
        ("list ingressclasses.networking.k8s.io", [to("none", number=80)], True),
        ("list endpointslices.discovery.k8s.io", [empty], False),
        ("list secrets", [secret(None)], False),
        ("list secrets", [to("none", number=80)], True),
        ("list deployments.apps", [of_class("ngnix")], False),
        ("get pods/log", [log("nginx: [emerg] x")], False),
    ],
)
def test_without_a_permission(permission: str, plants: list[Plant], *, is_found: bool) -> None:
    made = scene(*plants)
    made.kubernetes.deny(permission)
    report = looked_at(made, CHECK)
    if is_found:
        assert [finding.subject.path for finding in report.loud] == [SHOP]
    else:
        report.is_open(ReasonKind.FORBIDDEN, permission)
    assert permission in report.missing


def test_without_the_right_to_list_ingresses() -> None:
    made = scene()
    made.kubernetes.deny("list ingresses.networking.k8s.io")
    report = looked_at(made, CHECK)
    assert report.status is Status.NOT_EVALUATED


def test_without_the_addons_nobody_knows_whether_alb_is_served() -> None:
    made = scene(on_alb(TestAlb.HTTP))
    made.cloud.deny("cs:ListClusterAddonInstances")
    looked_at(made, CHECK).is_open(ReasonKind.FORBIDDEN, "cs:ListClusterAddonInstances")
