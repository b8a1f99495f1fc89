"""Fields that the cloud leaves out, or sends as null: a healthy cluster stays whole but for what asks for just them."""

from collections.abc import Mapping
from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import CheckResult, Outcome, Status
from tests.audits import audited, undisturbed
from tests.clusters import healthy
from tests.collect.alibaba.test_half_answers import (
    DISK,
    INSTANCE,
    INTERFACE,
    ROUTE,
    TABLE,
    Cut,
    dropping,
    setting,
)
from tests.scenarios.autoscaling import REFUSED, wait
from tests.scenarios.kit import Scene

BALANCER = ("LoadBalancers", "LoadBalancer", "[]")
GROUP = ("ScalingGroups", "ScalingGroup", "[]")
POOL = ("nodepools", "[]")
LISTENER = ("Listeners", "[]")


def without_other_ids(answer: Any) -> None:
    """Take the ids out of the cluster's resources that are no load balancers."""
    for one in answer:
        if "SLB" not in one["resource_type"]:
            one["instance_id"] = None


HARMLESS: Mapping[str, tuple[str, Cut]] = {
    "attachments": ("ecs:DescribeDisks", setting(None, *DISK, "Attachments")),
    "no attachments": ("ecs:DescribeDisks", dropping(*DISK, "Attachments")),
    "one holder": ("ecs:DescribeDisks", setting("", *DISK, "InstanceId")),
    "placement": ("ecs:DescribeDisks", setting(None, *DISK, "Placement")),
    "locks of disks": ("ecs:DescribeDisks", dropping(*DISK, "OperationLocks")),
    "interfaces": ("ecs:DescribeInstances", dropping(*INSTANCE, "NetworkInterfaces")),
    "addresses": ("ecs:DescribeInstances", dropping(*INSTANCE, "VpcAttributes", "PrivateIpAddress")),
    "options": ("ecs:DescribeInstances", dropping(*INSTANCE, "MetadataOptions")),
    "holder of interfaces": ("ecs:DescribeNetworkInterfaces", dropping(*INTERFACE, "InstanceId")),
    "attachment of interfaces": ("ecs:DescribeNetworkInterfaces", dropping(*INTERFACE, "Attachment")),
    "vswitches of the table": ("vpc:DescribeRouteTableList", dropping(*TABLE, "VSwitchIds")),
    "name of routes": ("vpc:DescribeRouteEntryList", dropping(*ROUTE, "RouteEntryName")),
    "ipv6": ("vpc:DescribeVSwitches", setting(None, "VSwitches", "VSwitch", "[]", "Ipv6CidrBlock")),
    "tags": ("slb:DescribeLoadBalancers", dropping(*BALANCER, "Tags")),
    "null tags": ("slb:DescribeLoadBalancers", setting(None, *BALANCER, "Tags")),
    "vswitch": ("slb:DescribeLoadBalancers", setting(None, *BALANCER, "VSwitchId")),
    "single list": ("slb:DescribeLoadBalancerListeners", setting(None, *LISTENER, "AclId")),
    "description": ("slb:DescribeLoadBalancerListeners", dropping(*LISTENER, "Description")),
    "single vswitch": ("ess:DescribeScalingGroups", setting(None, *GROUP, "VSwitchId")),
    "several vswitches": ("ess:DescribeScalingGroups", setting(None, *GROUP, "VSwitchIds")),
    "null labels": ("cs:DescribeClusterNodePools", setting(None, *POOL, "kubernetes_config", "labels")),
    "labels": ("cs:DescribeClusterNodePools", dropping(*POOL, "kubernetes_config", "labels")),
    "taints": ("cs:DescribeClusterNodePools", dropping(*POOL, "kubernetes_config", "taints")),
    "patterns": ("cs:DescribeClusterNodePools", dropping(*POOL, "scaling_group", "instance_patterns")),
    "ids of resources": (
        "cs:DescribeClusterResources",
        without_other_ids,
    ),
    "ipv6 of rules": ("nas:DescribeAccessRules", dropping("AccessRules", "AccessRule", "[]", "Ipv6SourceCidrIp")),
}


def results(outcome: Outcome) -> dict[str, CheckResult]:
    return {result.id: result for result in outcome.checks}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_need_not_be_said_changes_no_verdict(name: str) -> None:
    action, cut = HARMLESS[name]
    cluster = healthy()
    cluster.cloud.mutate(action, cut)
    after = audited(cluster).outcome
    assert results(after) == results(undisturbed("healthy").outcome)


def test_the_processes_that_are_suspended_are_asked_for_by_one_check() -> None:
    cluster = healthy()
    cluster.cloud.mutate("ess:DescribeScalingGroups", dropping(*GROUP, "SuspendedProcesses"))
    before, after = results(undisturbed("healthy").outcome), results(audited(cluster).outcome)
    (changed,) = {name for name in before if after[name] != before[name]}
    assert changed == "autoscaling/scaling-group-cannot-grow"
    assert after[changed].status is Status.NOT_EVALUATED
    assert [reason.kind for reason in after[changed].reasons] == [ReasonKind.MALFORMED]


@pytest.mark.parametrize(
    ("field", "spec"), [("labels", {"nodeSelector": {"disk": "ssd"}}), ("taints", {"nodeSelector": {"disk": "ssd"}})]
)
def test_what_new_nodes_are_like_is_open_where_a_pod_asks_for_it(field: str, spec: dict[str, Any]) -> None:
    scene = wait(Scene(), REFUSED, **spec)
    scene.cloud.mutate("cs:DescribeClusterNodePools", dropping(*POOL, "kubernetes_config", field))
    scene.audit("autoscaling/pool-does-not-match-pod").is_open(ReasonKind.MALFORMED)
    assert wait(Scene(), REFUSED, **spec).audit("autoscaling/pool-does-not-match-pod").loud
