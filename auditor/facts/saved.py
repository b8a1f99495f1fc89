"""A landscape as one file: gzip around JSON, with a version, and without anything secret.

The file says which fields were collected, at any depth. Fields that only this version knows are not known in its
rows; tables, fields and kinds of reasons that only a later version knows are passed over.

The file may come from somewhere else, so reading it is bounded in size, in the ratio of decompression and in what
it comes to in memory, and whatever is wrong with it is said in one :class:`BadLandscape`.
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from auditor.facts.catalogue import TABLES
from auditor.facts.cycles import search_held_off
from auditor.facts.decoders import decoder_of
from auditor.facts.landscape import ClusterIdentity, Landscape, SourceLog
from auditor.facts.older import narrowed, paths_in, paths_of
from auditor.facts.table import Gap, NotKnown, Table
from auditor.facts.text import Text

_GZIP = b"\x1f\x8b"
FORMAT = "auditor.landscape/v2"
TOP_FIELDS_ONLY = "auditor.landscape/v1"
"""The format before: the same, but that ``fields`` names only those of the rows, and none of what is in them."""
MAX_BYTES = 1024**3
"""The largest content that is read; a cluster of 5,000 nodes and 100,000 Pods takes about half."""
MAX_FILE_BYTES = 256 * 1024**2
"""The largest file that is read."""
MAX_RATIO = 400
"""The most that a byte of the file may become. Landscapes compress about thirtyfold."""
MAX_OBJECTS = 30_000_000
"""Objects and lists in the content, as each takes far more in memory than its two characters. The cluster above has
about eight million."""
MAX_QUOTES = 200_000_000
"""Quotation marks, two for each text and each name of a field. The cluster above has about 75 million."""
MAX_TEXT = 100_000
"""Characters that the reason of a gap may come to. The auditor's own have a few hundred."""
_MAX_NESTING = 8
_YEARS = range(2000, 2200)
_CHUNK = 1024**2
_encode = msgspec.json.Encoder(order="deterministic").encode


class BadLandscape(Exception):  # noqa: N818 - read as a sentence
    """A file that is no landscape, or not a whole one. Says what was found and what was expected."""


class _TableHead(msgspec.Struct, kw_only=True):
    gaps: list[Gap] = []
    asked: list[str] | None = None
    unavailable: bool = False
    fields: list[str] = []


class _SavedTable(_TableHead, kw_only=True):
    rows: msgspec.Raw


class _Head(msgspec.Struct, kw_only=True):
    format: str
    auditor: str
    cluster: ClusterIdentity
    observed_at: datetime
    collection: tuple[SourceLog, ...] = ()


class _Saved(_Head, kw_only=True):
    tables: dict[str, _SavedTable]


class _Envelope(msgspec.Struct):
    format: str = ""


_ENVELOPE: msgspec.json.Decoder[_Envelope] = decoder_of(_Envelope)
_SAVED: msgspec.json.Decoder[_Saved] = decoder_of(_Saved)


def encode(landscape: Landscape, auditor_version: str) -> bytes:
    """Return the content of a landscape file. The same landscape always gives the same bytes."""
    content = io.BytesIO()
    with gzip.GzipFile(fileobj=content, mode="wb", mtime=0) as stream:
        for part in _parts(landscape, auditor_version):
            stream.write(part)
    return content.getvalue()


def _parts(landscape: Landscape, auditor_version: str) -> Iterator[bytes]:
    """Write the JSON in parts, as the whole of a large cluster would take as much memory as its rows do."""
    head = _Head(
        format=FORMAT,
        auditor=auditor_version,
        cluster=landscape.cluster,
        observed_at=landscape.observed_at,
        collection=landscape.collection,
    )
    yield _encode(head).removesuffix(b"}") + b',"tables":{'
    for number, (name, table) in enumerate(sorted(landscape.tables.items())):
        yield (b"," if number else b"") + _encode(name) + b":"
        yield from _table_parts(name, table)
    yield b"}}"


def _table_parts(name: str, table: Table[Any]) -> Iterator[bytes]:
    rows = () if table.is_unavailable else table.known_rows()
    # Rows of an older file are of a type that has fewer fields.
    row_type = type(rows[0]) if rows else TABLES[name]
    head = _TableHead(
        gaps=list(table.gaps),
        asked=None if table.asked is None else sorted(table.asked),
        unavailable=table.is_unavailable,
        fields=sorted(paths_of(row_type)),
    )
    yield _encode(head).removesuffix(b"}") + b',"rows":['
    for number, row in enumerate(rows):
        yield (b"," if number else b"") + _encode(row)
    yield b"]}"


def read(path: Path) -> Landscape:
    """Read a landscape file, or what comes through a pipe.

    Raises:
        OSError: it can't be read.
        BadLandscape: as :func:`decode` does.
    """
    with path.open("rb") as file:
        content = file.read(len(_GZIP))
        if content == _GZIP:
            content += file.read(MAX_FILE_BYTES)
    return decode(content)


def decode(content: bytes) -> Landscape:
    """Read the content of a landscape file.

    Raises:
        BadLandscape: the content is no landscape, cut short, too large, or of a version that is not known.
    """
    raw = _decompress(content)
    _ensure_affordable(raw)
    try:
        with search_held_off():
            return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadLandscape(f"its content is damaged: {error}; copy it again, or collect anew") from None
    except RecursionError:
        raise BadLandscape("its content is nested too deeply") from None


def _decode(raw: bytearray) -> Landscape:
    envelope = _ENVELOPE.decode(raw)
    if envelope.format not in (FORMAT, TOP_FIELDS_ONLY):
        raise BadLandscape(f"its format is {envelope.format[:60]!r}; this version reads {FORMAT!r}")
    saved = _SAVED.decode(raw)
    _ensure_sound(saved)
    tables = {name: _load(name, table, saved.format) for name, table in saved.tables.items() if name in TABLES}
    return Landscape(saved.cluster, saved.observed_at, tables, saved.collection)


def _ensure_sound(saved: _Saved) -> None:
    """Refuse what no collection gives: an audit of it might fail, never end, or say *passed* wrongly."""
    if not saved.cluster.name:
        raise BadLandscape("its `cluster` has no name")
    if saved.observed_at.tzinfo is None:
        raise BadLandscape("its `observed_at` has no time zone")
    if saved.observed_at.year not in _YEARS:
        raise BadLandscape(f"its `observed_at` is in the year {saved.observed_at.year}")
    for name, table in saved.tables.items():
        if table.unavailable and not table.gaps:
            raise BadLandscape(f"its table {name[:60]!r} is unavailable, and no gap says why")
        for gap in table.gaps:
            _ensure_sayable(gap.reason.message)
    for log in saved.collection:
        for reason in log.reasons:
            _ensure_sayable(reason.message)


def _ensure_sayable(text: Text, nesting: int = 0) -> int:
    """Return about how many characters a text comes to, each value counted as often as it may be filled in."""
    if nesting > _MAX_NESTING:
        raise BadLandscape("the reason of a gap is nested too deeply")
    places = max(1, text.key.count("{"))
    size = len(text.key)
    for value in text.values.values():
        if isinstance(value, Text):
            size += places * _ensure_sayable(value, nesting + 1)
        else:
            size += places * (sum(map(len, value)) if isinstance(value, list) else len(str(value)))
    if size > MAX_TEXT:
        raise BadLandscape(f"the reason of a gap comes to more than {MAX_TEXT} characters")
    return size


def _load(name: str, saved: _SavedTable, version: str) -> Table[Any]:
    row_type = TABLES[name]
    try:
        collected = paths_in(saved.rows, row_type) if version == TOP_FIELDS_ONLY else frozenset(saved.fields)
        row_type = narrowed(row_type, name, collected)
        rows: list[Any] = decoder_of(list[row_type]).decode(saved.rows)  # type: ignore[valid-type]
    except msgspec.MsgspecError as error:
        raise BadLandscape(f"its table {name!r} is damaged: {error}; copy it again, or collect anew") from None
    if saved.unavailable and rows:
        raise BadLandscape(f"its table {name!r} is unavailable, and yet has rows")
    try:
        keys = {row.key for row in rows}
    except NotKnown as gap:
        # Nothing tells the rows apart without what their keys are made of.
        return Table.unavailable(name, *gap.reasons)
    if len(keys) < len(rows):
        raise BadLandscape(f"its table {name!r} has several rows with one key")
    return Table(name, rows, gaps=saved.gaps, asked=saved.asked, unavailable=saved.unavailable)


def _ensure_affordable(raw: bytearray) -> None:
    """Refuse what would take far more memory than the largest landscape does."""
    if raw.count(b"{") + raw.count(b"[") > MAX_OBJECTS or raw.count(b'"') > MAX_QUOTES:
        raise BadLandscape("it has more objects in it than any landscape")


def _decompress(content: bytes) -> bytearray:
    if not content.startswith(_GZIP):
        raise BadLandscape("it is no gzip file; expected one that `auditor collect` wrote")
    if len(content) > MAX_FILE_BYTES:
        raise BadLandscape(f"it has more than {MAX_FILE_BYTES} bytes, which no landscape has")
    limit = min(MAX_BYTES, len(content) * MAX_RATIO)
    raw = bytearray()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            while chunk := stream.read(_CHUNK):
                if len(raw) + len(chunk) > limit:
                    raise BadLandscape(f"it unpacks to more than {limit} bytes, which no landscape does")
                raw += chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadLandscape(f"it is cut short or damaged ({error}); copy it again, or collect anew") from None
    return raw
