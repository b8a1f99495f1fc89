"""How the instances of ECS are: their states, and the events of the cloud that concern them."""

from tests.fakes.cloud.ecs import EcsState
from tests.fakes.cloud.filters import among, only
from tests.fakes.cloud.paging import by_number, by_token
from tests.fakes.cloud.wire import Json, Parameters

CODES = {"Pending": 0, "Running": 1, "Starting": 2, "Stopping": 3, "Stopped": 4}
ENDED = ("Executed", "Canceled", "Avoided", "Failed")
"""The cycle states of events that are past."""


def describe_instance_status(ecs: EcsState, params: Parameters) -> Json:
    """Return the states of the instances."""
    found = among(ecs.instances.values(), params.repeated("InstanceId", 100), "InstanceId")
    page = by_number(only(found, params, "ZoneId"), params, largest=50)
    statuses = [{"InstanceId": instance["InstanceId"], "Status": instance["Status"]} for instance in page.items]
    return {"InstanceStatuses": {"InstanceStatus": statuses}, **page.counted()}


def describe_instances_full_status(ecs: EcsState, params: Parameters) -> Json:
    """Return the states and the health of the instances, each with the events that are yet to come."""
    found = among(ecs.instances.values(), params.repeated("InstanceId", 100), "InstanceId")
    statuses = [_full_status(ecs, instance) for instance in only(found, params, "Status")]
    wanted = params.text("HealthStatus")
    statuses = [status for status in statuses if wanted in ("", status["HealthStatus"]["Name"])]
    page = by_number(statuses, params, largest=100)
    return {"InstanceFullStatusSet": {"InstanceFullStatusType": page.items}, **page.counted()}


def describe_instance_history_events(ecs: EcsState, params: Parameters) -> Json:
    """Return the events of instances, past ones among them."""
    asked = params.repeated("ResourceId", 100)
    found = among(ecs.system_events.values(), asked, "InstanceId")
    states = params.repeated("InstanceEventCycleStatus", 30)
    found = [event for event in only(found, params, "InstanceId") if not states or _state(event) in states]
    page = by_token(found, params, largest=100, default=10)
    counted = {**page.counted(), "NextToken": page.token}
    return {"InstanceSystemEventSet": {"InstanceSystemEventType": page.items}, **counted}


OPERATIONS = {
    "DescribeInstanceHistoryEvents": describe_instance_history_events,
    "DescribeInstanceStatus": describe_instance_status,
    "DescribeInstancesFullStatus": describe_instances_full_status,
}


def _state(event: Json) -> str:
    state: str = event["EventCycleStatus"]["Name"]
    return state


def _full_status(ecs: EcsState, instance: Json) -> Json:
    name, health = instance["Status"], ecs.health.get(instance["InstanceId"], "Ok")
    coming = [
        {key: event[key] for key in ("EventCycleStatus", "EventId", "EventPublishTime", "EventType", "NotBefore")}
        for event in ecs.system_events.values()
        if event["InstanceId"] == instance["InstanceId"] and _state(event) not in ENDED
    ]
    return {
        "HealthStatus": {"Code": 0 if health == "Ok" else 10, "Name": health},
        "InstanceId": instance["InstanceId"],
        "ScheduledSystemEventSet": {"ScheduledSystemEventType": coming},
        "Status": {"Code": CODES.get(name, 1), "Name": name},
    }
