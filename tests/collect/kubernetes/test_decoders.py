"""Decoders are made one at a time, though lists are read by several threads: see :mod:`auditor.facts.decoders`."""

import ast
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

import auditor
from auditor.collect.kubernetes import answers
from auditor.facts.decoders import decoder_of
from auditor.facts.kubernetes.meta import KubernetesObject, Meta

THREADS = 8


class Making:
    """Stands for ``msgspec.json.Decoder``. Counts how many are being made at once."""

    def __init__(self) -> None:
        self.made = 0
        self.most = 0
        self._under_way = 0
        self._lock = threading.Lock()
        self._real = msgspec.json.Decoder

    def __call__(self, of: Any) -> msgspec.json.Decoder[Any]:
        with self._lock:
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        time.sleep(0.01)
        decoder = self._real(of)
        with self._lock:
            self._under_way -= 1
            self.made += 1
        return decoder


@pytest.mark.parametrize("make", [answers._answer_decoder, answers._item_decoder, decoder_of])
def test_one_is_made_at_a_time(make: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    types = [
        msgspec.defstruct(
            f"Thing{number}", [("metadata", Meta)], bases=(KubernetesObject,), frozen=True, module=__name__
        )
        for number in range(THREADS)
    ]
    making = Making()
    monkeypatch.setattr(msgspec.json, "Decoder", making)
    together = threading.Barrier(THREADS)

    def make_it(row_type: Any) -> Any:
        together.wait()
        return make(row_type)

    with ThreadPoolExecutor(THREADS) as pool:
        decoders = list(pool.map(make_it, types))
    assert (making.made, making.most) == (THREADS, 1)
    assert len({id(decoder) for decoder in decoders}) == THREADS


def test_nobody_makes_one_on_the_way() -> None:
    folder = Path(auditor.__file__).parent
    found = [
        f"{path.relative_to(folder)}:{node.lineno}"
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "msgspec.json.decode"
        and any(keyword.arg == "type" for keyword in node.keywords)
    ]
    assert not found, "make a decoder for it with decoder_of()"
