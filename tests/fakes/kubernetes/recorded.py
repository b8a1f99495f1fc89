"""The recorded answers of a healthy cluster's API server, one gzip file each, named after the API path."""

import gzip
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "recorded" / "kubernetes"


@cache
def body(name: str) -> bytes:
    """Return one recorded body, by its file name without ``.gz``."""
    return gzip.decompress((FOLDER / f"{name}.gz").read_bytes())


def document(name: str) -> dict[str, Any]:
    """Return a fresh copy of one recorded JSON document, by its file name without ``.json.gz``."""
    loaded: dict[str, Any] = json.loads(body(f"{name}.json"))
    return loaded


def lists() -> dict[str, dict[str, Any]]:
    """Return the recorded lists by API path. Secrets are not among them: they were recorded without data."""
    documents = {
        "/" + path.name.removesuffix(".json.gz").replace("_", "/"): document(path.name.removesuffix(".json.gz"))
        for path in sorted(FOLDER.glob("api*_*.json.gz"))
        if ".partialmetadata." not in path.name and ".table." not in path.name
    }
    return {path: loaded for path, loaded in documents.items() if "items" in loaded}


def discovery() -> dict[str, bytes]:
    """Return the recorded discovery documents by API path."""
    found = {f"/{name}": body(f"{name}.json") for name in ("api", "apis", "version")}
    for path in sorted((FOLDER / "discovery").glob("*.json.gz")):
        name = path.name.removesuffix(".gz")
        found["/" + name.removesuffix(".json").replace("_", "/")] = body(f"discovery/{name}")
    return found


def logs() -> dict[str, str]:
    """Return the recorded logs by ``namespace/pod/container``."""
    found = {}
    for path in sorted((FOLDER / "logs").glob("*.txt.gz")):
        match = re.fullmatch(r"api_v1_namespaces_(.+)_pods_(.+)_log\.(.+)", path.name.removesuffix(".txt.gz"))
        if match:
            found["/".join(match.groups())] = body(f"logs/{path.name.removesuffix('.gz')}").decode()
    return found
