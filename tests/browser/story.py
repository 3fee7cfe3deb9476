"""An installation with something to see: what weeks of use leave behind, made in a minute by the product's services.

It runs inside the installation; :func:`tests.browser.installation.tell` tells it to.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings

from gather.params import GatherOptions
from gather.services import runs, schedules
from jobs.models import CrawlJob, Level, Project
from jobs.services.crawl_jobs import cancel_job, create_job, start_job
from jobs.services.projects import create_project
from jobs.services.validation import start_validation
from pixtasks.accounts.models import User
from pixtasks.accounts.services.users import ensure_user
from tasktypes.models import Task
from tasktypes.services.launch import Launch, launch
from tasktypes.services.outside import claim_tasks, fail, lease_token
from tasktypes.services.submit import NewTask, submit
from tasktypes.services.task_types import register_type
from tasktypes.webhooks.services.endpoints import create_endpoint
from tests.browser.installation import OPERATOR, PASSWORD, PATIENCE, USER
from tests.processes.tree import wait_for

NOWHERE: Final = "http://127.0.0.1:{port}/hooks"
"""An address that this product may ask in development, and where nobody listens."""
_SCHEMA = {
    "type": "object",
    "required": ["path"],
    "properties": {"path": {"type": "string", "title": "File"}, "width": {"type": "integer", "minimum": 16}},
}


def begin() -> None:
    """Make the people, finished and failed jobs, validated images, a gather, schedules, a webhook, an outside type."""
    operator, _ = ensure_user(email=OPERATOR, password=PASSWORD, is_staff=True)
    ada, _ = ensure_user(email=USER, password=PASSWORD)
    port = settings.PIXTASKS_WEBHOOK_RECEIVER_PORT
    create_endpoint(owner=operator, url=NOWHERE.format(port=port), description="Training pipeline")
    wildlife = create_project(owner=ada, name="Wildlife at dusk", description="Animals in low light.")
    harbours = create_project(owner=ada, name="Harbours and coasts")
    textures = create_project(owner=operator, name="Textures")
    begun = [
        _start(wildlife, "Night animals", ["red fox", "barn owl", "hedgehog"], ["sample", "google"], 40),
        _start(harbours, "Lighthouses", ["lighthouse", "harbour"], ["sample"], 30),
        _start(textures, "Stone and sand", ["gravel", "dune"], ["sample"], 25),
        _start(textures, "Pictures of a partner", ["slate"], ["urls"], 20, _gone()),
    ]
    stopped = _start(harbours, "Ferries, first try", ["ferry", "jetty", "anchor"], ["sample"], 400)
    cancel_job(stopped, actor=operator)
    for job in begun:
        _settled(job)
    for job, level in ((begun[0], Level.SLOW), (begun[1], Level.MEDIUM), (begun[2], Level.FAST)):
        start_validation(job, level, job.project.owner)
    runs.start(caller=ada, project_id=wildlife.slug, gather_count=4, options=GatherOptions())
    schedules.schedule_gather(wildlife, cron="0 3 * * *", count=10, timezone="Europe/Zurich", actor=operator)
    schedules.schedule_gather(harbours, cron="30 6 * * 1-5", count=5, actor=operator)
    _outside(operator)
    for text in ("Good morning", "Rebuild the index", "Tell the archive"):
        launch(Launch(task_type="ExampleDatabaseTask", params={"message": text, "count": 3}), caller=operator)
    _quiet()


def busy() -> None:
    """Start a job that is at work for minutes, and leave another to be started."""
    project = Project.objects.filter(owner__email=USER).earliest("pk")
    create_job(project=project, name="Winter, to be started", keywords=["snow"], engines=["sample"], max_images=50)
    keywords = ["arctic fox", "snow hare", "ermine", "ptarmigan", "reindeer", "musk ox", "lynx", "wolverine"]
    _start(project, "Winter coats", keywords, ["sample", "google"], 600)


def _start(
    project: Project,
    name: str,
    keywords: list[str],
    engines: list[str],
    images: int,
    options: dict[str, object] | None = None,
) -> CrawlJob:
    job = create_job(
        project=project,
        name=name,
        keywords=keywords,
        engines=engines,
        max_images=images,
        options=options or {},
        actor=project.owner,
    )
    return start_job(job, actor=project.owner).job


def _gone() -> dict[str, object]:
    base = settings.PIXTASKS_BASE_URL
    return {"urls": {"urls": [f"{base}/samples/gone-{number}.jpg" for number in range(6)]}}


def _outside(owner: User) -> None:
    name = "thumbnails.render"
    kind = register_type(creator=owner, name=name, description="Render a thumbnail.", parameters_schema=_SCHEMA)
    sizes = ({"path": f"wildlife/{width}.jpg", "width": width} for width in (64, 128, 256, 512))
    submit([NewTask(type_name=name, task_type=kind, parameters=size) for size in sizes], owner_id=owner.pk)
    for leased in claim_tasks(worker="render-box-7", limit=3, type_names=[name], owner_id=None):
        task = leased.task
        token = lease_token(task.pk, task.attempt)
        fail(task, attempt=task.attempt, token=token, error_message="The disk of render-box-7 is full.", retry=False)


def _settled(job: CrawlJob) -> None:
    def over() -> bool:
        group = CrawlJob.objects.with_group().get(pk=job.pk).group
        return group is not None and group.settled_at is not None

    wait_for(over, f"the end of {job.name}", seconds=PATIENCE)


def _quiet() -> None:
    def over() -> bool:
        waiting = Task.objects.filter(status__in=("pending", "running"))
        return not waiting.exclude(type_name__in=("thumbnails.render", "webhooks.deliver")).exists()

    wait_for(over, "an idle ledger", seconds=PATIENCE)
