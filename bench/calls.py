"""How many calls the cloud gets, beside the fewest that its API allows, and how long they take with slow answers."""

import math
import tempfile
from pathlib import Path

from auditor.collect.alibaba.cms import METRICS, OF_SERVICES
from bench.process import Servers, task
from bench.run import run_auditor
from bench.show import Row, ratio, show

SIZE = (300, 3_000, 88, 400)
"""88 Services with a load balancer are on about 60 load balancers, as some share one."""
ANSWER_SECONDS = 0.05
POINTS = 1440
"""A page of CloudMonitor holds so many points; an hour of one load balancer has up to 61."""
IDENTITY = "sts:GetCallerIdentity"
"""Asked before anything else, to tell wrong credentials from missing permissions."""


def main() -> None:
    """Count the calls, and then take the time with slow answers."""
    with tempfile.TemporaryDirectory() as folder:
        with Servers(size=SIZE) as servers:
            quick = run_auditor(servers, Path(folder))
            calls = servers.calls()
            needed = {IDENTITY, *task("bench.tasks:needs")["actions"]}
            least = {k: n for k, n in _least(servers.started["cloud_items"]).items() if k in needed}
        with Servers(size=SIZE, cloud_delay=ANSWER_SECONDS) as servers:
            slow = run_auditor(servers, Path(folder))
            slow_calls = sum(servers.calls().values())
    names = sorted({*calls, *least})
    made = [(name, calls.get(name, 0), least.get(name, 0)) for name in names]
    rows = [(name, count, fewest, ratio(count, fewest)) for name, count, fewest in made]
    total, fewest = sum(calls.values()), sum(least.values())
    items = ", ".join(f"{count:,} {name}" for name, count in servers.started["cloud_items"].items())
    show(
        "Calls to the cloud",
        ("action", "made", "fewest", ""),
        [*rows, ("all", total, fewest, ratio(total, fewest))],
        items,
    )
    one_by_one = slow_calls * ANSWER_SECONDS
    columns = ("", "seconds", "to one by one")
    timed: list[Row] = [
        (f"{slow_calls} answers of {ANSWER_SECONDS * 1000:.0f} ms, one by one", one_by_one, ""),
        ("whole audit with such answers", slow.seconds, ratio(slow.seconds, one_by_one)),
        ("whole audit with immediate answers", quick.seconds, ratio(quick.seconds, one_by_one)),
    ]
    show("Time of the calls", columns, timed)


def _least(items: dict[str, int]) -> dict[str, int]:
    """Return the fewest calls by action that bring what the checks need: lists in the largest pages, ids in batches.

    What the API gives only per object takes one call for each: of a CLB its groups (of both kinds) and its default
    group, of a server group its entries, of a security group its rules, of a role its policies.
    """
    nodes, balancers = items["instances"], items["load balancers"]
    return {
        IDENTITY: 1,
        "cms:QueryMetricList": len(METRICS) + len(OF_SERVICES) * (math.ceil(balancers * 61 / POINTS) - 1),
        "cs:DescribeClusterDetail": 1,
        "cs:DescribeClusterNodePools": 1,
        "cs:DescribeClusterResources": 1,
        "cs:DescribeUserQuota": 1,
        "cs:ListClusterAddonInstances": 1,
        "ecs:DescribeAvailableResource": items["stocks"],
        "ecs:DescribeInstanceTypes": 1,
        "ecs:DescribeInstances": math.ceil(nodes / 100),
        "ecs:DescribeInstanceRamRole": math.ceil(nodes / 50),
        "ecs:DescribeDisks": math.ceil(items["disks"] / 100),
        "ecs:DescribeNetworkInterfaces": math.ceil(items["network interfaces"] / 500),
        "ecs:DescribeSecurityGroups": 1,
        "ecs:DescribeSecurityGroupAttribute": items["security groups"],
        "ecs:DescribePrefixListAttributes": items["prefix lists"],
        "ess:DescribeScalingGroups": 1,
        "ess:DescribeScalingConfigurations": 1,
        "ess:DescribeScalingActivities": items["scaling groups"],
        "ess:DescribeScalingGroupDiagnoseDetails": items["scaling groups"],
        "ess:DescribeElasticStrength": 1,
        "vpc:DescribeEipAddresses": 1,
        "vpc:DescribeRouteEntryList": math.ceil(items["routes"] / 100),
        "vpc:DescribeRouteTableList": 1,
        "vpc:DescribeVSwitches": 1,
        "vpc:DescribeVpcs": 1,
        "nas:DescribeFileSystems": 1,
        "nas:DescribeAccessRules": 1,
        "ram:GetRole": items["roles"],
        "ram:ListPoliciesForRole": items["roles"],
        "ram:GetPolicy": items["roles"],
        "quotas:ListProductQuotas": 1,
        "slb:DescribeAccessControlListAttribute": items["access lists"],
        "slb:DescribeHealthStatus": 1,  # of the API server's
        "slb:DescribeLoadBalancers": math.ceil(balancers / 100),
        "slb:DescribeLoadBalancerListeners": math.ceil(items["listeners"] / 100),
        "slb:DescribeVServerGroups": balancers,
        "slb:DescribeMasterSlaveServerGroups": balancers,
        "slb:DescribeLoadBalancerAttribute": balancers,
        "slb:DescribeVServerGroupAttribute": items["server groups"],
    }
