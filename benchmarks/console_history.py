"""The rows beside tasks and images: histories, deliveries, gathers, and the tables of the libraries."""

from __future__ import annotations

from benchmarks.console_fill import JOBS, OWNERS, PROJECTS, TYPES, age, insert, word


def _history(rows: int) -> None:
    from pixtasks.accounts.models import AuditEntry, IdempotencyRecord
    from tasktypes.models import Bucket, BucketStart, ScheduledSlot, TaskEvent

    told = rows // 5
    at = f"{age('n', rows)} + s * interval '1 second'"
    insert(
        TaskEvent,
        f"generate_series({rows - told + 1}, {rows}) n, generate_series(1, 3) s",
        task_id="n",
        seq="s",
        type="(ARRAY['submitted', 'started', 'completed'])[s]",
        data="'{}'::jsonb",
        created_at=at,
    )
    insert(
        AuditEntry,
        f"generate_series(1, {rows}) n",
        actor_id=f"1001 + n % {OWNERS}",
        actor_name=f"'owner' || 1 + n % {OWNERS} || '@example.com'",
        action=word("n", ("task.cancelled", "job.started", "apikey.created", "user.changed", "image.rejected")),
        object_type=word("n", ("task", "crawljob", "apikey", "user", "image")),
        object_id="n::text",
        address="('10.0.' || n % 250 || '.' || n % 200)::inet",
        created_at=age("n", rows),
    )
    insert(
        IdempotencyRecord,
        f"generate_series(1, {rows // 20}) n",
        user_id=f"1001 + n % {OWNERS}",
        method="'POST'",
        path="'/api/v1/jobs'",
        key="'key-' || n",
        fingerprint="md5(n::text)",
        holder="gen_random_uuid()",
        status="201",
        body="'{}'",
        created_at=age("n", rows // 20),
    )
    insert(
        ScheduledSlot,
        f"generate_series(1, {rows // 50}) n",
        name=word("n", ("ledger housekeeping", "jobs.sweep", "doctor")),
        slot=age("n", rows // 50),
        created_at=age("n", rows // 50),
    )
    insert(Bucket, "generate_series(1, 8) n", key="'engine:bench' || n")
    insert(
        BucketStart,
        f"generate_series(1, {rows // 100}) n",
        bucket_id="'engine:bench' || 1 + n % 8",
        started_at=age("n", rows // 100),
    )


def _webhooks(rows: int) -> None:
    from tasktypes.models import WebhookDelivery, WebhookEndpoint

    insert(
        WebhookEndpoint,
        "generate_series(1, 20) n",
        id="n",
        owner_id=f"1001 + n % {OWNERS}",
        url="'https://hooks.example.com/' || n",
        events='\'["task.completed", "task.failed"]\'::jsonb',
        secret="md5(n::text)",
        created_at="now()",
        updated_at="now()",
    )
    count = rows // 5
    tries = '\'[{"at": "2026-11-01T00:00:00Z", "status": 500}, {"at": "2026-11-01T00:01:00Z", "status": 200}]\'::jsonb'
    insert(
        WebhookDelivery,
        f"(SELECT k, {rows - count} + k AS n FROM generate_series(1, {count}) k) a",
        event_id="gen_random_uuid()",
        endpoint_id="1 + k % 20",
        subject="'task:' || md5('task' || n)::uuid",
        task_number="n",
        task_public_id="md5('task' || n)::uuid::text",
        event=word("k", ("task.completed", "task.failed")),
        body="'{\"task\": ' || n || '}'",
        state="CASE WHEN k % 50 = 0 THEN 'dead' WHEN k % 500 = 1 THEN 'pending' ELSE 'delivered' END",
        attempts=tries,
        created_at=age("n", rows),
        ended_at=f"CASE WHEN k % 500 <> 1 THEN {age('n', rows)} END",
    )


def _gathers(rows: int) -> None:
    from gather.models import GatherRecord, GatherRun, GatherSource, ReceivedEvent

    runs = JOBS - 100
    insert(
        GatherRun,
        # Tasks of that type, and jobs, that no other run has.
        f"(SELECT row_number() OVER (ORDER BY id) AS n, id FROM (SELECT id FROM task_list WHERE type_name = "
        f"'automated_gather' ORDER BY id DESC LIMIT {runs}) x) a",
        id="n",
        project_id=f"1 + n % {PROJECTS}",
        task_id="id",
        job_id="100 + n",
        gather_count="100",
        save_interval="5",
        error_recovery="true",
        completed_iterations="50",
        failures="'[]'::jsonb",
        schedule="CASE WHEN n % 2 = 0 THEN 'gather: project ' || n % 20 ELSE '' END",
        created_at=age("n", runs),
    )
    insert(
        GatherRecord,
        f"generate_series(1, {runs}) n, generate_series(1, 50) i",
        run_id="n",
        iteration="i",
        images="i % 20",
        duplicates="i % 7",
        found="40",
        first_image_id="1000 * n",
        last_image_id="1000 * n + i",
        seconds="1.5",
        created_at=age("n", runs),
    )
    insert(
        GatherSource,
        f"generate_series(1, {PROJECTS}) n, generate_series(1, 20) k",
        project_id="n",
        keyword="'keyword ' || k",
        engine="'sample'",
        cursor="md5(k::text)",
        updated_at=age("n", PROJECTS),
    )
    insert(
        ReceivedEvent,
        f"generate_series(1, {rows // 20}) n",
        body_sha256="encode(sha256(('event' || n)::bytea), 'hex')",
        task_public_id="md5('task' || n)::uuid::text",
        event=word("n", ("progress", "complete", "error", "cancelled")),
        sent_at=age("n", rows // 20),
        received_at=age("n", rows // 20),
    )


def _libraries(rows: int) -> None:
    from django.contrib.admin.models import LogEntry
    from django_celery_beat.models import CrontabSchedule, PeriodicTask
    from django_celery_results.models import TaskResult
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

    for number in range(60):
        crontab, _ = CrontabSchedule.objects.get_or_create(minute=str(number), hour="3")
        PeriodicTask.objects.get_or_create(name=f"schedule {number}", defaults={"crontab": crontab, "task": "x"})
    count = rows // 10
    insert(
        TaskResult,
        f"generate_series(1, {count}) n",
        task_id="md5('task' || n)::uuid::text || '.1'",
        task_name=word("n", TYPES),
        periodic_task_name="NULL",
        status=word("n", ("SUCCESS", "SUCCESS", "SUCCESS", "FAILURE")),
        worker="'pool@bench' || n % 4",
        content_type="'application/json'",
        content_encoding="'utf-8'",
        result="'{}'",
        date_created=age("n", count),
        date_started=age("n", count),
        date_done=age("n", count),
    )
    insert(
        OutstandingToken,
        f"generate_series(1, {rows // 20}) n",
        id="n",
        user_id=f"1001 + n % {OWNERS}",
        jti="md5(n::text)",
        token="md5(n::text)",
        created_at=age("n", rows // 20),
        expires_at="now() + interval '14 days'",
    )
    insert(
        BlacklistedToken,
        f"generate_series(1, {rows // 40}) n",
        token_id="n",
        blacklisted_at="now()",
    )
    insert(
        LogEntry,
        f"generate_series(1, {rows // 20}) n",
        action_time=age("n", rows // 20),
        user_id=f"1001 + n % {OWNERS}",
        content_type_id="(SELECT min(id) FROM django_content_type)",
        object_id="n::text",
        object_repr="'row ' || n",
        action_flag="2",
        change_message="''",
    )


def _throughput(rows: int) -> None:
    from tasktypes.models.throughput import SourceFault, Throughput

    # Minutes of the last two days, quarters of an hour before; six sources.
    for span, source in ((1, "generate_series(0, 2879) n"), (15, "generate_series(193, 2880) n")):
        begins = f"date_trunc('hour', now()) - n * {span} * interval '1 minute'"
        tasks = f"{source}, unnest(ARRAY['completed', 'failed', 'cancelled']) m(measure)"
        columns = {"begins_at": begins, "span": str(span), "measure": "measure", "amount": "1 + n % 40"}
        insert(Throughput, tasks, **columns)
        asked = f"{source}, unnest(ARRAY['answered', 'erred', 'stored', 'refused', 'bytes']) m(measure), "
        insert(Throughput, asked + "generate_series(1, 6) e", source="'engine:source' || e", **columns)
    insert(
        SourceFault,
        "generate_series(1, 6) e, generate_series(1, 20) n",
        source="'engine:source' || e",
        message="'TimeoutError: no answer'",
        created_at="now() - n * interval '1 hour'",
    )


STEPS = (_history, _webhooks, _gathers, _libraries, _throughput)
