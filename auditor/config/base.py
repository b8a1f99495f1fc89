"""What all tables of the configuration share: strictness, and secrets that stand elsewhere."""

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator


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
                raise BadConfig(f"the environment variable {self._env} is not set; it is to hold a secret")
            return value
        if self._file is not None:
            try:
                return self._file.expanduser().read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise BadConfig(f"{self._file}: the secret in it can't be read: {error}") from None
        return self._literal

    def __repr__(self) -> str:
        """Show where the secret stands, never what it is."""
        return (
            f"Secret(env={self._env!r})" if self._env else f"Secret(file={self._file!s})" if self._file else "Secret(…)"
        )


def _to_secret(value: Any) -> Any:
    return Secret(literal=value) if isinstance(value, str) else value


SecretField = Annotated[Secret | None, BeforeValidator(_to_secret)]
"""A key that holds a secret. Its table also takes ``<key>_env`` and ``<key>_file``."""


class ConfigTable(BaseModel):
    """Base of all tables: an unknown key is an error, and each secret key has its twins."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, frozen=True)

    SECRETS: ClassVar[tuple[str, ...]] = ()
    """The keys of this table that hold secrets."""

    @model_validator(mode="before")
    @classmethod
    def _resolve_twins(cls, given: Any) -> Any:
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
                values[key] = Secret(env=env or "", file=Path(file) if file else None)
        return values

    @classmethod
    def known_keys(cls) -> list[str]:
        """Return the keys that the table takes, the twins of secrets included."""
        twins = [f"{key}_{twin}" for key in cls.SECRETS for twin in ("env", "file")]
        return [*(field.alias or name for name, field in cls.model_fields.items()), *twins]
