"""What all tables of the configuration share: strictness, and secrets that stand elsewhere."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

SECRET_BYTES = 64 * 1024
"""A file with a secret is not read further than this."""
_PLAIN_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


class BadConfig(Exception):  # noqa: N818 - read as a sentence
    """A configuration that can't be used. Each line names the file and key, what was expected, and what to do."""


class Secret:
    """A secret value, or where to find it. It is read when it is used, and never shown."""

    def __init__(self, literal: str = "", env: str = "", file: Path | None = None) -> None:
        """Take one of: the value itself, the name of an environment variable, the path of a file."""
        self._literal = literal
        self._env = env
        self._file = file

    def reveal(self) -> str:
        """Return the value. Raises BadConfig if the variable is not set or the file can't be read."""
        if self._env:
            value = os.environ.get(self._env, "")
            if not value:
                # A name of another form may be the secret itself, written into the wrong key.
                name = self._env if _PLAIN_VARIABLE.fullmatch(self._env) else "that is named here"
                raise BadConfig(f"the environment variable {name} is not set; it is to hold a secret")
            return value
        return self._literal if self._file is None else _read_secret(self._file)

    def __repr__(self) -> str:
        """Show where the secret stands, never what it is."""
        return (
            f"Secret(env={self._env!r})" if self._env else f"Secret(file={self._file!s})" if self._file else "Secret(…)"
        )


def _read_secret(path: Path) -> str:
    try:
        with path.open("rb") as file:
            secret = file.read(SECRET_BYTES + 1)
        if len(secret) > SECRET_BYTES:
            raise BadConfig(f"{path}: it has more than {SECRET_BYTES} bytes; expected a file with one secret")
        found = secret.decode().strip()
    except OSError as error:
        raise BadConfig(f"{path}: the secret in it can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadConfig(f"{path}: the secret in it is no UTF-8 text") from None
    if not found:
        raise BadConfig(f"{path}: it is empty; it is to hold a secret")
    return found


def _to_secret(value: Any) -> Any:
    if value == "":
        raise ValueError("expected a secret, found an empty text; name its place by the twin in _env or _file")
    return Secret(literal=value) if isinstance(value, str) else value


def _local_path(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str):
        return value
    if not value or not value.isprintable():
        raise ValueError("expected a path that is not empty and has no control characters")
    try:
        path = Path(value).expanduser()
    except RuntimeError:
        user = value.partition("/")[0]
        raise ValueError(f"no home folder is known for {user}; write the path in full") from None
    return info.context / path if isinstance(info.context, Path) else path


LocalPath = Annotated[Path, BeforeValidator(_local_path)]
"""A path on this machine. A leading ``~`` is the home folder; the context of validation is the folder from which
relative paths are taken."""


def _name(value: str) -> str:
    if not re.fullmatch(r"\w([\w.-]{0,61}\w)?", value):
        raise ValueError(
            "expected a name of 1 to 63 letters, digits, '.', '_' or '-' that begins and ends with a letter or a digit"
        )
    return value


Name = Annotated[str, AfterValidator(_name)]
"""What the operator calls something; fit for the name of a folder."""
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""A text that says something."""


def time_zone(value: str) -> str:
    """Return the name of a time zone. Raises ValueError if there is none of that name."""
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError):
        raise ValueError(f"no time zone is called {value!r}; expected one such as Asia/Shanghai") from None
    return value


SecretField = Annotated[Secret | None, BeforeValidator(_to_secret)]
"""A key that holds a secret. Its table also takes ``<key>_env`` and ``<key>_file``."""


class ConfigTable(BaseModel):
    """Base of all tables: an unknown key is an error, and each secret key has its twins."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, frozen=True)

    SECRETS: ClassVar[tuple[str, ...]] = ()
    """The keys of this table that hold secrets."""

    @model_validator(mode="before")
    @classmethod
    def _resolve_twins(cls, given: Any, info: ValidationInfo) -> Any:
        if not isinstance(given, dict):
            return given
        values = dict(given)
        for key in cls.SECRETS:
            present = [name for name in (key, f"{key}_env", f"{key}_file") if name in values]
            if len(present) > 1:
                raise ValueError(f"{' and '.join(present)} are given together; expected one of them")
            env, file = values.pop(f"{key}_env", None), values.pop(f"{key}_file", None)
            for twin, value in ((f"{key}_env", env), (f"{key}_file", file)):
                if value is not None and (not isinstance(value, str) or not value):
                    raise ValueError(f"{twin}: expected a text that is not empty")
            if env is not None or file is not None:
                values[key] = Secret(env=env or "", file=_local_path(file, info))
        return values

    @classmethod
    def known_keys(cls) -> list[str]:
        """Return the keys that the table takes, the twins of secrets included."""
        twins = [f"{key}_{twin}" for key in cls.SECRETS for twin in ("env", "file")]
        return [*(field.alias or name for name, field in cls.model_fields.items()), *twins]
