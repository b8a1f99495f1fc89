"""Whether a workload is nailed to one node."""

from typing import Any

import msgspec
import pytest

from auditor.facts.kubernetes.workloads import Deployment
from auditor.facts.rules.node_pinning import is_nailed_to_a_node

HOST = "kubernetes.io/hostname"


def affinity(*values: str, key: str = HOST, operator: str = "In") -> dict[str, Any]:
    expression = {"key": key, "operator": operator, "values": list(values)}
    term = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}}


@pytest.mark.parametrize(
    ("spec", "nailed"),
    [
        ({}, False),
        ({"nodeName": "n1"}, True),
        ({"nodeSelector": {HOST: "n1"}}, True),
        ({"nodeSelector": {"zone": "h"}}, False),
        (affinity("n1"), True),
        (affinity("n1", "n2"), False),
        (affinity("n1", operator="NotIn"), False),
        (affinity("h", key="zone"), False),
    ],
)
def test_it_is_nailed_by_name_selector_or_affinity(spec: dict[str, Any], nailed: bool) -> None:
    data = {"metadata": {"name": "w"}, "spec": {"template": {"spec": {"containers": [], **spec}}}}
    assert is_nailed_to_a_node(msgspec.convert(data, Deployment)) is nailed
