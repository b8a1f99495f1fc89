"""Decoding the answer to a list: straight from bytes into rows, with a gap for each item that can't be read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from auditor.collect.kubernetes.failures import UNREADABLE, reason
from auditor.collect.kubernetes.flags import steering_flags, steering_words
from auditor.collect.kubernetes.kept import TRIM_ROW, trim_annotations, trim_own_annotations, trim_pod_volumes
from auditor.collect.kubernetes.tokens import leave_out_tokens
from auditor.facts.cycles import search_held_off
from auditor.facts.decoders import decoder_of
from auditor.facts.kubernetes.batch import CronJob
from auditor.facts.kubernetes.meta import AnnotatedObject, KubernetesObject
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.workloads import PodTemplate
from auditor.facts.table import Gap, ReasonKind
from auditor.facts.text import Text, t

R = TypeVar("R", bound=KubernetesObject)


class Malformed(Exception):  # noqa: N818 - named for what it says of the answer
    """The answer is not what was asked for."""

    def __init__(self, text: Text) -> None:
        """Take what is wrong with it."""
        super().__init__(str(text))
        self.text = text


@dataclass(frozen=True)
class Expected:
    """What is asked for, and what kind of answer it has to have: an API server always says the kind."""

    path: str
    kind: str

    def check(self, kind: str) -> None:
        """Raise Malformed for an answer of another kind, or of none."""
        if kind != self.kind:
            message = t(
                "GET {path}: the answer is of kind {kind}, {expected} expected",
                path=self.path,
                kind=kind or "-",
                expected=self.kind,
            )
            raise Malformed(message)


class ListMeta(msgspec.Struct, rename="camel", frozen=True):
    """Where the list goes on, and how many items are left."""

    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


@dataclass(frozen=True)
class Decoded(Generic[R]):
    """What an answer held: its rows, the gaps of items that can't be read, and how many items there were in all."""

    rows: list[R]
    gaps: list[Gap]
    items: int
    meta: ListMeta


class _Answer(msgspec.Struct, Generic[R], frozen=True):
    items: list[R]
    kind: str = ""
    metadata: ListMeta = ListMeta()


class _RawAnswer(msgspec.Struct, frozen=True):
    items: list[msgspec.Raw] | None = None
    kind: str = ""
    metadata: ListMeta = ListMeta()


class _Name(msgspec.Struct, frozen=True):
    name: str
    namespace: str = ""


class _Named(msgspec.Struct, frozen=True):
    metadata: _Name


@cache
def _answer_decoder(row_type: type[R]) -> msgspec.json.Decoder[_Answer[R]]:
    return decoder_of(_Answer[row_type])  # type: ignore[valid-type]


@cache
def _item_decoder(row_type: type[R]) -> msgspec.json.Decoder[R]:
    return decoder_of(row_type)


_RAW = msgspec.json.Decoder(_RawAnswer)
_NAMED = msgspec.json.Decoder(_Named)


def decode_list(body: bytes, expected: Expected, row_type: type[R]) -> Decoded[R]:
    """Return what a list of the API holds. Raises Malformed if it is none."""
    try:
        with search_held_off():
            answer = _answer_decoder(row_type).decode(body)
    except msgspec.ValidationError:
        return _decode_one_by_one(body, expected, row_type)
    except UNREADABLE:
        raise Malformed(t("GET {path}: the answer is no whole JSON", path=expected.path)) from None
    expected.check(answer.kind)
    _trim(answer.items, row_type)
    return Decoded(answer.items, [], len(answer.items), answer.metadata)


def _decode_one_by_one(body: bytes, expected: Expected, row_type: type[R]) -> Decoded[R]:
    try:
        answer = _RAW.decode(body)
    except UNREADABLE:
        raise Malformed(t("GET {path}: the answer is no list of the API", path=expected.path)) from None
    expected.check(answer.kind)
    if answer.items is None:
        raise Malformed(t("GET {path}: items of the answer is null or absent", path=expected.path))
    rows: list[R] = []
    gaps: list[Gap] = []
    decoder = _item_decoder(row_type)
    for item in answer.items:
        try:
            rows.append(decoder.decode(item))
        except UNREADABLE as error:
            gaps.append(gap_of_item(bytes(item), expected.path, error))
    _trim(rows, row_type)
    return Decoded(rows, gaps, len(answer.items), answer.metadata)


def decode_object(body: bytes, expected: Expected, row_type: type[R]) -> R:
    """Return a single object. Raises Malformed if it is none of this kind, and says where, but quotes no value."""
    try:
        expected.check(_KIND.decode(body).kind)
        row: R = _item_decoder(row_type).decode(body)
    except msgspec.ValidationError as error:
        raise Malformed(t("GET {path}: it can't be read: {what}", path=expected.path, what=str(error))) from None
    except UNREADABLE:
        raise Malformed(t("GET {path}: the answer is no whole JSON", path=expected.path)) from None
    _trim([row], row_type)
    return row


class _Kind(msgspec.Struct, frozen=True):
    kind: str = ""


_KIND = msgspec.json.Decoder(_Kind)


def gap_of_item(item: bytes, path: str, error: Exception) -> Gap:
    """Return the gap that an item leaves which can't be read: only its own row, if it has a name."""
    # The decoder names the place and the types, and quotes no value.
    what = str(error) if isinstance(error, msgspec.ValidationError) else "no valid JSON"
    try:
        named = _NAMED.decode(item).metadata
    except UNREADABLE:
        message = t("GET {path}: an item without a name can't be read: {what}", path=path, what=what)
        return Gap(reason(ReasonKind.MALFORMED, message))
    key = f"{named.namespace}/{named.name}" if named.namespace else named.name
    message = t("GET {path}: {key} can't be read: {what}", path=path, key=key, what=what)
    return Gap(reason(ReasonKind.MALFORMED, message), frozenset({key}))


def _trim(rows: Sequence[Any], row_type: type[KubernetesObject]) -> None:
    """Take out of rows what is ballast or may be a secret, before anything else sees them."""
    if issubclass(row_type, AnnotatedObject):
        for row in rows:
            trim_annotations(row.metadata.annotations or {})
    else:
        for row in rows:
            trim_own_annotations(row.metadata)
    if trim_row := TRIM_ROW.get(row_type):
        for row in rows:
            trim_row(row)
    if row_type is Pod:
        leave_out_tokens(rows)
    if template_of := _template_of(row_type):
        for row in rows:
            _trim_template(template_of(row))


@cache
def _template_of(row_type: type[KubernetesObject]) -> Callable[[Any], PodTemplate] | None:
    """Return the function that finds the Pod template of a row; None if such rows have none."""
    if issubclass(row_type, CronJob):
        return lambda row: row.spec.job_template.spec.template
    spec = next((member.type for member in msgspec.structs.fields(row_type) if member.name == "spec"), None)
    return (lambda row: row.spec.template) if "template" in getattr(spec, "__struct_fields__", ()) else None


def _trim_template(template: PodTemplate) -> None:
    trim_pod_volumes(template.spec)
    for container in template.spec.containers:
        if container.args is not None:
            container.args[:] = steering_flags(container.args)
        if container.command is not None:
            container.command[:] = steering_words(container.command)
