"""Cron expressions: read strictly, said in words, and when they are next due."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from celery.schedules import ParseException
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule

from pixtasks.common.errors import FieldError, InvalidInput

_DAYS: Final = 30 * 366
"""How far ahead is looked: 29 February on a Monday comes every 28 years."""
_LONGEST: Final = 60
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    title: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()


_FIELDS: Final = (
    _Field("minute", "minute", 0, 59),
    _Field("hour", "hour", 0, 23),
    _Field("day_of_month", "day of month", 1, 31),
    _Field("month_of_year", "month", 1, 12, _MONTHS),
    _Field("day_of_week", "day of week", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A cron expression in a time zone; day of month and day of week must both match, as Celery reads them."""

    minute: str
    hour: str
    day_of_month: str
    month_of_year: str
    day_of_week: str
    timezone: str = "UTC"

    @property
    def text(self) -> str:
        """The five fields, in cron's order."""
        return " ".join(getattr(self, field.name) for field in _FIELDS)

    @property
    def words(self) -> str:
        """The expression as a sentence, with its time zone."""
        try:
            return str(self._row().human_readable)
        except ParseException:  # An operator wrote something that not even Celery reads.
            return f"{self.text} {self.timezone}"

    def next_times(self, number: int = 3, *, after: datetime | None = None) -> list[datetime]:
        """Return the next times at which it is due, in UTC; fewer where there are no more in thirty years.

        Args:
            after: they lie after this; now by default.
        """
        return list(islice(self._times(after or timezone.now()), number))

    def same_as(self, row: CrontabSchedule) -> bool:
        """Whether the row in the scheduler's table says the same, letter by letter."""
        return self == cron_of(row)

    def row(self) -> CrontabSchedule:
        """Return the row of the scheduler's table that says this; insert it where there is none."""
        columns = {field.name: getattr(self, field.name) for field in _FIELDS}
        found = CrontabSchedule.objects.filter(**columns, timezone=self.timezone).first()
        if found is None:
            found = self._row()
            found.save()
        return found

    def _row(self) -> CrontabSchedule:
        columns = {field.name: getattr(self, field.name) for field in _FIELDS}
        return CrontabSchedule(**columns, timezone=ZoneInfo(self.timezone))

    def _times(self, after: datetime) -> Iterator[datetime]:
        minutes, hours, days, months, weekdays = (_numbers(field, getattr(self, field.name)) for field in _FIELDS)
        zone = ZoneInfo(self.timezone)
        latest = after
        first = after.astimezone(zone).date()
        for offset in range(_DAYS):
            day = first + timedelta(days=offset)
            if day.month not in months or day.day not in days or day.isoweekday() % 7 not in weekdays:
                continue
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)
                    # A time that the change to summer time leaves out falls together with one that is there.
                    if moment > latest:
                        latest = moment
                        yield moment


def parse_cron(text: str, *, zone: str = "UTC") -> Cron:
    """Return the expression of five fields.

    Args:
        text: minute, hour, day of month, month, day of week: numbers, ranges ``1-5``, lists ``1,15``, steps ``*/10``
            and ``8-18/2``, names ``mon`` and ``jan``; Sunday is 0 or 7.
        zone: an IANA name such as ``Europe/Zurich``.

    Raises:
        InvalidInput: names the field that cannot be read and what it takes; or the expression is never due.
    """
    if zone not in available_timezones():
        raise _refuse("timezone", f"{zone!r} is no time zone; use a name such as UTC or Europe/Zurich")
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise _refuse(
            "cron",
            f"give five fields: minute, hour, day of month, month, day of week (such as '0 3 * * 1'), not {len(parts)}",
        )
    columns = {field.name: _canonical(field, part.lower()) for field, part in zip(_FIELDS, parts, strict=True)}
    cron = Cron(**columns, timezone=zone)
    if not cron.next_times(1):
        raise _refuse("cron", f"'{cron.text}' is never due: no such day comes in the next thirty years")
    return cron


def cron_of(row: CrontabSchedule) -> Cron:
    """Return the expression of a row of the scheduler's table, also where an operator wrote it."""
    columns = {field.name: str(getattr(row, field.name)) for field in _FIELDS}
    return Cron(**columns, timezone=str(row.timezone))


def due_times(row: CrontabSchedule, number: int = 3) -> list[datetime]:
    """Return the next times of a row in UTC; none where an operator wrote what :func:`parse_cron` would refuse."""
    try:
        return cron_of(row).next_times(number)
    except InvalidInput:
        return []


def _refuse(where: str, message: str) -> InvalidInput:
    return InvalidInput(FieldError((where,), message, "value_error.cron"))


def _canonical(field: _Field, text: str) -> str:
    numbers = _numbers(field, text)
    if (field.name == "day_of_week" and "7" in text) or len(text) > _LONGEST:
        # Celery knows Sunday as 0 only, and the columns are narrow.
        return ",".join(str(number) for number in sorted(numbers))
    return text


def _numbers(field: _Field, text: str) -> set[int]:
    """Return the numbers that a field stands for."""
    found: set[int] = set()
    for part in text.lower().split(","):
        match = re.fullmatch(r"(\*|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:/([0-9]{1,4}))?", part)
        if match is None:
            raise _fault(field, part)
        whole, low, high, step = match.groups()
        if step is not None and (int(step) == 0 or (high is None and whole != "*")):
            raise _fault(field, part)
        if whole == "*":
            first, last = field.lowest, 6 if field.name == "day_of_week" else field.highest
        else:
            first = _number(field, low, part)
            last = first if high is None else _number(field, high, part)
            if field.name == "day_of_week" and high == "sun" and first > 0:
                last = 7
        if last < first:
            raise _fault(field, part, f"the range ends before it begins: {part!r}")
        found.update(range(first, last + 1, int(step or 1)))
    return {number % 7 for number in found} if field.name == "day_of_week" else found


def _number(field: _Field, text: str, part: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.lowest
    if not text.isdigit() or not field.lowest <= int(text[:6]) <= field.highest:
        raise _fault(field, part)
    return int(text)


def _fault(field: _Field, part: str, reason: str | None = None) -> InvalidInput:
    names = f" or {field.names[0]}-{field.names[-1]}" if field.names else ""
    reason = reason or f"{part!r} is not understood"
    return _refuse(
        "cron",
        f"{field.title}: {reason}; it takes {field.lowest}-{field.highest}{names}, alone or as a list 'a,b', a range "
        "'a-b', '*', or steps '*/n'",
    )
