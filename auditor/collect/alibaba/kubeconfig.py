"""Having ACK hand out a kubeconfig that is good for a short time. It holds a key: it is never kept, nor logged."""

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.failures import CallFailed, malformed
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.sdk import Request
from auditor.facts.table import Reason

HAND_OUT_KUBECONFIG = "cs:DescribeClusterUserKubeconfig"
"""The RAM action that it takes. No table is filled by it."""
LEAST_MINUTES = 60
SPARE_MINUTES = 15
"""What lies between handing it out and the last call, beyond the time that the calls may take."""


def hand_out(client: CloudClient, *, is_private: bool, seconds: float) -> str | Reason:
    """Return a kubeconfig of the caller's own rights in the cluster, or why there is none.

    Without a duration ACK issues a certificate for years, so one is always given: the whole time that the cluster
    may be read, so that it need not be renewed on the way. ACK takes 15 to 4320 minutes.

    Args:
        client: of the cloud.
        is_private: whether the server in it is to be the one within the VPC.
        seconds: for how long the cluster will be read, at most.
    """
    minutes = max(LEAST_MINUTES, int(seconds // 60) + 1 + SPARE_MINUTES)
    request = Request(
        "cs",
        "DescribeClusterUserKubeconfig",
        {
            "ClusterId": client.cluster_id,
            "PrivateIpAddress": "true" if is_private else "false",
            "TemporaryDurationMinutes": str(minutes),
        },
        path="/k8s/[ClusterId]/user_config",
    )
    try:
        return Fields(client.call(request)).required("config")
    except CallFailed as failure:
        return failure.reason
    except BadField as bad:
        return malformed("cs", HAND_OUT_KUBECONFIG, bad.name).reason
