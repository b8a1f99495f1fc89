"""STS: who the auditor is, asked before everything else."""

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.failures import CallFailed
from auditor.collect.alibaba.sdk import Request
from auditor.facts.table import Reason, ReasonKind


def preflight(client: CloudClient) -> Reason | None:
    """Ask whether the cloud knows the credentials. Return None if it does, else why not.

    The answer names a wrong key, an expired token, a wrong clock, or an endpoint that can't be reached. The call
    needs no permission: one that a policy denies by name was still made by a known identity.
    """
    request = Request("sts", "GetCallerIdentity")
    try:
        client.call(request)
    except CallFailed as failure:
        if failure.kind is ReasonKind.FORBIDDEN and request.permission in failure.missing:
            return None
        return failure.reason
    return None
