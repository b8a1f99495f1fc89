"""Routes, forwarding and loopback addresses once more: forms, look-alikes and rights that are missing."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.fakes.cloud.wire import Json
from tests.fakes.network import no_network
from tests.scenarios import storage as s
from tests.scenarios.kit import Report, Scene

ROUTES = "network/node-route-missing"
FORWARDING = "network/node-forwarding-disabled"
LOOPBACK = "network/pod-listens-on-loopback"
TABLE = "vtb-bp1ckdry1c9lmcfd0xfjw"
NODE, RANGE, INSTANCE = s.node("0.11"), "172.20.0.0/25", "i-bp1vcw8abao0i6uxb1xi"
OTHER_INSTANCE = "i-bp1n0rd3fa7nmtaomxdg"
INTERFACE = "eni-bp13ap213amwpvxh9z7l"
CONFIG_MAPS = "/api/v1/configmaps"
PROC = "/proc/sys/net/ipv4"
CART, CART_IP = "cart-5cdffc7cb4-2hr7r", "172.20.3.132"
CATALOG = "catalog-d46dc465-dx8qv"
TABLES = {"vpc:DescribeRouteTableList", "vpc:DescribeRouteEntryList"}


def described(scene: Scene) -> Json:
    cs = scene.cloud.state.cs
    found: Json = cs.clusters[cs.cluster_id]
    return found


def route(scene: Scene, destination: str = RANGE) -> Json:
    """Return a route of the VPC's table, to be edited in place."""
    entries = scene.cloud.state.vpc.route_entries[TABLE]
    return next(one for one in entries if one["DestinationCidrBlock"] == destination)


def without_route(scene: Scene | None = None, destination: str = RANGE) -> Scene:
    scene = scene or Scene()
    scene.cloud.state.vpc.route_entries[TABLE].remove(route(scene, destination))
    return scene


def leads_to(scene: Scene, kind: str, target: str) -> Scene:
    route(scene)["NextHops"]["NextHop"][0].update(NextHopType=kind, NextHopId=target)
    return scene


def tunnels(scene: Scene, kind: str) -> Scene:
    """Let Flannel carry the Pods' traffic in this way."""
    network = json.dumps({"Network": "172.20.0.0/16", "Backend": {"Type": kind}})
    change = {"net-conf.json": network}
    scene.kubernetes.patch(
        CONFIG_MAPS, "kube-flannel-cfg", lambda found: found["data"].update(change), namespace="kube-system"
    )
    return scene


def broken_hops(finding: ReportedFinding) -> list[tuple[str, str]]:
    return [(hop.ref.kind, hop.ref.id or hop.ref.path) for hop in finding.trail if hop.state is HopState.BROKEN]


class TestRoutes:
    def found(self, scene: Scene, node: str = NODE) -> ReportedFinding:
        finding = scene.audit(ROUTES).is_confirmed("Node", node)
        assert finding.severity is Severity.HIGH
        assert broken_hops(finding) == [("RouteTable", TABLE)]
        return finding

    def test_none(self) -> None:
        finding = self.found(without_route())
        assert RANGE in str(finding.message)
        assert finding.subject.id == INSTANCE

    def test_none_of_two_nodes(self) -> None:
        report = without_route(without_route(), "172.20.0.128/25").audit(ROUTES)
        assert {one.subject.name for one in report.loud} == {NODE, s.node("0.12")}

    @pytest.mark.parametrize(
        ("kind", "target"), [("Instance", OTHER_INSTANCE), ("Instance", "i-bp1gone"), ("NatGateway", "ngw-1")]
    )
    def test_it_leads_elsewhere(self, kind: str, target: str) -> None:
        finding = self.found(leads_to(Scene(), kind, target))
        assert target in str(finding.message)

    def test_it_leads_to_the_nodes_interface(self) -> None:
        leads_to(Scene(), "NetworkInterface", INTERFACE).audit(ROUTES).is_quiet()

    def test_a_wider_route_elsewhere_is_none_of_its_own(self) -> None:
        scene = without_route()
        scene.cloud.state.vpc.add_route(TABLE, "172.20.0.0/16", "RouterInterface", "ri-1")
        assert "no route" in str(self.found(scene).message)

    def test_a_wider_route_to_it_holds_its_range(self) -> None:
        scene = without_route()
        scene.cloud.state.vpc.add_route(TABLE, "172.20.0.0/24", "Instance", INSTANCE)
        scene.audit(ROUTES).is_quiet()

    def test_a_route_in_another_vpc_of_the_account(self) -> None:
        scene = without_route()
        vpc = scene.cloud.state.vpc
        vpc.add_vpc("vpc-other", "10.0.0.0/8")
        vpc.route_tables["vtb-other"] = {
            **vpc.route_tables[TABLE],
            "RouteTableId": "vtb-other",
            "VpcId": "vpc-other",
            "VSwitchIds": {"VSwitchId": []},
        }
        vpc.route_entries["vtb-other"] = []
        vpc.add_route("vtb-other", RANGE, "Instance", INSTANCE)
        self.found(scene)

    def test_a_vswitch_with_a_table_of_its_own(self) -> None:
        scene = Scene()
        vpc = scene.cloud.state.vpc
        vpc.route_tables["vtb-own"] = {
            **vpc.route_tables[TABLE],
            "RouteTableId": "vtb-own",
            "RouteTableType": "Custom",
            "VSwitchIds": {"VSwitchId": ["vsw-bp1zb7ofr8eiau3j1n6p4"]},
        }
        vpc.route_entries["vtb-own"] = []
        report = scene.audit(ROUTES)
        assert {one.subject.name for one in report.loud} == {s.node("2.31"), s.node("2.43")}
        assert {hop for one in report.loud for hop in broken_hops(one)} == {("RouteTable", "vtb-own")}

    @pytest.mark.parametrize("kind", ["alloc", "ali-vpc"])
    def test_the_ways_of_flannel_that_need_routes(self, kind: str) -> None:
        self.found(tunnels(without_route(), kind))

    @pytest.mark.parametrize("kind", ["vxlan", "host-gw", "udp"])
    def test_the_ways_of_flannel_that_do_not(self, kind: str) -> None:
        report = tunnels(without_route(), kind).audit(ROUTES)
        report.is_quiet()

    def test_terway(self) -> None:
        scene = without_route()
        row = described(scene)
        row.update(container_cidr="", subnet_cidr="")
        meta = json.loads(row["meta_data"])
        meta["Capabilities"]["Network"] = "terway-eniip"
        row["meta_data"] = json.dumps(meta)
        scene.audit(ROUTES).is_quiet(Status.NOT_APPLICABLE)

    def test_a_node_that_just_joined(self) -> None:
        scene = without_route()
        now = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        scene.kubernetes.patch(s.NODES, NODE, lambda found: found["metadata"].update(creationTimestamp=now))
        scene.audit(ROUTES).is_quiet()

    def test_nodes_of_other_kinds(self) -> None:
        scene = Scene()
        virtual = s.copy(scene, s.NODES, NODE, "virtual-kubelet-cn-hangzhou-k")
        virtual["metadata"]["labels"]["type"] = "virtual-kubelet"
        virtual["spec"] = {"podCIDR": "172.20.9.0/25", "podCIDRs": ["172.20.9.0/25"]}
        scene.kubernetes.add(s.NODES, virtual)
        edge = s.copy(scene, s.NODES, NODE, "edge-1")
        edge["spec"] = {"podCIDR": "172.20.9.128/25", "podCIDRs": ["172.20.9.128/25"]}
        scene.kubernetes.add(s.NODES, edge)
        scene.audit(ROUTES).is_quiet()

    def test_a_route_that_stays_pending(self) -> None:
        scene = Scene()
        route(scene)["Status"] = "Pending"
        assert scene.audit(ROUTES).loud_one.certainty is Certainty.LIKELY

    @pytest.mark.parametrize("action", [*sorted(TABLES), "ecs:DescribeInstances", "cs:DescribeClusterDetail"])
    def test_an_action_is_missing(self, action: str) -> None:
        scene = without_route()
        scene.cloud.deny(action)
        report = scene.audit(ROUTES)
        report.is_open(ReasonKind.FORBIDDEN, action)
        assert report.missing == {action}

    def test_a_right_is_missing(self) -> None:
        scene = Scene()
        scene.kubernetes.deny("list nodes")
        report = scene.audit(ROUTES)
        report.is_open(ReasonKind.FORBIDDEN, "list nodes")
        assert report.missing == {"list nodes"}

    def test_the_config_is_needed_only_for_a_route_that_is_missing(self) -> None:
        scene = Scene()
        scene.kubernetes.deny("get configmaps")
        scene.audit(ROUTES).is_quiet()

    def test_the_config_may_not_be_read(self) -> None:
        scene = without_route()
        scene.kubernetes.deny("get configmaps")
        scene.audit(ROUTES).is_open(ReasonKind.FORBIDDEN, "get configmaps")


class TestForwarding:
    def audited(self, files: dict[str, str | None], *, node: str = NODE) -> Report:
        scene = Scene(probes=("forwarding",))
        scene.kubernetes.execs.files[node] = files
        return scene.audit(FORWARDING)

    @pytest.mark.parametrize(
        ("files", "fault"),
        [
            ({"ip_forward": "0\n"}, "net.ipv4.ip_forward"),
            ({"ip_forward": "0\n", "conf/all/forwarding": "0\n", "conf/eth0/forwarding": "0\n"}, "net.ipv4.ip_forward"),
            ({"conf/eth0/forwarding": "0\n"}, "eth0"),
            ({"conf/cni0/forwarding": "0\n"}, "cni0"),
            ({"conf/all/forwarding": "0\n"}, "all"),
            ({"conf/cni0/forwarding": "0\n", "conf/eth0/forwarding": "0\n"}, "cni0"),
        ],
    )
    def test_off(self, files: dict[str, str | None], fault: str) -> None:
        finding = self.audited({f"{PROC}/{name}": text for name, text in files.items()}).is_confirmed("Node", NODE)
        assert finding.severity is Severity.HIGH
        assert fault in str(finding.message)
        assert broken_hops(finding) == [("Node", INSTANCE)]

    def test_terway_has_no_bridge(self) -> None:
        self.audited({f"{PROC}/conf/cni0/forwarding": None}).is_quiet()

    def test_a_card_of_another_name(self) -> None:
        self.audited({f"{PROC}/conf/eth0/forwarding": None, f"{PROC}/conf/cni0/forwarding": None}).is_quiet()

    def test_what_can_not_be_read_is_open_and_the_others_are_not(self) -> None:
        report = self.audited({f"{PROC}/ip_forward": "perhaps\n"})
        report.is_open(ReasonKind.MALFORMED)
        assert report.result.subjects == 7

    def test_a_node_without_a_pod_to_ask(self) -> None:
        scene = Scene(probes=("forwarding",))
        for pod in list(scene.kubernetes.objects.all(s.PODS)):
            name = pod["metadata"]["name"]
            if pod["spec"].get("nodeName") == NODE and name.startswith(("kube-flannel", "kube-proxy")):
                scene.kubernetes.remove(s.PODS, name, "kube-system")
        report = scene.audit(FORWARDING)
        report.is_open(ReasonKind.UNDECIDABLE)
        assert NODE in report.reasons[0]

    @pytest.mark.parametrize("right", ["create pods/exec", "get pods/exec", "list nodes", "list pods"])
    def test_a_right_is_missing(self, right: str) -> None:
        scene = Scene(probes=("forwarding",))
        scene.kubernetes.deny(right)
        report = scene.audit(FORWARDING)
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert not report.findings


def unready(scene: Scene, pod: str = CART, **state: object) -> None:
    """Let the containers of a Pod run and not be ready."""

    def change(found: Json) -> None:
        for status in found["status"]["containerStatuses"]:
            status.update(ready=False, **state)
        for condition in found["status"]["conditions"]:
            if condition["type"] in ("Ready", "ContainersReady"):
                condition["status"] = "False"

    scene.kubernetes.patch(s.PODS, pod, change, "shop")


def refused(scene: Scene, place: str = f"{CART_IP}:8080", kind: str = "Readiness") -> None:
    words = f'{kind} probe failed: Get "http://{place}/healthz": dial tcp {place}: connect: connection refused'
    s.event(scene, words, "Pod", CART, "shop", reason="Unhealthy")


class TestLoopback:
    def scene(self, *probes: str) -> Scene:
        scene = Scene(probes=probes)
        unready(scene)
        return scene

    def audited(self, scene: Scene, *, refusing: Sequence[tuple[str, int]] = ()) -> Report:
        with no_network(refusing):
            return scene.audit(LOOPBACK)

    def test_a_connection_tells_that_the_port_is_open_by_now(self) -> None:
        scene = self.scene("tcp")
        refused(scene)
        report = self.audited(scene)
        assert not report.findings, str(report.findings[0].message)

    def test_a_connection_that_is_refused_too(self) -> None:
        scene = self.scene("tcp")
        refused(scene)
        finding = self.audited(scene, refusing=[(CART_IP, 8080)]).loud_one
        assert (finding.certainty, finding.severity) == (Certainty.LIKELY, Severity.HIGH)
        assert "refused" in str(finding.evidence["tcp"])

    def test_a_connection_that_is_refused_where_events_are_gone(self) -> None:
        finding = self.audited(self.scene("tcp"), refusing=[(CART_IP, 8080)]).loud_one
        assert finding.certainty is Certainty.LIKELY
        assert finding.subject.path == f"shop/{CART}"
        assert broken_hops(finding) == [("Container", "shop/cart")]

    def test_a_connection_that_is_refused_to_a_pod_that_is_ready(self) -> None:
        assert not self.audited(Scene(probes=("tcp",)), refusing=[(CART_IP, 8080)]).findings

    def test_a_connection_from_elsewhere_tells_nothing(self) -> None:
        scene = self.scene("tcp")
        for vswitch in scene.cloud.state.vpc.vswitches.values():
            vswitch["CidrBlock"] = vswitch["CidrBlock"].replace("192.168", "10.7")
        assert not self.audited(scene, refusing=[(CART_IP, 8080)]).findings
        scene = self.scene("tcp")
        for vswitch in scene.cloud.state.vpc.vswitches.values():
            vswitch["CidrBlock"] = vswitch["CidrBlock"].replace("192.168", "10.7")
        refused(scene)
        assert self.audited(scene).loud_one.certainty is Certainty.LIKELY

    def test_a_connection_and_the_sockets(self) -> None:
        scene = self.scene("tcp", "loopback")
        scene.kubernetes.execs.listening[f"shop/{CART}"] = ["127.0.0.1:8080"]
        finding = self.audited(scene, refusing=[(CART_IP, 8080)]).is_confirmed("Pod", f"shop/{CART}")
        assert finding.evidence["port"] == 8080

    def test_nothing_listens_at_all(self) -> None:
        scene = self.scene("tcp", "loopback")
        scene.kubernetes.execs.listening[f"shop/{CART}"] = []
        refused(scene)
        self.audited(scene, refusing=[(CART_IP, 8080)]).is_quiet()

    def test_a_mesh_accepts_for_everybody(self) -> None:
        """The proxy of a mesh accepts each connection, whether or not the process behind it does."""
        scene = self.scene("tcp")
        refused(scene)

        def with_mesh(found: Json) -> None:
            found["spec"]["containers"].append({"name": "istio-proxy", "image": "proxyv2"})

        scene.kubernetes.patch(s.PODS, CART, with_mesh, "shop")
        assert self.audited(scene).loud_one.certainty is Certainty.LIKELY

    def test_a_liveness_probe_that_is_refused_too_ends_it_again_and_again(self) -> None:
        scene = Scene(probes=("loopback",))
        ended = {"exitCode": 137, "reason": "Error", "finishedAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        unready(scene, restartCount=9, lastState={"terminated": ended})
        scene.kubernetes.execs.listening[f"shop/{CART}"] = ["127.0.0.1:8080", "[::1]:8080"]
        scene.audit(LOOPBACK).is_confirmed("Pod", f"shop/{CART}")

    def test_a_container_without_cat_is_open(self) -> None:
        scene = Scene(probes=("loopback",))
        scene.kubernetes.execs.without_cat.add(f"shop/{CATALOG}")
        scene.audit(LOOPBACK).is_open(ReasonKind.UNDECIDABLE)

    @pytest.mark.parametrize(
        "listening",
        [
            ["0.0.0.0:8080", "127.0.0.1:9090", "0.0.0.0:9090"],
            ["[::]:8080", "[::]:9090"],
            ["0.0.0.0:8080", "172.20.1.2:9090", "127.0.0.1:9090"],
            ["0.0.0.0:8080", "127.0.0.1:15000", "0.0.0.0:9090"],
        ],
    )
    def test_sockets_that_are_reached(self, listening: list[str]) -> None:
        scene = Scene(probes=("loopback",))
        scene.kubernetes.execs.listening[f"shop/{CATALOG}"] = listening
        scene.audit(LOOPBACK).is_quiet()

    @pytest.mark.parametrize("listening", [["127.0.0.1:9090"], ["[::1]:9090"], ["127.0.0.53:9090", "[::1]:9090"]])
    def test_sockets_that_are_not(self, listening: list[str]) -> None:
        scene = Scene(probes=("loopback",))
        scene.kubernetes.execs.listening[f"shop/{CATALOG}"] = ["0.0.0.0:8080", *listening]
        finding = scene.audit(LOOPBACK).is_confirmed("Pod", f"shop/{CATALOG}")
        assert finding.severity is Severity.HIGH
        assert broken_hops(finding) == [("Container", "shop/catalog")]

    @pytest.mark.parametrize("kind", ["Liveness", "Startup"])
    def test_another_probe(self, kind: str) -> None:
        scene = self.scene()
        refused(scene, kind=kind)
        assert not scene.audit(LOOPBACK).findings

    @pytest.mark.parametrize("right", ["list pods", "list events"])
    def test_a_right_is_missing(self, right: str) -> None:
        scene = self.scene("loopback", "tcp")
        scene.kubernetes.deny(right)
        report = self.audited(scene)
        assert not report.findings
        assert right in report.missing or right == "list events"

    def test_events_may_not_be_read_and_nothing_else_tells(self) -> None:
        scene = self.scene()
        scene.kubernetes.deny("list events")
        report = scene.audit(LOOPBACK)
        assert not report.findings
        assert report.missing == {"list events"}

    def test_events_may_not_be_read_and_a_connection_is_refused(self) -> None:
        scene = self.scene("tcp")
        scene.kubernetes.deny("list events")
        assert self.audited(scene, refusing=[(CART_IP, 8080)]).loud_one.certainty is Certainty.LIKELY
