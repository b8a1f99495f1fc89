"""Collects the texts of Python modules for the translation: an extraction method of Babel, named ``checks``."""

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import IO

from auditor.judge.check import read_docstring

Message = tuple[int, str | None, str, list[str]]
"""What Babel wants: the line, the function, the text, comments for translators."""


class NotLiteral(Exception):  # noqa: N818 - read as a sentence
    """A text that is put together at run time, so that no catalogue can contain it. Says where."""


def extract_check(
    fileobj: IO[bytes], keywords: Collection[str], comment_tags: Collection[str], options: Mapping[str, object]
) -> Iterator[Message]:
    """Yield the texts of a module.

    Of any module these are the first arguments of ``t(…)`` and of the other keywords; of a check also the title
    and the reason in its docstring, as a report shows them, and its ``limits``.

    Raises:
        BadCheck: the docstring of a check lacks a part.
        NotLiteral: an f-string stands as a text.
    """
    del comment_tags, options
    name = str(getattr(fileobj, "name", "a module"))
    module = ast.parse(fileobj.read(), name)
    declaration = _declaration(module)
    if declaration is not None:
        for part in read_docstring(ast.get_docstring(module, clean=False), name):
            yield 1, None, part, []
        for keyword in declaration.keywords:
            if keyword.arg == "limits":
                yield from ((literal.lineno, None, str(literal.value), []) for literal in _literals(keyword.value))
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and node.args and (function := _name(node.func)) in keywords:
            text = node.args[0]
            if isinstance(text, ast.JoinedStr):
                raise NotLiteral(f"{name}:{text.lineno}: a text has to be a literal; put values into {{places}}")
            for literal in _choices(text):
                yield literal.lineno, function, str(literal.value), []


def _declaration(module: ast.Module) -> ast.Call | None:
    """Return the ``Check(…)`` of ``check = Check(…)``, by which a module is a check."""
    for statement in module.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
            continue
        if [_name(target) for target in statement.targets] == ["check"] and _name(statement.value.func) == "Check":
            return statement.value
    return None


def _name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None


def _literals(node: ast.expr) -> list[ast.Constant]:
    return [part for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def _choices(node: ast.expr) -> list[ast.Constant]:
    """Return the texts that an argument may be: itself, or both sides of ``a if … else b``."""
    if isinstance(node, ast.IfExp):
        return _choices(node.body) + _choices(node.orelse)
    return [node] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []
