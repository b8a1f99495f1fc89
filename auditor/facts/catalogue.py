"""The fact tables that exist: the name by which a check asks for one, and the type of its rows."""

import types
from typing import Any

from auditor.facts.cloud import cs, ecs, ess, nas, nlb, quotas, ram, slb, vpc
from auditor.facts.kubernetes import events, nodes, pods, probes, secrets, services, volumes, workloads
from auditor.facts.ref import Layer

KUBERNETES_TABLES: dict[str, type[Any]] = {
    "daemonsets": workloads.DaemonSet,
    "deployments": workloads.Deployment,
    "endpoint_slices": services.EndpointSlice,
    "events": events.Event,
    "kubelet_log_reads": probes.KubeletLogRead,
    "nodes": nodes.Node,
    "persistent_volume_claims": volumes.PersistentVolumeClaim,
    "persistent_volumes": volumes.PersistentVolume,
    "pods": pods.Pod,
    "replicasets": workloads.ReplicaSet,
    "secret_names": secrets.SecretName,
    "services": services.Service,
    "statefulsets": workloads.StatefulSet,
    "storage_classes": volumes.StorageClass,
    "volume_attachments": volumes.VolumeAttachment,
}

CLOUD_TABLES: dict[str, type[Any]] = {
    "addons": cs.Addon,
    "attached_policies": ram.AttachedPolicies,
    "clusters": cs.Cluster,
    "default_backends": slb.DefaultBackends,
    "disks": ecs.Disk,
    "file_systems": nas.FileSystem,
    "group_backends": slb.GroupBackends,
    "holder_instances": ecs.Instance,
    "instance_roles": ecs.InstanceRole,
    "instances": ecs.Instance,
    "listeners": slb.Listener,
    "load_balancers": slb.LoadBalancer,
    "master_slave_groups": slb.LoadBalancerMasterSlaveGroups,
    "nas_access_rules": nas.AccessGroupRules,
    "network_acls": vpc.NetworkAcl,
    "network_interfaces": ecs.NetworkInterface,
    "network_load_balancers": nlb.NetworkLoadBalancer,
    "nlb_group_backends": nlb.NlbGroupBackends,
    "nlb_quotas": quotas.Quota,
    "nlb_server_groups": nlb.NlbServerGroup,
    "node_pools": cs.NodePool,
    "policies": ram.Policy,
    "port_range_lists": ecs.PortRangeList,
    "prefix_lists": ecs.PrefixList,
    "roles": ram.Role,
    "scaling_groups": ess.ScalingGroup,
    "security_group_rules": ecs.SecurityGroupRules,
    "security_groups": ecs.SecurityGroup,
    "server_groups": slb.LoadBalancerServerGroups,
    "slb_quotas": quotas.Quota,
    "vswitches": vpc.VSwitch,
}

TABLES = types.MappingProxyType({**KUBERNETES_TABLES, **CLOUD_TABLES})


def layer_of(table: str) -> Layer:
    """Return the side that a table belongs to."""
    return Layer.KUBERNETES if table in KUBERNETES_TABLES else Layer.CLOUD
