"""Joins: which object of one table belongs to which of another, across both layers.

A join is asked for by a check like a table, by the name under which it stands in ``JOINS``; its constructor
names the tables that it joins. A join never guesses: where a table that it needs has a gap, it raises
:class:`~auditor.facts.table.NotKnown` for just the object in question.
"""

import types
from typing import Any

from auditor.facts.joins.access_refusals import AccessRefusals
from auditor.facts.joins.api_load_balancer import ApiServerLoadBalancer
from auditor.facts.joins.api_server import ApiServerCallers
from auditor.facts.joins.attachments import ServerAttachments
from auditor.facts.joins.autoscalers import AutoscalerRoles
from auditor.facts.joins.backend_nodes import BackendNodes
from auditor.facts.joins.balancer_egress import BalancerEgress
from auditor.facts.joins.claim_workloads import ClaimWorkloads
from auditor.facts.joins.component_health import ComponentHealth
from auditor.facts.joins.components import CcmVersion
from auditor.facts.joins.disk_users import DiskUsers
from auditor.facts.joins.driver_health import DriverHealth
from auditor.facts.joins.event_clock import EventClock
from auditor.facts.joins.event_window import EventWindow
from auditor.facts.joins.group_waiters import GroupWaiters
from auditor.facts.joins.ingress_controllers import IngressControllers
from auditor.facts.joins.ingress_paths import IngressPaths
from auditor.facts.joins.load_balancers import LoadBalancerBackends
from auditor.facts.joins.log_window import LogWindow
from auditor.facts.joins.named_volumes import NamedVolumes
from auditor.facts.joins.nas import NasGroupNodes
from auditor.facts.joins.networks import ClusterNetworks
from auditor.facts.joins.node_room import NodeRoom
from auditor.facts.joins.nodes import NodeInstances, NodePods
from auditor.facts.joins.object_events import ObjectEvents
from auditor.facts.joins.pending_pods import PendingPods
from auditor.facts.joins.pod_reasons import PodReasons
from auditor.facts.joins.pod_routes import PodRoutes
from auditor.facts.joins.pod_sources import PodSources
from auditor.facts.joins.pod_zones import PodZones
from auditor.facts.joins.pool_fits import PoolFits
from auditor.facts.joins.pool_sizes import PoolSizes
from auditor.facts.joins.pools import PoolScalingGroups, PoolTypes
from auditor.facts.joins.provisioners import Provisioners
from auditor.facts.joins.rbac_rights import RbacRights
from auditor.facts.joins.scaling_blocks import ScalingBlocks
from auditor.facts.joins.services import ServiceEndpoints, ServiceLoadBalancers, ServicePaths
from auditor.facts.joins.storage_stacks import StorageStacks
from auditor.facts.joins.volumes import DiskHolders, VolumeDisks, VolumeMountTargets, VolumeUsers
from auditor.facts.joins.vpc_exits import VpcExits
from auditor.facts.rules.security_group import SecurityGroupFilter

JOINS: types.MappingProxyType[str, type[Any]] = types.MappingProxyType(
    {
        "access_refusals": AccessRefusals,
        "api_server_callers": ApiServerCallers,
        "api_server_load_balancer": ApiServerLoadBalancer,
        "autoscaler_roles": AutoscalerRoles,
        "backend_nodes": BackendNodes,
        "balancer_egress": BalancerEgress,
        "ccm_version": CcmVersion,
        "claim_workloads": ClaimWorkloads,
        "cluster_networks": ClusterNetworks,
        "component_health": ComponentHealth,
        "disk_holders": DiskHolders,
        "disk_users": DiskUsers,
        "driver_health": DriverHealth,
        "event_clock": EventClock,
        "event_window": EventWindow,
        "group_waiters": GroupWaiters,
        "ingress_controllers": IngressControllers,
        "ingress_paths": IngressPaths,
        "load_balancer_backends": LoadBalancerBackends,
        "log_window": LogWindow,
        "named_volumes": NamedVolumes,
        "nas_group_nodes": NasGroupNodes,
        "node_instances": NodeInstances,
        "node_pods": NodePods,
        "node_room": NodeRoom,
        "object_events": ObjectEvents,
        "pending_pods": PendingPods,
        "pod_reasons": PodReasons,
        "pod_zones": PodZones,
        "pool_fits": PoolFits,
        "pod_routes": PodRoutes,
        "pod_sources": PodSources,
        "pool_scaling_groups": PoolScalingGroups,
        "pool_sizes": PoolSizes,
        "pool_types": PoolTypes,
        "scaling_blocks": ScalingBlocks,
        "provisioners": Provisioners,
        "rbac_rights": RbacRights,
        "security_group_filter": SecurityGroupFilter,
        "server_attachments": ServerAttachments,
        "service_endpoints": ServiceEndpoints,
        "service_load_balancers": ServiceLoadBalancers,
        "service_paths": ServicePaths,
        "storage_stacks": StorageStacks,
        "volume_disks": VolumeDisks,
        "volume_mount_targets": VolumeMountTargets,
        "volume_users": VolumeUsers,
        "vpc_exits": VpcExits,
    }
)

__all__ = [
    "JOINS",
    "AccessRefusals",
    "ApiServerCallers",
    "ApiServerLoadBalancer",
    "AutoscalerRoles",
    "BackendNodes",
    "BalancerEgress",
    "CcmVersion",
    "ClaimWorkloads",
    "ClusterNetworks",
    "ComponentHealth",
    "DiskHolders",
    "DiskUsers",
    "DriverHealth",
    "EventClock",
    "EventWindow",
    "GroupWaiters",
    "IngressControllers",
    "IngressPaths",
    "LoadBalancerBackends",
    "LogWindow",
    "NamedVolumes",
    "NasGroupNodes",
    "NodeInstances",
    "NodePods",
    "NodeRoom",
    "ObjectEvents",
    "PendingPods",
    "PodReasons",
    "PodRoutes",
    "PodSources",
    "PodZones",
    "PoolFits",
    "PoolScalingGroups",
    "PoolSizes",
    "PoolTypes",
    "Provisioners",
    "RbacRights",
    "ScalingBlocks",
    "SecurityGroupFilter",
    "ServerAttachments",
    "ServiceEndpoints",
    "ServiceLoadBalancers",
    "ServicePaths",
    "StorageStacks",
    "VolumeDisks",
    "VolumeMountTargets",
    "VolumeUsers",
    "VpcExits",
]
