"""Reads the configuration file and, when it is wrong, says where and what was expected."""

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from platformdirs import user_config_path
from pydantic import BaseModel, ValidationError

from auditor.config.base import BadConfig, ConfigTable
from auditor.config.channels import KINDS
from auditor.config.settings import Settings

FILE_NAME = "auditor.toml"
MAX_BYTES = 4 * 1024**2
"""A configuration is not read further than this."""
_EXPECTED = {
    "string_type": "expected a text in quotes",
    "path_type": "expected a path in quotes",
    "is_instance_of": "expected a text in quotes",
    "bool_type": "expected true or false",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "too_short": "expected at least one member",
}
"""What was expected, by pydantic's name of the error; its own words speak of Python."""


def default_path() -> Path | None:
    """Return the configuration file that is used when none is named: here, or in the user's configuration folder."""
    here = Path(FILE_NAME)
    if here.is_file():
        return here
    try:
        own = user_config_path("ack-auditor") / FILE_NAME
        return own if own.is_file() else None
    except (OSError, RuntimeError):  # an account without a home folder, as in many a container, or with another's
        return None


def load(path: Path) -> Settings:
    """Read and check a configuration file.

    Relative paths in it are taken from the folder of the file.

    Raises:
        BadConfig: with one line for each thing that is wrong.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise BadConfig(f"{path}: there is no such file (`auditor config init` writes a starter)") from None
    except OSError as error:
        raise BadConfig(f"{path}: can't be read: {error.strerror}; expected a file in TOML") from None
    if len(content) > MAX_BYTES:
        raise BadConfig(f"{path}: it has more than {MAX_BYTES} bytes; expected a configuration")
    return parse(content, path)


def parse(content: bytes, path: Path) -> Settings:
    """Check the content of a configuration file that was read from ``path``. Raises BadConfig as :func:`load` does."""
    try:
        # Editors of Windows begin a file with a byte order mark.
        data = tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadConfig(
            f"{path}: expected UTF-8 text ({error.reason} at byte {error.start}); save it in that encoding"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{path}: it is not TOML: {error}") from None
    except (RecursionError, ValueError):
        raise BadConfig(f"{path}: it is TOML that can't be read: too deeply nested, or a number too large") from None
    try:
        settings = Settings.model_validate(data, context=path.parent)
    except ValidationError as error:
        problems = [_explain(problem, data) for problem in error.errors()]
        raise BadConfig("\n".join(f"{path}: {problem}" for problem in problems)) from None
    settings = settings.placed_in(path.parent)
    if "directory" in settings.report.model_fields_set:
        return settings
    # A default is not validated, so that its folder is not yet taken from the folder of the file.
    directory = path.parent / settings.report.directory
    report = settings.report.model_copy(update={"directory": directory})
    return settings.model_copy(update={"report": report}).placed_in(path.parent)


def _explain(problem: Any, data: Any) -> str:
    loc = problem["loc"]
    where = _spell(_without_kinds(loc), data)
    if problem["type"] == "extra_forbidden":
        key = str(loc[-1])
        known = _keys_at(loc[:-1])
        near = get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        return f"{where}: there is no such key; {hint}"
    if problem["type"] == "missing":
        return f"{where}: this key is required"
    if problem["type"] == "union_tag_not_found":
        return f"{where}.kind: this key is required; expected one of {', '.join(KINDS)}"
    if problem["type"] == "union_tag_invalid":
        tag = str(problem["ctx"]["tag"])
        near = get_close_matches(tag, KINDS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(KINDS)}"
        return f"{where}.kind: there is no such kind of channel; {hint}"
    message = _say({**problem, "loc": _without_kinds(loc)})
    # The value itself is shown only for plain choices: anything else might be a secret in the wrong place.
    is_choice = problem["type"] == "literal_error" and "credentials" not in problem["loc"]
    found = f" (found {problem['input']!r})" if is_choice else ""
    return f"{where}: {message}{found}" if where else message


def _say(problem: Any) -> str:
    """Say what was expected, in the words of TOML."""
    kind, loc = problem["type"], problem["loc"]
    if kind in ("model_type", "dict_type"):
        table = ".".join(step for step in loc if isinstance(step, str))
        return f"expected one table, [{table}]" if all(isinstance(step, str) for step in loc) else "expected a table"
    if kind == "list_type":
        tables = len(loc) == 1 or loc[-1] == "identities"
        name = ".".join(step for step in loc if isinstance(step, str))
        return f"expected a list of tables, [[{name}]]" if tables else "expected a list, [ … ]"
    if kind in ("literal_error", "enum"):
        return f"expected {problem['ctx']['expected']}"
    if kind.startswith("date"):
        return "expected a date such as 2026-12-31, without quotes or a time"
    if kind == "string_too_short":
        least = problem["ctx"]["min_length"]
        return "expected a text that is not empty" if least == 1 else f"expected a text of at least {least} characters"
    if kind in ("greater_than", "greater_than_equal", "less_than_equal"):
        return str(problem["msg"]).replace("Input should be", "expected a number")
    own_words = str(problem["msg"]).removeprefix("Value error, ").replace("Input should be", "expected")
    return _EXPECTED.get(kind, own_words)


def _without_kinds(loc: Sequence[int | str]) -> list[int | str]:
    """Leave out the kind of a channel, which pydantic names among the steps to a key."""
    steps = list(loc)
    if len(steps) > 2 and steps[0] == "channels" and steps[2] in KINDS:
        del steps[2]
    return steps


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
    steps: Sequence[int | str] = loc
    if len(loc) > 2 and loc[0] == "channels" and loc[2] in KINDS:
        model, steps = KINDS[str(loc[2])], loc[3:]
    for step in steps:
        if isinstance(step, int):
            continue
        named = {field.alias or name: field for name, field in model.model_fields.items()}
        field = named.get(step)
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
