"""Auto Scaling (ESS): scaling groups."""

import msgspec

from auditor.facts.ref import Ref, cloud_ref


class ScalingGroup(msgspec.Struct, frozen=True):
    """A scaling group. Asked for by id, an inactive one is left out of the answer, like a deleted one."""

    id: str
    name: str = ""
    lifecycle_state: str | None = None
    vswitch_ids: list[str] = []
    min_size: int | None = None
    max_size: int | None = None
    total_capacity: int | None = None
    suspended_processes: list[str] = []
    system_suspended: bool | None = None

    @property
    def key(self) -> str:
        """The scaling group id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("ScalingGroup", self.id, self.name)
