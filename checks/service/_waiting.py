"""Services that wait for their load balancer."""

from datetime import datetime, timedelta

from auditor.facts.kubernetes.services import Service
from auditor.judge.api import said, t

WAITS_AFTER = timedelta(minutes=2)
"""How long a load balancer may take to be made before its Service counts as one that waits."""


def waits(service: Service, observed_at: datetime) -> bool:
    """Tell whether a Service of type LoadBalancer has waited too long. Raises NotKnown if its age was not said."""
    if service.ingress:
        return False
    created = said(
        service.metadata.creation_timestamp, "kubernetes", t("when Service {service} was made", service=service.key)
    )
    return observed_at - created > WAITS_AFTER
