"""ECS: how large the instance types of node pools are, and where they are on sale."""

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import Fields
from auditor.collect.alibaba.filling import from_batches, one_by_one
from auditor.collect.alibaba.paging import Tokened
from auditor.collect.alibaba.pool_scope import named_types, stock_wanted
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.cs import NodePool
from auditor.facts.cloud.ecs import POST_PAID, PRE_PAID, InstanceType, TypeStock, ZoneStock, type_stock_key
from auditor.facts.cloud.ess import ScalingConfiguration, ScalingGroup
from auditor.facts.ref import Layer
from auditor.facts.table import Table

_KIND = "InstanceType"


@provides(
    "instance_types",
    source="ecs",
    layer=Layer.CLOUD,
    permissions=("ecs:DescribeInstanceTypes",),
    tolerates=("scaling_groups", "scaling_configurations"),
)
def collect_instance_types(
    client: CloudClient,
    node_pools: Table[NodePool],
    scaling_groups: Table[ScalingGroup],
    scaling_configurations: Table[ScalingConfiguration],
) -> Table[InstanceType]:
    """Fill ``instance_types`` with those that node pools, scaling configurations and launch templates name.

    Where sizes stand in the place of types (patterns), nothing is asked: the sizes are known from there, and any type
    of a size would do.
    """
    return from_batches(
        client,
        "instance_types",
        named_types(node_pools, scaling_groups, scaling_configurations),
        10,
        lambda types: Request("ecs", "DescribeInstanceTypes", {"InstanceTypess": types}),
        ("InstanceTypes", "InstanceType"),
        Tokened(100),
        _instance_type,
        lambda fields: fields.required("InstanceTypeId"),
    )


@provides(
    "type_stocks",
    source="ecs",
    layer=Layer.CLOUD,
    permissions=("ecs:DescribeAvailableResource",),
    tolerates=("scaling_groups", "scaling_configurations"),
)
def collect_type_stocks(
    client: CloudClient,
    node_pools: Table[NodePool],
    scaling_groups: Table[ScalingGroup],
    scaling_configurations: Table[ScalingConfiguration],
) -> Table[TypeStock]:
    """Fill ``type_stocks`` for the types of pools that scale automatically, each in all zones with one call.

    The stock behind patterns, which name no type, is that of ``scaling_strengths``: Auto Scaling says there which
    types it takes for them.
    """
    wanted = {
        type_stock_key(kind, payment): (kind, payment)
        for kind, payment in stock_wanted(node_pools, scaling_groups, scaling_configurations)
    }

    def read(key: str) -> TypeStock:
        kind, payment = wanted[key]
        request = Request("ecs", "DescribeAvailableResource", _stock_params(kind, payment))
        zones = Fields(client.call(request)).required_records("AvailableZones", "AvailableZone")
        stocks = [_zone_stock(zone, kind) for zone in zones]
        return TypeStock(kind, payment, [stock for stock in stocks if stock is not None])

    return one_by_one(client, "type_stocks", "ecs", wanted, read)


def _stock_params(kind: str, payment: str) -> dict[str, str]:
    params = {
        "DestinationResource": _KIND,
        "InstanceType": kind,
        "IoOptimized": "optimized",
        "NetworkCategory": "vpc",
        "InstanceChargeType": payment if payment in (PRE_PAID, POST_PAID) else POST_PAID,
    }
    return params if payment in (PRE_PAID, POST_PAID) else {**params, "SpotStrategy": payment}


def _instance_type(fields: Fields) -> InstanceType:
    return InstanceType(
        name=fields.required("InstanceTypeId"),
        family=fields.word("InstanceTypeFamily"),
        cpu=fields.integer("CpuCoreCount"),
        memory_gib=fields.number("MemorySize"),
        gpu=fields.integer("GPUAmount"),
        gpu_spec=fields.word("GPUSpec"),
        architecture=fields.known("CpuArchitecture"),
        disk_quantity=fields.integer("DiskQuantity"),
        eni_quantity=fields.integer("EniQuantity"),
        eni_private_ips=fields.integer("EniPrivateIpAddressQuantity"),
    )


def _zone_stock(zone: Fields, kind: str) -> ZoneStock | None:
    """Return what a zone says of a type: of the zone as a whole, where it lists no types; None where it lacks this."""
    zone_id = zone.required("ZoneId")
    resources = zone.records("AvailableResources", "AvailableResource")
    if not resources:
        return ZoneStock(zone_id, zone.known("Status"), zone.known("StatusCategory"))
    for resource in resources:
        if resource.word("Type") not in ("", _KIND):
            continue
        for offer in resource.required_records("SupportedResources", "SupportedResource"):
            if offer.required("Value") == kind:
                return ZoneStock(zone_id, offer.known("Status"), offer.known("StatusCategory"))
    return None
