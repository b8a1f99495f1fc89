"""CloudMonitor: what load balancers had to carry."""

from datetime import datetime

import msgspec


class Metric(msgspec.Struct, frozen=True):
    """One metric of one load balancer over the last hour. Without points it says nothing: that is no zero.

    Attributes:
        resource_id: the load balancer.
        name: the metric, in the API's spelling (``InstanceDropConnection``).
        points: how many points the window has.
        highest: the largest of their maxima (or averages, where no maximum is given); None without points.
        latest: the average of the newest point; None without points.
        mean: the mean of their averages; None without points.
        first_at: of the oldest point.
        last_at: of the newest point.
        highest_at: of the point with the largest value.
    """

    resource_id: str
    name: str
    points: int = 0
    highest: float | None = None
    latest: float | None = None
    mean: float | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    highest_at: datetime | None = None

    @property
    def key(self) -> str:
        """``load balancer/metric``."""
        return metric_key(self.resource_id, self.name)


def metric_key(resource_id: str, name: str) -> str:
    """Return the key of one metric of one load balancer."""
    return f"{resource_id}/{name}"
