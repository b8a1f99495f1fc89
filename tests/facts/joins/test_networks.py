import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.vpc import VSwitch
from auditor.facts.joins.networks import ClusterNetworks
from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table
from auditor.facts.text import t
from tests.checks import make

DENIED = Reason("kubernetes", ReasonKind.FORBIDDEN, t("denied"), ("list pods",))
VSWITCHES = [VSwitch("vsw-h", cidr="192.168.0.0/24"), VSwitch("vsw-p", cidr="192.168.16.0/20")]
FLANNEL = Cluster(
    "c1", container_cidr="172.20.0.0/16", service_cidr="172.21.0.0/20", network="Flannel", vswitch_ids=["vsw-h"]
)
TERWAY = Cluster("c1", service_cidr="172.21.0.0/20", network="terway-eniip", vswitch_ids=["vsw-h"])
ENI = {"version": "1", "vswitches": {"cn-hangzhou-h": ["vsw-p"]}, "security_group": "sg-1"}


def pod(name: str, ip: str, **spec: Any) -> Pod:
    return msgspec.convert(
        {
            "metadata": {"name": name, "namespace": "shop"},
            "spec": spec,
            "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]},
        },
        Pod,
    )


def eni_config(conf: str) -> Table[ConfigMap]:
    data = {"metadata": {"name": "eni-config", "namespace": "kube-system"}, "data": {"eni_conf": conf}}
    return Table("config_maps", [msgspec.convert(data, ConfigMap)])


def networks(
    row: Cluster = FLANNEL, pods: Iterable[Pod] | Table[Pod] = (), config: Table[ConfigMap] | None = None
) -> ClusterNetworks:
    table = pods if isinstance(pods, Table) else Table("pods", pods)
    nodes = [make.node("a", ip="192.168.0.11"), make.node("b", ip="192.168.0.12")]
    return ClusterNetworks(
        Table("nodes", nodes),
        table,
        Table("clusters", [row]),
        Table("vswitches", VSWITCHES),
        config or Table("config_maps", asked=["kube-system/eni-config"]),
        ClusterIdentity("shop", "c1"),
    )


def test_addresses_in_use_are_those_of_nodes_and_of_pods_with_one_of_their_own() -> None:
    found = networks(pods=[pod("a", "172.20.0.5"), pod("host", "192.168.0.11", hostNetwork=True)])
    assert found.node_addresses().cidrs == ["192.168.0.11", "192.168.0.12"]
    assert found.pod_addresses().cidrs == ["172.20.0.5"]


def test_ranges_of_a_flannel_cluster_are_those_of_its_description() -> None:
    found = networks()
    assert not found.is_terway()
    assert found.pod_ranges().cidrs == ["172.20.0.0/16"]
    assert found.service_ranges().cidrs == ["172.21.0.0/20"]
    assert found.control_plane_ranges().cidrs == ["192.168.0.0/24"]


def test_pods_of_a_terway_cluster_are_in_the_vswitches_of_its_configuration() -> None:
    assert networks(TERWAY, config=eni_config(json.dumps(ENI))).pod_ranges().cidrs == ["192.168.16.0/20"]


@pytest.mark.parametrize(
    "config", [None, eni_config("{"), eni_config(json.dumps({"vswitches": {"h": ["vsw-of-another"]}}))]
)
def test_a_terway_configuration_that_does_not_say_is_not_guessed(config: Table[ConfigMap] | None) -> None:
    with pytest.raises(NotKnown):
        networks(TERWAY, config=config).pod_ranges()


def test_missing_pods_are_not_overlooked() -> None:
    with pytest.raises(NotKnown):
        networks(pods=Table.unavailable("pods", DENIED)).pod_addresses()
