"""The steps that a check's findings can carry, read from its source: what its page says of how to fix a fault."""

import ast
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from auditor.facts.text import t
from auditor.judge.check import LoadedCheck
from auditor.judge.verdicts import Step, step
from tools.sources import Function, Place, Sources

STEPS = (step.__name__, Step.__name__)
TEXT = t.__name__
MOST_HOPS = 8
"""A text is followed through so many names at most."""
_PLACE = re.compile(r"\{(\w+)\}")


class Unreadable(Exception):  # noqa: N818 - read as a sentence
    """A step whose text can't be found in the source."""


@dataclass(frozen=True)
class WrittenStep:
    """A step as it is written: its text with places such as ``{pod}``, and its command with ``<pod.name>``."""

    text: str
    command: str = ""


@dataclass(frozen=True)
class _Spot:
    """An expression, with the module and the function that it stands in."""

    module: str
    function: Function | None
    node: ast.expr


class Remedies:
    """The remedies of one check."""

    def __init__(self, check: LoadedCheck, sources: Sources) -> None:
        """Take the check, and the sources that it is a part of."""
        self._sources = sources
        module = check.module.__name__
        self._places = list(sources.reach(Place(module, "judge"), Place(module, "subjects")))

    def steps(self) -> list[WrittenStep]:
        """Return all steps, each once, in the order of the code. Raises Unreadable."""
        found: dict[str, WrittenStep] = {}
        for spot in self._calls(STEPS):
            assert isinstance(spot.node, ast.Call)
            texts = list(self._texts(_Spot(spot.module, spot.function, spot.node.args[0])))
            if not texts:
                raise Unreadable(f"{spot.module}:{spot.node.lineno}: the text of this step can't be read")
            command = " ".join(_quoted(word) for word in self._words(spot, spot.node.args[1:]))
            for text in texts:
                found.setdefault(text, WrittenStep(text, command))
        return list(found.values())

    def undecided(self) -> list[str]:
        """Return what it says where everything was read, and does not decide."""
        texts: dict[str, None] = {}
        for spot in self._calls(("undecidable",)):
            assert isinstance(spot.node, ast.Call)
            texts |= dict.fromkeys(self._texts(_Spot(spot.module, spot.function, spot.node.args[1])))
        for spot in self._calls(("Reason",)):
            assert isinstance(spot.node, ast.Call)
            kind, message = spot.node.args[1:3]
            if isinstance(kind, ast.Attribute) and kind.attr == "UNDECIDABLE":
                texts |= dict.fromkeys(self._texts(_Spot(spot.module, spot.function, message)))
        return list(texts)

    def _calls(self, names: Sequence[str]) -> Iterator[_Spot]:
        for spot in self._expressions:
            if isinstance(spot.node, ast.Call) and isinstance(spot.node.func, ast.Name) and spot.node.func.id in names:
                yield spot

    @cached_property
    def _expressions(self) -> list[_Spot]:
        return [
            spot
            for place in self._places
            for statement in self._sources.statements(place)
            for spot in _inside(place.module, None, statement)
        ]

    def _texts(self, spot: _Spot, hops: int = 0) -> Iterator[str]:
        """Yield the texts that an expression can stand for: written there, or where a name in it leads."""
        found = list(_written(spot.node))
        if not found and hops <= MOST_HOPS:
            match spot.node:
                case ast.Name(id=name):
                    found = [text for other in self._behind(spot, name) for text in self._texts(other, hops + 1)]
                case ast.Attribute(attr=name):
                    found = [text for other in self._given(name) for text in self._texts(other, hops + 1)]
        if not found:
            for child in ast.iter_child_nodes(spot.node):
                if isinstance(child, ast.expr):
                    found += self._texts(_Spot(spot.module, spot.function, child), hops)
        yield from found

    def _behind(self, spot: _Spot, name: str) -> Iterator[_Spot]:
        """Yield what a name can stand for: what it is set to nearby, what callers give for it, or a constant."""
        if spot.function is not None:
            nearby = list(_assigned(spot.module, spot.function, name))
            yield from nearby
            parameters = [arg.arg for arg in (*spot.function.args.posonlyargs, *spot.function.args.args)]
            if name in parameters:
                yield from self._given(name, spot.function.name, parameters.index(name))
                return
            if nearby:
                return
        place = self._sources.named(spot.module, ast.Name(name))
        for statement in self._sources.statements(place) if place else ():
            match statement:
                case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                    yield _Spot(place.module, None, value)  # type: ignore[union-attr]
                case ast.FunctionDef() as function:
                    for node in ast.walk(function):
                        if isinstance(node, ast.Return) and node.value:
                            yield _Spot(place.module, function, node.value)  # type: ignore[union-attr]

    def _given(self, name: str, function: str = "", position: int = 0) -> Iterator[_Spot]:
        """Yield what is given for a parameter, of a function or of any class that has such a field."""
        for spot in self._expressions:
            if not isinstance(spot.node, ast.Call) or not isinstance(spot.node.func, ast.Name):
                continue
            called = spot.node.func.id
            place = position if function else self._field(spot.module, called, name)
            if place is None or (function and called != function):
                continue
            given = [one.value for one in spot.node.keywords if one.arg == name] or spot.node.args[place : place + 1]
            yield from (_Spot(spot.module, spot.function, value) for value in given)

    def _field(self, module: str, called: str, name: str) -> int | None:
        place = self._sources.named(module, ast.Name(called))
        for statement in self._sources.statements(place) if place else ():
            if isinstance(statement, ast.ClassDef):
                fields = [one.target for one in statement.body if isinstance(one, ast.AnnAssign)]
                names = [field.id for field in fields if isinstance(field, ast.Name)]
                return names.index(name) if name in names else None
        return None

    def _words(self, spot: _Spot, arguments: Iterable[ast.expr]) -> Iterator[str]:
        """Yield the words of a command; what is filled in for an object is shown as ``<pod.name>``."""
        for argument in arguments:
            match argument:
                case ast.Constant(value=value):
                    yield str(value)
                case ast.Name(id=name) if isinstance(value := getattr(sys.modules[spot.module], name, None), str):
                    yield value
                case ast.JoinedStr(values=values):
                    yield "".join(self._words(spot, (_unwrapped(value) for value in values)))
                case ast.Starred(value=ast.Tuple(elts=words) | ast.List(elts=words)):
                    yield from self._words(spot, words)
                case ast.Starred(value=ast.Name(id=name)):
                    yield from self._spread(spot, name)
                case ast.Starred():
                    yield "…"
                case _:
                    yield f"<{_shown(argument)}>"

    def _spread(self, spot: _Spot, name: str) -> Iterator[str]:
        behind = [one.node for one in self._behind(spot, name)]
        match behind:
            case [ast.Tuple(elts=words) | ast.List(elts=words)]:
                yield from self._words(spot, words)
            case _:
                yield "…"


def shown(text: str) -> str:
    """Return a text for a page of Markdown: its places in italics, or in angle brackets where it is code."""
    parts = text.split("``")
    plain = [_PLACE.sub(r"*\1*", part).replace("<", "&lt;") for part in parts[::2]]
    code = ["`" + _PLACE.sub(r"<\1>", part) + "`" for part in parts[1::2]]
    return "".join(part for pair in zip(plain, [*code, ""], strict=False) for part in pair)


def _inside(module: str, function: Function | None, node: ast.AST) -> Iterator[_Spot]:
    if isinstance(node, ast.expr):
        yield _Spot(module, function, node)
    inner = node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
    for child in ast.iter_child_nodes(node):
        yield from _inside(module, inner, child)


def _assigned(module: str, function: Function, name: str) -> Iterator[_Spot]:
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield _Spot(module, function, value)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                pairs = zip(targets, values, strict=False)
                yield from (
                    _Spot(module, function, value)
                    for one, value in pairs
                    if isinstance(one, ast.Name) and one.id == name
                )


def _written(node: ast.expr) -> Iterator[str]:
    """Yield the texts that stand in an expression itself, without those that are a value of another text."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(text)), *_]) if name == TEXT:
            yield text
        case _:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    yield from _written(child)


def _quoted(word: str) -> str:
    return word if "<" in word or word == "…" else shlex.quote(word)


def _unwrapped(value: ast.expr) -> ast.expr:
    return value.value if isinstance(value, ast.FormattedValue) else value


def _shown(node: ast.expr) -> str:
    """Return a short name for what an expression stands for: ``pod.name``, ``node``."""
    match node:
        case ast.Name(id=name):
            return name.lower().strip("_")
        case ast.Attribute(value=ast.Name(id="self"), attr=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_shown(value)}.{name}"
        case ast.Call(args=[first, *_]):
            return _shown(first)
        case ast.Call(func=func):
            return _shown(func)
        case ast.Subscript(value=value) | ast.BoolOp(values=[value, *_]) | ast.IfExp(body=value):
            return _shown(value)
        case ast.BinOp(left=value):
            return _shown(value)
    return "…"
