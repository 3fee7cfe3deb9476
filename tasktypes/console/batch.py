"""Acting on what is ticked, or on all that match a filter: it says how many there are, asks, and then does it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from pydantic import ValidationError

from pixtasks.accounts.console.pages import CONFIRMED, actor_of, confirmed, page
from pixtasks.accounts.models import User
from pixtasks.common.errors import PixtasksError
from tasktypes.console.filters import PARAMETERS, task_filter
from tasktypes.console.reading import whole
from tasktypes.models import Task, TaskGroup
from tasktypes.services.batch import MOST_COUNTED, BatchParams, TaskFilter, matching, newest_task, start_batch
from tasktypes.services.operate import STATES, Outcome, Verb, act
from tasktypes.states import State

BATCH_PAGE: Final = "admin:tasktypes_task_batch"
LIST: Final = "admin:tasktypes_task_changelist"
_MOST_TICKED: Final = 500
_WORDS: Final = {
    Verb.CANCEL: ("Cancel", "cancelled", "Pending tasks end at once, running ones at their next checkpoint."),
    Verb.RETRY: ("Retry", "retried", "They run again under their own ids, with a fresh budget of retries."),
    Verb.RUN_NOW: ("Run now", "due now", "Those that wait for their time or their next try are due at once."),
    Verb.PRIORITY: ("Change the priority of", "changed", "Lower numbers run first."),
}


def batch_page(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Show how many tasks match and what would be done to them; start it where somebody has said yes."""
    if not model_admin.has_operate_permission(request):  # type: ignore[attr-defined]
        raise PermissionDenied
    if confirmed(request):
        return _start(request)
    query = request.GET
    verb = _verb(query.get("verb"))
    wanted = task_filter(query, request.user)
    back = _list_url(request)
    if verb is None or wanted is None:
        messages.error(request, "This address names nothing that can be done; choose it from the list of tasks.")
        return redirect(back)
    # The model's own rule wants a priority with its verb; which one makes no difference to what matches.
    probe = BatchParams(verb=verb, filter=wanted, up_to=newest_task(), priority=1 if verb == Verb.PRIORITY else None)
    number = matching(probe)
    context = {
        "verb": verb.value,
        "button": _WORDS[verb][0],
        "text": _WORDS[verb][2],
        "number": f"{number:,}" if number <= MOST_COUNTED else f"more than {MOST_COUNTED:,}",
        "nothing": number == 0,
        "facts": _facts(wanted, verb),
        "filter": wanted.model_dump_json(exclude_none=True),
        "up_to": probe.up_to,
        "with_priority": verb == Verb.PRIORITY,
        "dangerous": verb == Verb.CANCEL,
        "back": back,
        "confirm_field": CONFIRMED,
    }
    return page(model_admin, request, "tasktypes/console/batch.html", f"{_WORDS[verb][0]} all that match", context)


def ask_for_some(model_admin: ModelAdmin, request: HttpRequest, queryset: QuerySet[Task], verb: Verb) -> HttpResponse:
    """Ask, then do something to the tasks that were ticked."""
    ids = [pk for text in request.POST.getlist(ACTION_CHECKBOX_NAME)[:_MOST_TICKED] if (pk := whole(text)) is not None]
    priority = whole(request.POST.get("priority"))
    fits = verb != Verb.PRIORITY or (priority is not None and 1 <= priority <= 1000)
    back = f"{reverse(LIST)}?{request.GET.urlencode()}"
    if confirmed(request) and fits:
        asked = priority if verb == Verb.PRIORITY else None
        _tell(request, verb, act(verb, ids, priority=asked, **actor_of(request)))
        return redirect(back)
    context = {
        "verb": verb.value,
        "action": request.POST.get("action", ""),
        "button": _WORDS[verb][0],
        "text": _WORDS[verb][2],
        "tasks": queryset.filter(pk__in=ids).order_by("-id"),
        "ids": ids,
        "with_priority": verb == Verb.PRIORITY,
        "wrong_priority": confirmed(request) and not fits,
        "dangerous": verb == Verb.CANCEL,
        "back": back,
        "confirm_field": CONFIRMED,
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    title = f"{_WORDS[verb][0]} {len(ids):,} task{'' if len(ids) == 1 else 's'}"
    return page(model_admin, request, "tasktypes/console/some.html", title, context)


def _start(request: HttpRequest) -> HttpResponse:
    try:
        params = BatchParams.model_validate(
            {
                "verb": request.POST.get("verb"),
                "filter": TaskFilter.model_validate_json(request.POST.get("filter", "")),
                "up_to": whole(request.POST.get("up_to")),
                "priority": whole(request.POST.get("priority")) if request.POST.get("verb") == Verb.PRIORITY else None,
            }
        )
        task = start_batch(params, **actor_of(request))
    except ValidationError as error:
        faults = {" ".join(map(str, fault["loc"])) or "priority": fault["msg"] for fault in error.errors()}
        messages.error(request, "; ".join(f"{where}: {what}" for where, what in faults.items()))
        return redirect(request.get_full_path())
    except PixtasksError as error:
        messages.error(request, error.message)
        return redirect(LIST)
    messages.success(request, "It has begun; this page shows how far it is, and it can be cancelled like any task.")
    return redirect("admin:tasktypes_task_change", task.pk)


def _tell(request: HttpRequest, verb: Verb, outcome: Outcome) -> None:
    number = len(outcome.changed)
    if number:
        messages.success(request, f"{number:,} task{'' if number == 1 else 's'} {_WORDS[verb][1]}.")
    for reason, count in outcome.left_alone.most_common():
        messages.warning(request, f"{count:,} left alone: {reason}.")


def _facts(wanted: TaskFilter, verb: Verb) -> list[tuple[str, Any]]:
    """Return the filter in words: what somebody says yes to."""
    possible = [state.value for state in State if state in STATES[verb]]
    facts: list[tuple[str, Any]] = [("State", wanted.state.value if wanted.state else " or ".join(possible))]
    if wanted.type_name is not None:
        facts.append(("Type", wanted.type_name))
    if wanted.owner is not None:
        owner = User.objects.filter(pk=wanted.owner).first()
        facts.append(("Owner", owner or ("nobody" if wanted.owner == 0 else f"user {wanted.owner}")))
    if wanted.group is not None:
        facts.append(("Job or run", TaskGroup.objects.filter(pk=wanted.group).first() or f"group {wanted.group}"))
    if wanted.created_from is not None:
        facts.append(("Submitted since", wanted.created_from))
    return facts


def _verb(text: str | None) -> Verb | None:
    return Verb(text) if text in list(Verb) else None


def _list_url(request: HttpRequest) -> str:
    kept = {name: request.GET[name] for name in PARAMETERS if name in request.GET}
    return f"{reverse(LIST)}?{urlencode(kept)}"
