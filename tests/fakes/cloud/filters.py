"""Filters that the list operations share."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from tests.fakes.cloud.wire import Json, Parameters


def in_region(items: Iterable[Json], params: Parameters) -> list[Json]:
    """Return the items of the region that was asked for; one that names no region is in every one."""
    region = params.text("RegionId")
    return [item for item in items if not region or item.get("RegionId", region) == region]


def only(items: Iterable[Json], params: Parameters, *names: str) -> list[Json]:
    """Return the items whose fields equal the parameters of the same names; a parameter not sent filters nothing."""
    wanted = {name: params.text(name) for name in names if name in params}
    return [item for item in items if all(str(item.get(name, "")) == value for name, value in wanted.items())]


def among(
    items: Iterable[Json], values: Collection[str] | None, field: str | Callable[[Json], Collection[str]]
) -> list[Json]:
    """Return the items of which a field, or one of several values, is among those asked for; None filters nothing."""
    if values is None:
        return list(items)
    if isinstance(field, str):
        return [item for item in items if item.get(field) in values]
    return [item for item in items if not set(values).isdisjoint(field(item))]


def tagged(items: Iterable[Json], wanted: dict[str, str], key: str = "TagKey", value: str = "TagValue") -> list[Json]:
    """Return the items that carry all tags; an empty value stands for any."""

    def carries(item: Json) -> bool:
        tags = item.get("Tags", [])
        carried: list[Any] = tags.get("Tag", []) if isinstance(tags, dict) else tags
        pairs = {tag[key]: tag[value] for tag in carried}
        return all(name in pairs and wanted[name] in ("", pairs[name]) for name in wanted)

    return [item for item in items if carries(item)]
