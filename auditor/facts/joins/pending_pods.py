"""Pod that waits for a node ↔ what the scheduler and the autoscaler say of it."""

from datetime import datetime, timedelta

from auditor.facts.joins.event_clock import EventClock
from auditor.facts.joins.object_events import ObjectEvents
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.rules.new_nodes import insists_on
from auditor.facts.rules.scheduler_message import Cause, Refusal, refusals
from auditor.facts.rules.scheduling import is_gated
from auditor.facts.table import Reason
from auditor.facts.text import Text, t

GRACE = timedelta(minutes=2)
"""So long a Pod may wait before anybody asks why: the autoscaler looks every half or whole minute."""
SERVED_FOR = timedelta(minutes=15)
"""So long a scale-up may take: the autoscaler's own ``max-node-provision-time``, by default."""
CLOCK_SKEW = timedelta(minutes=1)
TRIGGERED = ("TriggeredScaleUp", "ProvisionNode")
"""The events by which the cluster autoscaler, and node instant scaling, say that a node is on its way."""
NOT_TRIGGERED = ("NotTriggerScaleUp", "ProvisionNodeFailed")
DEFAULT_SCHEDULER = "default-scheduler"
EXPENDABLE_BELOW = -10
"""Pods of less priority start no scale-up: the autoscaler's ``expendable-pods-priority-cutoff``, by default."""

_VIRTUAL_LABELS = {"alibabacloud.com/eci": "true", "alibabacloud.com/acs": "true"}
_COMPUTE_CLASS = "alibabacloud.com/compute-class"
_UNSCHEDULABLE = ("Unschedulable", "SchedulerError")


class PendingPods:
    """Pod ↔ why it waits, as far as the scheduler and the autoscaler say so."""

    def __init__(self, object_events: ObjectEvents, event_clock: EventClock, observed_at: datetime) -> None:
        """Take the events and the moment of the landscape."""
        self._events = object_events
        self._clock = event_clock
        self._observed_at = observed_at

    def beside_the_point(self, pod: Pod) -> Text | None:
        """Return why no new node is to be expected for a Pod that waits, and nothing is wrong with that.

        None for a Pod that node pools could serve, and for one that scheduling gates hold.
        """
        owner = pod.metadata.controller
        if owner is not None and owner.kind == "DaemonSet":
            return t("belongs to a DaemonSet: it waits for room on its own node")
        if pod.spec.scheduler_name not in ("", DEFAULT_SCHEDULER):
            return t(
                "is scheduled by {scheduler}, which is not the default scheduler", scheduler=pod.spec.scheduler_name
            )
        if _wants_virtual_node(pod):
            return t("is meant for a virtual node, which no node pool provides")
        if pod.status.nominated_node_name:
            return t("takes the place of others on node {node}", node=pod.status.nominated_node_name)
        if pod.spec.priority is not None and pod.spec.priority < EXPENDABLE_BELOW:
            return t("is expendable: with a priority of {priority} it starts no scale-up", priority=pod.spec.priority)
        return self._not_yet(pod)

    def _not_yet(self, pod: Pod) -> Text | None:
        scheduled = pod.condition("PodScheduled")
        if not is_gated(pod) and (scheduled is None or scheduled.reason not in _UNSCHEDULABLE):
            return t("the scheduler has not refused it")
        moments = (pod.metadata.creation_timestamp, scheduled.last_transition_time if scheduled else None)
        since = max((moment for moment in moments if moment is not None), default=None)
        if since is not None and -CLOCK_SKEW < self._observed_at - since < GRACE:
            return t("has waited for less than {minutes} minutes", minutes=int(GRACE.total_seconds() // 60))
        return None

    @staticmethod
    def refusals(pod: Pod) -> tuple[Refusal, ...]:
        """Return for what the scheduler refused the nodes; empty if it does not say."""
        return refusals(scheduler_says(pod))

    def causes(self, pod: Pod) -> set[Cause]:
        """Return the kinds of reasons for which the scheduler refused the nodes."""
        return {refusal.cause for refusal in self.refusals(pod)}

    @property
    def event_reasons(self) -> tuple[Reason, ...]:
        """Why an event that says that a node is on its way may be missing; empty if all events were read."""
        return self._events.reasons

    def is_served(self, pod: Pod) -> bool:
        """Tell whether an event says that a node is on its way for a Pod."""
        event = self.last_word(pod)
        return event is not None and event.reason in TRIGGERED and self._clock.since(event) < SERVED_FOR

    def last_word(self, pod: Pod) -> Event | None:
        """Return the last event by which an autoscaler says whether a Pod started a scale-up, as far as known."""
        about = self._events.about(pod.ref)
        mine = (event for event in about if event.involved_object.uid in ("", pod.metadata.uid))
        return next((event for event in mine if event.reason in (*TRIGGERED, *NOT_TRIGGERED)), None)


def scheduler_says(pod: Pod) -> str:
    """Return the message of the condition PodScheduled; empty if there is none."""
    scheduled = pod.condition("PodScheduled")
    return scheduled.message if scheduled else ""


def _wants_virtual_node(pod: Pod) -> bool:
    return (
        any(pod.labels.get(key) == value for key, value in _VIRTUAL_LABELS.items())
        or _COMPUTE_CLASS in pod.labels
        or insists_on(pod, "type", "virtual-kubelet")
    )
