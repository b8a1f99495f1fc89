"""Rows of clusters with an autoscaler, for the tests of its checks."""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from auditor.facts.cloud.cs import Cluster, NodePool
from auditor.facts.cloud.ecs import InstanceRole
from auditor.facts.cloud.ram import AttachedPolicies, Policy, Role
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.secrets import SecretName
from auditor.facts.kubernetes.workloads import Deployment
from auditor.facts.landscape import Landscape
from auditor.facts.rules.autoscaler_actions import ACTIONS, NEWER_ACTIONS, SERVICE_ROLE, TOKEN_SECRET
from tests.checks import kit, make

WORKER_ROLE = "KubernetesWorkerRole-1"
NEW_IMAGE = "registry.example.com/acs/autoscaler:v1.36.0.1-2c4f7d1a-aliyun"
OLD_IMAGE = "registry.example.com/acs/autoscaler:v1.3.1-bcf13de9-aliyun"
POOL_LABEL = {"alibabacloud.com/nodepool-id": "np-1"}
Json = dict[str, Any]

TOKEN_VOLUME: Json = {"name": "ram-token", "secret": {"secretName": TOKEN_SECRET}}
OPTIONAL_TOKEN: Json = {"name": "ram-token", "secret": {"secretName": TOKEN_SECRET, "optional": True}}


def deployment(
    name: str = "cluster-autoscaler",
    *volumes: Json,
    image: str = NEW_IMAGE,
    env: Iterable[str] = (),
    replicas: int = 1,
    mounted: bool = True,
    namespace: str = "kube-system",
) -> Deployment:
    container = {
        "name": name,
        "image": image,
        "env": [{"name": variable, "value": "never read"} for variable in env],
        "volumeMounts": [{"name": volume["name"], "mountPath": "/var/addon"} for volume in volumes if mounted],
    }
    data = {
        "metadata": make.meta(name, namespace),
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [container], "volumes": list(volumes)}}},
    }
    return msgspec.convert(data, Deployment)


def pod(node: str = "a", name: str = "cluster-autoscaler", **more: Any) -> Pod:
    """Make a Pod as a Deployment's ReplicaSet makes it."""
    return make.pod(
        f"kube-system/{name}-56b5cd65b5-{node or 'x'}",
        node,
        labels={"pod-template-hash": "56b5cd65b5"},
        ownerReferences=[{"kind": "ReplicaSet", "name": f"{name}-56b5cd65b5", "controller": True}],
        **more,
    )


def statement(effect: str = "Allow", action: object = "*", resource: object = "*", **more: Any) -> Json:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def policy(name: str, *statements: Json) -> Policy:
    return Policy(name, "Custom", json.dumps({"Version": "1", "Statement": list(statements)}))


FULL = statement(action=[*ACTIONS, *NEWER_ACTIONS])
MINIMAL = statement(action=["ecs:DescribeInstanceAttribute", "ecs:DescribeInstances"])


def secret(name: str = TOKEN_SECRET) -> SecretName:
    return msgspec.convert({"metadata": make.meta(name, "kube-system")}, SecretName)


def landscape(
    *deployments: Deployment,
    service: Iterable[Policy] = (policy("service", FULL),),
    worker: Iterable[Policy] = (policy("worker", FULL),),
    **tables: Any,
) -> Landscape:
    """Make a cluster with one automatic pool, one node, and the two roles with these policies."""
    service, worker = list(service), list(worker)
    given: Json = {
        "deployments": deployments,
        "pods": [pod()],
        "nodes": [make.node("a", labels=POOL_LABEL)],
        "instance_roles": [InstanceRole("i-a", WORKER_ROLE)],
        "clusters": [Cluster(kit.CLUSTER_ID, type="ManagedKubernetes", worker_role_name=WORKER_ROLE)],
        "node_pools": [NodePool("np-1", "burst", auto_scaling=True, scaling_group_id="asg-1", role_name=WORKER_ROLE)],
        "roles": [Role(SERVICE_ROLE), Role(WORKER_ROLE)],
        "attached_policies": [
            AttachedPolicies(SERVICE_ROLE, [row.key for row in service]),
            AttachedPolicies(WORKER_ROLE, [row.key for row in worker]),
        ],
        "secret_names": [secret()],
        "policies": list({row.key: row for row in (*service, *worker)}.values()),
        **tables,
    }
    return kit.landscape(**given)
