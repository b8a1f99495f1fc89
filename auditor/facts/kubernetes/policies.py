"""What bounds and scales workloads: disruption budgets and autoscalers."""

from typing import ClassVar

import msgspec

from auditor.facts.kubernetes.meta import Condition, KubernetesObject, LabelSelector, Meta


class BudgetSpec(msgspec.Struct, rename="camel", frozen=True):
    """How many Pods have to stay, as a number or a percentage."""

    selector: LabelSelector | None = None
    min_available: int | str | None = None
    max_unavailable: int | str | None = None


class BudgetStatus(msgspec.Struct, rename="camel", frozen=True):
    """How many may go now; None where the server did not say."""

    disruptions_allowed: int | None = None
    current_healthy: int | None = None
    desired_healthy: int | None = None
    expected_pods: int | None = None


class PodDisruptionBudget(KubernetesObject, frozen=True):
    """A PodDisruptionBudget."""

    KIND: ClassVar[str] = "PodDisruptionBudget"

    metadata: Meta
    spec: BudgetSpec = BudgetSpec()
    status: BudgetStatus = BudgetStatus()


class ScaleTarget(msgspec.Struct, rename="camel", frozen=True):
    """What is scaled."""

    kind: str = ""
    name: str = ""


class AutoscalerSpec(msgspec.Struct, rename="camel", frozen=True):
    """Between which numbers; Kubernetes' default for the lower one is 1."""

    scale_target_ref: ScaleTarget = ScaleTarget()
    min_replicas: int | None = None
    max_replicas: int | None = None


class AutoscalerStatus(msgspec.Struct, rename="camel", frozen=True):
    """Where it stands. Conditions are of ``autoscaling/v2`` and later betas; v1 has none."""

    current_replicas: int | None = None
    desired_replicas: int | None = None
    conditions: list[Condition] | None = None


class HorizontalPodAutoscaler(KubernetesObject, frozen=True):
    """A HorizontalPodAutoscaler: only what all versions of it share."""

    KIND: ClassVar[str] = "HorizontalPodAutoscaler"

    metadata: Meta
    spec: AutoscalerSpec = AutoscalerSpec()
    status: AutoscalerStatus = AutoscalerStatus()
