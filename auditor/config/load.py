"""Reads the configuration file and, when it is wrong, says where and what was expected."""

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from platformdirs import user_config_path
from pydantic import BaseModel, ValidationError

from auditor.config.base import BadConfig, ConfigTable
from auditor.config.settings import Settings

FILE_NAME = "auditor.toml"


def default_path() -> Path | None:
    """Return the configuration file that is used when none is named: here, or in the user's configuration folder."""
    places = (Path(FILE_NAME), user_config_path("ack-auditor") / FILE_NAME)
    return next((place for place in places if place.is_file()), None)


def load(path: Path) -> Settings:
    """Read and check a configuration file.

    Relative paths in it are taken from the folder of the file.

    Raises:
        BadConfig: with one line for each thing that is wrong.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise BadConfig(f"{path}: there is no such file (`auditor config init` writes a starter)") from None
    except OSError as error:
        raise BadConfig(f"{path}: can't be read: {error.strerror}") from None
    return parse(content, path)


def parse(content: bytes, path: Path) -> Settings:
    """Check the content of a configuration file that was read from ``path``. Raises BadConfig as :func:`load` does."""
    try:
        data = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadConfig(f"{path}: expected UTF-8 text ({error.reason} at byte {error.start})") from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{path}: it is not TOML: {error}") from None
    try:
        return _with_paths_from(Settings.model_validate(data), path.parent)
    except ValidationError as error:
        problems = [_explain(problem, data) for problem in error.errors()]
        raise BadConfig("\n".join(f"{path}: {problem}" for problem in problems)) from None


def _with_paths_from(settings: Settings, folder: Path) -> Settings:
    def place(path: Path) -> Path:
        expanded = path.expanduser()
        return expanded if expanded.is_absolute() else folder / expanded

    clusters = [
        cluster.model_copy(
            update={
                "kubernetes": cluster.kubernetes.model_copy(update={"kubeconfig": place(cluster.kubernetes.kubeconfig)})
            }
        )
        if cluster.kubernetes.kubeconfig
        else cluster
        for cluster in settings.clusters
    ]
    return settings.model_copy(
        update={
            "clusters": clusters,
            "checks": settings.checks.model_copy(update={"folders": [place(p) for p in settings.checks.folders]}),
            "report": settings.report.model_copy(update={"directory": place(settings.report.directory)}),
        }
    )


def _explain(problem: Any, data: Any) -> str:
    where = _spell(problem["loc"], data)
    if problem["type"] == "extra_forbidden":
        key = str(problem["loc"][-1])
        known = _keys_at(problem["loc"][:-1])
        near = get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        return f"{where}: there is no such key; {hint}"
    if problem["type"] == "missing":
        return f"{where}: this key is required"
    message = problem["msg"].removeprefix("Value error, ")
    # The value itself is shown only for plain choices: anything else might be a secret in the wrong place.
    found = f" (found {problem['input']!r})" if problem["type"] in ("literal_error", "enum") else ""
    return f"{where}: {message}{found}" if where else message


def _spell(loc: Sequence[int | str], data: Any) -> str:
    """Spell the place of a problem, with the name of the array member where it has one."""
    parts: list[str] = []
    here = data
    for step in loc:
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            here = None
        if isinstance(step, int):
            name = here.get("name") if isinstance(here, dict) else None
            parts[-1] += f"[{name}]" if isinstance(name, str) else f"[{step}]"
        else:
            parts.append(step)
    return ".".join(parts)


def _keys_at(loc: Sequence[int | str]) -> list[str]:
    model: type[ConfigTable] = Settings
    for step in loc:
        if isinstance(step, int):
            continue
        field = model.model_fields.get(step)
        inner = _table_in(field.annotation) if field else None
        if inner is None:
            return []
        model = inner
    return model.known_keys()


def _table_in(annotation: Any) -> type[ConfigTable] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation if issubclass(annotation, ConfigTable) else None
    for argument in get_args(annotation):
        if found := _table_in(argument):
            return found
    return None
