"""Outcomes and findings as bytes, whole: what is read back equals what was written.

The first byte is the version of the format. The content is compressed JSON in ASCII, by the standard library:
names that come from outside may hold halves of surrogate pairs and numbers of any size, which faster encoders refuse.
Fields that an older version did not write take their defaults, and those that only a newer one knows are passed over.
"""

import json
import zlib
from typing import Any, TypeVar

import msgspec

from auditor.facts.decoders import decoder_of
from auditor.judge.outcome import Outcome, ReportedFinding
from auditor.ledger.errors import LedgerError

FORMAT = 1
_LEVEL = 6
T = TypeVar("T")

# Threads that first meet a type at the same time crash the process: what is to be known of these is found out here.
for _type in (Outcome, ReportedFinding):
    decoder_of(_type)


def encode(value: Outcome | ReportedFinding) -> bytes:
    """Return the bytes."""
    text = json.dumps(msgspec.to_builtins(value), separators=(",", ":"), ensure_ascii=True)
    return bytes([FORMAT]) + zlib.compress(text.encode("ascii"), _LEVEL)


def decode_outcome(content: bytes) -> Outcome:
    """Read an outcome. Raises LedgerError if it is damaged."""
    return _decode(content, Outcome)


def decode_finding(content: bytes) -> ReportedFinding:
    """Read a finding. Raises LedgerError if it is damaged."""
    return _decode(content, ReportedFinding)


def _decode(content: bytes, kind: type[T]) -> T:
    if content[:1] != bytes([FORMAT]):
        raise LedgerError("a record of the ledger is of a later version; upgrade the auditor")
    try:
        read: Any = json.loads(zlib.decompress(content[1:]))
        return msgspec.convert(read, kind)
    except (zlib.error, ValueError, msgspec.MsgspecError) as error:
        raise LedgerError(
            f"a record of the ledger is damaged ({type(error).__name__}); restore a copy of the database"
        ) from None
