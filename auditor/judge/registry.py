"""Which checks exist: those of the project, of installed packages and of the operator's own folders."""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from auditor.judge.check import BadCheck, LoadedCheck, load_check

ENTRY_POINT_GROUP = "auditor.checks"


class UnknownCheck(Exception):  # noqa: N818 - read as a sentence
    """A pattern that no check answers to."""


def load_checks(folders: Iterable[Path] = ()) -> list[LoadedCheck]:
    """Return all checks, ordered by id.

    A check's id is its path: ``checks/storage/disk_in_other_zone.py`` is ``storage/disk-in-other-zone``. To the
    project's own are added the packages of the entry-point group ``auditor.checks`` and the ``folders`` given.

    Raises:
        BadCheck: a module is no check, or two have one id.
    """
    found: dict[str, LoadedCheck] = {}
    packages = [importlib.import_module("checks")]
    packages += [entry.load() for entry in entry_points(group=ENTRY_POINT_GROUP)]
    for package in packages:
        for path_id, module in _modules_of_package(package):
            _add(found, path_id, module)
    for folder in folders:
        for path_id, module in _modules_of_folder(folder):
            _add(found, path_id, module)
    return [found[check_id] for check_id in sorted(found)]


def select(checks: Sequence[LoadedCheck], patterns: Sequence[str]) -> list[LoadedCheck]:
    """Return the checks that any pattern names: an id, a former id, or a pattern such as ``storage/*``.

    Raises:
        UnknownCheck: a pattern names none; says which ids come near.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        hits = {
            check.id for check in checks if any(fnmatchcase(name, pattern) for name in (check.id, *check.check.aliases))
        }
        if not hits:
            near = get_close_matches(pattern, [check.id for check in checks], n=3, cutoff=0.4)
            hint = f"; near it: {', '.join(near)}" if near else ""
            raise UnknownCheck(f"no check is called {pattern!r}{hint} (`auditor checks` lists them all)")
        chosen |= hits
    return [check for check in checks if check.id in chosen]


def _add(found: dict[str, LoadedCheck], check_id: str, module: ModuleType) -> None:
    if check_id in found:
        raise BadCheck(f"{module.__file__}: the id {check_id} is taken by {found[check_id].module.__file__}")
    found[check_id] = load_check(check_id, module)


def _modules_of_package(package: ModuleType) -> Iterable[tuple[str, ModuleType]]:
    prefix = package.__name__ + "."
    for info in pkgutil.walk_packages(package.__path__, prefix):
        parts = info.name.removeprefix(prefix).split(".")
        if not info.ispkg and not any(part.startswith("_") for part in parts):
            yield _id_of(parts), importlib.import_module(info.name)


def _modules_of_folder(folder: Path) -> Iterable[tuple[str, ModuleType]]:
    if not folder.is_dir():
        raise BadCheck(f"{folder}: expected a folder with checks")
    for path in sorted(folder.rglob("*.py")):
        parts = list(path.relative_to(folder).with_suffix("").parts)
        if any(part.startswith("_") for part in parts):
            continue
        name = "auditor_own_checks." + ".".join(parts)
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise BadCheck(f"{path}: can't be imported")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            raise BadCheck(f"{path}: {type(error).__name__}: {error}") from error
        yield _id_of(parts), module


def _id_of(parts: Sequence[str]) -> str:
    return "/".join(parts).replace("_", "-")
