"""Our own adapters pass the contract that other people's engines are held to, each with its cassette."""

from __future__ import annotations

from jobs.engines import engines
from pixtasks.testing.engine_contract import EngineContract

from .adapters import Adapter, adapters


def _class_of(adapter: Adapter) -> type[EngineContract]:
    facts = {
        "engine": engines[adapter.name],
        "cassette": adapter.cassette,
        "may_be_absent": adapter.may_be_absent,
        "__module__": __name__,
    }
    return type(f"Test{adapter.name.title()}", (EngineContract,), facts)


globals().update({made.__name__: made for made in map(_class_of, adapters())})
