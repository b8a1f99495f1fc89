"""Service ↔ the Pods that its selector means, and the workloads that would make such Pods."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from auditor.facts.kubernetes.batch import CronJob, Job
from auditor.facts.kubernetes.meta import KubernetesObject
from auditor.facts.kubernetes.pods import ContainerPort, Pod
from auditor.facts.kubernetes.services import Service
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment, ReplicaSet, StatefulSet
from auditor.judge.api import Table

_POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
_ORDINAL_LABEL = "apps.kubernetes.io/pod-index"


def carries(labels: Mapping[str, str], selector: Mapping[str, str]) -> bool:
    """Tell whether labels fulfil the selector of a Service."""
    return all(labels.get(key) == value for key, value in selector.items())


def pods_with_label(pods: Table[Pod], namespace: str, key: str, value: str) -> Sequence[Pod]:
    """Return the Pods of a namespace with this label, finished ones included, through an index for each label."""
    return pods.where(f"label {key}", lambda pod: (pod.namespace, pod.labels.get(key)), (namespace, value))


def matching_pods(pods: Table[Pod], service: Service) -> list[Pod]:
    """Return the Pods that the selector of a Service matches, finished ones included."""
    selector = service.spec.selector or {}
    key = min(selector)
    return [
        pod for pod in pods_with_label(pods, service.namespace, key, selector[key]) if carries(pod.labels, selector)
    ]


def nearest_pod(pods: Table[Pod], service: Service) -> Pod | None:
    """Return the living Pod that fulfils most of a selector; None if none fulfils a part of it."""
    selector = service.spec.selector or {}
    parts = (pods_with_label(pods, service.namespace, key, value) for key, value in sorted(selector.items()))
    living = [pod for part in parts for pod in part if not pod.is_finished]
    return max(living, key=lambda pod: sum(pod.labels.get(k) == v for k, v in selector.items()), default=None)


def declared_ports(pod: Pod) -> Iterator[ContainerPort]:
    """Yield the ports among which a named target port is looked for: containers and sidecars."""
    for container in pod.spec.containers:
        yield from container.ports or ()
    for container in pod.spec.init_containers or ():
        if container.restart_policy == "Always":
            yield from container.ports or ()


def is_younger(thing: KubernetesObject, age: timedelta, observed_at: datetime) -> bool:
    """Tell whether an object was made within this time before the observation."""
    created = thing.metadata.creation_timestamp
    return created is not None and observed_at - created <= age


@dataclass(frozen=True)
class Maker:
    """A workload that makes Pods for a Service, and whether it wants any now."""

    workload: Deployment | StatefulSet | ReplicaSet | DaemonSet | CronJob | Job
    wants: int

    @property
    def runs_to_an_end(self) -> bool:
        """Whether its Pods are gone between two runs, or after the only one."""
        return isinstance(self.workload, CronJob | Job)


class Makers:
    """Service ↔ the workloads whose template carries the labels that it selects."""

    def __init__(
        self,
        deployments: Table[Deployment],
        statefulsets: Table[StatefulSet],
        replicasets: Table[ReplicaSet],
        daemonsets: Table[DaemonSet],
        cron_jobs: Table[CronJob],
        jobs: Table[Job],
    ) -> None:
        """Take the tables of workloads."""
        self._deployments = deployments
        self._statefulsets = statefulsets
        self._replicasets = replicasets
        self._daemonsets = daemonsets
        self._cron_jobs = cron_jobs
        self._jobs = jobs

    def of(self, service: Service) -> list[Maker]:
        """Return the workloads behind a Service. ReplicaSets of a Deployment are left out: it stands for them.

        What runs to an end is asked for only where nothing else makes such Pods: a gap there hides nothing then.
        """
        selector = service.spec.selector or {}
        return self._lasting(service, selector) or list(self._running_to_an_end(service.namespace, selector))

    def _running_to_an_end(self, namespace: str, selector: Mapping[str, str]) -> Iterator[Maker]:
        """Yield CronJobs, and Jobs. Ended Jobs of a CronJob are left out: it stands for them."""
        for cron_job in _in(self._cron_jobs, namespace):
            # A label that only the Pods of one run have can't be one of a Service that outlives it.
            if carries(cron_job.pod_labels, selector):
                yield Maker(cron_job, 0)
        for job in _in(self._jobs, namespace):
            labels = {**_labels_of_pods(job), **(job.spec.template.metadata.labels or {})}
            if not carries(labels, selector):
                continue
            controller = job.metadata.controller
            has_ended = _has_ended(job)
            if has_ended and controller is not None and controller.kind == "CronJob":
                continue
            # A Job that failed owes its Pods, unless a CronJob will try again.
            yield Maker(job, 0 if has_ended == "Complete" or job.spec.suspend else 1)

    def _lasting(self, service: Service, selector: Mapping[str, str]) -> list[Maker]:
        return [
            *(
                Maker(deployment, deployment.replicas)
                for deployment in _in(self._deployments, service.namespace)
                if carries(deployment.pod_labels, selector)
            ),
            *(
                Maker(replicaset, replicaset.replicas)
                for replicaset in _in(self._replicasets, service.namespace)
                if carries(replicaset.pod_labels, selector) and not _is_of_a_deployment(replicaset)
            ),
            *self._statefulsets_of(service.namespace, selector),
            *(
                Maker(daemonset, daemonset.status.desired_number_scheduled)
                for daemonset in _in(self._daemonsets, service.namespace)
                if carries(daemonset.spec.template.metadata.labels or {}, selector)
            ),
        ]

    def _statefulsets_of(self, namespace: str, selector: Mapping[str, str]) -> Iterator[Maker]:
        """Yield StatefulSets; a selector may also mean one Pod of the set, by a label that only the Pod has."""
        for statefulset in _in(self._statefulsets, namespace):
            name, _, ordinal = selector.get(_POD_NAME_LABEL, "").rpartition("-")
            ordinal = selector.get(_ORDINAL_LABEL, ordinal)
            of_template = {k: v for k, v in selector.items() if k not in (_POD_NAME_LABEL, _ORDINAL_LABEL)}
            if not carries(statefulset.pod_labels, of_template) or (name and name != statefulset.name):
                continue
            is_scaled_away = ordinal.isdecimal() and int(ordinal) >= statefulset.replicas
            yield Maker(statefulset, 0 if is_scaled_away else statefulset.replicas)


def _in(table: Table[Any], namespace: str) -> Any:
    return table.where("namespace", lambda row: row.namespace, namespace)


def _is_of_a_deployment(replicaset: ReplicaSet) -> bool:
    controller = replicaset.metadata.controller
    return controller is not None and controller.kind == "Deployment"


def _labels_of_pods(job: Job) -> dict[str, str]:
    """Return the labels that Kubernetes gives to the Pods of a Job, by their names of old and of today."""
    named = {"job-name": job.name, "controller-uid": job.metadata.uid}
    return named | {f"batch.kubernetes.io/{key}": value for key, value in named.items()}


def _has_ended(job: Job) -> str:
    """Return how a Job ended: ``Complete`` or ``Failed``; empty while it runs."""
    ended = [c.type for c in job.status.conditions or () if c.type in ("Complete", "Failed") and c.status == "True"]
    return ended[0] if ended else ("Complete" if job.status.completion_time else "")
