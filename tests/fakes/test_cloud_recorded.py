"""Every recorded answer is what the SDK gets for the recorded parameters."""

from typing import Any

import pytest

from tests.fakes.cloud import FakeCloud, recorded, sdk

ENTRIES = [entry for entry in recorded.index() if "action" in entry and "of2" not in entry["file"]]
VOLATILE = {"RequestId", "NextToken"}
DIFFERENT = {"ListRoles": {"Description"}}
"""What the recorded answers tell otherwise in one operation than in another: the fake holds the fuller one."""


def comparable(value: Any, action: str) -> Any:
    """Return an answer without what differs from call to call."""
    if isinstance(value, dict):
        left_out = VOLATILE | DIFFERENT.get(action, set())
        return {key: comparable(item, action) for key, item in value.items() if key not in left_out}
    return [comparable(item, action) for item in value] if isinstance(value, list) else value


def same(answer: Any, entry: dict[str, Any]) -> bool:
    return bool(comparable(answer, entry["action"]) == comparable(recorded.answer(entry["file"]), entry["action"]))


def request_for(entry: dict[str, Any]) -> Any:
    params = {name.replace(".", "__"): value for name, value in (entry.get("params") or {}).items()}
    if entry["product"] == "cs":
        return sdk.roa(entry["path"], entry.get("params"))
    if sdk.VERSIONS.get(entry["product"]) != entry["version"]:
        host = f"{entry['product']}.cn-hangzhou.aliyuncs.com"
        return sdk.common(entry["version"], entry["action"], host, entry["params"])
    return sdk.rpc(entry["product"], entry["action"], **params)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_in_process_answers_are_the_recorded_ones(entry: dict[str, Any]) -> None:
    with FakeCloud.recorded().in_process() as cloud:
        answer = sdk.send(sdk.client(), request_for(entry))
        assert same(answer, entry)
        assert cloud.actions() == [f"{entry['product']}:{entry['action']}"]


def test_the_server_gives_the_same_answers() -> None:
    acs = sdk.client()
    cloud = FakeCloud.recorded()
    with cloud.serve() as base_url:
        for entry in ENTRIES:
            answer = sdk.send(acs, request_for(entry), base_url)
            assert same(answer, entry), entry["file"]
    assert len(cloud.calls) == len(ENTRIES)
    assert cloud.refused == []
