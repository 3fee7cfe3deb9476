"""What ``manage.py crawl`` was asked for: read from its options, and refused before anything starts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.text import slugify

from jobs.engines import find, parse_options, resolve
from jobs.fetch.cassettes import CassetteReader
from jobs.management.base import level_named
from jobs.models import Level
from jobs.models.job import plain_templates
from jobs.services.templates import checked_templates
from pixtasks.common.commands import plain_lines, sentence
from pixtasks.common.errors import InvalidInput, PixtasksError
from pixtasks.common.screen import counted, plain

# CONTRACT J46.
KEYWORDS_MOST = 50
KEYWORD_LENGTHS = range(2, 101)
IMAGES = range(1, 10_001)
NAME_MOST = 200
DEFAULT_IMAGES = "20"

# Option of the command → engine and its option.
SUGAR = {"urls_file": ("urls", "file"), "site": ("site", "url"), "directory": ("directory", "path")}
_PATHS = ("urls_file", "directory")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlRequest:
    """A job to be made and run."""

    keywords: list[str]
    engines: list[str]
    max_images: int
    options: dict[str, Any]
    name: str
    project: str
    user: str | None = None
    level: Level | None = None
    keyword_templates: list[str] = field(default_factory=plain_templates)
    rebalance: bool = False
    record: Path | None = None
    replay: Path | None = None


def read_request(given: dict[str, Any]) -> CrawlRequest:
    """Return what the options of the command ask for.

    Args:
        given: the command's options by name, None where one was not given.

    Raises:
        CommandError: something is missing or wrong; the sentence says what to do.
    """
    record, replay = _folder(given, "record"), _folder(given, "replay")
    if replay is not None:
        if record is not None:
            raise CommandError("Give --record or --replay, not both.")
        given = _as_recorded(given, replay)
    options = _options(given.get("options"))
    engines = _engines(given.get("engines"))
    for name, (engine, option) in SUGAR.items():
        value = given.get(name)
        if value is None:
            continue
        if option in options.setdefault(engine, {}):
            raise CommandError(
                f"--{name.replace('_', '-')} and --options both say {engine}.{option}; give one of them."
            )
        options[engine][option] = str(Path(value).expanduser().resolve()) if name in _PATHS else value
        if engine not in engines:
            engines.append(engine)
    if not engines:
        engines = list(settings.PIXTASKS_DEFAULT_ENGINES)
    if not engines:
        raise CommandError("Say where to look: --engines NAME,NAME.")
    _check_engines(engines, options, offline=replay is not None)
    keywords = _keywords(given)
    name = (given.get("name") or "").strip() or f"crawl of {', '.join(keywords)}"[:NAME_MOST]
    if len(name) > NAME_MOST:
        raise CommandError(f"--name: at most {NAME_MOST} characters.")
    level = given.get("validate")
    return CrawlRequest(
        keywords=keywords,
        engines=engines,
        max_images=_max_images(given["max_images"] or DEFAULT_IMAGES),
        options=options,
        name=name,
        project=_slug(given["project"]),
        user=given.get("user"),
        level=None if level is None else level_named(level),
        keyword_templates=_templates(given.get("templates") or [], keywords, engines),
        rebalance=bool(given.get("rebalance")),
        record=record,
        replay=replay,
    )


def _folder(given: dict[str, Any], name: str) -> Path | None:
    text = given.get(name)
    return None if text is None else Path(text).expanduser().resolve()


def _as_recorded(given: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return what was asked for when the cassette was recorded, and whatever is asked for otherwise now."""
    about = CassetteReader(folder).about
    recorded = {
        "keywords": ",".join(map(str, about.get("keywords", ()))),
        "engines": ",".join(map(str, about.get("engines", ()))),
        "max_images": str(about.get("max_images", DEFAULT_IMAGES)),
        "options": json.dumps(about.get("options", {})),
        "rebalance": about.get("rebalance") is True,
        "templates": [str(one) for one in about.get("keyword_templates", ())],
    }
    return given | {name: value for name, value in recorded.items() if given.get(name) in (None, False, [])}


def _keywords(given: dict[str, Any]) -> list[str]:
    text = given.get("keywords")
    if text is None:
        return [_label(given)]
    keywords: dict[str, str] = {}
    for word in text.split(","):
        keyword = " ".join(word.split())
        if keyword:
            keywords.setdefault(keyword.casefold(), keyword)
    if not keywords:
        raise CommandError('--keywords names none. Separate them by commas: --keywords "red fox,lighthouse".')
    if len(keywords) > KEYWORDS_MOST:
        raise CommandError(f"--keywords names {len(keywords)}; a job takes {KEYWORDS_MOST}. Start several jobs.")
    for keyword in keywords.values():
        if len(keyword) not in KEYWORD_LENGTHS:
            raise CommandError(
                f"The keyword {plain(keyword[:40])!r} has {counted(len(keyword), 'character')}; "
                f"{KEYWORD_LENGTHS.start} to {KEYWORD_LENGTHS.stop - 1} are possible."
            )
    return list(keywords.values())


def _templates(given: list[str], keywords: list[str], engines: list[str]) -> list[str]:
    try:
        return checked_templates(given or plain_templates(), keywords=keywords, engines=engines)
    except InvalidInput as error:
        raise CommandError("\n".join(f"--template: {plain(fault.msg)}." for fault in error.errors)) from error


def _label(given: dict[str, Any]) -> str:
    """Return the keyword for what comes from a list, a site or a folder: there it is only a label."""
    if given.get("site"):
        label = urlsplit(given["site"]).hostname or ""
    else:
        label = Path(given.get("urls_file") or given.get("directory") or "").stem
    if len(label) not in KEYWORD_LENGTHS:
        raise CommandError('Say what to look for: --keywords "red fox,lighthouse".')
    return label


def _engines(text: str | None) -> list[str]:
    return list(dict.fromkeys(filter(None, (name.strip() for name in (text or "").split(",")))))


def _check_engines(engines: list[str], options: dict[str, Any], *, offline: bool) -> None:
    """Refuse unknown engines, engines that miss a setting, and options that do not fit, all at once.

    Args:
        offline: nobody is going to ask them, so no key is needed.
    """
    faults = []
    for name in engines:
        try:
            engine = find(name) if offline else None
            parse_options(engine or resolve(name), options.get(name), loc=(name,))
        except PixtasksError as error:
            faults.append(sentence(error))
    strangers = [name for name in options if name not in engines]
    faults += [f"--options speaks of the engine {name!r}, which is not among --engines." for name in strangers]
    if faults:
        raise CommandError(plain_lines("\n".join(faults)))


def _max_images(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text[:9]) in IMAGES:
        return int(text[:9])
    raise CommandError(
        f"--max-images {plain(text)}: give a whole number from {IMAGES.start} to {IMAGES.stop - 1:,}, "
        "the new images to store for each keyword at each engine."
    )


def _slug(text: str) -> str:
    if text and text == slugify(text):
        return text
    raise CommandError(f"--project {plain(text)}: not a slug: use small letters, digits and '-', such as red-foxes.")


def _options(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    where = "--options"
    if text.startswith("@"):
        where = f"--options {text}"
        try:
            text = Path(text[1:]).expanduser().read_text()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise CommandError(f"{plain(where)}: the file cannot be read: {reason}.") from error
    try:
        value = json.loads(text)
    except ValueError as error:
        raise CommandError(f"{plain(where)}: not valid JSON: {error}.") from error
    if not isinstance(value, dict) or not all(isinstance(part, dict) for part in value.values()):
        raise CommandError(
            f"{plain(where)}: give an object of objects by engine, such as "
            '{"site": {"url": "https://example.com/", "max_pages": 10}}.'
        )
    return value
