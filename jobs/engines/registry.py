"""The registry of engines: built-in ones by discovery, third-party ones by entry point, names by alias."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import ClassVar

from django.conf import settings
from pydantic import BaseModel, ValidationError

from pixtasks.common.errors import FieldError, InvalidInput, PixtasksError, RuleViolation
from pixtasks.common.registry import Registry
from pixtasks.common.wording import field_errors

from .base import Engine

ENTRY_POINT_GROUP = "pixtasks.engines"

log = logging.getLogger(__name__)

engines: Registry[Engine] = Registry(
    "engine", required=("name", "description", "rate_limited", "Options", "missing", "search")
)


class UnknownEngine(PixtasksError):
    """There is no engine of that name."""

    status: ClassVar[int] = 422

    def __init__(self, name: str) -> None:
        self.name = name
        known = ", ".join(known_names()) or "none"
        super().__init__(
            f"There is no engine {name!r}. Known engines: {known}. "
            "PIXTASKS_ENGINE_ALIASES can map a name to one of them."
        )


class EngineNotConfigured(RuleViolation):
    """The engine needs settings that are not set (CONTRACT X61).

    Args:
        name: the name that the user asked for.
        missing: names of the settings.
    """

    def __init__(self, name: str, missing: list[str]) -> None:
        self.name = name
        self.missing = list(missing)
        super().__init__(f"The engine {name!r} is not configured here. Set {', '.join(missing)} and start again.")


def aliases() -> dict[str, str]:
    """Return ``PIXTASKS_ENGINE_ALIASES``: name asked for → name of the backend."""
    return dict(getattr(settings, "PIXTASKS_ENGINE_ALIASES", {}))


def known_names() -> list[str]:
    """Return every name that ``resolve`` knows, of engines and aliases, sorted."""
    return sorted({*engines.names(), *aliases()})


def find(name: str) -> Engine:
    """Return the engine behind a name or an alias, usable or not.

    Raises:
        UnknownEngine: neither an engine nor an alias of one.
    """
    backend = aliases().get(name, name)
    engine = engines.get(backend)
    if engine is None:
        raise UnknownEngine(backend)
    return engine


def resolve(name: str) -> Engine:
    """Return the usable engine behind a name; its own ``name`` is the backend's.

    An alias wins over an engine of the same name, and is followed once.

    Raises:
        UnknownEngine: neither an engine nor an alias of one.
        EngineNotConfigured: known, but a setting is missing; the message names it.
    """
    engine = find(name)
    missing = engine.missing()
    if missing:
        raise EngineNotConfigured(name, missing)
    return engine


def parse_options(
    engine: Engine, raw: Mapping[str, object] | None, *, loc: tuple[str | int, ...] = (), check: bool = True
) -> BaseModel:
    """Return the validated options of an engine.

    Args:
        raw: the engine's part of the job's options; None is ``{}``.
        loc: where in the body that part stands, for the errors.
        check: also run the engine's own ``check`` (at job creation); a worker leaves it out.

    Raises:
        InvalidInput: one error per fault, each ``loc`` beginning with ``loc``.
        RuleViolation: the options are not allowed on this installation.
    """
    try:
        options = engine.Options.model_validate(dict(raw or {}))
    except ValidationError as error:
        raise InvalidInput(field_errors(error, loc)) from error
    own_check = getattr(engine, "check", None)
    if check and own_check is not None:
        try:
            own_check(options)
        except InvalidInput as error:
            raise InvalidInput(FieldError((*loc, *e.loc), e.msg, e.type) for e in error.errors) from error
    return options


def load_builtin(package: str = "jobs.engines") -> None:
    """Import every module of the package and register the ``ENGINE`` that it offers; a second call does nothing."""
    for module in pkgutil.iter_modules(import_module(package).__path__):
        engine = getattr(import_module(f"{package}.{module.name}"), "ENGINE", None)
        if engine is not None:
            engines.register(engine)


def load_entry_points() -> list[str]:
    """Register the engines of other packages (entry point group ``pixtasks.engines``) and return their names.

    An entry point names an engine's instance or its class. One that cannot be loaded is logged and left out: a broken
    plug-in must not keep the product from starting. A second call does nothing.
    """
    loaded = []
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            thing = point.load()
            if isinstance(thing, type):
                known = next((engine for engine in engines if type(engine) is thing), None)
                thing = known or thing()
            loaded.append(engines.register(thing).name)
        except Exception:
            log.exception("engine plug-in %s (%s) could not be loaded", point.name, point.value)
    return loaded
