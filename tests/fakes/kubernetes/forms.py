"""The forms in which a list can be asked for: whole objects, their metadata alone, or a table."""

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Form:
    """What a request asks for, by its ``Accept`` header and the parameter ``includeObject``."""

    accept: str
    include: str

    def document(self, kind: str, api_version: str, meta: Object, items: list[Object]) -> Object:
        """Return the list in this form."""
        if "as=Table;" in self.accept:
            columns = _columns(kind)
            return {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": meta,
                "columnDefinitions": [
                    {"name": name, "type": "string", "format": "", "priority": 0} for name in columns
                ],
                "rows": [self._row(kind, thing) for thing in items],
            }
        if "as=PartialObjectMetadataList;" in self.accept:
            partial = "PartialObjectMetadata"
            return {
                "kind": f"{partial}List",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": meta,
                "items": [_metadata_of(thing) for thing in items],
            }
        return {"kind": f"{kind}List", "apiVersion": api_version, "metadata": meta, "items": items}

    def _row(self, kind: str, thing: Object) -> Object:
        name = thing["metadata"]["name"]
        cells = [name, thing["type"], len(thing.get("data") or {}), "11m"] if kind == "Secret" else [name, "11m"]
        if self.include == "None":
            return {"cells": cells}
        return {"cells": cells, "object": thing if self.include == "Object" else _metadata_of(thing)}


def _columns(kind: str) -> list[str]:
    return ["Name", "Type", "Data", "Age"] if kind == "Secret" else ["Name", "Created At"]


def _metadata_of(thing: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": thing["metadata"]}
