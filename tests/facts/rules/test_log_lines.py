"""What a line of a component's log says."""

import pytest

from auditor.facts.rules.log_lines import ids_in, is_harmless, words_of

UID = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize(
    ("line", "harmless"),
    [
        ("I1123 08:00:00.1 1 cloud.go:3] Disk is already attached, skipping", True),
        ('time="x" level=info msg="already attached"', True),
        ('{"level":"debug","msg":"already attached"}', True),
        ("I1123 08:00:00.1 1 cloud.go:3] rpc failed: already attached", False),
        ("W1123 08:00:00.1 1 cloud.go:3] already attached", False),
        ("E1123 08:00:00.1 1 cloud.go:3] already attached", False),
        ("level=error already attached", False),
        ("already attached", False),
    ],
)
def test_what_is_given_out_as_information(line: str, harmless: bool) -> None:
    assert is_harmless(line) is harmless


def test_ids() -> None:
    assert ids_in(f"disk d-bp1aaaaaaaa, pvc-{UID}: /pods/{UID}/volumes") == {"d-bp1aaaaaaaa", UID}
    assert ids_in(f"RequestId: {UID.upper().replace('1', 'A')} requestId={UID}") == set()
    assert ids_in("id-12345678 csi-d-12345678 d-short") == set()


def test_words() -> None:
    assert set(words_of("mount /csi/pv-1/mount of data/db: 1-a.x.com:/share")) >= {"pv-1", "data/db", "1-a.x.com"}
