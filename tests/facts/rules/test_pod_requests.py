from decimal import Decimal
from typing import Any

import msgspec
import pytest

from auditor.facts.kubernetes.pods import PodSpec
from auditor.facts.rules.pod_requests import effective_requests
from auditor.facts.rules.quantities import quantity

CASES = [
    ("500m", "0.5"),
    ("4", "4"),
    ("1.5Gi", "1610612736"),
    ("128974848", "128974848"),
    ("129e6", "129000000"),
    ("129M", "129000000"),
    ("123Mi", "128974848"),
    ("100u", "0.0001"),
    ("0", "0"),
    ("2E", "2000000000000000000"),
]


@pytest.mark.parametrize(("text", "value"), CASES)
def test_quantities_are_read_as_kubernetes_does(text: str, value: str) -> None:
    assert quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "Gi", "four", "1 Gi x", "NaN", "Infinity", "--1"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        quantity(text)


def container(cpu: str, **more: Any) -> dict[str, Any]:
    return {"name": f"c{cpu}", "resources": {"requests": {"cpu": cpu}}, **more}


def cpu_of(**spec: Any) -> Decimal:
    return effective_requests(msgspec.convert(spec, PodSpec))["cpu"]


def test_containers_add_up_and_init_containers_take_turns() -> None:
    assert cpu_of(containers=[container("1"), container("500m")]) == Decimal("1.5")
    assert cpu_of(containers=[container("1")], initContainers=[container("2"), container("3")]) == 3
    assert cpu_of(containers=[container("4")], initContainers=[container("3")]) == 4


def test_a_sidecar_counts_with_what_starts_after_it() -> None:
    sidecar = container("1", restartPolicy="Always")
    assert cpu_of(containers=[container("2")], initContainers=[sidecar]) == 3
    assert cpu_of(containers=[container("2")], initContainers=[sidecar, container("5")]) == 6
    assert cpu_of(containers=[container("2")], initContainers=[container("5"), sidecar]) == 5


def test_overhead_comes_on_top_and_a_limit_stands_in_for_a_request() -> None:
    assert cpu_of(containers=[container("1")], overhead={"cpu": "250m"}) == Decimal("1.25")
    limited = {
        "name": "limited",
        "resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"memory": "512Mi"}},
    }
    found = effective_requests(msgspec.convert({"containers": [limited]}, PodSpec))
    assert found == {"cpu": 2, "memory": 512 * 2**20}


def test_an_unreadable_quantity_is_an_error() -> None:
    with pytest.raises(ValueError, match="lots"):
        cpu_of(containers=[container("lots")])
