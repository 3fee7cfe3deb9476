"""Asking an engine for the pages of one chunk: from a thread of its own, at the pace that holds for all workers."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Final

from jobs.engines import Engine, EngineError, EngineUnavailable, FormatChanged, Page, Query, Web
from jobs.engines.quota import QuotaWatch
from jobs.fetch.cassettes import CassetteError
from jobs.services.engine_state import Gate, answered, failed, gate, is_open, refused
from tasktypes.handlers import PermanentFailure, Postponed

SLEPT_SECONDS: Final = 5.0
"""A chunk waits so long by itself; for more it gives its row back, and the slot is free for other work."""
_STEP: Final = 0.2


class EnginePages:
    """Asks an engine for its pages, so that images go on arriving meanwhile; a context manager.

    Args:
        engine: what is asked; its failures count for all workers only where it is one source (``rate_limited``): that
            a site which somebody named is away says nothing of the next one.
        query: what it is asked.
        web: its way to the network.
        paced: whether pauses, breaker and holds count; not where no source is asked.
    """

    def __init__(self, engine: Engine, query: Query, web: Web, *, paced: bool = True) -> None:
        self._engine = engine
        self._query = query
        self._web = QuotaWatch(web)
        self._paced = paced
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._asked: Future[Page] | None = None
        self._gate = Gate(engine.name)
        self._not_before = 0.0
        self._reason = ""

    def __enter__(self) -> EnginePages:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def page(self, cursor: str | None, *, idle: bool) -> Page | None:
        """Return the page at a cursor; None while it is not there, or may not be asked for yet.

        Args:
            idle: the chunk has nothing else to do meanwhile: this waits for some tenths of a second.

        Raises:
            Postponed: the chunk has nothing to do, and the engine may not be asked for longer than it waits itself.
            PermanentFailure: the engine says that it cannot answer this.
            EngineUnavailable: it may answer later, and that costs the chunk a retry.
        """
        if self._asked is None:
            if not self._may_ask(idle):
                return None
            self._asked = self._thread.submit(self._engine.search, self._query, cursor, self._web)
        if not wait_for([self._asked], timeout=_STEP if idle else 0).done:
            return None
        asked, self._asked = self._asked, None
        try:
            page = asked.result()
        except EngineUnavailable as error:
            self._note_failure(error)
            return None
        except CassetteError as error:
            raise PermanentFailure(error.message) from error
        except EngineError as error:
            if self._shared:
                # A changed format is told by the names of fields alone, one of which may be what was looked for.
                private = "" if isinstance(error, FormatChanged) else self._query.keyword
                refused(self._gate, error.message, private=private)
            raise PermanentFailure(error.message) from error
        if self._shared:
            answered(self._gate, wait=page.wait, quota=self._web.take())
        if page.wait and self._paced:
            self._wait(page.wait, f"{self._engine.name} asked to wait: its quota is used up")
        return page

    @property
    def _shared(self) -> bool:
        """Whether what happens here is news for every worker."""
        return self._paced and self._engine.rate_limited

    def _may_ask(self, idle: bool) -> bool:
        if not self._paced:
            return True
        left = self._not_before - time.monotonic()
        if left <= 0:
            self._gate = gate(self._engine.name)
            if not self._gate.seconds:
                return True
            left = self._gate.seconds
            self._wait(left, self._gate.reason)
        if idle:
            if left > SLEPT_SECONDS:
                raise Postponed(left, self._reason)
            time.sleep(min(left, _STEP))
        return False

    def _note_failure(self, error: EngineUnavailable) -> None:
        """Wait as long as the source asked for; what it did not ask for costs a retry.

        Raises:
            EngineUnavailable: the attempt ends here.
        """
        if not self._shared:
            raise error
        failed(self._gate, error.message, retry_after=error.retry_after, private=self._query.keyword)
        # A source that never does anything but ask to wait must not keep a chunk waiting for ever.
        if error.retry_after is None or is_open(self._engine.name):
            raise error
        self._wait(error.retry_after, error.message)

    def _wait(self, seconds: float, reason: str) -> None:
        self._not_before = time.monotonic() + seconds
        self._reason = reason
