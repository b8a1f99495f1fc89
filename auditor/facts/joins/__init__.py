"""Joins: which object of one table belongs to which of another, across both layers.

A join is asked for by a check like a table, by the name under which it stands in ``JOINS``; its constructor
names the tables that it joins. A join never guesses: where a table that it needs has a gap, it raises
:class:`~auditor.facts.table.NotKnown` for just the object in question.
"""

import types
from typing import Any

from auditor.facts.joins.api_load_balancer import ApiServerLoadBalancer
from auditor.facts.joins.api_server import ApiServerCallers
from auditor.facts.joins.attachments import ServerAttachments
from auditor.facts.joins.autoscalers import AutoscalerRoles
from auditor.facts.joins.claim_workloads import ClaimWorkloads
from auditor.facts.joins.component_health import ComponentHealth
from auditor.facts.joins.components import CcmVersion
from auditor.facts.joins.disk_users import DiskUsers
from auditor.facts.joins.driver_health import DriverHealth
from auditor.facts.joins.event_window import EventWindow
from auditor.facts.joins.ingress_controllers import IngressControllers
from auditor.facts.joins.ingress_paths import IngressPaths
from auditor.facts.joins.load_balancers import LoadBalancerBackends
from auditor.facts.joins.nas import NasGroupNodes
from auditor.facts.joins.networks import ClusterNetworks
from auditor.facts.joins.nodes import NodeInstances, NodePods
from auditor.facts.joins.object_events import ObjectEvents
from auditor.facts.joins.pools import PoolScalingGroups, PoolTypes
from auditor.facts.joins.services import ServiceEndpoints, ServiceLoadBalancers, ServicePaths
from auditor.facts.joins.volumes import DiskHolders, VolumeDisks, VolumeMountTargets, VolumeUsers
from auditor.facts.rules.security_group import SecurityGroupFilter

JOINS: types.MappingProxyType[str, type[Any]] = types.MappingProxyType(
    {
        "api_server_callers": ApiServerCallers,
        "api_server_load_balancer": ApiServerLoadBalancer,
        "autoscaler_roles": AutoscalerRoles,
        "nas_group_nodes": NasGroupNodes,
        "ccm_version": CcmVersion,
        "ingress_controllers": IngressControllers,
        "ingress_paths": IngressPaths,
        "load_balancer_backends": LoadBalancerBackends,
        "cluster_networks": ClusterNetworks,
        "component_health": ComponentHealth,
        "claim_workloads": ClaimWorkloads,
        "disk_users": DiskUsers,
        "driver_health": DriverHealth,
        "disk_holders": DiskHolders,
        "event_window": EventWindow,
        "node_instances": NodeInstances,
        "node_pods": NodePods,
        "object_events": ObjectEvents,
        "pool_scaling_groups": PoolScalingGroups,
        "pool_types": PoolTypes,
        "security_group_filter": SecurityGroupFilter,
        "server_attachments": ServerAttachments,
        "service_endpoints": ServiceEndpoints,
        "service_load_balancers": ServiceLoadBalancers,
        "service_paths": ServicePaths,
        "volume_disks": VolumeDisks,
        "volume_mount_targets": VolumeMountTargets,
        "volume_users": VolumeUsers,
    }
)

__all__ = [
    "JOINS",
    "ApiServerCallers",
    "ApiServerLoadBalancer",
    "AutoscalerRoles",
    "CcmVersion",
    "ClaimWorkloads",
    "ClusterNetworks",
    "ComponentHealth",
    "DiskHolders",
    "DiskUsers",
    "DriverHealth",
    "EventWindow",
    "IngressControllers",
    "IngressPaths",
    "LoadBalancerBackends",
    "NasGroupNodes",
    "NodeInstances",
    "NodePods",
    "ObjectEvents",
    "PoolScalingGroups",
    "PoolTypes",
    "SecurityGroupFilter",
    "ServerAttachments",
    "ServiceEndpoints",
    "ServiceLoadBalancers",
    "ServicePaths",
    "VolumeDisks",
    "VolumeMountTargets",
    "VolumeUsers",
]
