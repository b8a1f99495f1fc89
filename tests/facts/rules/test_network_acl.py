from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.facts.cloud.vpc import AclEntry, NetworkAcl
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import Answer, Outcome, Ports
from auditor.facts.rules.network_acl import EPHEMERAL_PORTS, judge_acl, judge_client, judge_server
from auditor.facts.rules.security_group import Direction
from auditor.facts.table import ReasonKind

ALLOWED, DENIED, PARTLY, UNKNOWN = Outcome.ALLOWED, Outcome.DENIED, Outcome.PARTLY, Outcome.UNKNOWN
ALL = AclEntry("accept", "all", "-1/-1", "0.0.0.0/0")
PORT = Ports.one(10250)


def acl(
    ingress: Iterable[AclEntry] = (), egress: Iterable[AclEntry] = (), status: str | None = "Available"
) -> NetworkAcl:
    return NetworkAcl(id="nacl-1", status=status, ingress=list(ingress), egress=list(egress))


def ask(*entries: AclEntry, peer: str = "10.0.0.5", status: str | None = "Available", protocol: str = "tcp") -> Answer:
    return judge_acl(acl(entries, status=status), Direction.INGRESS, protocol, PORT, AddressSet.of(peer))


def test_the_first_match_in_list_order_decides_and_no_match_denies() -> None:
    drop = AclEntry("drop", "tcp", "10250/10250", "10.0.0.0/24")
    assert ask(ALL, drop).outcome is ALLOWED
    assert ask(drop, ALL).outcome is DENIED
    assert [(part.owner, part.rule) for part in ask(drop, ALL).refused] == [("nacl-1", "ingress 1")]
    assert [(part.owner, part.rule) for part in ask().refused] == [("nacl-1", "")]
    assert ask(drop, ALL, peer="10.0.0.0/23").outcome is PARTLY


@pytest.mark.parametrize(
    "other",
    [
        AclEntry("drop", "udp", "10250/10250", "0.0.0.0/0"),
        AclEntry("drop", "tcp", "443/443", "0.0.0.0/0"),
        AclEntry("drop", "tcp", "10250/10250", "10.0.1.0/24"),
        AclEntry("drop", "all", "-1/-1", "::/0"),
    ],
)
def test_entries_for_other_packets_do_nothing(other: AclEntry) -> None:
    assert ask(other, ALL).outcome is ALLOWED


def test_protocols_and_policies_are_read_in_any_case() -> None:
    assert ask(AclEntry("Accept", "TCP", "10250/10250", "0.0.0.0/0")).outcome is ALLOWED
    assert ask(AclEntry("DROP", "ALL", "-1/-1", "0.0.0.0/0"), ALL).outcome is DENIED
    assert ask(AclEntry("accept", "icmp", "-1/-1", "0.0.0.0/0"), protocol="icmp").outcome is ALLOWED


def test_directions_are_apart() -> None:
    assert judge_acl(acl([ALL]), Direction.EGRESS, "tcp", PORT, AddressSet.of("10.0.0.5")).outcome is DENIED


def test_nothing_remembers_connections() -> None:
    calls, answers = judge_server(acl([ALL]), "tcp", PORT, AddressSet.of("10.0.0.5"))
    assert (calls.direction, calls.ports, calls.answer.outcome) == (Direction.INGRESS, PORT, ALLOWED)
    assert (answers.direction, answers.ports, answers.answer.outcome) == (Direction.EGRESS, EPHEMERAL_PORTS, DENIED)
    assert not calls.is_answer
    assert answers.is_answer
    calls, answers = judge_client(acl([ALL]), "tcp", PORT, AddressSet.of("10.0.0.5"))
    assert (calls.direction, calls.answer.outcome) == (Direction.EGRESS, DENIED)
    assert (answers.direction, answers.answer.outcome) == (Direction.INGRESS, ALLOWED)


def test_the_range_that_the_documentation_advises_lets_all_answers_through() -> None:
    advised = AclEntry("accept", "tcp", "1024/65535", "0.0.0.0/0")
    _, answers = judge_server(acl([ALL], [advised]), "tcp", PORT, AddressSet.of("10.0.0.5"))
    assert answers.answer.outcome is ALLOWED
    narrow = AclEntry("accept", "tcp", "32768/50000", "0.0.0.0/0")
    _, answers = judge_server(acl([ALL], [narrow]), "tcp", PORT, AddressSet.of("10.0.0.5"))
    assert answers.answer.outcome is PARTLY
    assert [str(part.ports) for part in answers.answer.refused] == ["50001/60999"]


def test_the_clouds_own_servers_are_never_cut_off() -> None:
    assert ask(peer="100.100.2.136").outcome is ALLOWED
    assert ask(peer="100.100.100.200").outcome is ALLOWED


@pytest.mark.parametrize(("status", "expected"), [("Available", ALLOWED), (None, ALLOWED), ("Modifying", UNKNOWN)])
def test_while_it_is_changed_nobody_knows_what_holds(status: str | None, expected: Outcome) -> None:
    assert ask(ALL, status=status).outcome is expected


@pytest.mark.parametrize(
    "broken",
    [
        AclEntry("perhaps", "tcp", "-1/-1", "0.0.0.0/0"),
        AclEntry("drop", "tcp", "some", "0.0.0.0/0"),
        AclEntry("drop", "tcp", "-1/-1", "everywhere"),
    ],
)
def test_an_entry_that_cannot_be_read_matters_only_where_it_can_decide(broken: AclEntry) -> None:
    answer = ask(broken, ALL)
    assert answer.outcome is UNKNOWN
    assert [reason.kind for reason in answer.reasons] == [ReasonKind.MALFORMED]
    assert ask(ALL, broken).outcome is ALLOWED


entries = st.builds(
    AclEntry,
    policy=st.sampled_from(["accept", "drop"]),
    protocol=st.sampled_from(["tcp", "udp", "all"]),
    ports=st.sampled_from(["-1/-1", "1/3", "2/2"]),
    cidr=st.builds(lambda last, spare: f"10.0.0.{last}/{32 - spare}", st.integers(0, 7), st.integers(0, 3)),
)


@given(st.lists(entries, max_size=5), st.integers(1, 4))
def test_agrees_with_reading_the_list_for_every_address(own: list[AclEntry], port: int) -> None:
    answer = judge_acl(acl(own), Direction.INGRESS, "tcp", Ports.one(port), AddressSet.of("10.0.0.0/29"))
    for last in range(8):
        address = f"10.0.0.{last}"
        hit = next((entry for entry in own if admits(entry, address, port)), None)
        expected = ALLOWED if hit and hit.policy == "accept" else DENIED
        assert [part.outcome for part in answer.parts if address in part.peers] == [expected]


def admits(entry: AclEntry, address: str, port: int) -> bool:
    first, last = (int(end) for end in entry.ports.split("/"))
    in_ports = first == -1 or first <= port <= last
    return entry.protocol in ("tcp", "all") and in_ports and address in AddressSet.of(entry.cidr)
