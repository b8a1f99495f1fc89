"""Rows of a version that knew fewer fields: whoever asks them for a field that was not collected is told so.

A landscape file says which fields its version collected, as paths from the row (``spec.securityContext.fsGroup``).
Where this version knows more, a missing field must not be taken for one that was empty. So the rows are read as
types of their own, on which just those fields raise :class:`~auditor.facts.table.NotKnown`: what never looks at them
is judged as ever.
"""

from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from auditor.facts.table import NotKnown, Reason, ReasonKind
from auditor.facts.text import t


class _NotCollected:
    """Stands in the place of a field."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __get__(self, row: object, row_type: type | None = None) -> Any:
        if row is None:
            return self
        message = t("the file was saved by a version that did not collect: {fields}", fields=[self._path])
        raise NotKnown(Reason("landscape", ReasonKind.UNSUPPORTED, message))


def is_collected(struct: type[Any], field: str) -> bool:
    """Tell whether a field may be asked for."""
    return not isinstance(getattr(struct, field, None), _NotCollected)


def paths_of(row_type: type[Any]) -> frozenset[str]:
    """Return the paths of all fields that rows of this type have, at any depth, as they are named in files.

    What :func:`narrowed` took away is left out, so that a landscape may be saved again.
    """
    paths = set()
    for field in msgspec.structs.fields(row_type):
        if not is_collected(row_type, field.name):
            continue
        paths.add(field.encode_name)
        for part in _structs_in(field.type):
            paths |= {f"{field.encode_name}.{path}" for path in paths_of(part)}
    return frozenset(paths)


_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def paths_in(rows: msgspec.Raw, row_type: type[Any]) -> frozenset[str]:
    """Return the paths of the fields that the version collected which wrote these rows.

    For files that name only the fields of the rows themselves. Each version writes every field of every object, an
    empty one too; so a field that no object has was not collected. Where no object is, nobody can ask for its fields.
    """
    known = paths_of(row_type)
    objects: set[str] = set()
    found: set[str] = set()
    for row in _RAWS.decode(rows):
        _note(msgspec.json.decode(row), "", known, objects, found)
    return frozenset(path for path in known if path in found or path.rpartition(".")[0] not in objects)


def narrowed(row_type: type[Any], table: str, collected: frozenset[str]) -> type[Any]:
    """Return the type for rows of which only these paths were collected: the row type itself, if that is all."""
    lacking = paths_of(row_type) - collected
    return _without(row_type, table, lacking) if lacking else row_type


def _without(struct: type[Any], place: str, lacking: frozenset[str]) -> type[Any]:
    """Return the type without the fields that are lacking. Fields beneath others are declared anew, as narrower."""
    declared: list[tuple[str, Any, Any]] = []
    withheld: dict[str, _NotCollected] = {}
    for field in msgspec.structs.fields(struct):
        name, path = field.encode_name, f"{place}.{field.encode_name}"
        below = frozenset(other.removeprefix(f"{name}.") for other in lacking if other.startswith(f"{name}."))
        if name in lacking:
            withheld[field.name] = _NotCollected(path)
            if field.required:
                declared.append((field.name, Any, msgspec.field(default=None, name=name)))
        elif below:
            # Without a default, as one would have the fields: every version writes every field.
            declared.append((field.name, _narrower(field.type, path, below), msgspec.field(name=name)))
    made = msgspec.defstruct(struct.__name__, declared, bases=(struct,), kw_only=True)
    for attribute, stand_in in withheld.items():
        setattr(made, attribute, stand_in)
    return made


def _narrower(annotation: Any, place: str, lacking: frozenset[str]) -> Any:
    """Return the annotation with the structs in it narrowed: ``list[Container] | None`` stays a list, or None."""
    if _is_struct(annotation):
        return _without(annotation, place, lacking & paths_of(annotation))
    parts = tuple(_narrower(part, place, lacking) for part in get_args(annotation))
    if not parts:
        return annotation
    origin = get_origin(annotation)
    return Union[parts] if origin in (Union, UnionType) else origin[parts]  # noqa: UP007


def _structs_in(annotation: Any) -> list[type[Any]]:
    if _is_struct(annotation):
        return [annotation]
    found = [struct for part in get_args(annotation) for struct in _structs_in(part)]
    if found and get_origin(annotation) is dict:
        raise TypeError(f"{annotation}: rows have no dictionaries of structs, whose fields would have no path")
    return found


def _is_struct(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)


def _note(value: Any, place: str, known: frozenset[str], objects: set[str], found: set[str]) -> None:
    if isinstance(value, list):
        for member in value:
            _note(member, place, known, objects, found)
    elif isinstance(value, dict):
        objects.add(place)
        for name, member in value.items():
            path = f"{place}.{name}" if place else name
            if path in known:
                found.add(path)
                _note(member, path, known, objects, found)
