"""ALB (product ``alb``): only that load balancers can be listed."""

from dataclasses import dataclass, field

from tests.fakes.cloud import recorded
from tests.fakes.cloud.filters import among, in_region
from tests.fakes.cloud.paging import by_token
from tests.fakes.cloud.wire import Json, Parameters


@dataclass
class AlbState:
    """What ALB knows: the load balancers by id."""

    load_balancers: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def recorded(cls) -> "AlbState":
        """Return the recorded state."""
        listed = recorded.answer("alb/ListLoadBalancers.json")["LoadBalancers"]
        return cls({balancer["LoadBalancerId"]: balancer for balancer in listed})


def list_load_balancers(alb: AlbState, params: Parameters) -> Json:
    """Return the load balancers."""
    found = among(
        in_region(alb.load_balancers.values(), params), params.repeated("LoadBalancerIds", 20), "LoadBalancerId"
    )
    page = by_token(among(found, params.repeated("VpcIds", 10), "VpcId"), params, largest=100, default=20)
    return {"LoadBalancers": page.items, "MaxResults": page.size, "NextToken": page.token, "TotalCount": page.total}


OPERATIONS = {"ListLoadBalancers": list_load_balancers}
