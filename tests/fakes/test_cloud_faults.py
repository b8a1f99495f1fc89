"""Faults between a caller and the answers: each over HTTP and within the process, aimed, and counted."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aliyunsdkcore.acs_exception.exceptions import ClientException, ServerException

from tests.fakes.cloud import FakeCloud, recorded, sdk

API_SERVER = "lb-bp1y28udk3bwt0a77lw9h"
INGRESS = "lb-bp1qivht16qrbpfnz1a1c"
Way = Callable[[FakeCloud], Any]


@contextmanager
def over_http(cloud: FakeCloud) -> Iterator[str]:
    with cloud.serve() as base_url:
        yield base_url


@contextmanager
def within_process(cloud: FakeCloud) -> Iterator[str]:
    with cloud.in_process():
        yield ""


both_ways = pytest.mark.parametrize("way", [over_http, within_process])


def disks(base_url: str) -> Any:
    return sdk.send(sdk.client(), sdk.rpc("ecs", "DescribeDisks", MaxResults=500), base_url)


@both_ways
def test_a_denial_names_the_action(way: Way) -> None:
    cloud = FakeCloud.recorded()
    cloud.deny("ecs:DescribeDisks")
    with way(cloud) as base_url:
        with pytest.raises(ServerException) as denied:
            disks(base_url)
        sdk.send(sdk.client(), sdk.rpc("ecs", "DescribeInstances"), base_url)
    assert denied.value.get_error_code() == "Forbidden.RAM"
    assert cloud.actions() == ["ecs:DescribeDisks", "ecs:DescribeInstances"]


@both_ways
def test_a_throttle_that_ends(way: Way) -> None:
    cloud = FakeCloud.recorded()
    cloud.throttle("ecs:DescribeDisks", times=2)
    with way(cloud) as base_url:
        for _ in range(2):
            with sdk.refusal() as said:
                disks(base_url)
            assert (said["code"], said["status"]) == ("Throttling", 400)
        assert disks(base_url)["TotalCount"] == 20


def test_a_throttle_for_ever_until_healed() -> None:
    cloud = FakeCloud.recorded()
    cloud.throttle("ecs:*")
    with cloud.in_process():
        for _ in range(5):
            with sdk.refusal():
                disks("")
        cloud.heal()
        assert disks("")["TotalCount"] == 20


def test_container_service_throttles_with_keys_in_upper_case() -> None:
    cloud = FakeCloud.recorded()
    cloud.throttle("cs:*")
    with cloud.in_process(), sdk.refusal() as said:
        sdk.send(sdk.client(), sdk.roa("/api/v1/clusters"))
    assert (said["code"], said["status"]) == ("Throttling.Api", 429)


@both_ways
def test_a_page_of_a_proxy(way: Way) -> None:
    cloud = FakeCloud.recorded()
    cloud.fail("ecs:DescribeDisks", 502, recorded.text("errors/gateway_502.html"), times=1)
    with way(cloud) as base_url:
        with sdk.refusal() as said:
            disks(base_url)
        assert (said["code"], said["status"]) == ("SDK.UnknownServerError", 502)
        assert "502 Bad Gateway" in said["message"]
        assert disks(base_url)["TotalCount"] == 20


def test_an_answer_of_another_shape() -> None:
    cloud = FakeCloud.recorded()
    cloud.fail("ecs:DescribeDisks", 200, {"Disks": None})
    cloud.fail("ecs:DescribeInstances", 200, "not JSON")
    with cloud.in_process():
        assert disks("") == {"Disks": None}
        with pytest.raises(ValueError, match="Expecting value"):
            sdk.send(sdk.client(), sdk.rpc("ecs", "DescribeInstances"))


@both_ways
def test_a_connection_that_ends_before_the_answer(way: Way) -> None:
    cloud = FakeCloud.recorded()
    cloud.cut("ecs:DescribeDisks", times=1)
    with way(cloud) as base_url:
        with pytest.raises(ClientException) as cut:
            disks(base_url)
        assert cut.value.get_error_code() == "SDK.HttpError"
        assert disks(base_url)["TotalCount"] == 20


@both_ways
def test_a_connection_that_ends_within_the_answer(way: Way) -> None:
    cloud = FakeCloud.recorded()
    cloud.cut("ecs:DescribeDisks", halfway=True)
    with way(cloud) as base_url, pytest.raises((ValueError, ClientException)):
        disks(base_url)


def test_an_answer_that_is_edited_in_place_or_replaced() -> None:
    cloud = FakeCloud.recorded()
    cloud.mutate("ecs:DescribeDisks", lambda answer: answer["Disks"].update(Disk=None), times=1)
    cloud.mutate("ecs:DescribeInstances", lambda answer: {"RequestId": answer["RequestId"]})
    with cloud.in_process():
        assert disks("")["Disks"] == {"Disk": None}
        assert set(sdk.send(sdk.client(), sdk.rpc("ecs", "DescribeInstances"))) == {"RequestId"}
        assert len(disks("")["Disks"]["Disk"]) == 20


def test_an_edited_answer_leaves_the_state_alone() -> None:
    cloud = FakeCloud.recorded()

    def vandalise(answer: Any) -> None:
        for disk in answer["Disks"]["Disk"]:
            disk.clear()

    cloud.mutate("ecs:DescribeDisks", vandalise)
    with cloud.in_process():
        assert disks("")["Disks"]["Disk"] == [{}] * 20
    assert all(disk["DiskId"] for disk in cloud.state.ecs.disks.values())


def test_a_token_that_repeats() -> None:
    cloud = FakeCloud.recorded(page_limit=2)
    first: list[str] = []

    def repeat(answer: Any) -> None:
        first.append(answer["NextToken"])
        answer["NextToken"] = first[0]

    cloud.mutate("ecs:DescribeInstances", repeat)
    acs = sdk.client()
    with cloud.in_process():
        token = sdk.send(acs, sdk.rpc("ecs", "DescribeInstances"))["NextToken"]
        again = sdk.send(acs, sdk.rpc("ecs", "DescribeInstances", NextToken=token))["NextToken"]
    assert token == again != ""


def test_only_the_calls_that_are_aimed_at() -> None:
    cloud = FakeCloud.recorded()
    cloud.deny("slb:DescribeVServerGroups", when=lambda params: params["LoadBalancerId"] == INGRESS)
    acs = sdk.client()
    with cloud.in_process():
        sdk.send(acs, sdk.rpc("slb", "DescribeVServerGroups", LoadBalancerId=API_SERVER))
        with sdk.refusal() as said:
            sdk.send(acs, sdk.rpc("slb", "DescribeVServerGroups", LoadBalancerId=INGRESS))
    assert said["code"] == "Forbidden.RAM"


def test_what_a_path_says_is_among_the_parameters() -> None:
    cloud = FakeCloud.recorded()
    cloud.deny("cs:DescribeClusterDetail", when=lambda params: params["ClusterId"] == cloud.state.cs.cluster_id)
    with cloud.in_process(), sdk.refusal() as said:
        sdk.send(sdk.client(), sdk.roa(f"/clusters/{cloud.state.cs.cluster_id}"))
    assert (said["code"], said["status"]) == ("StatusForbidden", 403)


def test_the_first_fault_that_answers_wins_and_the_next_is_not_counted() -> None:
    cloud = FakeCloud.recorded()
    cloud.throttle("ecs:DescribeDisks", times=1)
    cloud.fail("ecs:DescribeDisks", 500, {"Code": "InternalError", "Message": "x"}, times=1)
    codes = []
    with cloud.in_process():
        for _ in range(2):
            with sdk.refusal() as said:
                disks("")
            codes.append(said["code"])
        assert disks("")["TotalCount"] == 20
    assert codes == ["Throttling", "InternalError"]


def test_one_fault_is_removed() -> None:
    cloud = FakeCloud.recorded()
    denial = cloud.deny("ecs:DescribeDisks")
    with cloud.in_process():
        with sdk.refusal():
            disks("")
        cloud.faults.remove(denial)
        assert disks("")["TotalCount"] == 20


def test_a_held_answer_meets_the_callers_patience() -> None:
    cloud = FakeCloud.recorded()
    cloud.delay("ecs:DescribeDisks", 60, times=1)
    with cloud.serve() as base_url:
        request = sdk.rpc("ecs", "DescribeDisks", MaxResults=500)
        request.set_read_timeout(0.1)
        with pytest.raises(ClientException) as impatient:
            sdk.send(sdk.client(), request, base_url)
        assert impatient.value.get_error_code() == "SDK.HttpError"
        assert disks(base_url)["TotalCount"] == 20
    # Closing let the held answer go.
    assert [thread for thread in threading.enumerate() if "process_request" in thread.name] == []


def test_counted_faults_meet_no_more_calls_than_told_from_many_threads() -> None:
    cloud = FakeCloud.recorded()
    cloud.throttle("ecs:DescribeDisks", times=5)
    outcomes: list[bool] = []

    def call(base_url: str) -> None:
        try:
            disks(base_url)
        except ServerException:
            outcomes.append(False)
        else:
            outcomes.append(True)

    with cloud.serve() as base_url:
        threads = [threading.Thread(target=call, args=(base_url,)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (outcomes.count(False), outcomes.count(True)) == (5, 7)
    assert len(cloud.calls) == 12
