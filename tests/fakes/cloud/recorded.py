"""The recorded answers of a healthy account, from which the fake's state is made."""

import functools
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fakes.cloud.wire import Json

FOLDER = Path(__file__).parents[1] / "recorded" / "cloud"


@functools.cache
def _text(name: str) -> str:
    return gzip.decompress((FOLDER / f"{name}.gz").read_bytes()).decode()


def text(name: str) -> str:
    """Return one recorded file as it is, such as ``errors/gateway_502.html``."""
    return _text(name)


def answer(name: str) -> Any:
    """Return a fresh copy of one recorded answer, such as ``ecs/DescribeDisks.json``."""
    return json.loads(_text(name))


def answers(product: str, action: str) -> Iterator[Json]:
    """Yield the recorded answers of an operation that is called per object."""
    for path in sorted((FOLDER / product).glob(f"{action}.*.json.gz")):
        if "of2" not in path.name:
            yield answer(f"{product}/{path.name.removesuffix('.gz')}")


def index() -> list[Json]:
    """Return what each file answers: product, API version, action or path, and parameters."""
    found: list[Json] = answer("index.json")
    return found
