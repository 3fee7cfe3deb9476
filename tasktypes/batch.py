"""The handler that acts on all tasks that match a filter."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from pixtasks.accounts.models import User
from tasktypes.handlers import Context, Handler, register
from tasktypes.services.batch import BATCH, BatchParams, check_operator
from tasktypes.services.operate import act_unaudited

SLICE: Final = 200
"""Tasks per transaction: it holds their rows, and a worker may be waiting for one of them."""


@register
class Batch(Handler[BatchParams]):
    """Goes through the matching tasks by their numbers; another attempt goes on behind the last slice."""

    name = BATCH
    description = "Cancel, retry, run now or re-prioritise all tasks that match a filter."
    Params = BatchParams
    time_limit = 6 * 3600

    def check_caller(self, params: BatchParams, user: User) -> None:
        """It is about everybody's tasks: operators only."""
        check_operator(user)

    def run(self, params: BatchParams, context: Context) -> dict[str, Any]:
        """Act in slices, and return how many were changed, and how many left alone and why."""
        state = context.task.state or {"after": 0, "changed": 0, "left_alone": {}}
        progress = context.task.progress or {"done": 0, "target": params.rows().count()}
        owner_id = context.task.created_by_id
        owner = User.objects.filter(pk=owner_id).first() if owner_id is not None else None
        by = owner.email if owner else "system"
        while ids := self._next(params, state["after"]):
            context.check_cancelled()

            def write(ids: list[int] = ids) -> tuple[dict[str, Any], dict[str, Any]]:
                nonlocal state, progress
                outcome = act_unaudited(params.verb, ids, by=by, priority=params.priority)
                left_alone = Counter(state["left_alone"])
                left_alone.update(outcome.left_alone)
                changed = state["changed"] + len(outcome.changed)
                state = {"after": ids[-1], "changed": changed, "left_alone": dict(left_alone)}
                done = changed + left_alone.total()
                progress = {"done": done, "target": max(done, progress["target"]), "changed": changed}
                return progress, state

            context.store(write)
        return {
            "verb": params.verb.value,
            "changed": state["changed"],
            "left_alone": sum(state["left_alone"].values()),
            "reasons": state["left_alone"],
        }

    @staticmethod
    def _next(params: BatchParams, after: int) -> list[int]:
        return list(params.rows().filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:SLICE])
