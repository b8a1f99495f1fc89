"""service/clusterip-from-outside and service/target-port-mismatch, and the Services of CronJobs."""

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios.kit import Scene
from tests.scenarios.services import SERVICES, SLICES, Json, copy, copy_slices, edit_service, empty_slices

OUTSIDE, PORTS, EMPTY = "service/clusterip-from-outside", "service/target-port-mismatch", "service/endpoints-empty"
VPC, TABLE = "vpc-bp1uwjm8ddgvodpj5i2ba", "vtb-bp1ckdry1c9lmcfd0xfjw"


def test_a_range_of_its_own() -> None:
    scene = Scene()
    vpc = scene.cloud.state.vpc
    vpc.add_route(TABLE, "0.0.0.0/0", "NatGateway", "ngw-1")
    vpc.add_route(TABLE, "10.0.0.0/8", "VpcPeer", "pcc-1")
    scene.audit(OUTSIDE).is_quiet()


def test_a_peer_that_uses_the_range() -> None:
    scene = Scene()
    scene.cloud.state.vpc.add_route(TABLE, "172.21.0.0/16", "VpcPeer", "pcc-1")
    finding = scene.audit(OUTSIDE).is_confirmed("Cluster", "shop-prod")
    assert finding.severity is Severity.HIGH


def test_a_secondary_range_of_the_vpc() -> None:
    scene = Scene()
    scene.cloud.state.vpc.vpcs[VPC]["SecondaryCidrBlocks"] = {"SecondaryCidrBlock": ["172.21.0.0/24"]}
    scene.audit(OUTSIDE).is_confirmed("Cluster", "shop-prod")


@pytest.mark.parametrize(
    "action",
    ["cs:DescribeClusterDetail", "vpc:DescribeVpcs", "vpc:DescribeRouteTableList", "vpc:DescribeRouteEntryList"],
)
def test_ranges_without_a_permission(action: str) -> None:
    scene = Scene()
    scene.cloud.deny(action)
    scene.audit(OUTSIDE).is_open(ReasonKind.FORBIDDEN, action)


def test_healthy_ports() -> None:
    Scene().audit(PORTS).is_quiet()


def aim(service: Json, target: object) -> None:
    """Let the first port of a Service aim at another port of its Pods."""
    service["spec"]["ports"][0]["targetPort"] = target


def test_a_number_that_nobody_declares() -> None:
    scene = Scene()
    edit_service(scene, "shop", "catalog", lambda service: aim(service, 8081))
    finding = scene.audit(PORTS).loud_one
    assert (finding.subject.path, finding.severity) == ("shop/catalog", Severity.MEDIUM)
    assert finding.certainty is Certainty.LIKELY


def test_a_name_that_nobody_declares() -> None:
    scene = Scene()
    edit_service(scene, "shop", "catalog", lambda service: aim(service, "web"))
    assert scene.audit(PORTS).is_confirmed("Service", "shop/catalog").severity is Severity.HIGH


@pytest.mark.parametrize("permission", ["list services", "list pods"])
def test_ports_without_a_permission(permission: str) -> None:
    scene = Scene()
    scene.kubernetes.deny(permission)
    scene.audit(PORTS).is_open(ReasonKind.FORBIDDEN, permission)


# --- between the runs of a CronJob -------------------------------------------------------------------------------


def of_the_cron_job() -> Scene:
    """Return a scene in which a Service is for the Pods of CronJob ``price-sync``, and none is left."""
    scene = Scene()

    def change(service: Json) -> None:
        service["spec"].update(selector={"app": "price-sync"}, clusterIP="172.21.3.99", clusterIPs=["172.21.3.99"])

    copy(scene, SERVICES, "catalog", "shop", "price-sync", change)
    copy_slices(scene, "shop", "catalog", "price-sync")
    empty_slices(scene, "shop", "price-sync")
    for pod in scene.kubernetes.objects.all("/api/v1/pods"):
        if pod["metadata"].get("labels", {}).get("app") == "price-sync":
            scene.kubernetes.remove("/api/v1/pods", pod["metadata"]["name"], "shop")
    return scene


def test_between_two_runs() -> None:
    report = of_the_cron_job().audit(EMPTY)
    report.is_quiet()
    assert "shop/price-sync" in {finding.subject.path for finding in report.findings}


@pytest.mark.parametrize("permission", ["list cronjobs.batch", "list jobs.batch"])
def test_between_two_runs_without_a_permission(permission: str) -> None:
    scene = of_the_cron_job()
    scene.kubernetes.deny(permission)
    scene.audit(EMPTY).is_open(ReasonKind.FORBIDDEN, permission)
    assert scene.kubernetes.objects.all(SLICES)
