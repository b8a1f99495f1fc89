"""Joins: which object of one table belongs to which of another, across both layers.

A join is asked for by a check like a table, by the name under which it stands in ``JOINS``; its constructor
names the tables that it joins. A join never guesses: where a table that it needs has a gap, it raises
:class:`~auditor.facts.table.NotKnown` for just the object in question.
"""

import types
from typing import Any

from auditor.facts.joins.api_server import ApiServerCallers
from auditor.facts.joins.autoscalers import AutoscalerRoles
from auditor.facts.joins.components import CcmVersion
from auditor.facts.joins.load_balancers import LoadBalancerBackends
from auditor.facts.joins.nas import NasGroupNodes
from auditor.facts.joins.nodes import NodeInstances, NodePods
from auditor.facts.joins.pools import PoolScalingGroups
from auditor.facts.joins.services import ServiceEndpoints, ServiceLoadBalancers, ServicePaths
from auditor.facts.joins.volumes import DiskHolders, VolumeDisks, VolumeMountTargets, VolumeUsers
from auditor.facts.rules.security_group import SecurityGroupFilter

JOINS: types.MappingProxyType[str, type[Any]] = types.MappingProxyType(
    {
        "api_server_callers": ApiServerCallers,
        "autoscaler_roles": AutoscalerRoles,
        "nas_group_nodes": NasGroupNodes,
        "ccm_version": CcmVersion,
        "load_balancer_backends": LoadBalancerBackends,
        "disk_holders": DiskHolders,
        "node_instances": NodeInstances,
        "node_pods": NodePods,
        "pool_scaling_groups": PoolScalingGroups,
        "security_group_filter": SecurityGroupFilter,
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
    "AutoscalerRoles",
    "CcmVersion",
    "DiskHolders",
    "LoadBalancerBackends",
    "NasGroupNodes",
    "NodeInstances",
    "NodePods",
    "PoolScalingGroups",
    "SecurityGroupFilter",
    "ServiceEndpoints",
    "ServiceLoadBalancers",
    "ServicePaths",
    "VolumeDisks",
    "VolumeMountTargets",
    "VolumeUsers",
]
