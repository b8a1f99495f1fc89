"""Cron expressions: five fields, as the world writes them.

The library that keeps the schedules counts the days of the week from Monday, where cron counts them from Sunday, and
takes no range over the end of the week: so the days are spelled out for it.
"""

import re
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from auditor.config.cron_trigger import Trigger

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(?:(?P<all>\*)|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?")


def trigger(expression: str, timezone: str = "UTC") -> "Trigger":
    """Return what knows when an expression is due in a time zone. Raises ValueError, saying what is wrong."""
    from auditor.config.cron_trigger import Trigger  # noqa: PLC0415 - heavy, and needed for schedules only

    fields = expression.split()
    if len(fields) != 5:
        raise ValueError(f"it has {len(fields)} fields")
    minute, hour, day, month, weekdays = fields
    made = Trigger(
        minute=minute,
        hour=hour,
        day=day,
        month=month,
        day_of_week=days_of_week(weekdays),
        timezone=ZoneInfo(timezone),
    )
    made.repeats = hour.startswith("*")
    return made


def days_of_week(field: str) -> str:
    """Return the field with each day by its name, or ``*``. Sunday is 0 and 7. Raises ValueError."""
    if field == "*":
        return field
    chosen = {day for part in field.lower().split(",") for day in _days(part)}
    return ",".join(name for number, name in enumerate(_DAYS) if number in chosen)


def _days(part: str) -> list[int]:
    match = _PART.fullmatch(part)
    step = int(match["step"] or 1) if match else 0
    if match is None or step == 0:
        raise ValueError(f"{part!r} names no days of the week")
    if match["all"]:
        return list(range(0, 7, step))
    first = _day(match["first"])
    if match["last"] is None:
        return list(range(first, 7, step)) if match["step"] else [first % 7]
    length = (_day(match["last"]) - first) % 7
    if length == 0 and match["last"] != match["first"]:
        length = 6  # 0-7: the whole week
    return [(first + number) % 7 for number in range(0, length + 1, step)]


def _day(name: str) -> int:
    if name in _DAYS:
        return _DAYS.index(name)
    if name in ("0", "1", "2", "3", "4", "5", "6", "7"):
        return int(name)
    raise ValueError(f"{name!r} is no day of the week; expected one of {', '.join(_DAYS)}, or 0 to 7")
