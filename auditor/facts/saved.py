"""A landscape as one file: gzip around JSON, with a version, and without anything secret.

The file may come from somewhere else, so reading it is bounded in size and in the ratio of decompression, and
whatever is wrong with it is said in one :class:`BadLandscape`.
"""

import gzip
import io
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from auditor.facts.catalogue import TABLES
from auditor.facts.landscape import ClusterIdentity, Landscape, SourceLog
from auditor.facts.table import Gap, Reason, ReasonKind, Table
from auditor.facts.text import Text, t

_GZIP = b"\x1f\x8b"
FORMAT = "auditor.landscape/v1"
MAX_BYTES = 2 * 1024**3
"""The largest content that is read; a cluster of 5,000 nodes and 100,000 Pods takes about a quarter."""
MAX_FILE_BYTES = 256 * 1024**2
"""The largest file that is read."""
MAX_RATIO = 400
"""The most that a byte of the file may become. Landscapes compress about twentyfold."""
MAX_TEXT = 100_000
"""Characters that the reason of a gap may come to. The auditor's own have a few hundred."""
_MAX_NESTING = 8
_YEARS = range(2000, 2200)
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
    try:
        envelope = msgspec.json.decode(raw, type=_Envelope)
        if envelope.format != FORMAT:
            raise BadLandscape(f"its format is {envelope.format[:60]!r}; this version reads {FORMAT!r}")
        saved = msgspec.json.decode(raw, type=_Saved)
        _ensure_sound(saved)
        tables = {name: _load(name, table) for name, table in saved.tables.items() if name in TABLES}
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadLandscape(f"its content is damaged: {error}; copy it again, or collect anew") from None
    except RecursionError:
        raise BadLandscape("its content is nested too deeply") from None
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
    try:
        rows: list[Any] = msgspec.json.decode(saved.rows, type=list[row_type])  # type: ignore[valid-type]
    except msgspec.MsgspecError as error:
        raise BadLandscape(f"its table {name!r} is damaged: {error}; copy it again, or collect anew") from None
    if saved.unavailable and rows:
        raise BadLandscape(f"its table {name!r} is unavailable, and yet has rows")
    if len({row.key for row in rows}) < len(rows):
        raise BadLandscape(f"its table {name!r} has several rows with one key")
    gaps = list(saved.gaps)
    newer = sorted(set(row_type.__struct_fields__) - set(saved.fields))
    if newer and rows:
        # Fields that the file's version did not collect must not be taken for fields that were empty.
        message = t("the file was saved by a version that did not collect: {fields}", fields=newer)
        return Table.unavailable(name, Reason("landscape", ReasonKind.UNSUPPORTED, message))
    return Table(name, rows, gaps=gaps, asked=saved.asked, unavailable=saved.unavailable)


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
