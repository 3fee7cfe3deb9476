"""Asking a source for JSON: one request, what its failures mean, and readers that miss no field silently.

An adapter builds its parameters, calls ``ask_json`` and reads the answer by name. A field that is not where it was
becomes a :class:`FormatChanged` with its path, never an empty dataset.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings

from .addresses import clean_url
from .base import EngineError, EngineUnavailable, FormatChanged, Web, WebResponse
from .http import exchange, passing
from .pacing import reset_wait, wait_of

JSON_MAX = 20_000_000  # bytes
WORDS_MAX = 300  # characters of a source's own sentence

Param = str | int | bool | None
Words = Callable[["Node"], str]


@dataclass(frozen=True, slots=True)
class Node:
    """A value of an answer, and where it stood.

    A reader's field must be there and of its type; ``null=True`` also takes null, ``absent=True`` also that it is not
    there at all. What may be missing reads as the empty value.

    Attributes:
        source: name of the engine, for the messages.
        path: such as "results[3]"; empty for the whole answer.
        value: what ``json`` made of it.
    """

    source: str
    path: str
    value: object

    def text(self, name: str, *, null: bool = False, absent: bool = False) -> str:
        """Return a string; numbers, which some sources send where others send digits, are spelled out."""
        value = self._field(name, null, absent)
        if value is None:
            return ""
        if isinstance(value, str):
            return _storable(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise self.changed(name, f"is {_kind(value)}, not text")

    def whole(self, name: str) -> int:
        """Return a whole number that must be there."""
        value = self.number(name)
        if value is None:
            raise self.changed(name, "is null, not a number")
        return value

    def number(self, name: str, *, null: bool = False, absent: bool = False) -> int | None:
        """Return a whole number, also from a string of digits; None where it may be missing and is."""
        value = self._field(name, null, absent)
        if value is None or (value == "" and (null or absent)):
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:
            return int(value)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 15:
            return int(value)
        raise self.changed(name, f"is {_kind(value)}, not a number")

    def flag(self, name: str, *, absent: bool = False) -> bool:
        """Return a boolean, also from 0 and 1; what may be missing is false."""
        value = self._field(name, absent, absent)
        if value is None or isinstance(value, bool) or value in (0, 1):
            return bool(value)
        raise self.changed(name, f"is {_kind(value)}, not true or false")

    def child(self, name: str, *, null: bool = False, absent: bool = False, empty_list: bool = False) -> Node:
        """Return an object; one that may be missing reads as an empty one.

        Args:
            empty_list: take ``[]`` for an empty object, as sources written in PHP spell it.
        """
        value = self._field(name, null, absent)
        if value is None or (empty_list and value == []):
            value = {}
        if not isinstance(value, dict):
            raise self.changed(name, f"is {_kind(value)}, not an object")
        return Node(self.source, self._path(name), value)

    def children(self, name: str = "", *, null: bool = False, absent: bool = False) -> list[Node]:
        """Return the entries of a list; without a name, those of this value itself."""
        value = self._field(name, null, absent) if name else self.value
        if value is None and (null or absent):
            return []
        if not isinstance(value, list):
            raise self.changed(name, f"is {_kind(value)}, not a list")
        path = self._path(name)
        return [Node(self.source, f"{path}[{index}]", each) for index, each in enumerate(value)]

    def words(self, name: str, *, null: bool = False, absent: bool = False) -> tuple[str, ...]:
        """Return the strings of a list; blank ones are left out."""
        found = []
        for each in self.children(name, null=null, absent=absent):
            if not isinstance(each.value, str):
                raise each.changed("", f"is {_kind(each.value)}, not text")
            if each.value.strip():
                found.append(_storable(each.value))
        return tuple(found)

    def has(self, name: str) -> bool:
        """Tell whether the field is there and not null."""
        return isinstance(self.value, dict) and self.value.get(name) is not None

    def changed(self, name: str, fault: str = "is missing") -> FormatChanged:
        """Return the error that names this field."""
        return FormatChanged(self.source, self._path(name) or "the answer", fault)

    def _field(self, name: str, null: bool, absent: bool) -> object:
        if not isinstance(self.value, dict):
            raise self.changed("", f"is {_kind(self.value)}, not an object")
        if name not in self.value:
            if absent:
                return None
            raise self.changed(name)
        value = self.value[name]
        if value is None and not (null or absent):
            raise self.changed(name, "is null")
        return value

    def _path(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path and name else self.path or name


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source answered.

    Attributes:
        data: the JSON.
        wait: seconds until it may be asked again (``Page.wait``), None where it may be at once.
        retry_after: seconds that ``Retry-After`` asks for, for sources that refuse with status 200.
    """

    data: Node
    wait: float | None
    retry_after: float | None = None


class Refused(EngineError):
    """The source does not answer this request, and will not answer it later.

    Args:
        answered: status of its answer.
        said: its own words, "" where it said nothing readable.
    """

    def __init__(self, message: str, *, answered: int, said: str = "") -> None:
        self.answered = answered
        self.said = said
        super().__init__(message)


def ask_json(
    web: Web,
    url: str,
    params: Mapping[str, Param] | None = None,
    *,
    source: str,
    headers: Mapping[str, str] | None = None,
    setting: str = "",
    words: Words | None = None,
) -> Answer:
    """GET a source's JSON.

    Args:
        url: address without a query.
        params: of the query; None and "" are left out, booleans are spelled true and false.
        source: name of the engine, which every message begins with.
        setting: the setting that holds the key, named where the source refuses it.
        words: reads the source's own sentence from the JSON of a refusal; "" where there is none.

    Raises:
        EngineUnavailable: status 408, 425, 429 or 5xx, or no connection; ``retry_after`` from ``Retry-After``, or
            from the reset of a used-up quota.
        Refused: any other status, in the source's own words.
        EngineError: an answer that is not JSON.
    """
    response = ask(web, url, params, headers=headers)
    return read_json(response, source=source, setting=setting, words=words)


def ask(
    web: Web, url: str, params: Mapping[str, Param] | None = None, *, headers: Mapping[str, str] | None = None
) -> WebResponse:
    """Return the answer to a request for JSON whatever its status, for sources whose refusals need a closer look.

    Raises:
        EngineUnavailable, EngineError: there is no answer.
    """
    query = urlencode({name: _spelled(value) for name, value in (params or {}).items() if value not in (None, "")})
    return exchange(
        web,
        f"{url}?{query}" if query else url,
        headers={"accept": "application/json", **(headers or {})},
        max_bytes=JSON_MAX,
    )


def read_json(response: WebResponse, *, source: str, setting: str = "", words: Words | None = None) -> Answer:
    """Return the JSON of a response that was a success; raises as :func:`ask_json` does."""
    if response.status != 200:
        raise refusal(response, source=source, setting=setting, words=words)
    try:
        value = _parsed(response.body)
    except ValueError:
        kind = response.headers.get("content-type", "").partition(";")[0] or "an unnamed type"
        raise EngineError(f"{source} did not answer with JSON, but with {kind}.") from None
    return Answer(Node(source, "", value), wait_of(response.headers), reset_wait(response.headers))


def refusal(response: WebResponse, *, source: str, setting: str = "", words: Words | None = None) -> EngineError:
    """Return the error of an answer that was no success."""
    said = own_words(response, source, words)
    told = f": {said}" if said else ""
    status = response.status
    if passing(status):
        message = f"{source} is not available (status {status}{told})."
        return EngineUnavailable(message, retry_after=reset_wait(response.headers))
    if status in (401, 403):
        hint = f" Check {setting}." if setting else ""
        return Refused(f"{source} refused the request (status {status}{told}).{hint}", answered=status, said=said)
    return Refused(f"{source} answered with status {status}{told}.", answered=status, said=said)


def own_words(response: WebResponse, source: str, words: Words | None = None) -> str:
    """Return what the source said about its refusal, on one line; "" where it said nothing readable."""
    try:
        value = _parsed(response.body)
    except ValueError:
        # A line of text is a sentence whatever its type is said to be; a page of markup is none.
        text = "" if b"<" in response.body[:2000] else response.body[:2000].decode("utf-8", "replace")
        return _line(text)
    try:
        return _line(words(Node(source, "", value)) if words else usual_words(value))
    except FormatChanged:
        return ""


def base_url(name: str, default: str) -> str:
    """Return where a source is asked: ``PIXTASKS_ENGINE_URLS``, else its own address; without a slash at the end.

    Raises:
        EngineError: the setting is no address.
    """
    url = dict(getattr(settings, "PIXTASKS_ENGINE_URLS", {})).get(name, default)
    try:
        return clean_url(url).rstrip("/")
    except ValueError as error:
        raise EngineError(f"PIXTASKS_ENGINE_URLS: {name}: {error}.") from None


def page_number(cursor: str | None, source: str, *, first: int = 1, last: int = 10**9) -> int:
    """Return the number that a cursor holds; ``first`` where there is none.

    Raises:
        EngineError: the cursor is not one of this engine's.
    """
    if cursor is None:
        return first
    if cursor.isascii() and cursor.isdecimal() and len(cursor) < 12 and first <= int(cursor) <= last:
        return int(cursor)
    raise EngineError(f"The cursor {cursor!r} is not one of {source}; start the search anew.")


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except RecursionError:  # thousands of brackets inside each other
        raise ValueError("nested too deeply") from None


def usual_words(value: object) -> str:
    """Return the sentence of an error body in one of the shapes that sources use, "" where none is found."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return usual_words(value[0]) if value else ""
    if isinstance(value, dict):
        for name in ("detail", "message", "msg", "reason", "errors", "error", "error_description", "title"):
            said = usual_words(value.get(name))
            if said:
                return said
    return ""


def _storable(text: str) -> str:
    """Return the text without what PostgreSQL does not take: NUL, and halves of surrogate pairs (JSON's "\\ud83d")."""
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()


def _line(text: str) -> str:
    line = " ".join(_storable(text).split())
    return (line if len(line) <= WORDS_MAX else line[: WORDS_MAX - 1] + "…").rstrip(".")


def _spelled(value: Param) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
