"""Cron expressions: read strictly, said in words, and due when the scheduler says so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django_celery_beat.models import CrontabSchedule

from pixtasks.common.errors import InvalidInput
from tasktypes.services.cron import cron_of, due_times, parse_cron

START = datetime(2026, 11, 21, 3, 40, tzinfo=UTC)  # A Saturday.


def times(text: str, zone: str = "UTC", number: int = 3, after: datetime = START) -> list[str]:
    return [f"{moment:%Y-%m-%d %H:%M}" for moment in parse_cron(text, zone=zone).next_times(number, after=after)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("* * * * *", ["2026-11-21 03:41", "2026-11-21 03:42", "2026-11-21 03:43"]),
        ("*/20 * * * *", ["2026-11-21 04:00", "2026-11-21 04:20", "2026-11-21 04:40"]),
        ("0 3 * * mon", ["2026-11-23 03:00", "2026-11-30 03:00", "2026-12-07 03:00"]),
        ("30 8-18/5 * * MON-FRI", ["2026-11-23 08:30", "2026-11-23 13:30", "2026-11-23 18:30"]),
        ("0 0 1,15 jan *", ["2027-01-01 00:00", "2027-01-15 00:00", "2028-01-01 00:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00"]),
        ("0 12 * * 7", ["2026-11-22 12:00", "2026-11-29 12:00", "2026-12-06 12:00"]),
        ("0 12 * * 5-7", ["2026-11-21 12:00", "2026-11-22 12:00", "2026-11-27 12:00"]),
        ("0 12 * * fri-sun", ["2026-11-21 12:00", "2026-11-22 12:00", "2026-11-27 12:00"]),
        # Both days must match: Fridays that are the 13th.
        ("0 0 13 * fri", ["2027-08-13 00:00", "2028-10-13 00:00", "2029-04-13 00:00"]),
    ],
)
def test_the_next_times_are_those_of_the_expression(text: str, expected: list[str]) -> None:
    assert times(text) == expected


def test_a_time_zone_counts_with_its_summer_time() -> None:
    assert times("0 3 * * *", "Europe/Zurich", 1) == ["2026-11-22 02:00"]
    assert times("0 3 * * *", "Europe/Zurich", 1, datetime(2026, 7, 1, tzinfo=UTC)) == ["2026-07-01 01:00"]


def test_an_hour_that_summer_time_leaves_out_or_repeats_is_due_once() -> None:
    spring = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert times("30 2 * * *", "Europe/Zurich", 2, spring) == ["2026-03-29 01:30", "2026-03-30 00:30"]
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert times("30 2 * * *", "Europe/Zurich", 2, autumn) == ["2026-10-25 00:30", "2026-10-26 01:30"]


@pytest.mark.parametrize(
    "text", ["*/7 * * * *", "5 4 * * sun", "0 22 * * 1-5", "23 0-20/2 1-7 * mon", "0 0 31 * *", "9 9 * * sat-sun"]
)
def test_the_scheduler_agrees_on_the_next_time(text: str) -> None:
    cron = parse_cron(text)
    expected = cron.next_times(1, after=START)[0]
    schedule = CrontabSchedule(
        minute=cron.minute,
        hour=cron.hour,
        day_of_month=cron.day_of_month,
        month_of_year=cron.month_of_year,
        day_of_week=cron.day_of_week,
    ).schedule
    schedule.nowfun = lambda: START
    last, wait, _ = schedule.remaining_delta(START)
    assert last + wait == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "five fields"),
        ("0 3 * *", "not 4"),
        ("0 3 * * * *", "not 6"),
        ("60 * * * *", "minute: '60'"),
        ("* 24 * * *", "hour: '24'"),
        ("* * 0 * *", "day of month: '0'"),
        ("* * * 13 *", "month: '13'"),
        ("* * * * 8", "day of week: '8'"),
        ("* * * * monday", "day of week: 'monday'.*sun-sat"),
        ("mon * * * *", "minute: 'mon'"),
        ("* * jan * *", "day of month: 'jan'"),
        ("-1 * * * *", "minute: '-1'"),
        ("5/10 * * * *", "minute: '5/10'"),
        ("*/0 * * * *", "minute: '\\*/0'"),
        ("1,,2 * * * *", "minute: ''"),
        ("30-10 * * * *", "minute: the range ends before it begins"),
        ("１ * * * *", "minute: '１'"),
        ("0 0 31 2 *", "never due"),
        ("@daily", "five fields"),
    ],
)
def test_what_is_wrong_is_named_with_its_field(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse_cron(text)


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no time zone"):
        parse_cron("0 3 * * *", zone="Mars/Olympus")


@pytest.mark.django_db
def test_a_row_of_the_scheduler_says_the_same_and_is_shared() -> None:
    cron = parse_cron("0 3 * * mon", zone="Europe/Zurich")
    row = cron.row()
    assert cron.row().pk == row.pk
    assert cron_of(CrontabSchedule.objects.get(pk=row.pk)) == cron
    assert cron.words == "At 03:00 AM, only on Monday Europe/Zurich"
    row.full_clean()


@pytest.mark.django_db
def test_a_long_list_fits_the_schedulers_columns() -> None:
    text = ",".join(f"{number},{number}-{number}" for number in range(60))
    row = parse_cron(f"{text} * * * *").row()
    row.full_clean()
    assert cron_of(row).next_times(1, after=START) == parse_cron("* * * * *").next_times(1, after=START)


@pytest.mark.django_db
@pytest.mark.parametrize("hour", ["22-4", "x y", "99", ""])
def test_what_an_operator_wrote_by_hand_is_shown_whatever_it_is(hour: str) -> None:
    row = CrontabSchedule.objects.create(hour=hour)
    assert due_times(row) == []
    assert cron_of(row).words
