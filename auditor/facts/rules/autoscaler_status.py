"""What the cluster autoscaler writes of itself: the ConfigMap ``kube-system/cluster-autoscaler-status``.

Its one text is YAML since 1.30, and was lines of words before (github.com/kubernetes/autoscaler,
cluster-autoscaler/clusterstate). Of both only the scale-up of each node group is read.
"""

import re
from datetime import UTC, datetime

STATUS_MAP = "kube-system/cluster-autoscaler-status"
BACKOFF = "backoff"

_NAME = re.compile(r"^\s*(?:-\s*)?name:\s*(\S+)", re.IGNORECASE)
_SECTION = re.compile(r"^\s*(health|scaleup|scaledown):\s*(\w*)", re.IGNORECASE)
_STATUS = re.compile(r"^\s*status:\s*(\w+)", re.IGNORECASE)
_TIME = re.compile(r"^\s*(?:time:|cluster-autoscaler status at)\s*(.+?):?\s*$", re.IGNORECASE)


_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)")


def groups_in_backoff(text: str) -> list[str]:
    """Return the node groups (scaling groups) that are not tried for a while, as their last scale-up failed."""
    found: dict[str, None] = {}
    group = section = ""
    for line in text.splitlines():
        if match := _NAME.match(line):
            group, section = match[1].strip("\"'"), ""
            continue
        state = ""
        if match := _SECTION.match(line):
            section, state = match[1].lower(), match[2]
        elif match := _STATUS.match(line):
            state = match[1]
        if group and section == "scaleup" and state.lower() == BACKOFF:
            found[group] = None
    return list(found)


def written_at(text: str) -> str:
    """Return when the status was written, in its own words; empty if it does not say."""
    return next((match[1] for line in text.splitlines() if (match := _TIME.match(line))), "")


def moment_of(text: str) -> datetime | None:
    """Return the moment that a status names (``2026-11-23 07:59:36.12 +0000 UTC``), to the second; None if none.

    The autoscaler writes it in UTC.
    """
    match = _MOMENT.search(text)
    if match is None:
        return None
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}").replace(tzinfo=UTC)
    except ValueError:
        return None
