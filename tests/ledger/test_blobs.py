"""Outcomes as bytes."""

import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from auditor.agent.audit import Watcher, audit
from auditor.facts.ref import Layer, Ref
from auditor.facts.saved import decode
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import Text
from auditor.judge.outcome import Changed, Lifecycle, Outcome, ReportedFinding, Suppression
from auditor.judge.registry import load_checks
from auditor.judge.verdicts import Certainty, Hop, HopState, Severity, Step
from auditor.ledger import blobs
from auditor.ledger.errors import LedgerError
from tests.ledger.make import result, run
from tests.report import samples
from tools.demo import TARGET

OF_VERSION_1 = Path(__file__).parent / "outcome.v1"

# Halves of surrogate pairs and NUL are included; two halves that are a pair are one character.
words = some.text(some.characters(), max_size=8).map(
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
)
values = words | some.integers() | some.floats(allow_nan=False) | some.booleans() | some.lists(words, max_size=3)
texts = some.recursive(
    some.builds(Text, words, some.dictionaries(words, values, max_size=3)),
    lambda inner: some.builds(Text, words, some.dictionaries(words, values | inner, max_size=3)),
    max_leaves=4,
)
refs = some.builds(Ref, some.sampled_from(Layer), words, words, words, words)
evidence = values | some.none() | some.dictionaries(words, some.integers() | words, max_size=3)
moments = some.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=some.just(UTC),
).map(lambda moment: moment.replace(fold=0))
findings = some.builds(
    ReportedFinding,
    fingerprint=words,
    check=words,
    severity=some.sampled_from(Severity),
    certainty=some.sampled_from(Certainty),
    subject=refs,
    message=texts,
    why=texts,
    remedy=some.lists(some.builds(Step, texts, words), max_size=2).map(tuple),
    trail=some.lists(some.builds(Hop, refs, some.sampled_from(HopState), some.none() | texts), max_size=2).map(tuple),
    evidence=some.dictionaries(words, evidence, max_size=4),
    affected=some.lists(refs, max_size=2).map(tuple),
    lifecycle=some.sampled_from(Lifecycle),
    first_seen=some.none() | moments,
    last_seen=some.none() | moments,
    suppression=some.none() | some.builds(Suppression, words, words, some.dates()),
)
reasons = some.builds(Reason, words, some.sampled_from(ReasonKind), texts, some.lists(words, max_size=2).map(tuple))


@given(some.lists(findings, max_size=2), some.lists(reasons, max_size=2), findings, moments)
@settings(deadline=None, max_examples=150)
def test_whatever_an_outcome_says_comes_back(
    found: list[ReportedFinding], gaps: list[Reason], gone: ReportedFinding, moment: datetime
) -> None:
    outcome = run(
        0,
        found,
        [result(reasons=gaps, general=tuple(gaps))],
        observed_at=moment,
        resolved=(gone,),
        unevaluated=(gone,),
        changed=(Changed(gone.fingerprint, gone.severity, True),),
    )
    read = blobs.decode_outcome(blobs.encode(outcome))
    assert read == outcome
    # Equality takes 1, 1.0 and True for the same.
    assert repr(read) == repr(outcome)


@pytest.mark.parametrize("sample", [samples.outcome, samples.healthy, samples.hostile, samples.crowded])
def test_the_samples_come_back(sample: Callable[[], Outcome]) -> None:
    outcome = sample()
    assert repr(blobs.decode_outcome(blobs.encode(outcome))) == repr(outcome)


def test_the_demo_comes_back() -> None:
    outcome = audit(decode(TARGET.read_bytes()), load_checks(), [], "landscape", Watcher())
    read = blobs.decode_outcome(blobs.encode(outcome))
    assert repr(read) == repr(outcome)
    assert read.is_complete == outcome.is_complete


def test_what_version_1_wrote_is_read() -> None:
    read = blobs.decode_outcome(OF_VERSION_1.read_bytes())
    assert read == samples.outcome(suppressions=())


def test_fields_of_other_versions_are_no_hindrance() -> None:
    plain = msgspec.to_builtins(run(0, ["a"]))
    del plain["unevaluated"], plain["changed"], plain["checks"][0]["general"]
    plain["of_the_future"] = {"a": [1]}
    plain["findings"][0]["of_the_future"] = 1
    content = b"\x01" + zlib.compress(json.dumps(plain).encode())
    assert blobs.decode_outcome(content) == run(0, ["a"])


@pytest.mark.parametrize("content", [b"", b"\x02abc", b"\x01abc", b"\x01" + zlib.compress(b"{}"), b"\x01\x78"])
def test_a_damaged_record_is_said_to_be_so(content: bytes) -> None:
    with pytest.raises(LedgerError):
        blobs.decode_outcome(content)


def test_dates_and_moments_keep_their_types() -> None:
    kept = blobs.decode_outcome(blobs.encode(samples.outcome()))
    suppression = kept.findings[2].suppression
    assert suppression is not None
    assert suppression.expires == date(2026, 12, 31)
    assert kept.observed_at.utcoffset() == timedelta()


def test_threads_may_read_the_first_outcomes_at_the_same_time() -> None:
    """As the sender and the refreshing of alerts do when an agent starts. It ended with a segmentation fault."""
    program = (
        "import sys, threading\nsys.setswitchinterval(1e-6)\nfrom auditor.ledger import blobs\n"
        "from tests.ledger.make import run\ncontent = blobs.encode(run(0, ['a', 'b']))\ngo = threading.Barrier(4)\n"
        "def read():\n    go.wait()\n    blobs.decode_outcome(content)\n"
        "threads = [threading.Thread(target=read) for _ in range(4)]\n"
        "[one.start() for one in threads]\n[one.join() for one in threads]\n"
    )
    for _ in range(6):
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
