"""A list of image addresses: in the job's options, or in a file on the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

from django.conf import settings
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator

from pixtasks.common.errors import FieldError, InvalidInput

from .addresses import URL_MAX, clean_url
from .base import Candidate, EngineError, Page, Query, Web
from .folders import allowed_roots, resolve_below

PAGE_SIZE = 500
LIST_MAX = 100_000  # addresses of one job
LINE_MAX = 20_000  # bytes of one line of a file
FAULTS_SHOWN = 20

Url = Annotated[str, Field(max_length=URL_MAX), AfterValidator(clean_url)]
Text = Annotated[str, Field(max_length=2_000)]


class UrlItem(BaseModel):
    """An address with what is known of the image."""

    model_config = ConfigDict(extra="forbid")

    url: Url
    title: Text = ""
    page_url: Url | None = None
    thumb_url: Url | None = None
    creator: Text = ""
    creator_url: Url | None = None
    license: Annotated[str, Field(max_length=64)] = ""
    license_version: Annotated[str, Field(max_length=16)] = ""
    license_url: Url | None = None
    attribution: Text = ""
    external_id: Annotated[str, Field(max_length=200)] = ""
    tags: list[Annotated[str, Field(max_length=100)]] = Field(default_factory=list, max_length=100)


def _form(entry: object) -> str:
    return "address" if isinstance(entry, str) else "object"


# Told apart by form, so that a fault is reported once, for the form that was meant.
Entry = Annotated[Annotated[Url, Tag("address")] | Annotated[UrlItem, Tag("object")], Discriminator(_form)]


class UrlsOptions(BaseModel):
    """Either the addresses or a file of them."""

    model_config = ConfigDict(extra="forbid")

    urls: list[Entry] | None = Field(
        default=None, min_length=1, max_length=LIST_MAX, description="Addresses, or objects with url, title, license …"
    )
    file: str | None = Field(
        default=None,
        min_length=1,
        max_length=4096,
        description="A text file on the server: one address or one JSON object per line; # begins a comment.",
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> UrlsOptions:
        if (self.urls is None) == (self.file is None):
            raise ValueError('give either "urls" (a list of addresses) or "file" (a file of addresses on the server)')
        return self


class UrlsEngine:
    """The addresses that the job brings along, in their order. The keyword only labels them."""

    name = "urls"
    description = "A list of image addresses, in the job's options or in a file on the server."
    rate_limited = False
    page_size = PAGE_SIZE
    depth = LIST_MAX
    licensed = True  # as the list names them
    Options: type[BaseModel] = UrlsOptions

    def missing(self) -> list[str]:
        """Return nothing: no setting is needed."""
        return []

    def check(self, options: BaseModel) -> None:
        """Read the file once, and refuse it with its first faulty lines.

        Raises:
            InvalidInput: not below an open folder, not there, empty, too long, or lines that are no addresses.
        """
        file = _own(options).file
        if file is None:
            return
        faults, count = [], 0
        for place, (line, text) in enumerate(_lines(_file(file), 0)):
            count = place + 1
            try:
                _candidate(text, strict=True)
            except ValueError as error:
                faults.append(FieldError(("file", line), _sentence(error), "value_error.url"))
            if count > LIST_MAX:
                faults.insert(0, FieldError(("file",), f"must not list more than {LIST_MAX} addresses", "too_long"))
            if len(faults) >= FAULTS_SHOWN or count > LIST_MAX:
                break
        if not count:
            faults.append(FieldError(("file",), "lists no address", "too_short"))
        if faults:
            raise InvalidInput(faults)

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return the next addresses; the cursor is how many came before.

        A line of a file that is no address any more becomes a candidate all the same: its fetch records the fault.

        Raises:
            EngineError: the file cannot be read any more, or the cursor is not one of this engine's.
        """
        start = 0 if cursor is None else int(cursor) if cursor.isascii() and cursor.isdecimal() else -1
        if not 0 <= start <= LIST_MAX:
            raise EngineError(f"The cursor {cursor!r} is not one of this engine's; start the search anew.")
        options = _own(query.options)
        end = min(start + PAGE_SIZE, LIST_MAX)
        if options.urls is not None:
            page = tuple(_from_item(each) for each in options.urls[start:end])
            more = end < len(options.urls)
        else:
            try:
                path = _file(options.file or "")
                texts = [text for _, text in islice(_lines(path, start), PAGE_SIZE + 1)]
            except InvalidInput as error:
                raise EngineError(f"The list cannot be read: {error.message}") from error
            page = tuple(_candidate(text, strict=False) for text in texts[: end - start])
            more = len(texts) > PAGE_SIZE and end < LIST_MAX
        return Page(page, str(end) if more else None)


def _own(options: BaseModel) -> UrlsOptions:
    if not isinstance(options, UrlsOptions):
        raise TypeError(f"options of another engine: {options!r}")
    return options


def _file(text: str) -> Path:
    """Return the real path of a list below an open folder, or below the folder of uploads."""
    uploads = Path(settings.DATA_DIR) / "uploads"
    path = resolve_below(text, [*allowed_roots(), uploads.resolve()], loc=("file",))
    if not path.is_file():
        raise InvalidInput(FieldError(("file",), "is not a file", "value_error.path"))
    return path


def _lines(path: Path, skip: int) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text) of every line that counts, after the first ``skip`` of them.

    Raises:
        InvalidInput: unreadable, not UTF-8 text, or a line beyond ``LINE_MAX``.
    """
    try:
        with path.open("rb") as handle:
            number = counted = 0
            while raw := handle.readline(LINE_MAX + 1):
                number += 1
                if len(raw) > LINE_MAX:
                    raise InvalidInput(FieldError(("file", number), f"is longer than {LINE_MAX} bytes", "too_long"))
                try:
                    text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                except UnicodeDecodeError:
                    raise InvalidInput(FieldError(("file", number), "is not UTF-8 text", "value_error")) from None
                if text and not text.startswith("#"):
                    counted += 1
                    if counted > skip:
                        yield number, text
    except OSError as error:
        raise InvalidInput(FieldError(("file",), f"cannot be read: {error.strerror}", "value_error.path")) from error


def _candidate(text: str, *, strict: bool) -> Candidate:
    """Return the candidate of a line.

    Raises:
        ValueError: ``strict``, and neither an address nor an object with one.
    """
    try:
        if text.startswith("{"):
            return _from_item(UrlItem.model_validate_json(text))
        return Candidate(image_url=clean_url(text))
    except ValueError:
        if strict:
            raise
    return Candidate(image_url=_named(text))


def _named(text: str) -> str:
    """Return the address that a faulty line names, as it stands, for the record."""
    try:
        named = json.loads(text)
    except ValueError:
        return text[:URL_MAX]
    url = named.get("url") if isinstance(named, dict) else None
    return (url if isinstance(url, str) else text)[:URL_MAX]


def _from_item(item: str | UrlItem) -> Candidate:
    if isinstance(item, str):
        return Candidate(image_url=item)
    return Candidate(
        image_url=item.url,
        thumb_url=item.thumb_url or "",
        page_url=item.page_url or "",
        title=item.title,
        creator=item.creator,
        creator_url=item.creator_url or "",
        license=item.license,
        license_version=item.license_version,
        license_url=item.license_url or "",
        attribution=item.attribution,
        external_id=item.external_id,
        tags=tuple(item.tags),
    )


def _sentence(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'object'}: {fault['msg']}" for fault in error.errors())
    return str(error)


ENGINE = UrlsEngine()
