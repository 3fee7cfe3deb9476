"""Launching a task: choosing what, and the form that its type's schema makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from pixtasks.accounts.console.pages import actor_of, page
from pixtasks.common.commands import sentence
from pixtasks.common.errors import InvalidInput, PixtasksError
from tasktypes.console.forms import LaunchForm
from tasktypes.console.schema import Reading, read_schema
from tasktypes.handlers import handlers
from tasktypes.models import Task, TaskType
from tasktypes.services.declared_tasks import create_task
from tasktypes.services.launch import Launch, launch

LAUNCH: Final = "admin:tasktypes_task_launch"
_MOST_TYPES: Final = 200


@dataclass(frozen=True, slots=True)
class Launchable:
    """What can be launched.

    Attributes:
        name: a handler's, or that of a declared type.
        schema: what its parameters must be.
        declared: the declared type; None for a handler.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    declared: TaskType | None = None

    @property
    def url(self) -> str:
        """Where its form is."""
        return launch_url(self.name)

    @property
    def takes(self) -> list[str]:
        """The names of its parameters; those that may be left out have a question mark."""
        properties = self.schema.get("properties")
        required = self.schema.get("required")
        required = required if isinstance(required, list) else []
        names = list(properties) if isinstance(properties, Mapping) else []
        return [name if name in required else f"{name}?" for name in names]


def launch_url(name: str, **values: object) -> str:
    """Return where a type's form is."""
    return f"{reverse(LAUNCH)}?{urlencode({'type': name, **values})}"


def launchables() -> tuple[list[Launchable], list[Launchable]]:
    """Return the handlers, and the newest of the active declared types."""
    declared = TaskType.objects.filter(is_active=True).order_by("-id")[:_MOST_TYPES]
    return [of_handler(handler.name) for handler in handlers], [_declared(one) for one in declared]


def of_handler(name: str) -> Launchable:
    """Return a registered handler as something to launch."""
    handler = handlers[name]
    return Launchable(handler.name, handler.description, handler.Params.model_json_schema())


def find(name: str) -> Launchable | None:
    """Return what is launched under a name; None where there is nothing."""
    if name in handlers:
        return of_handler(name)
    declared = TaskType.objects.filter(name=name, is_active=True).first()
    return _declared(declared) if declared is not None else None


def launch_page(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Show what can be launched, or the form of what was chosen; launch it where the form is sent and right."""
    if not model_admin.has_operate_permission(request):  # type: ignore[attr-defined]
        raise PermissionDenied
    name = request.GET.get("type", "")
    wanted = find(name) if name else None
    if wanted is None:
        if name:
            messages.error(request, f"There is no task type {name!r} that is active; choose another.")
        ours, declared = launchables()
        context = {"handlers": ours, "declared": declared, "most": _MOST_TYPES}
        return page(model_admin, request, "tasktypes/console/launch_choice.html", "Launch a task", context)
    as_json = request.GET.get("as") == "json"
    reading = None if as_json else read_schema(wanted.schema)
    form = LaunchForm(request.POST or None, reading=reading, owner=actor_of(request)["actor"])
    if request.method == "POST" and form.is_valid():
        task = _launch(request, wanted, form)
        if task is not None:
            messages.success(request, f"{task.type_name} is launched as {task.public_id}.")
            return redirect("admin:tasktypes_task_change", task.pk)
    context = {
        "form": form,
        "wanted": wanted,
        "reading": reading,
        "as_json": as_json,
        "other_url": launch_url(name) if as_json else launch_url(name, **{"as": "json"}),
        "back": reverse(LAUNCH),
        "schema": wanted.schema,
    }
    return page(model_admin, request, "tasktypes/console/launch.html", f"Launch {wanted.name}", context)


def _launch(request: HttpRequest, wanted: Launchable, form: LaunchForm) -> Task | None:
    """Submit what the form says; None where the service refuses it, which the form then shows."""
    data, caller = form.cleaned_data, actor_of(request)["actor"]
    try:
        if wanted.declared is None:
            new = Launch(
                task_type=wanted.name, params=form.params(), priority=data["priority"], run_after=data["run_after"]
            )
            task = launch(new, caller=caller, owner=data["owner"])
        else:
            task = create_task(
                actor=caller,
                owner=data["owner"],
                task_type_id=wanted.declared.pk,
                parameters=form.params(),
                priority=data["priority"],
                run_after=data["run_after"],
            )
    except InvalidInput as error:
        form.show_faults(error.errors)
        return None
    except PixtasksError as error:
        form.add_error(None, sentence(error))
        return None
    return task


def _declared(one: TaskType) -> Launchable:
    return Launchable(one.name, one.description, one.parameters_schema, one)


__all__ = ["LAUNCH", "Launchable", "Reading", "find", "launch_page", "launch_url", "launchables", "of_handler"]
