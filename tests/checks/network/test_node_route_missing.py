from datetime import timedelta
from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.vpc import NextHop, RouteEntries, RouteEntry, RouteTable
from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, Severity
from tests.checks import kit, make
from tests.checks.network.api import cluster, landscape

CHECK = "network/node-route-missing"
RANGE = "172.20.0.0/25"


def route(
    destination: str = RANGE, hop: str = "i-a", status: str | None = "Available", kind: str = "Instance"
) -> RouteEntry:
    return RouteEntry(destination, "Custom", status, [NextHop(kind, hop)])


def table(id: str = "vtb-1", type: str = "System", *vswitches: str) -> RouteTable:  # noqa: A002
    return RouteTable(id, type=type, vpc_id=make.VPC, vswitch_ids=list(vswitches))


def flannel(backend: str) -> ConfigMap:
    data = {"net-conf.json": f'{{"Backend": {{"Type": "{backend}"}}}}'}
    return msgspec.convert({"metadata": make.meta("kube-flannel-cfg", "kube-system"), "data": data}, ConfigMap)


def scene(*routes: RouteEntry, **tables: Any) -> Landscape:
    given: dict[str, Any] = {
        "nodes": [make.node("a", "h", podCIDR=RANGE)],
        "instances": [make.instance("a", "h", network_interface_ids=["eni-a"])],
        "route_tables": [table()],
        "route_entries": [RouteEntries("vtb-1", [route("192.168.0.0/24", "", kind="local"), *routes])],
        "config_maps": [flannel("alloc")],
        **tables,
    }
    return landscape(**given)


def found(base: Landscape) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, "a")
    assert (finding.subject.kind, finding.severity) == ("Node", Severity.HIGH)
    return finding


class TestFound:
    @pytest.mark.parametrize(
        ("routes", "certainty"),
        [
            pytest.param([], Certainty.CONFIRMED, id="none"),
            pytest.param([route("172.20.0.128/25")], Certainty.CONFIRMED, id="another range"),
            pytest.param([route(hop="i-b")], Certainty.CONFIRMED, id="another machine"),
            pytest.param([route(hop="ngw-1", kind="NatGateway")], Certainty.CONFIRMED, id="no machine"),
            pytest.param([route("0.0.0.0/0", "ngw-1", kind="NatGateway")], Certainty.CONFIRMED, id="the way out"),
            pytest.param([route(hop="eni-b", kind="NetworkInterface")], Certainty.CONFIRMED, id="another interface"),
            pytest.param([route(status="Deleting")], Certainty.CONFIRMED, id="not in force"),
            pytest.param([route(status="Pending")], Certainty.LIKELY, id="being written"),
        ],
    )
    def test_it(self, routes: list[RouteEntry], certainty: Certainty) -> None:
        assert found(scene(*routes)).certainty is certainty

    def test_the_table_of_the_vswitch_counts(self) -> None:
        tables = [table("vtb-1", "System", "vsw-h"), table("vtb-2", "Custom", "vsw-h")]
        entries = [RouteEntries("vtb-1", [route()]), RouteEntries("vtb-2", [])]
        assert found(scene(route_tables=tables, route_entries=entries)).evidence["route_table"] == "vtb-2"

    def test_an_old_cluster_that_names_no_network(self) -> None:
        found(scene(clusters=[cluster(network=None)]))


class TestQuiet:
    @pytest.mark.parametrize(
        "routes",
        [
            pytest.param([route()], id="its route"),
            pytest.param([route(status=None)], id="status not said"),
            pytest.param([route(hop="eni-a", kind="NetworkInterface")], id="by its interface"),
            pytest.param([route("172.20.0.0/24")], id="a wider one that leads there"),
            pytest.param([route("172.20.0.0/16", "i-b"), route()], id="the narrowest decides"),
        ],
    )
    def test_it(self, routes: list[RouteEntry]) -> None:
        kit.stays_quiet(CHECK, scene(*routes))

    @pytest.mark.parametrize(
        "tables",
        [
            pytest.param({"clusters": [cluster(network="terway-eniip", container_cidr=None)]}, id="Terway"),
            pytest.param({"clusters": [cluster(network="Terway")]}, id="Terway with a range"),
            pytest.param({"config_maps": [flannel("vxlan")]}, id="tunnels"),
            pytest.param({"config_maps": [], "clusters": [cluster(network=None)]}, id="no Flannel"),
            pytest.param({"nodes": [make.node("a", "h")]}, id="no range"),
            pytest.param({"nodes": [make.node("a", podCIDR=RANGE, labels={"type": "virtual-kubelet"})]}, id="virtual"),
            pytest.param({"instances": []}, id="machine gone"),
        ],
    )
    def test_not_applicable(self, tables: dict[str, Any]) -> None:
        kit.stays_quiet(CHECK, scene(**tables), Status.NOT_APPLICABLE)

    def test_a_node_that_joined_a_moment_ago(self) -> None:
        node = make.node("a", "h", podCIDR=RANGE)
        created = kit.OBSERVED_AT - timedelta(minutes=1)
        young = msgspec.structs.replace(
            node, metadata=msgspec.structs.replace(node.metadata, creation_timestamp=created)
        )
        kit.stays_quiet(CHECK, scene(nodes=[young]), Status.NOT_APPLICABLE)

    def test_another_table_does_not_count(self) -> None:
        tables = [table("vtb-1"), table("vtb-2", "Custom", "vsw-z")]
        entries = [RouteEntries("vtb-1", [route()]), RouteEntries("vtb-2", [])]
        kit.stays_quiet(CHECK, scene(route_tables=tables, route_entries=entries))


class TestGaps:
    @pytest.mark.parametrize("name", ["nodes", "clusters", "instances", "route_tables", "route_entries"])
    def test_needed_to_pass(self, name: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(scene(route()), name))

    @pytest.mark.parametrize("name", ["config_maps", "pods", "vswitches"])
    def test_not_needed_to_pass(self, name: str) -> None:
        kit.stays_quiet(CHECK, kit.without(scene(route()), name))

    def test_without_its_configuration_flannel_may_use_tunnels(self) -> None:
        kit.is_not_evaluated(CHECK, kit.without(scene(), "config_maps"))

    def test_one_table_of_routes(self) -> None:
        kit.is_not_evaluated(CHECK, kit.without_rows(scene(route()), "route_entries", "vtb-1"))
