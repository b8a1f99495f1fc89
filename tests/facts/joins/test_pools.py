"""From a node pool to the types that a scale-out takes."""

from typing import Any

import pytest

from auditor.facts.cloud.cs import NodePool
from auditor.facts.cloud.ecs import payment_for
from auditor.facts.cloud.ess import ScalingConfiguration, ScalingGroup
from auditor.facts.joins.pools import PoolTypes
from auditor.facts.table import NotKnown, Table
from tests.checks.kit import denied

POOL = NodePool(
    "np-1", scaling_group_id="asg-1", instance_types=["ecs.pool"], charge_type="PrePaid", spot_strategy="NoSpot"
)


def join(group: dict[str, Any] | None, configuration: dict[str, Any] | None = None) -> PoolTypes:
    groups = [] if group is None else [ScalingGroup("asg-1", **group)]
    configurations = [] if configuration is None else [ScalingConfiguration("asc-1", **configuration)]
    return PoolTypes(
        Table("scaling_groups", groups, asked=["asg-1"]),
        Table("scaling_configurations", configurations, asked=["asc-1"]),
    )


@pytest.mark.parametrize(
    ("group", "configuration", "types", "payment"),
    [
        (None, None, ["ecs.pool"], "PrePaid"),
        ({"active_configuration_id": "asc-1"}, None, ["ecs.pool"], "PrePaid"),
        (
            {"active_configuration_id": "asc-1"},
            {"instance_types": ["ecs.b", "ecs.a", "ecs.b"], "spot_strategy": "SpotAsPriceGo"},
            ["ecs.b", "ecs.a"],
            "SpotAsPriceGo",
        ),
        ({"template_types": ["ecs.template"]}, None, ["ecs.template"], "PrePaid"),
    ],
)
def test_the_configuration_decides_then_the_template_then_the_pool(
    group: dict[str, Any] | None, configuration: dict[str, Any] | None, types: list[str], payment: str
) -> None:
    found = join(group, configuration)
    assert found.of(POOL) == types
    assert found.payment_of(POOL) == payment


def test_what_is_not_known_is_not_guessed() -> None:
    unknown = PoolTypes(
        Table("scaling_groups", [ScalingGroup("asg-1", active_configuration_id="asc-1")]),
        Table.unavailable("scaling_configurations", denied("ess:DescribeScalingConfigurations", "ess")),
    )
    for question in (unknown.of, unknown.payment_of, unknown.configuration_of):
        with pytest.raises(NotKnown, match="DescribeScalingConfigurations"):
            question(POOL)


@pytest.mark.parametrize(
    ("charge", "strategy", "payment"),
    [
        ("", "", "PostPaid"),
        ("PostPaid", "NoSpot", "PostPaid"),
        ("PrePaid", "", "PrePaid"),
        ("PostPaid", "SpotWithPriceLimit", "SpotWithPriceLimit"),
    ],
)
def test_the_way_of_paying_by_which_stock_is_asked_for(charge: str, strategy: str, payment: str) -> None:
    assert payment_for(charge, strategy) == payment
