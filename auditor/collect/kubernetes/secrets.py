"""Secrets: that they exist, and of which type. Their data is not asked for, and not read if it comes all the same."""

from typing import Any, Literal

import msgspec

from auditor.collect.kubernetes.answers import Decoded, Expected, ListMeta, Malformed, gap_of_item
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.failures import SOURCE, UNREADABLE, reason
from auditor.collect.kubernetes.kept import trim_own_annotations
from auditor.collect.kubernetes.lists import Listing, read_table
from auditor.collect.provider import provides
from auditor.facts.kubernetes.meta import Meta
from auditor.facts.kubernetes.secrets import SecretName
from auditor.facts.ref import Layer
from auditor.facts.table import Gap, ReasonKind, Table
from auditor.facts.text import t

TYPE_COLUMN = "Type"


class _Column(msgspec.Struct, frozen=True):
    name: str


class _Metadata(msgspec.Struct, frozen=True):
    """The object of a row. There is no member for data, so that none can be decoded."""

    kind: Literal["PartialObjectMetadata"]
    metadata: Meta


class _Row(msgspec.Struct, frozen=True):
    cells: list[msgspec.Raw]
    object: _Metadata


class _RowMetadata(msgspec.Struct, frozen=True):
    object: msgspec.Raw = msgspec.Raw(b"{}")


class _Table(msgspec.Struct, rename="camel", frozen=True):
    kind: str = ""
    metadata: ListMeta = ListMeta()
    column_definitions: list[_Column] | None = None
    rows: list[msgspec.Raw] | None = None


_TABLE = msgspec.json.Decoder(_Table)
_ROW = msgspec.json.Decoder(_Row)
_ROW_METADATA = msgspec.json.Decoder(_RowMetadata)
_TYPE = msgspec.json.Decoder(str)


def decode_table(body: bytes, expected: Expected, row_type: type[Any]) -> Decoded[SecretName]:  # noqa: ARG001
    """Return the Secrets of a ``Table``: the metadata of each row, and the cell of its column ``Type``.

    Raises Malformed if the answer is no Table, such as the list of whole Secrets that was not asked for.
    """
    try:
        table = _TABLE.decode(body)
    except UNREADABLE:
        raise Malformed(t("GET {path}: the answer is no table of the API", path=expected.path)) from None
    expected.check(table.kind)
    if table.rows is None:
        raise Malformed(t("GET {path}: rows of the answer is null or absent", path=expected.path))
    columns = [column.name for column in table.column_definitions or ()]
    place = columns.index(TYPE_COLUMN) if TYPE_COLUMN in columns else None
    rows: list[SecretName] = []
    gaps: list[Gap] = []
    for raw in table.rows:
        try:
            rows.append(_secret(_ROW.decode(raw), place))
        except UNREADABLE as error:
            gaps.append(_gap(bytes(raw), expected.path, error))
    return Decoded(rows, gaps, len(table.rows), table.metadata)


def _secret(row: _Row, place: int | None) -> SecretName:
    trim_own_annotations(row.object.metadata)
    if place is None or place >= len(row.cells):
        return SecretName(row.object.metadata)
    return SecretName(row.object.metadata, _TYPE.decode(row.cells[place]))


def _gap(row: bytes, path: str, error: Exception) -> Gap:
    try:
        item = bytes(_ROW_METADATA.decode(row).object)
    except UNREADABLE:
        item = row
    return gap_of_item(item, path, error)


# https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
# PartialObjectMetadata alone does not have the type.
METADATA = Listing(
    "/api/v1/secrets",
    "Table",
    accept="application/json;as=Table;g=meta.k8s.io;v=v1",
    query={"includeObject": "Metadata"},
    decode=decode_table,
)


@provides("secret_names", source=SOURCE, layer=Layer.KUBERNETES, permissions=(METADATA.permission,))
def secret_names(client: KubernetesClient) -> Table[SecretName]:
    """List the metadata and the types of Secrets, if the operator allows it."""
    if not client.secret_metadata:
        message = t("Secrets are not listed; set secret_metadata = true to let their names and types be read")
        return Table.unavailable("secret_names", reason(ReasonKind.SWITCHED_OFF, message))
    return read_table(client, "secret_names", METADATA, SecretName)
