"""What a failed log read says of the way from the API server to a kubelet."""

import re
from enum import StrEnum

from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.probes import KubeletLogRead
from auditor.judge.api import NotKnown, Reason, ReasonKind, Table, t

_PORT = ":10250"
_PATTERNS = (
    # The order matters: a handshake that times out is no fault of a certificate.
    (
        "timeout",
        re.compile(r"i/o timeout|timed out|handshake timeout|deadline exceeded|no route to host", re.IGNORECASE),
    ),
    ("refused", re.compile(r"connection refused", re.IGNORECASE)),
    ("tls", re.compile(r"x509|certificate|tls:", re.IGNORECASE)),
)


class Symptom(StrEnum):
    """What became of the log read from one node."""

    WORKS = "works"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    TLS = "tls"
    NOTHING = "nothing"


def symptom_of(node: Node, reads: Table[KubeletLogRead]) -> tuple[Symptom, str]:
    """Return what the probe saw of a node, and the API server's words.

    *Nothing* where the probe is switched off, asked for no log there, or met a Pod that had just gone (400, 404).
    Raises NotKnown where it was to read a log and could not, or failed in a way that says nothing of the kubelet.
    """
    try:
        row = reads.get(node.name)
    except NotKnown as gap:
        if left := [reason for reason in gap.reasons if reason.kind is not ReasonKind.SWITCHED_OFF]:
            raise NotKnown(*left) from None
        return Symptom.NOTHING, ""
    if row is None:
        return Symptom.NOTHING, ""
    if not row.error:
        return Symptom.WORKS, ""
    if _PORT in row.error:
        for name, pattern in _PATTERNS:
            if pattern.search(row.error):
                return Symptom(name), row.error
    if row.status in (400, 404):
        return Symptom.NOTHING, ""
    kind, missing = (ReasonKind.FORBIDDEN, ("get pods/log",)) if row.status in (401, 403) else (ReasonKind.ERROR, ())
    message = t("reading a log from node {node} failed: {error}", node=node.name, error=row.error)
    raise NotKnown(Reason("kubernetes", kind, message, missing))
