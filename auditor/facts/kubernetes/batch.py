"""Jobs and CronJobs: what runs to an end."""

from datetime import datetime
from typing import ClassVar

import msgspec

from auditor.facts.kubernetes.meta import Condition, KubernetesObject, LabelSelector, Meta
from auditor.facts.kubernetes.workloads import PodTemplate


class JobSpec(msgspec.Struct, rename="camel", frozen=True):
    """What is to be run."""

    selector: LabelSelector | None = None
    template: PodTemplate = PodTemplate()
    suspend: bool = False


class JobStatus(msgspec.Struct, rename="camel", frozen=True):
    """How far it is."""

    active: int = 0
    succeeded: int = 0
    failed: int = 0
    completion_time: datetime | None = None
    conditions: list[Condition] | None = None


class Job(KubernetesObject, frozen=True):
    """A Job."""

    KIND: ClassVar[str] = "Job"

    metadata: Meta
    spec: JobSpec
    status: JobStatus = JobStatus()


class JobTemplate(msgspec.Struct, rename="camel", frozen=True):
    """What the Jobs of a CronJob are made from."""

    spec: JobSpec = JobSpec()


class CronJobSpec(msgspec.Struct, rename="camel", frozen=True):
    """What is to be run, and when."""

    schedule: str = ""
    suspend: bool = False
    job_template: JobTemplate = JobTemplate()


class CronJobStatus(msgspec.Struct, rename="camel", frozen=True):
    """When it last ran."""

    last_schedule_time: datetime | None = None


class CronJob(KubernetesObject, frozen=True):
    """A CronJob."""

    KIND: ClassVar[str] = "CronJob"

    metadata: Meta
    spec: CronJobSpec
    status: CronJobStatus = CronJobStatus()

    @property
    def pod_labels(self) -> dict[str, str]:
        """The labels that its Pods get."""
        return self.spec.job_template.spec.template.metadata.labels or {}
