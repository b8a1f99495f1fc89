"""Events: evidence, never the only proof where a static fact exists. They live for about one hour."""

from datetime import datetime
from typing import ClassVar

import msgspec

from auditor.facts.kubernetes.meta import KubernetesObject, Meta


class InvolvedObject(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What the event is about."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""


class EventSeries(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """That an event with an ``eventTime`` came again."""

    last_observed_time: datetime | None = None


class EventSource(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Who wrote the event, as reporters of the older kind say it."""

    component: str = ""


class Event(KubernetesObject, frozen=True):
    """An event. Those of newer reporters have ``eventTime`` and no count and no first and last time."""

    KIND: ClassVar[str] = "Event"

    metadata: Meta
    involved_object: InvolvedObject = InvolvedObject()
    reason: str = ""
    message: str = ""
    type: str = "Normal"
    count: int | None = None
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    series: EventSeries | None = None
    source: EventSource = EventSource()
    reporting_component: str = ""

    @property
    def about(self) -> str:
        """The object in question, as ``kind/namespace/name``."""
        thing = self.involved_object
        return f"{thing.kind}/{thing.namespace}/{thing.name}"

    @property
    def reporter(self) -> str:
        """The component that wrote it; empty if it was not said."""
        return self.reporting_component or self.source.component

    @property
    def seen_at(self) -> datetime | None:
        """When it was last seen."""
        again = self.series.last_observed_time if self.series else None
        return again or self.last_timestamp or self.event_time or self.metadata.creation_timestamp
