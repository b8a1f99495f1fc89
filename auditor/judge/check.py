"""What a check is: one module with a docstring, a ``check``, ``subjects`` and ``judge``."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from auditor.judge.verdicts import Severity


class BadCheck(Exception):  # noqa: N818 - read as a sentence: "bad check: …"
    """A module in a folder of checks that is not a check. Says what is missing, and where."""


@dataclass(frozen=True)
class Check:
    """What a check module declares about itself, beside its docstring.

    Attributes:
        severity: of its findings, where a finding does not say otherwise.
        causes: the rows of the notes on failure causes that it implements, e.g. ``("S2",)``.
        since: the version in which it appeared.
        symptoms: what people see who look for this cause.
        aliases: former ids.
        limits: what the check can't see, one sentence each, for its page.
        links: documentation to read further.
    """

    severity: Severity
    causes: tuple[str, ...]
    since: str
    symptoms: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadedCheck:
    """A check, ready to run."""

    id: str
    title: str
    why: str
    check: Check
    subjects: Callable[..., Iterable[Any]]
    judge: Callable[..., Any]
    subject_facts: tuple[str, ...]
    judge_facts: tuple[str, ...]
    module: ModuleType = field(repr=False)

    @property
    def area(self) -> str:
        """The subject area: the first part of the id."""
        return self.id.split("/", 1)[0]


def load_check(check_id: str, module: ModuleType) -> LoadedCheck:
    """Read a module as a check. Raises BadCheck with what is missing."""
    check = getattr(module, "check", None)
    if not isinstance(check, Check):
        raise BadCheck(f"{module.__file__}: expected `check = Check(…)` at module level")
    functions = {}
    for name in ("subjects", "judge"):
        function = getattr(module, name, None)
        if not callable(function):
            raise BadCheck(f"{module.__file__}: expected a function `{name}`")
        functions[name] = function
    title, why = read_docstring(module.__doc__, str(module.__file__))
    judge_parameters = list(inspect.signature(functions["judge"]).parameters)
    if not judge_parameters:
        raise BadCheck(f"{module.__file__}: `judge` takes the subject as its first parameter")
    return LoadedCheck(
        id=check_id,
        title=title,
        why=why,
        check=check,
        subjects=functions["subjects"],
        judge=functions["judge"],
        subject_facts=tuple(inspect.signature(functions["subjects"]).parameters),
        judge_facts=tuple(judge_parameters[1:]),
        module=module,
    )


def read_docstring(docstring: str | None, file: str) -> tuple[str, str]:
    """Return the title and the reason of a check: the first line, and the paragraphs after it, each on one line.

    They are message ids of the translation, too. Raises BadCheck, naming ``file``, if either is missing.
    """
    title, _, rest = inspect.cleandoc(docstring or "").partition("\n")
    why = "\n\n".join(" ".join(paragraph.split()) for paragraph in rest.strip().split("\n\n") if paragraph.strip())
    if not title.strip() or not why:
        raise BadCheck(f"{file}: expected a docstring: one line that states the fault, then why it matters")
    return title.strip().rstrip("."), why
