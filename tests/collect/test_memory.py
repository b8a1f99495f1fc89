"""The C library is told to give large blocks back, where it can be told."""

import ctypes
from types import SimpleNamespace

import pytest

from auditor.collect.memory import give_back_large_blocks


def test_glibc_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[int, int]] = []
    glibc = SimpleNamespace(
        gnu_get_libc_version=lambda: b"2.36", mallopt=lambda setting, value: said.append((setting, value))
    )
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: glibc)
    give_back_large_blocks()
    assert said == [(-3, 262_144)]


def test_other_libraries_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: SimpleNamespace())
    give_back_large_blocks()
