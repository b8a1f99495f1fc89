"""A landscape as one file: gzip around JSON, with a version, and without anything secret.

The file may come from somewhere else, so reading it is bounded in size and in the ratio of decompression, and
whatever is wrong with it is said in one :class:`BadLandscape`.
"""

import gzip
import io
import zlib
from datetime import datetime
from typing import Any

import msgspec

from auditor.facts.catalogue import TABLES
from auditor.facts.landscape import ClusterIdentity, Landscape, SourceLog
from auditor.facts.table import Gap, Reason, ReasonKind, Table
from auditor.facts.text import t

FORMAT = "auditor.landscape/v1"
MAX_BYTES = 2 * 1024**3
"""The largest content that is read; a cluster of 5,000 nodes and 100,000 Pods takes about a quarter."""
MAX_RATIO = 400
"""The most that a byte of the file may become. Landscapes compress about twentyfold."""
_CHUNK = 1024**2


class BadLandscape(Exception):  # noqa: N818 - read as a sentence
    """A file that is no landscape, or not a whole one. Says what was found and what was expected."""


class _SavedTable(msgspec.Struct):
    rows: msgspec.Raw
    gaps: list[Gap] = []
    asked: list[str] | None = None
    unavailable: bool = False
    fields: list[str] = []


class _Saved(msgspec.Struct):
    format: str
    auditor: str
    cluster: ClusterIdentity
    observed_at: datetime
    tables: dict[str, _SavedTable]
    collection: tuple[SourceLog, ...] = ()


class _Envelope(msgspec.Struct):
    format: str = ""


def encode(landscape: Landscape, auditor_version: str) -> bytes:
    """Return the content of a landscape file. The same landscape always gives the same bytes."""
    saved = _Saved(
        format=FORMAT,
        auditor=auditor_version,
        cluster=landscape.cluster,
        observed_at=landscape.observed_at,
        collection=landscape.collection,
        tables={name: _save(name, table) for name, table in sorted(landscape.tables.items())},
    )
    return gzip.compress(msgspec.json.encode(saved, order="deterministic"), mtime=0)


def decode(content: bytes) -> Landscape:
    """Read a landscape file.

    Raises:
        BadLandscape: the content is no landscape, cut short, too large, or of a version that is not known.
    """
    raw = _decompress(content)
    try:
        envelope = msgspec.json.decode(raw, type=_Envelope)
        if envelope.format != FORMAT:
            raise BadLandscape(f"its format is {envelope.format!r}; this version reads {FORMAT!r}")
        saved = msgspec.json.decode(raw, type=_Saved)
        tables = {name: _load(name, table) for name, table in saved.tables.items() if name in TABLES}
    except msgspec.MsgspecError as error:
        raise BadLandscape(f"its content is damaged: {error}") from None
    except RecursionError:
        raise BadLandscape("its content is nested too deeply") from None
    if saved.observed_at.tzinfo is None:
        raise BadLandscape("`observed_at` has no time zone")
    return Landscape(saved.cluster, saved.observed_at, tables, saved.collection)


def _save(name: str, table: Table[Any]) -> _SavedTable:
    rows = () if table.is_unavailable else table.known_rows()
    return _SavedTable(
        rows=msgspec.Raw(msgspec.json.encode(rows, order="deterministic")),
        gaps=list(table.gaps),
        asked=None if table.asked is None else sorted(table.asked),
        unavailable=table.is_unavailable,
        fields=sorted(TABLES[name].__struct_fields__),
    )


def _load(name: str, saved: _SavedTable) -> Table[Any]:
    row_type = TABLES[name]
    rows = msgspec.json.decode(saved.rows, type=list[row_type])  # type: ignore[valid-type]
    gaps = list(saved.gaps)
    newer = sorted(set(row_type.__struct_fields__) - set(saved.fields))
    if newer and rows:
        # Fields that the file's version did not collect must not be taken for fields that were empty.
        message = t("the file was saved by a version that did not collect: {fields}", fields=newer)
        return Table.unavailable(name, Reason("landscape", ReasonKind.UNSUPPORTED, message))
    return Table(name, rows, gaps=gaps, asked=saved.asked, unavailable=saved.unavailable)


def _decompress(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        raise BadLandscape("it is no gzip file; expected one that `auditor collect` wrote")
    limit = min(MAX_BYTES, len(content) * MAX_RATIO)
    parts: list[bytes] = []
    size = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > limit:
                    raise BadLandscape(f"it unpacks to more than {limit} bytes, which no landscape does")
                parts.append(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadLandscape(f"it is cut short or damaged ({error}); copy it again, or collect anew") from None
    return b"".join(parts)
