"""Helpers: a client of the fake cloud, the Kubernetes tables that providers need, and filling tables in order."""

import contextlib
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.credentials import CredentialSettings
from auditor.collect.alibaba.failures import CallFailed
from auditor.collect.alibaba.pacing import Backoff, Limits
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import Provider
from auditor.collect.registry import providers
from auditor.facts.catalogue import CLOUD_TABLES
from auditor.facts.kubernetes.ingresses import Ingress
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.services import Service
from auditor.facts.kubernetes.volumes import PersistentVolume, StorageClass
from auditor.facts.landscape import ClusterIdentity, WantedIdentity
from auditor.facts.table import Table
from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, FakeCloud

CLUSTER_ID = "c1cef2604bddf0081a2bc425e1415ce18"
REGION = "cn-hangzhou"
KEY = CredentialSettings("access_key", access_key_id=ACCESS_KEY_ID, access_key_secret=ACCESS_KEY_SECRET)
QUICK = Backoff(first=0.001, longest=0.002, attempts=4)
UNLIMITED = Limits(concurrent=8, per_second=1000, burst=1000)
RECORDED = Path(__file__).parents[2] / "fakes" / "recorded" / "kubernetes"
DISKS = Request("ecs", "DescribeDisks", {"DiskIds": '["d-1"]', "MaxResults": 100})
CLUSTER = Request("cs", "DescribeClusterDetail", {"ClusterId": CLUSTER_ID})
SECRETS = (ACCESS_KEY_ID, ACCESS_KEY_SECRET, "Signature=", "SecurityToken=")
RAM_USERS = ("204821839384857610", "207719364451120883")
"""The recorded RAM users."""

CLUSTER_IDENTITY = ClusterIdentity(
    "shop-prod",
    CLUSTER_ID,
    REGION,
    identities=[WantedIdentity([], user=f"{uid}-1795380901") for uid in RAM_USERS],
)
KUBERNETES = {
    "nodes": ("api_v1_nodes.json", Node),
    "persistent_volumes": ("api_v1_persistentvolumes.json", PersistentVolume),
    "services": ("api_v1_services.json", Service),
    "storage_classes": ("apis_storage.k8s.io_v1_storageclasses.json", StorageClass),
    "pods": ("api_v1_pods.json", Pod),
    "ingresses": ("apis_networking.k8s.io_v1_ingresses.json", Ingress),
}


def make_client(**options: Any) -> CloudClient:
    """Make a client that is quick to give up."""
    given: dict[str, Any] = {
        "credentials": KEY,
        "backoff": QUICK,
        "limits": UNLIMITED,
        "deadline_seconds": 30,
        "region": REGION,
        "cluster_id": CLUSTER_ID,
        **options,
    }
    return CloudClient(given.pop("region"), given.pop("cluster_id"), given.pop("credentials"), **given)


@contextlib.contextmanager
def client_of(cloud: FakeCloud, **options: Any) -> Iterator[CloudClient]:
    """Give a client that the fake answers within the process."""
    with cloud.in_process():
        client = make_client(**options)
        try:
            yield client
        finally:
            client.close()


@cache
def _items(name: str) -> bytes:
    return gzip.decompress((RECORDED / f"{name}.gz").read_bytes())


def kubernetes_tables() -> dict[str, Table[Any]]:
    """Return the recorded Kubernetes tables that providers of the cloud side need; there is no AlbConfig."""
    no_alb: dict[str, Table[Any]] = {"alb_configs": Table("alb_configs")}
    return no_alb | {
        name: Table(name, [msgspec.convert(item, kind) for item in json.loads(_items(file))["items"]])
        for name, (file, kind) in KUBERNETES.items()
    }


def cloud_providers() -> dict[str, Provider]:
    """Return the providers of the cloud side."""
    from auditor.collect.alibaba import tables  # noqa: F401, PLC0415 - registers them

    return {name: provider for name, provider in providers().items() if name in CLOUD_TABLES}


def collect(
    client: CloudClient,
    provider: Provider,
    tables: Mapping[str, Table[Any]],
    cluster: ClusterIdentity = CLUSTER_IDENTITY,
) -> Table[Any]:
    """Let a provider fill its table, from tables that hold those that it needs."""
    needs: dict[str, Any] = {need: tables[need] for need in provider.needs}
    return provider.collect(client, **needs, **({"cluster": cluster} if provider.takes_cluster else {}))


def fill(client: CloudClient, names: Iterable[str], **given: Table[Any]) -> dict[str, Table[Any]]:
    """Fill these tables, and those that they need; ``given`` ones are taken as they are."""
    known = cloud_providers()
    filled = {**kubernetes_tables(), **given}

    def ensure(name: str) -> Table[Any]:
        if name not in filled:
            provider = known[name]
            filled[name] = collect(client, provider, {need: ensure(need) for need in provider.needs})
        return filled[name]

    for name in names:
        ensure(name)
    return filled


def fill_one(client: CloudClient, name: str, **given: Table[Any]) -> Table[Any]:
    """Fill one table, and what it needs."""
    return fill(client, [name], **given)[name]


def failure(client: CloudClient, request: Request = DISKS) -> CallFailed:
    """Return the failure of a call, and see that it shows no secret."""
    with pytest.raises(CallFailed) as caught:
        client.call(request)
    text = f"{caught.value}{caught.value.reason}{caught.value.code}"
    assert not [secret for secret in SECRETS if secret in text], text
    return caught.value


def with_everything(cloud: FakeCloud) -> None:
    """Add what the recorded account lacks: a network ACL and a port list in use, server groups of every kind."""
    cloud.state.ecs.add_instance("i-bp1outsider", like=next(iter(cloud.state.ecs.instances)), private_ip="192.168.0.99")
    volumes = [disk for disk in cloud.state.ecs.disks.values() if disk["Type"] == "data"]
    for disk in volumes:
        disk["InstanceId"] = "i-bp1outsider"
        disk["Attachments"] = {"Attachment": [{"InstanceId": "i-bp1outsider"}]}
    cloud.state.vpc.add_network_acl("nacl-1", list(cloud.state.vpc.vswitches), [{"Policy": "accept"}], [])
    group = next(iter(cloud.state.ecs.security_groups))
    cloud.state.ecs.port_range_lists["prl-1"] = {"Entries": [{"PortRange": "80/80"}]}
    cloud.state.ecs.add_rule(group, "ingress", SourceCidrIp="10.0.0.0/8", PortRangeListId="prl-1", PortRange="")
    pair = [{"ServerId": one} for one in list(cloud.state.ecs.instances)[:2]]
    cloud.state.slb.add_load_balancer("lb-foreign")
    cloud.state.slb.add_vserver_group("rsp-foreign", "lb-foreign", "by hand", pair)
    for balancer in list(cloud.state.slb.load_balancers):
        cloud.state.slb.add_master_slave_group(f"rsp-of-{balancer}", balancer, "pair", pair)
