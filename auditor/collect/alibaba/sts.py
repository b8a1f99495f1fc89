"""What is asked before everything else: who the auditor is, and whether the cluster is there."""

from dataclasses import dataclass

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.failures import CallFailed, malformed
from auditor.collect.alibaba.sdk import Request
from auditor.facts.table import Reason, ReasonKind

_IDENTITY = Request("sts", "GetCallerIdentity")
_NO_ANSWER = (ReasonKind.UNREACHABLE, ReasonKind.TIMEOUT)


@dataclass(frozen=True)
class Caller:
    """Somebody, as STS knows them: the account, the resource name, and what they are (``AssumedRoleUser``)."""

    account: str
    arn: str
    kind: str


def preflight(client: CloudClient) -> Reason | None:
    """Ask whether the cloud can be reached, knows the credentials and has the cluster. Return None, or why not.

    The reason holds for every call: no credentials, a wrong key, an expired token, a wrong clock, a network
    without a way out, or a cluster id that this account and region do not know: joined with another cluster's
    cloud side, the Kubernetes side would be judged wrongly. What concerns STS alone is none: the other products are
    asked all the same. The first call needs no permission, and a denial of the second is none of this function's
    business. What the second brings is kept for the table of the cluster, so that it is asked once.
    """
    of_identity = _failure_of_identity(client)
    if of_identity and _stops_everything(of_identity):
        return of_identity.reason
    of_cluster = client.ask_ahead(_cluster(client))
    if of_cluster is None:
        return None
    if of_identity and of_identity.kind in _NO_ANSWER and of_cluster.kind in _NO_ANSWER:
        return of_identity.reason  # had another product answered, STS would be the only one that can't be reached
    return of_cluster.reason if of_cluster.is_absent else None


def _cluster(client: CloudClient) -> Request:
    return Request("cs", "DescribeClusterDetail", {"ClusterId": client.cluster_id})


def _failure_of_identity(client: CloudClient) -> CallFailed | None:
    try:
        client.call(_IDENTITY)
    except CallFailed as failure:
        return failure
    return None


def caller(client: CloudClient) -> Caller:
    """Return who the credentials belong to. It needs no permission. Raises CallFailed."""
    answer = client.call(_IDENTITY)
    account, arn, kind = (answer.get(name) for name in ("AccountId", "Arn", "IdentityType"))
    if not (isinstance(account, str) and isinstance(arn, str) and isinstance(kind, str)):
        raise malformed("sts", _IDENTITY.permission, "AccountId, Arn, IdentityType")
    return Caller(account, arn, kind)


def _stops_everything(failure: CallFailed) -> bool:
    could_not_get_credentials = failure.action != _IDENTITY.permission
    return could_not_get_credentials or failure.is_about_identity
