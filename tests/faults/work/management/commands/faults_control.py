"""``manage.py faults_control``: uses the product's services as web processes do, one JSON request per line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from pixtasks.common.sql import database_now


class Command(BaseCommand):
    """Answers until its input ends."""

    def handle(self, *args: Any, **options: Any) -> None:
        for line in sys.stdin:
            request = json.loads(line)
            try:
                answer = {"answer": getattr(self, f"do_{request.pop('do')}")(**request)}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()

    def do_submit(
        self, type_name: str, parameters: list[dict[str, Any]], after: float = 0.0, owned: bool = False
    ) -> dict[str, Any]:
        """Submit tasks as one group; ``after`` seconds from now they may run; ``owned`` by the user of endpoints."""
        from pixtasks.accounts.services.users import local_user
        from tasktypes.services.submit import NewTask, create_group, submit
        from tests.faults.work.handlers import GROUP_KIND

        run_after = database_now() + timedelta(seconds=after) if after else None
        with transaction.atomic():
            group = create_group(GROUP_KIND)
            tasks = submit(
                [NewTask(type_name=type_name, parameters=one, run_after=run_after) for one in parameters],
                owner_id=local_user().pk if owned else None,
                group=group,
            )
        return {"group": group.pk, "tasks": [task.pk for task in tasks]}

    def do_cancel_group(self, group_id: int) -> int:
        from tasktypes.services.cancel import cancel_group

        return cancel_group(group_id)

    def do_crawl(self, urls: Sequence[str], name: str = "crawl") -> dict[str, Any]:
        """Start a crawl of a list of addresses."""
        from jobs.models import Project
        from jobs.services.crawl_jobs import create_job, start_job
        from jobs.services.projects import create_project
        from pixtasks.accounts.services.users import local_user

        owner = local_user()
        project = Project.objects.filter(owner=owner).first() or create_project(owner=owner, name="Faults")
        job = create_job(
            project=project,
            name=name,
            keywords=[name],
            engines=["urls"],
            max_images=10_000,
            options={"urls": {"urls": list(urls)}},
        )
        started = start_job(job)
        started.job.refresh_from_db()
        return {"job": job.pk, "group": started.job.group_id}

    def do_endpoint(self, url: str) -> int:
        from pixtasks.accounts.services.users import local_user
        from tasktypes.webhooks.services.endpoints import create_endpoint

        return create_endpoint(owner=local_user(), url=url)[0].pk

    def do_naive(self, name: str, tasks: int, items: int, pause: float) -> None:
        """Send the naive control's messages."""
        from celery import current_app

        from tests.faults.work.models import NaiveCount
        from tests.faults.work.naive import NAME

        NaiveCount.objects.create(name=name)
        for _ in range(tasks):
            current_app.send_task(NAME, args=[name, items, pause], queue="default")

    def do_denied_claims(self, task_id: int, times: int) -> list[float]:
        """Claim a row whose bucket is used up; return the seconds each try took, until one is let through."""
        from tasktypes.models import Task
        from tasktypes.services.claim import claim

        taken = []
        for _ in range(times):
            attempt = Task.objects.values_list("attempt", flat=True).get(pk=task_id)
            began = time.perf_counter()
            claimed = claim(task_id, attempt, worker="control", carrier="control")
            if claimed is not None:
                break
            taken.append(time.perf_counter() - began)
        return taken

    def do_every_second(self, name: str, handler_name: str) -> None:
        """Have beat send a schedule's message each second."""
        from django_celery_beat.models import IntervalSchedule, PeriodicTask

        from tasktypes.services.schedules import SUBMIT_SCHEDULED

        every, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.SECONDS)
        PeriodicTask.objects.create(
            name=name, task=SUBMIT_SCHEDULED, args=json.dumps([name, handler_name]), interval=every, queue="default"
        )
