"""Auto Scaling in its version 2022-02-22: the operations of the older one with flat lists, and the diagnosis."""

from collections.abc import Callable
from typing import Any

from tests.fakes.cloud import ess
from tests.fakes.cloud.ess import EssState
from tests.fakes.cloud.wire import Json, Parameters

VERSION = "2022-02-22"
PLURAL = ("ScalingGroupIds", "ScalingConfigurationIds", "ScalingActivityIds", "InstanceIds")
"""The list parameters, which the older version calls by the singular."""


def describe_scaling_group_diagnose_details(state: EssState, params: Parameters) -> Json:
    """Return what Auto Scaling finds of one group."""
    params.required("RegionId")
    group_id = params.required("ScalingGroupId")
    ess.check_group(state, params)
    return {"Details": state.diagnoses.get(group_id, [])}


def _flat(operation: Callable[[EssState, Parameters], Json]) -> Callable[[EssState, Parameters], Json]:
    def answer(state: EssState, params: Parameters) -> Json:
        flat: Json = unwrapped(operation(state, Parameters(_singular(params.values), params.page_limit)))
        return flat

    return answer


def _singular(values: dict[str, str]) -> dict[str, str]:
    renamed = {}
    for name, value in values.items():
        stem, dot, number = name.partition(".")
        renamed[f"{stem.removesuffix('s')}{dot}{number}" if stem in PLURAL else name] = value
    return renamed


def unwrapped(value: Any) -> Any:
    """Return an answer with every wrapped list, ``{"VSwitchIds": {"VSwitchId": […]}}``, made flat."""
    if isinstance(value, list):
        return [unwrapped(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and isinstance(inner := next(iter(value.values())), list):
        return unwrapped(inner)
    return {key: unwrapped(item) for key, item in value.items()}


OPERATIONS: dict[str, Callable[[EssState, Parameters], Json]] = {
    **{
        name: operation if name == "DescribeElasticStrength" else _flat(operation)
        for name, operation in ess.OPERATIONS.items()
    },
    "DescribeScalingGroupDiagnoseDetails": describe_scaling_group_diagnose_details,
}
