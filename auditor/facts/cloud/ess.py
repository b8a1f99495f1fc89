"""Auto Scaling (ESS): scaling groups."""

from datetime import datetime

import msgspec

from auditor.facts.ref import Ref, cloud_ref


class ScalingGroup(msgspec.Struct, frozen=True):
    """A scaling group. Asked for by id, an inactive one is left out of the answer, like a deleted one.

    ``suspended_processes`` is None where the answer did not say.
    """

    id: str
    name: str = ""
    lifecycle_state: str | None = None
    vswitch_ids: list[str] = []
    min_size: int | None = None
    max_size: int | None = None
    total_capacity: int | None = None
    suspended_processes: list[str] | None = []
    system_suspended: bool | None = None
    desired_capacity: int | None = None
    pending_capacity: int | None = None
    active_configuration_id: str = ""
    launch_template_id: str = ""
    template_types: list[str] = []
    multi_zone_policy: str | None = None
    vpc_id: str | None = None

    @property
    def key(self) -> str:
        """The scaling group id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("ScalingGroup", self.id, self.name)


class InstancePattern(msgspec.Struct, frozen=True):
    """Sizes instead of types: Auto Scaling chooses what has as many cores and as much memory (GiB).

    Either the exact size is given, or bounds; what is None is not bounded.
    """

    cores: int | None = None
    memory_gib: float | None = None
    min_cores: int | None = None
    max_cores: int | None = None
    min_memory_gib: float | None = None
    max_memory_gib: float | None = None


class ScalingConfiguration(msgspec.Struct, frozen=True):
    """What a scaling group makes instances from. Its user data, which holds join secrets, is never kept."""

    id: str
    scaling_group_id: str = ""
    state: str | None = None
    instance_types: list[str] = []
    patterns: list[InstancePattern] = []
    security_group_ids: list[str] = []
    role_name: str = ""
    spot_strategy: str = ""
    system_disk_category: str = ""

    @property
    def key(self) -> str:
        """The configuration id."""
        return self.id


class ScalingActivity(msgspec.Struct, frozen=True):
    """One activity: Successful, Warning, Failed, InProgress or Rejected. Texts are the API's own."""

    id: str
    status: str | None = None
    status_message: str = ""
    cause: str = ""
    description: str = ""
    error_code: str = ""
    error_message: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None


class ScalingGroupActivities(msgspec.Struct, frozen=True):
    """The newest activities of one scaling group, newest first, one page of them."""

    scaling_group_id: str
    activities: list[ScalingActivity] = []

    @property
    def key(self) -> str:
        """The scaling group id."""
        return self.scaling_group_id


class Diagnosis(msgspec.Struct, frozen=True):
    """One point of Auto Scaling's own diagnosis: Normal, Warn or Critical."""

    type: str
    status: str | None = None
    error_code: str = ""
    resource_id: str = ""


class ScalingGroupDiagnosis(msgspec.Struct, frozen=True):
    """What Auto Scaling itself finds wrong with a group."""

    scaling_group_id: str
    details: list[Diagnosis] = []

    @property
    def key(self) -> str:
        """The scaling group id."""
        return self.scaling_group_id


class PoolStrength(msgspec.Struct, frozen=True):
    """The chance to get an instance of a type in a zone.

    ``strength`` is from 0 (none to be had) to 1, and ``level`` Strong, Medium or Weak; the cloud gives up the number
    for the level. ``status`` is Available or Unavailable; ``code`` and ``message`` say why, where the strength is 0.
    """

    type: str
    zone: str = ""
    strength: float | None = None
    status: str | None = None
    code: str = ""
    level: str | None = None
    message: str = ""


class ScalingGroupStrength(msgspec.Struct, frozen=True):
    """The chance that a scale-out of a group finds stock."""

    scaling_group_id: str
    total: float | None = None
    level: str | None = None
    pools: list[PoolStrength] = []

    @property
    def key(self) -> str:
        """The scaling group id."""
        return self.scaling_group_id
