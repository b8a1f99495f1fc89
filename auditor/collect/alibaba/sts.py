"""STS: who the auditor is, asked before everything else."""

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.failures import CallFailed
from auditor.collect.alibaba.sdk import Request
from auditor.facts.table import Reason, ReasonKind

_IDENTITY = Request("sts", "GetCallerIdentity")
_NO_ANSWER = (ReasonKind.UNREACHABLE, ReasonKind.TIMEOUT)


def preflight(client: CloudClient) -> Reason | None:
    """Ask whether the cloud can be reached and knows the credentials. Return None if so, else why not.

    The reason holds for every call: no credentials, a wrong key, an expired token, a wrong clock, or a network
    without a way out. What concerns STS alone is none: the other products are asked all the same. The call
    needs no permission; one that a policy denies by name was still made by a known identity.
    """
    try:
        client.call(_IDENTITY)
    except CallFailed as failure:
        return failure.reason if _stops_everything(client, failure) else None
    return None


def _stops_everything(client: CloudClient, failure: CallFailed) -> bool:
    if failure.action != _IDENTITY.permission:
        return True  # no credentials could be had
    if failure.kind in _NO_ANSWER:
        return not _answers(client)
    return failure.is_about_identity


def _answers(client: CloudClient) -> bool:
    """Tell whether another product answers, whatever it says: STS may be the only one that can't be reached."""
    try:
        client.call(Request("cs", "DescribeClusterDetail", {"ClusterId": client.cluster_id}))
    except CallFailed as failure:
        return failure.kind not in _NO_ANSWER
    return True
