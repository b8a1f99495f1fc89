"""No field of an answer is invented: each is held against the models of the official typed SDKs, with its type."""

import pytest

from tests.fakes.served import Answered, answered, operations
from tests.fakes.typed import kept, misfits, response_model, said, unwrapped

LEFT_OUT = "the typed SDK of 2014-08-28 leaves it out; its successor is the same with flat lists"
STAND_INS = {
    "ess:DescribeElasticStrength": ("2022-02-22", LEFT_OUT),
    "ess:DescribeScalingGroups": ("2022-02-22", LEFT_OUT),
}
"""The operations that are held against the model of another version, with their lists made flat, and why."""

WITHOUT_MODEL = {
    "cs:DescribeClusterAddonsVersion": "an object with the names of add-ons as its keys, which no model describes",
}
"""The operations whose answers the typed SDKs do not describe, and why."""

EXCEPTIONS: dict[str, dict[str, str]] = {}
"""What the answers of an operation hold beyond the model, by place, and why it is right all the same."""


def model_of(answer: Answered, version: str = "") -> type | None:
    return response_model(answer.product, version or answer.version, answer.action)


@pytest.mark.parametrize("operation", operations())
def test_answers_fit_the_typed_models(operation: str) -> None:
    answers = answered()[operation]
    assert answers, f"nothing calls {operation}: record an answer, or name a call of it in tests.fakes.served"
    strange: set[str] = set()
    for answer in answers:
        own = model_of(answer)
        version, _why = STAND_INS.get(operation, ("", ""))
        assert own is None or not version, f"{operation} has a model: take it out of STAND_INS"
        model = own or (model_of(answer, version) if version else None)
        if operation in WITHOUT_MODEL:
            assert model is None, f"{operation} has a model: take it out of WITHOUT_MODEL"
            continue
        assert model is not None, f"no typed SDK knows {operation} of {answer.version}"
        body = unwrapped(answer.body) if version else answer.body
        beyond = misfits(model, body)
        strange |= beyond
        assert beyond or said(kept(model, body)) == said(body)
    assert strange == set(EXCEPTIONS.get(operation, {})), "answers and EXCEPTIONS differ"


def test_exceptions_are_of_operations_that_are_served() -> None:
    assert {*STAND_INS, *WITHOUT_MODEL, *EXCEPTIONS} <= set(operations())


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        ("Invented", 1, "Disks.Disk[].Invented is not in the model"),
        ("Invented", None, "Disks.Disk[].Invented is not in the model"),
        ("Size", "40", "disks.disk[].size is a str, and a int in the model"),
        ("DeleteWithInstance", "true", "disks.disk[].delete_with_instance is a str, and a bool in the model"),
        ("Tags", {"Tag": {"TagKey": "a"}}, "can't be read into the model: 'str' object has no attribute 'get'"),
    ],
)
def test_a_field_that_is_invented_is_noticed(place: str, value: object, problem: str) -> None:
    model = response_model("ecs", "2014-05-26", "DescribeDisks")
    assert model is not None
    assert misfits(model, {"TotalCount": 1, "Disks": {"Disk": [{"DiskId": "d-1", place: value}]}}) == {problem}
