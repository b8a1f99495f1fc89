"""The RAM actions that the autoscaler calls, and the names under which ACK runs it.

Sources: ACK documentation, "Enable node auto scaling" (the policy to attach to a worker role) and the system
policy ``AliyunCSManagedAutoScalerRolePolicy`` as RAM publishes it, v12 of 2025-03-13; both read 2026-11.
"""

import re
from collections.abc import Iterable

SERVICE_ROLE = "AliyunCSManagedAutoScalerRole"
"""The role that a managed cluster's autoscaler takes, through the token in :data:`TOKEN_SECRET`."""

SERVICE_ROLE_POLICY = "AliyunCSManagedAutoScalerRolePolicy"
"""The system policy that belongs to :data:`SERVICE_ROLE`."""

TOKEN_SECRET = "addon.aliyuncsmanagedautoscalerrole.token"  # noqa: S105 - the name of a Secret, not a secret
"""The Secret in which ACK leaves the service role's token. Without it the autoscaler takes the node's role."""

NAMESPACE = "kube-system"
CLUSTER_AUTOSCALER = "cluster-autoscaler"
INSTANT_AUTOSCALER = "ack-goatscaler"
AUTOSCALERS = (CLUSTER_AUTOSCALER, INSTANT_AUTOSCALER)
"""The Deployments, and the add-ons, of node auto scaling and of node instant scaling."""

_IMAGES = ("cluster-autoscaler", "cluster-autoscaler-amd64", "cluster-autoscaler-arm64", "goatscaler", "acs/autoscaler")
"""The repositories of their images, ACK's and the open-source project's; with the folder where a name is common."""

ACTIONS = (
    "ess:DescribeScalingGroups",
    "ess:DescribeScalingInstances",
    "ess:DescribeScalingActivities",
    "ess:DescribeScalingConfigurations",
    "ess:DescribeScalingRules",
    "ess:DescribeScheduledTasks",
    "ess:DescribeLifecycleHooks",
    "ess:DescribeNotificationConfigurations",
    "ess:DescribeNotificationTypes",
    "ess:DescribeRegions",
    "ess:CreateScalingRule",
    "ess:ModifyScalingGroup",
    "ess:ModifyScalingRule",
    "ess:DeleteScalingRule",
    "ess:ExecuteScalingRule",
    "ess:RemoveInstances",
    "ess:DetachInstances",
    "ecs:DescribeInstanceTypes",
    "vpc:DescribeVSwitches",
)
"""What every version needs: the policy that the documentation has people attach to a worker role."""

NEWER_ACTIONS = (
    "ess:CompleteLifecycleAction",
    "ess:ScaleWithAdjustment",
    "ecs:DescribeInstanceTypeFamilies",
    "ecs:DescribeAvailableResource",
    "ecs:DescribeInstances",
    "ecs:DescribeImages",
    "cs:DeleteClusterNodes",
    "cs:DescribeClusterNodes",
    "cs:DescribeClusterNodePools",
    "cs:DescribeClusterNodePoolDetail",
    "cs:DescribeTaskInfo",
    "cs:ScaleClusterNodePool",
    "cs:RemoveNodePoolNodes",
)
"""What the system policy grants beyond that, for the versions that scale through node pools.

The EIP actions are left out: only groups that bind an EIP need them.
"""

_ACK_VERSION = re.compile(r"^v?(?P<major>\d+)\.(?P<minor>\d+)\..*aliyun")
_UPSTREAM_VERSION = re.compile(r"^v?\d+\.\d+\.\d+$")
_WITH_TOKEN = (1, 28)
_NUMBERED_LIKE_KUBERNETES = (1, 20)
"""ACK's autoscaler was v1.3.x for years, then took the minor version of its Kubernetes (inferred from its tags)."""


def uses_newer_actions(autoscaler: str, version: str) -> bool:
    """Tell whether an autoscaler is of a version that may call :data:`NEWER_ACTIONS`.

    Args:
        autoscaler: the name of its Deployment or add-on.
        version: the version of the add-on, or the tag of its image; empty if not known.
    """
    if autoscaler == INSTANT_AUTOSCALER:
        return True
    match = _ACK_VERSION.match(version)
    return match is not None and (int(match["major"]), int(match["minor"])) >= _NUMBERED_LIKE_KUBERNETES


def is_autoscaler(name: str, images: Iterable[str]) -> bool:
    """Tell whether a Deployment is an autoscaler of nodes: by its name, or, as Helm names its objects, by an image."""
    return name in AUTOSCALERS or any(
        f"/{_repository(image)}".endswith(f"/{one}") for image in images for one in _IMAGES
    )


def asks_without_token(autoscaler: str, tag: str) -> bool | None:
    """Tell whether an autoscaler of a version asks the metadata service of its node without a token.

    A node can be told to answer none but requests with a token (IMDSv2). ACK supports that from clusters of 1.28 on
    ("Access ECS instance metadata in enhanced mode only", read 2026-11); the open-source autoscaler always asks
    without one (github.com/kubernetes/autoscaler, cloudprovider/alicloud/metadata, read 2026-11).

    Args:
        autoscaler: the name of its Deployment.
        tag: the tag of its image; empty if not known.

    Returns:
        None if the tag does not tell.
    """
    match = _ACK_VERSION.match(tag)
    if autoscaler == INSTANT_AUTOSCALER:
        return False
    if match is not None:
        return (int(match["major"]), int(match["minor"])) < _WITH_TOKEN
    return True if _UPSTREAM_VERSION.match(tag) else None


def _repository(image: str) -> str:
    """Return an image reference without its tag and digest."""
    whole = image.partition("@")[0]
    folder, slash, name = whole.rpartition("/")
    return f"{folder}{slash}{name.partition(':')[0]}"


def image_tag(image: str) -> str:
    """Return the tag of an image reference; empty if it has none."""
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2]
