"""The response models of the official typed SDKs, and what of an answer does not fit them."""

import functools
import importlib
import typing
from collections.abc import Iterator, Mapping
from typing import Any

Model = Any
"""A class of an SDK; these ship no types."""


def response_model(product: str, version: str, action: str) -> Model | None:
    """Return the model of the answers of an operation; None if the SDK has none, or only an object of free form."""
    try:
        models = importlib.import_module(f"alibabacloud_{product}{version.replace('-', '')}.models")
    except ModuleNotFoundError:
        return None
    model: Model | None = getattr(models, f"{action}Response", None)
    return None if model is None or _hints(model)["body"] is dict else model


def misfits(model: Model, body: Any) -> set[str]:
    """Return what of the body of an answer is not in the model, or of another type, by place; empty if it fits.

    Models take what they know by key, and keep it as it is, so a key that is never asked for is none of theirs,
    and types have to be compared with those that they declare.
    """
    answer = _watched(body, "")
    try:
        filled = model().from_map({"body": answer})
    except (AttributeError, TypeError, ValueError) as error:
        return {f"can't be read into the model: {error}"}
    return {*_unread(answer), *_of_other_types(filled.body, _hints(model)["body"], "")}


def unwrapped(part: Any) -> Any:
    """Return a part of an answer with flat lists: those that stand alone in an object take its place."""
    if isinstance(part, dict):
        inner = next(iter(part.values())) if len(part) == 1 else None
        if isinstance(inner, list):
            return [unwrapped(item) for item in inner]
        return {key: unwrapped(value) for key, value in part.items()}
    return [unwrapped(item) for item in part] if isinstance(part, list) else part


def kept(model: Model, body: Any) -> Any:
    """Return the body of an answer after it went through the model."""
    return model().from_map({"body": body}).to_map().get("body")


def said(part: Any) -> Any:
    """Return a part of an answer without nulls and empty lists: the models write the one for the other."""
    if isinstance(part, dict):
        found = {key: said(value) for key, value in part.items()}
        return {key: value for key, value in found.items() if value is not None and value != []}
    return [said(value) for value in part] if isinstance(part, list) else part


class _Watched(dict[str, Any]):
    """An object of an answer that notes which of its keys are asked for."""

    def __init__(self, content: Mapping[str, Any], place: str) -> None:
        super().__init__(content)
        self.place = place
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, and note the key."""
        self.asked.add(key)
        return super().get(key, default)

    def __bool__(self) -> bool:
        return True


def _watched(part: Any, place: str) -> Any:
    if isinstance(part, dict):
        return _Watched(
            {key: _watched(value, f"{place}.{key}" if place else key) for key, value in part.items()}, place
        )
    return [_watched(value, f"{place}[]") for value in part] if isinstance(part, list) else part


def _unread(part: Any) -> Iterator[str]:
    """Yield the keys that no model asked for; an object of which nothing was asked for is one of free form."""
    if isinstance(part, _Watched):
        if part.asked:
            yield from (f"{part.place}.{key} is not in the model".removeprefix(".") for key in set(part) - part.asked)
        for value in part.values():
            yield from _unread(value)
    elif isinstance(part, list):
        for value in part:
            yield from _unread(value)


@functools.cache
def _hints(model: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(model.__init__)


def _of_other_types(value: Any, hint: Any, place: str) -> Iterator[str]:
    if value is None or hint is Any:
        return
    if hint in (str, int, bool):
        if type(value) is not hint:
            yield f"{place} is a {type(value).__name__}, and a {hint.__name__} in the model"
    elif hint is float:
        if type(value) not in (int, float):
            yield f"{place} is a {type(value).__name__}, and a number in the model"
    elif typing.get_origin(hint) is list:
        if isinstance(value, list):
            for item in value:
                yield from _of_other_types(item, typing.get_args(hint)[0], f"{place}[]")
        else:
            yield f"{place} is a {type(value).__name__}, and a list in the model"
    elif hint is dict or typing.get_origin(hint) is dict:
        if isinstance(value, dict):
            of_values = typing.get_args(hint)[1] if typing.get_args(hint) else Any
            for item in value.values():
                yield from _of_other_types(item, of_values, f"{place}{{}}")
        else:
            yield f"{place} is a {type(value).__name__}, and an object in the model"
    else:
        assert isinstance(value, hint), f"{place}: {hint} is not understood"
        for name, inner in _hints(hint).items():
            yield from _of_other_types(getattr(value, name), inner, f"{place}.{name}".removeprefix("."))
