"""Replacements: the same for the same, different for different, and addresses stay where they were to each other."""

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.pseudonyms import Pseudonyms

NAMES = Pseudonyms(b"one key")
OTHER = Pseudonyms(b"another key")
IPV4 = st.integers(0, 2**32 - 1)
LENGTHS = st.integers(0, 32)
LABELS = st.from_regex(r"[a-z]{3,8}(-[a-z0-9]{3,8}){0,3}", fullmatch=True)


def block(address: int, length: int) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network((address, length), strict=False)


@given(IPV4, IPV4, LENGTHS, st.integers(0, 32))
def test_what_a_block_contained_it_contains(first: int, second: int, length: int, near: int) -> None:
    # The second address shares a part with the first, or the two would hardly ever meet.
    second = (first >> near << near) | (second & ((1 << near) - 1))
    container, address = block(first, length), ipaddress.IPv4Address(second)
    mapped = ipaddress.ip_network(NAMES.address(str(container)))
    assert mapped.prefixlen == length
    assert (ipaddress.ip_address(NAMES.address(str(address))) in mapped) is (address in container)


@given(IPV4, LENGTHS, IPV4, LENGTHS)
def test_blocks_overlap_as_before(first: int, length: int, second: int, other_length: int) -> None:
    one, other = block(first, length), block(second, other_length)
    mapped = [ipaddress.ip_network(NAMES.address(str(each))) for each in (one, other)]
    assert mapped[0].overlaps(mapped[1]) is one.overlaps(other)


@given(st.integers(0, 2**128 - 1), st.integers(0, 128), st.integers(0, 128))
def test_ipv6_keeps_its_order_of_containment(address: int, length: int, flipped: int) -> None:
    container = ipaddress.IPv6Network((address, length), strict=False)
    other = ipaddress.IPv6Address((address ^ (1 << flipped)) % 2**128)
    mapped = ipaddress.ip_network(NAMES.address(str(container)))
    assert (ipaddress.ip_address(NAMES.address(str(other))) in mapped) is (other in container)


@pytest.mark.parametrize(
    "kept", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "0.0.0.0/0", "::/0", "127.0.0.1", "::1"]
)
def test_ranges_with_a_meaning_stay(kept: str) -> None:
    assert NAMES.text(kept) == kept


@given(IPV4)
def test_a_private_address_stays_private(address: int) -> None:
    mapped = ipaddress.ip_address(NAMES.address(str(ipaddress.IPv4Address(address))))
    for private in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"):
        network = ipaddress.ip_network(private)
        assert (mapped in network) is (ipaddress.IPv4Address(address) in network)


@given(LABELS, LABELS)
def test_the_same_name_is_replaced_by_the_same_and_another_by_another(one: str, other: str) -> None:
    assert (NAMES.text(one) == NAMES.text(other)) is (one == other)


@given(LABELS, LABELS, st.sampled_from(["/", "-", ".", ":", " in ", '" of "']))
def test_what_is_put_together_is_put_together_from_the_replacements(one: str, other: str, between: str) -> None:
    assert NAMES.text(one + between + other) == NAMES.text(one) + NAMES.text(between) + NAMES.text(other)


def test_nobody_can_guess_a_name_without_the_key() -> None:
    for text in ("payments", "d-bp1dgkv4xmy49qfhhlnm", "192.168.7.9", "2e8f2a72-6608-4050-80bf-753fd22e906d"):
        assert len({text, NAMES.text(text), OTHER.text(text), Pseudonyms(b"one keY").text(text)}) == 4


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "kube-system",
        "default",
        "system:masters",
        "system:serviceaccount:kube-system:cluster-autoscaler",
        "cn-hangzhou-h",
        "ap-southeast-1a",
        "ecs.g7.2xlarge",
        "slb.s1.small",
        "cloud-controller-manager",
        "diskplugin.csi.alibabacloud.com",
        "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id",
        "topology.kubernetes.io/zone",
        "0/8 nodes are available: 8 node(s) had volume node affinity conflict.",
        "TCP 80/443 100m 4Gi v1.31.1 50% PL1",
        "AliyunCSManagedAutoScalerRole",
        "FailedScheduling",
    ],
)
def test_what_names_nobodys_things_stays(kept: str) -> None:
    assert NAMES.text(kept) == kept


@pytest.mark.parametrize(
    ("text", "shape", "gone"),
    [
        ("d-bp1dgkv4xmy49qfhhlnm", r"d-x\w+", "bp1dgk"),
        ("acs:ram::1234567890123456:role/payments", r"acs:ram::9\d+:role/x\w+", "123456"),
        ("cn-hangzhou.203.0.113.9", r"cn-hangzhou\.\d+\.\d+\.\d+\.\d+", "203.0.113"),
        ("node.203.0.113.9.18ea7e865f7501c0", r"node\.\d+\.\d+\.\d+\.\d+\.x\w+", "203.0.113"),
        ("1.203.0.113.9", r"[\d.]+", "203.0.113"),
        ("ip-203-0-113-9.shop", r"ip-\d+-\d+-\d+-\d+\.x\w+", "203-0-113"),
        ("https://203.0.113.9:6443/x", r"https://\d+\.\d+\.\d+\.\d+:6443/x", "203.0.113"),
        ("to 203.0.113.9/99 or", r"to \d+\.\d+\.\d+\.\d+/99 or", "203.0.113"),
        ("to [2001:db8::9]:443", r"to \[[0-9a-f:]+\]:443", "db8"),
        ("PaymentsProdRole", r"x\w+x\w+Role", "Prod"),
        ("us-payments", r"us-x\w+|x\w+-x\w+", "payments"),
        ("支付-服务", r"x\w+-x\w+", "支付"),
        ("team.acme.com/zone", r"x\w+\.x\w+\.com/zone", "acme"),
        (
            "1h2-0c2292a859-1ymv7.cn-hangzhou.nas.aliyuncs.com",
            r"x\w+-x\w+-x\w+\.cn-hangzhou\.nas\.aliyuncs\.com",
            "0c22",
        ),
    ],
)
def test_what_names_something_is_replaced(text: str, shape: str, gone: str) -> None:
    replaced = NAMES.text(text)
    assert re.fullmatch(shape, replaced), replaced
    assert gone not in replaced


def test_the_version_in_an_image_stays() -> None:
    replaced = NAMES.image("registry.acme.com:5000/payments/autoscaler:1.36.0.1-2c4f7d1a-aliyun")
    assert re.fullmatch(r"registry\.x\w+\.com:5000/x\w+/autoscaler:1\.36\.0\.1-x\w+-aliyun", replaced)
    assert NAMES.image("localhost:5000/payments") == NAMES.text("localhost:5000/payments")


def test_a_load_balancer_is_still_called_after_the_uid_of_its_service() -> None:
    uid = "2e8f2a72-6608-4050-80bf-753fd22e906d"
    assert NAMES.text(f"a{uid.replace('-', '')}"[:32]) == f"a{NAMES.text(uid).replace('-', '')}"[:32]


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    assert NAMES.text(text) == NAMES.text(text)
    assert Pseudonyms(b"one key").text(text) == NAMES.text(text)
