"""What the fake account holds, product by product, as plain dictionaries in the form that goes over the wire."""

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud.alb import AlbState
from tests.fakes.cloud.cms import CmsState
from tests.fakes.cloud.cs import CsState
from tests.fakes.cloud.ecs import EcsState
from tests.fakes.cloud.ess import EssState
from tests.fakes.cloud.nas import NasState
from tests.fakes.cloud.nlb import NlbState
from tests.fakes.cloud.quotas import QuotaState
from tests.fakes.cloud.ram import RamState
from tests.fakes.cloud.slb_state import SlbState
from tests.fakes.cloud.sts import StsState
from tests.fakes.cloud.vpc import VpcState
from tests.fakes.cloud.wire import Json


@dataclass
class CloudState:
    """The state of all products. An edit of any of its dictionaries shows in the next answer."""

    alb: AlbState = field(default_factory=AlbState)
    cms: CmsState = field(default_factory=CmsState)
    cs: CsState = field(default_factory=CsState)
    ecs: EcsState = field(default_factory=EcsState)
    ess: EssState = field(default_factory=EssState)
    nas: NasState = field(default_factory=NasState)
    nlb: NlbState = field(default_factory=NlbState)
    quotas: QuotaState = field(default_factory=QuotaState)
    ram: RamState = field(default_factory=RamState)
    slb: SlbState = field(default_factory=SlbState)
    sts: StsState = field(default_factory=StsState.recorded)
    vpc: VpcState = field(default_factory=VpcState)

    @classmethod
    def recorded(cls) -> "CloudState":
        """Return the recorded healthy account, a copy of its own."""
        return cls(
            alb=AlbState.recorded(),
            cms=CmsState.recorded(),
            cs=CsState.recorded(),
            ecs=EcsState.recorded(),
            ess=EssState.recorded(),
            nas=NasState.recorded(),
            nlb=NlbState.recorded(),
            quotas=QuotaState.recorded(),
            ram=RamState.recorded(),
            slb=SlbState.recorded(),
            sts=StsState.recorded(),
            vpc=VpcState.recorded(),
        )

    def add_node(self, instance_id: str, *, like: str, private_ip: str, **fields: Any) -> Json:
        """Add a copy of a node: its instance with network interface and role, and the node of the cluster.

        The fields are those of the instance. Server groups stay as they are.
        """
        instance = self.ecs.add_instance(instance_id, like=like, private_ip=private_ip, **fields)
        self.cs.add_node(instance_id, like=like, private_ip=private_ip)
        return instance

    def remove_node(self, instance_id: str) -> None:
        """Remove a node everywhere but from server groups, as when an instance is released by hand."""
        self.ecs.remove_instance(instance_id)
        self.cs.remove_node(instance_id)
        self.ess.scaling_instances.pop(instance_id, None)
