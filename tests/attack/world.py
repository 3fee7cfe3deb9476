"""One of everything, all of it one owner's and marked, so that a look at somebody else's answer tells a leak."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.utils import timezone

from jobs.models import Level
from jobs.services.opt_outs import add_opt_out
from pixtasks.accounts.models import User
from pixtasks.accounts.services.users import local_user
from tasktypes.models import WebhookDelivery
from tasktypes.services.submit import NewTask, submit
from tasktypes.services.task_types import register_type
from tasktypes.states import State
from tasktypes.webhooks.services.endpoints import create_endpoint
from tests import factories
from tests.accounts.factories import PASSWORD, make_key, sign_in
from tests.ledger import live_worker

MARK = "ownersmark"
"""Stands in every text of the owner's."""
OWN_APPS = ("accounts", "jobs", "tasktypes", "gather")
# What every caller may touch: when a key was last used, who signed in last.
_TOUCHED = {"last_used_at", "last_login"}


@dataclass
class World:
    """The owner and what is theirs.

    Attributes:
        places: values of path parameters, by "<part of the path>:<parameter>" or by the parameter alone; the first
            that fits counts.
        bodies: by "VERB path"; nothing is ``{}``.
    """

    owner: User
    places: list[tuple[str, str, Any]] = field(default_factory=list)
    bodies: dict[str, Any] = field(default_factory=dict)

    def value(self, path: str, parameter: str) -> Any:
        """Return what stands for a parameter of a path.

        Raises:
            LookupError: nobody has said what this parameter is.
        """
        for part, name, value in self.places:
            if name == parameter and part in path:
                return value
        raise LookupError(f"say in tests/attack/world.py what {{{parameter}}} of {path} is")


def snapshot() -> dict[str, dict[Any, dict[str, Any]]]:
    """Return every row of the product's tables, but for what any call may touch."""
    return {
        model._meta.label: {
            row["pk"]: {name: value for name, value in row.items() if name not in _TOUCHED}
            for row in model._default_manager.values("pk", *(one.attname for one in model._meta.concrete_fields))
        }
        for label in OWN_APPS
        for model in apps.get_app_config(label).get_models()
        if model._meta.label not in {"accounts.IdempotencyRecord", "tasktypes.Worker"}
    }


def build() -> World:
    """Insert the world."""
    local_user()
    live_worker()
    owner = factories.user(email=f"{MARK}@example.com", name=MARK)
    world = World(owner)
    _jobs(world)
    _tasks(world)
    _webhooks(world)
    key, _ = make_key(owner)
    world.places.append(("", "key_id", key.pk))
    if find_spec("gather.services.runs"):
        _gather(world)
    tokens = sign_in(owner)
    world.bodies |= {
        "POST /api/v1/auth/login": {"email": owner.email, "password": PASSWORD},
        "POST /api/v1/auth/refresh": {"refresh_token": tokens["refresh_token"]},
        "POST /api/v1/api-keys": {"name": "a key"},
        "PATCH /api/v1/api-keys/{key_id}": {"name": "another name"},
    }
    world.places.append(("", "engine_name", "sample"))
    world.places += [("", "engine", "sample"), ("", "index", 1), ("", "suffix", "jpg"), ("", "form", "csv")]
    return world


def _jobs(world: World) -> None:
    project = factories.project(world.owner, name=f"{MARK} project", description=MARK)
    fields: dict[str, Any] = {"name": MARK, "keywords": [MARK]}
    pending, failed, job = factories.job(project, **fields), factories.started_job(project, **fields), None
    factories.failure(failed, "timeout", detail=MARK)
    factories.end_job(failed, State.FAILED, outcomes={"timeout": 1})
    job = factories.started_job(project, **fields)
    image = factories.image(job, title=MARK)
    held = factories.image(job, title=MARK, quarantine="unknown_license")
    factories.failure(job, detail=MARK)
    factories.validated(job, Level.FAST, world.owner)
    opted_out = add_opt_out(kind="domain", value="opted-out.example")
    body = {"name": "A job", "keywords": ["cat"], "engines": ["sample"]}
    world.places += [
        ("/start", "job_id", pending.pk),
        ("/retry", "job_id", failed.pk),
        ("", "job_id", job.pk),
        ("", "project_id", project.pk),
        ("/release", "image_id", held.pk),
        ("", "image_id", image.pk),
        ("", "opt_out_id", opted_out.pk),
    ]
    world.bodies |= {
        "POST /api/v1/projects": {"name": "A project"},
        "PATCH /api/v1/projects/{project_id}": {"name": "Mine now"},
        "POST /api/v1/projects/{project_id}/jobs": body,
        "POST /api/v1/jobs": {"project_id": project.pk, **body},
        "PATCH /api/v1/jobs/{job_id}": {"name": "Mine now"},
        "POST /api/v1/validation/job/{job_id}/": {"level": "fast"},
        "POST /api/v1/opt-outs": {"kind": "domain", "value": "another.example"},
        "POST /api/v1/images/{image_id}/release": {"reason": "agreed"},
    }


def _tasks(world: World) -> None:
    owner, parameters = world.owner, {"message": MARK, "count": 1}
    new = NewTask(type_name="ExampleDatabaseTask", parameters=parameters)
    (pending,) = submit([new], owner_id=owner.pk)
    (failed,) = submit([new], owner_id=owner.pk)
    factories.end(failed, State.FAILED, error=MARK)
    kind = register_type(creator=owner, name="a public type")
    declared = NewTask(type_name=kind.name, task_type=kind, parameters={"text": MARK}, metadata={"text": MARK})
    submit([declared], owner_id=owner.pk)
    client = factories.client_of(owner)
    leased = client.post("/api/tasks/claim", {"worker": MARK}, format="json").json()[0]
    lost = client.post("/api/tasks/claim", {"worker": MARK}, format="json").json()
    assert lost == []
    (waiting,) = submit([declared], owner_id=owner.pk)
    (wrong,) = submit([declared], owner_id=owner.pk)
    answer = client.put(f"/api/tasks/{wrong.pk}", {"status": "failed", "error_message": MARK}, format="json")
    assert answer.status_code == 200
    lease = {"attempt": leased["attempt"], "lease_token": leased["lease_token"]}
    world.places += [
        ("/api/celery/tasks/{task_id}/retry", "task_id", failed.public_id),
        ("/api/celery/", "task_id", pending.public_id),
        ("/api/tasks/{task_id}/retry", "task_id", wrong.pk),
        ("/api/tasks/{task_id}/", "task_id", leased["id"]),
        ("/api/tasks/{task_id}", "task_id", waiting.pk),
        ("/tasks/{task_id}/retry", "task_id", failed.pk),
        ("/tasks/{task_id}", "task_id", pending.pk),
        ("", "task_type_id", kind.pk),
        ("", "task_name", "ExampleDatabaseTask"),
    ]
    world.bodies |= {
        "POST /api/celery/tasks/launch": {"task_type": "ExampleDatabaseTask", "params": parameters},
        "POST /api/task-types": {"name": "another type"},
        "PUT /api/task-types/{task_type_id}": {"description": "mine now"},
        "POST /api/tasks": {"task_type_id": kind.pk},
        "POST /api/tasks/claim": {"worker": "tests"},
        "PUT /api/tasks/{task_id}": {"priority": 7},
        "POST /api/tasks/{task_id}/heartbeat": lease,
        "POST /api/tasks/{task_id}/complete": lease,
        "POST /api/tasks/{task_id}/fail": {**lease, "error_message": "it went wrong"},
        "POST /tasks/{task_name}": {"payload": {"message": "hello", "count": 1}},
        "POST /tasks/{task_name}/batch": [{"message": "hello", "count": 1}],
    }


def _webhooks(world: World) -> None:
    endpoint, _ = create_endpoint(owner=world.owner, url=f"https://hooks.example.com/{MARK}", description=MARK)
    (ended,) = submit(
        [NewTask(type_name="ExampleDatabaseTask", parameters={"message": MARK, "count": 1})], owner_id=world.owner.pk
    )
    factories.end(ended)
    delivery = WebhookDelivery.objects.get(endpoint=endpoint)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(state="dead")
    world.places += [("", "endpoint_id", endpoint.pk), ("", "delivery_id", delivery.event_id)]
    world.bodies |= {
        "POST /api/webhooks/endpoints": {"url": "https://hooks.example.com/"},
        "PATCH /api/webhooks/endpoints/{endpoint_id}": {"description": "mine now"},
        "POST /api/webhooks/endpoints/{endpoint_id}/rotate": {},
    }


def _gather(world: World) -> None:
    """Insert a gather, where the product has them."""
    from gather.models import GatherRecord, GatherRun  # type: ignore[attr-defined]
    from gather.params import GatherOptions
    from gather.services import runs

    def started(name: str) -> Any:
        return runs.start(caller=world.owner, project_id=name, gather_count=3, options=GatherOptions())

    run, failed = started(f"{MARK}-gather"), started(f"{MARK}-failed")
    GatherRun.objects.filter(pk=run.pk).update(completed_iterations=1)
    record = GatherRecord.objects.create(run=run, iteration=1, images=0, seconds=1.0, created_at=timezone.now())
    failed.task.refresh_from_db()
    factories.end(failed.task, State.FAILED, error=MARK)
    world.places += [
        ("/retry/", "taskId", failed.task.public_id),
        ("", "taskId", run.task.public_id),
        ("", "gatherDataId", f"gather-{record.iteration:03d}"),
    ]
    world.bodies["POST /api/v1/automated-gather/start"] = {"projectId": "another-project", "gatherCount": 2}
