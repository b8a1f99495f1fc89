"""The identity of a finding: the same fault on the same object has the same fingerprint in every run."""

import hashlib

from auditor.facts.ref import Ref


def fingerprint(check_id: str, subject: Ref, fault: str, cluster: str) -> str:
    """Return 32 hexadecimal digits over what identifies a finding.

    A named object is identified by its name, since its cloud id may be known in one run and not in another.
    """
    name = "" if subject.id and subject.layer == "cloud" else subject.name
    cloud_id = subject.id if subject.layer == "cloud" else ""
    parts = (cluster, check_id, fault, subject.layer, subject.kind, subject.namespace, name, cloud_id)
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]
