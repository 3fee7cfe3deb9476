"""What the engines of other people's sources have in common: when they are usable, and how they ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

from django.conf import settings
from pydantic import BaseModel

from .asking import Answer, Node, Param, ask_json, base_url, usual_words
from .base import Web
from .enabling import not_enabled

Kind = TypeVar("Kind", bound=BaseModel)


class RemoteEngine:
    """Base of the adapters that ask one source for JSON. Another package's engine need not have it.

    Attributes:
        api: the source's own address; ``PIXTASKS_ENGINE_URLS`` may replace it.
        settings: names of the settings without which it is not usable.
        opt_in: only usable where ``PIXTASKS_ENGINES_ENABLED`` lists it.
        default: asked in production where a job names no engine.
        licensed: False where the source never tells a licence. Each adapter says its ``page_size`` besides.
    """

    name: str
    description: str
    Options: type[BaseModel]
    rate_limited: bool = True
    api: ClassVar[str]
    homepage: ClassVar[str]
    terms: ClassVar[str]
    settings: ClassVar[tuple[str, ...]] = ()
    opt_in: ClassVar[bool] = False
    default: ClassVar[bool] = False
    licensed: ClassVar[bool] = True

    def missing(self) -> list[str]:
        """Return the names of the settings that must be set before it is usable."""
        lacking = [name for name in self.settings if not getattr(settings, name, "")]
        return lacking + (not_enabled(self.name) if self.opt_in else [])

    def address(self, path: str = "") -> str:
        """Return the address of a path of the source, such as "/v1/images/"."""
        return base_url(self.name, self.api) + path

    def ask(
        self,
        web: Web,
        path: str,
        params: Mapping[str, Param] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """GET a path of the source; raises as :func:`ask_json` does."""
        return ask_json(
            web,
            self.address(path),
            params,
            source=self.name,
            headers=headers,
            setting=" and ".join(self.settings),
            words=self.words,
        )

    def words(self, refusal: Node) -> str:
        """Return the source's own sentence from the JSON of a refusal, "" where it has none."""
        return usual_words(refusal.value)


def own_options(options: BaseModel, kind: type[Kind]) -> Kind:
    """Return the options as the engine's own.

    Raises:
        TypeError: they are another engine's, which is a fault of the caller.
    """
    if not isinstance(options, kind):
        raise TypeError(f"options of another engine: {options!r}")
    return options
