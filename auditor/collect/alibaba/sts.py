"""What is asked before everything else: who the auditor is, and whether the cluster is there."""

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.failures import CallFailed
from auditor.collect.alibaba.sdk import Request
from auditor.facts.table import Reason, ReasonKind

_IDENTITY = Request("sts", "GetCallerIdentity")
_NO_ANSWER = (ReasonKind.UNREACHABLE, ReasonKind.TIMEOUT)


def preflight(client: CloudClient) -> Reason | None:
    """Ask whether the cloud can be reached, knows the credentials and has the cluster. Return None, or why not.

    The reason holds for every call: no credentials, a wrong key, an expired token, a wrong clock, a network
    without a way out, or a cluster id that this account and region do not know: joined with another cluster's
    cloud side, the Kubernetes side would be judged wrongly. What concerns STS alone is none: the other products are
    asked all the same. The first call needs no permission, and a denial of the second is none of this function's
    business.
    """
    try:
        client.call(_IDENTITY)
    except CallFailed as failure:
        if _stops_everything(client, failure):
            return failure.reason
    try:
        client.call(_cluster(client))
    except CallFailed as failure:
        return failure.reason if failure.is_absent else None
    return None


def _stops_everything(client: CloudClient, failure: CallFailed) -> bool:
    if failure.action != _IDENTITY.permission:
        return True  # no credentials could be had
    if failure.kind in _NO_ANSWER:
        return not _answers(client)
    return failure.is_about_identity


def _cluster(client: CloudClient) -> Request:
    return Request("cs", "DescribeClusterDetail", {"ClusterId": client.cluster_id})


def _answers(client: CloudClient) -> bool:
    """Tell whether another product answers, whatever it says: STS may be the only one that can't be reached."""
    try:
        client.call(_cluster(client))
    except CallFailed as failure:
        return failure.kind not in _NO_ANSWER
    return True
