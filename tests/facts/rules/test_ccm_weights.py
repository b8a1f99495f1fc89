"""Weights by version of the cloud controller manager."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.rules.ccm_weights import (
    Version,
    WeightRule,
    flat_weight,
    image_version,
    infer_rule,
    node_weight,
    parse_version,
    rule_of,
)

PODS = st.integers(min_value=1, max_value=250)
NUMBERS = st.lists(st.integers(min_value=0, max_value=10_000), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v1.9.3.276-g372aa98-aliyun", (1, 9, 3, 276)),
        ("v1.9.3.164-g2105d2e-aliyun", (1, 9, 3, 164)),
        ("v2.14.1", (2, 14, 1)),
        ("2.3.0", (2, 3, 0)),
        (" v2.1.0 ", (2, 1, 0)),
        ("", None),
        ("latest", None),
        ("g372aa98", None),
    ],
)
def test_reads_the_numbers_of_a_version(text: str, version: Version | None) -> None:
    assert parse_version(text) == version


@given(NUMBERS, st.sampled_from(["", "-g1a2b3c-aliyun", "-rc.1", "+meta"]))
def test_reads_back_any_numbers(numbers: list[int], suffix: str) -> None:
    assert parse_version("v" + ".".join(map(str, numbers)) + suffix) == tuple(numbers)


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        (
            "registry-vpc.example.com/acs/cloud-controller-manager-amd64:v1.9.3.59-ge3bc999-aliyun",
            "v1.9.3.59-ge3bc999-aliyun",
        ),
        ("registry.example.com:5000/acs/ccm:v2.1.0@sha256:0a1b", "v2.1.0"),
        ("registry.example.com:5000/acs/ccm", ""),
        ("ccm@sha256:0a1b", ""),
    ],
)
def test_reads_the_tag_of_an_image(image: str, tag: str) -> None:
    assert image_version(image) == tag


@pytest.mark.parametrize(
    ("version", "weights"),
    [
        ((1, 9, 3, 59), [100, 100, 100]),
        ((1, 9, 3, 163), [100, 100, 100]),
        ((1, 9, 3, 164), [16, 33, 50]),
        ((1, 9, 3, 275), [16, 33, 50]),
        ((1, 9, 3, 276), [1, 2, 3]),
        ((2, 1, 0), [1, 2, 3]),
        ((2, 14, 1), [1, 2, 3]),
    ],
)
def test_weights_of_one_two_and_three_pods(version: Version, weights: list[int]) -> None:
    assert [node_weight(version, pods, 6) for pods in (1, 2, 3)] == weights


def test_cap_and_floor() -> None:
    assert node_weight((1, 9, 3, 276), 130, 200) == 100
    assert node_weight((2, 1, 0), 130, 200) == 130
    assert node_weight((1, 9, 3, 164), 1, 300) == 1


@pytest.mark.parametrize(
    ("version", "node", "pod", "local_pod"),
    [
        ((1, 9, 3, 59), 100, 100, 100),
        ((1, 9, 3, 276), 100, 100, 100),
        ((2, 0, 0), 100, 100, 100),
        ((2, 1, 0), 1, 1, 1),
        ((2, 2, 0), 1, 1, 1),
        ((2, 3, 0), 100, 100, 1),
        ((2, 14, 1), 100, 100, 1),
    ],
)
def test_weights_where_pods_do_not_count(version: Version, node: int, pod: int, local_pod: int) -> None:
    assert flat_weight(version, is_pod_backend=False, is_local=False) == node
    assert flat_weight(version, is_pod_backend=True, is_local=False) == pod
    assert flat_weight(version, is_pod_backend=True, is_local=True) == local_pod


@given(st.lists(PODS, min_size=1, max_size=20), st.tuples(st.integers(0, 4), *[st.integers(0, 400)] * 3))
def test_weights_are_positive_and_grow_with_the_pods(pods: list[int], version: Version) -> None:
    total = sum(pods)
    weights = [node_weight(version, count, total) for count in sorted(pods)]
    assert weights[0] >= 1
    assert weights == sorted(weights)


@given(st.lists(PODS, min_size=1, max_size=20), st.sampled_from([(1, 9, 3, 59), (1, 9, 3, 200), (2, 5, 0)]))
def test_infers_a_rule_that_explains_the_weights(pods: list[int], version: Version) -> None:
    total = sum(pods)
    seen = [(node_weight(version, count, total), count) for count in pods]
    inferred = infer_rule(seen)
    assert inferred is not None
    example = {WeightRule.SAME: (1, 0), WeightRule.PERCENT: (1, 9, 3, 164), WeightRule.PODS: (2, 0)}[inferred]
    assert [node_weight(example, count, total) for _, count in seen] == [weight for weight, _ in seen]


def test_infers_nothing_from_other_weights() -> None:
    assert infer_rule([]) is None
    assert infer_rule([(7, 1), (3, 2)]) is None


def test_rules_follow_the_order_of_versions() -> None:
    versions = [(1, 9, 3), (1, 9, 3, 163), (1, 9, 3, 164), (1, 9, 3, 275), (1, 9, 3, 276), (2,), (2, 14, 1)]
    assert [rule_of(version) for version in versions] == [
        *[WeightRule.SAME] * 2,
        *[WeightRule.PERCENT] * 2,
        *[WeightRule.PODS] * 3,
    ]
