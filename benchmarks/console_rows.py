"""An installation of a million tasks and a million images, made inside PostgreSQL by one statement per table.

Only for the database of a benchmark: rows go past the services, in the shape that the services leave them in.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable

from django.db import connection

from benchmarks import console_history
from benchmarks.console_fill import JOBS, OWNERS, PROJECTS, TYPES, age, execute, insert, word

WIDE = (1_000, 5)
"""Keywords and engines of the job with the most chunks (number 2); the others have 5 × 4."""
FILES = 16
"""How many image files there really are; the rows share them."""

_ENGINES = ("sample", "urls", "site", "directory", "google")
_ISSUES = ("blurry", "dark", "too_small", "near_duplicate", "light")


def fill(rows: int, say: Callable[[str], None]) -> None:
    """Fill every table of an empty, migrated database.

    Args:
        rows: tasks, images and audit entries, each; at least 30,000.
        say: is told what was filled, and how long that took.
    """
    if rows < 30_000:
        raise ValueError("500 jobs have 15,000 chunks: ask for 30,000 rows or more")
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        # Foreign keys are right by construction; checking each of millions takes longer than inserting it.
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            cursor.execute("SET session_replication_role = replica")
    for step in (_people, _tasks, _jobs, _images, _verdicts, *console_history.STEPS):
        began = time.monotonic()
        step(rows)
        say(f"{step.__name__.lstrip('_')}: {time.monotonic() - began:.0f} s")
    with connection.cursor() as cursor:
        cursor.execute("RESET session_replication_role; RESET synchronous_commit")
        cursor.execute("VACUUM ANALYZE")  # What autovacuum does by itself within minutes.


def _people(rows: int) -> None:
    from django.contrib.auth.models import Group

    from jobs.models import Project
    from pixtasks.accounts.models import ApiKey, User

    insert(
        User,
        f"generate_series(1, {OWNERS}) n",
        id="1000 + n",
        email="'owner' || n || '@example.com'",
        name="'Owner ' || n",
        password="'!'",
        is_active="true",
        is_staff="n <= 3",
        is_superuser="n = 1",
        date_joined="now()",
    )
    for number in range(5):
        Group.objects.get_or_create(name=f"bench group {number}")
    for owner in User.objects.filter(email__startswith="owner"):
        for number in range(4):
            ApiKey.objects.create_key(name=f"key {number}", owner=owner)
    insert(
        Project,
        f"generate_series(1, {PROJECTS}) n",
        id="n",
        owner_id=f"1001 + n % {OWNERS}",
        name="'Project ' || n",
        slug="'project-' || n",
        created_at=age("n", PROJECTS),
        updated_at=age("n", PROJECTS),
    )


def _chunks() -> int:
    return WIDE[0] * WIDE[1] + (JOBS - 1) * 20


# Job 1 has chunks 1 to 20; jobs 3 to 500 the next 9,960; job 2, the wide one, the newest 5,000.
_JOB_OF_CHUNK = f"(CASE WHEN c <= 20 THEN 1 WHEN c <= {(JOBS - 1) * 20} THEN 3 + (c - 21) / 20 ELSE 2 END)"
_PLACE = f"(CASE WHEN c <= {(JOBS - 1) * 20} THEN (c - 1) % 20 ELSE c - 1 - {(JOBS - 1) * 20} END)"


def _tasks(rows: int) -> None:
    from jobs.services import crawl_jobs
    from tasktypes.models import Task, TaskGroup, TaskType, Worker
    from tasktypes.models.process import Process

    for number in (1, 2, 3, 4, 5):
        TaskType.objects.get_or_create(name=f"bench.declared_{number}", defaults={"description": "Of the benchmark."})
    insert(
        TaskGroup,
        f"generate_series(1, {JOBS}) n",
        id="n",
        kind=f"'{crawl_jobs.GROUP_KIND}'",
        created_at=age("n", JOBS),
        updated_at=age("n", JOBS),
    )
    step = rows // _chunks()
    # Of each hundred 3 failed and 1 was cancelled; of the newest hundredth most wait, and some run.
    status = (
        f"(CASE WHEN n > {rows} - {rows // 100} THEN (CASE WHEN n % 100 = 7 THEN 'running' ELSE 'pending' END) "
        "WHEN n % 100 < 3 THEN 'failed' WHEN n % 100 = 3 THEN 'cancelled' ELSE 'completed' END)"
    )
    chunk = f"(CASE WHEN n % {step} = 0 AND n / {step} <= {_chunks()} THEN n / {step} END)"
    kind = f"(CASE WHEN c IS NOT NULL THEN '{crawl_jobs.DOWNLOAD}' ELSE {word('n::bigint * 7919 / 13', TYPES)} END)"
    owner = f"(CASE WHEN n % 40 > 0 THEN 1001 + (CASE WHEN c IS NULL THEN n ELSE j END) % {OWNERS} END)"
    source = (
        f"(SELECT n, c, j, {status} AS s, {age('n', rows)} AS t, {kind} AS k, {owner} AS o, "
        "CASE WHEN n % 50 = 0 THEN 10 ELSE 100 END AS p FROM "
        f"(SELECT n, c, {_JOB_OF_CHUNK} AS j FROM (SELECT n, {chunk} AS c FROM generate_series(1, {rows}) n) x) y) z"
    )
    ended = "s IN ('completed', 'failed', 'cancelled')"
    insert(
        Task,
        source,
        id="n",
        public_id="md5('task' || n)::uuid::text",
        type_name="k",
        task_type_id="(SELECT id FROM task_types WHERE name = k)",
        group_id="CASE WHEN c IS NOT NULL THEN j END",
        created_by_id="o",
        status="s",
        parameters="jsonb_build_object('number', n, 'message', 'row ' || n, 'max_images', 100)",
        priority="p",
        result="CASE WHEN s = 'completed' THEN jsonb_build_object('images', n % 100) END",
        error_message="CASE WHEN s = 'failed' THEN 'TimeoutError: no answer within ' || n % 60 || ' s' END",
        progress="jsonb_build_object('done', n % 100, 'target', 100, 'images', n % 100)",
        attempt="CASE WHEN s = 'pending' THEN 0 ELSE 1 + n % 2 END",
        retries="n % 2",
        due_at="CASE WHEN s = 'pending' THEN t END",
        lane="CASE WHEN k LIKE 'bench.%' THEN 'x' ELSE 'h' END || lpad(p::text, 4, '0') "
        "|| '|' || k || '||' || coalesce(o, 0)",
        worker="CASE WHEN s <> 'pending' THEN 'pool@bench' || n % 4 ELSE '' END",
        lease_expires_at="CASE WHEN s = 'running' THEN now() + interval '1 hour' END",
        event_seq="3",
        created_at="t",
        updated_at="t",
        started_at="CASE WHEN s <> 'pending' THEN t + interval '1 second' END",
        completed_at=f"CASE WHEN {ended} THEN t + interval '1 second' * (2 + n % 30) END",
    )
    execute(
        "UPDATE tasktypes_taskgroup g SET total = x.total, completed = x.completed, failed = x.failed, "
        "cancelled = x.cancelled, settled_at = CASE WHEN x.active = 0 THEN x.last END FROM (SELECT group_id, "
        "count(*) total, count(*) FILTER (WHERE status = 'completed') completed, "
        "count(*) FILTER (WHERE status = 'failed') failed, count(*) FILTER (WHERE status = 'cancelled') cancelled, "
        "count(*) FILTER (WHERE status IN ('pending', 'running')) active, max(completed_at) AS last "
        "FROM task_list WHERE group_id IS NOT NULL GROUP BY group_id) x WHERE x.group_id = g.id"
    )
    execute(
        "INSERT INTO tasktypes_tallydelta (owner_id, type_name, status, delta) "
        "SELECT created_by_id, type_name, status, count(*) FROM task_list GROUP BY 1, 2, 3"
    )
    insert(
        Worker,
        "generate_series(0, 3) n",
        name="'pool@bench' || n",
        pid="100 + n",
        slots="2",
        queues="'[\"default\"]'::jsonb",
        started_at="now()",
        heartbeat_at="now()",
    )
    insert(
        Process,
        "(VALUES ('dispatcher'), ('scheduler')) r(role)",
        name="role || '@bench'",
        role="role",
        pid="99",
        started_at="now()",
        heartbeat_at="now()",
    )


def _jobs(rows: int) -> None:
    from jobs.models import Chunk, CrawlJob, FetchFailure, ValidationRun
    from jobs.services import validation
    from tasktypes.models import TaskGroup

    words = f"(SELECT jsonb_agg('keyword ' || k) FROM generate_series(1, CASE n WHEN 2 THEN {WIDE[0]} ELSE 5 END) k)"
    wide, narrow = json.dumps(_ENGINES[: WIDE[1]]), json.dumps(_ENGINES[:4])
    insert(
        CrawlJob,
        f"generate_series(1, {JOBS}) n",
        id="n",
        project_id=f"1 + n % {PROJECTS}",
        name="'Job ' || n",
        keywords=words,
        engines=f"CASE WHEN n = 2 THEN '{wide}'::jsonb ELSE '{narrow}'::jsonb END",
        max_images="10000",
        group_id="n",
        images=f"{rows} / {JOBS}",
        outcomes='\'{"stored": 1800, "http_404": 150, "timeout": 50}\'::jsonb',
        created_at=age("n", JOBS),
        updated_at=age("n", JOBS),
        started_at=age("n", JOBS),
    )
    step = rows // _chunks()
    source = f"(SELECT c, {_JOB_OF_CHUNK} AS j, {_PLACE} AS p FROM generate_series(1, {_chunks()}) c) a"
    engine = f"CASE WHEN j = 2 THEN {word('p', _ENGINES)} ELSE {word('p', _ENGINES[:4])} END"
    insert(
        Chunk,
        source,
        id="c",
        job_id="j",
        keyword=f"'keyword ' || 1 + p / CASE WHEN j = 2 THEN {WIDE[1]} ELSE 4 END",
        engine=engine,
        backend=engine,
        task_id=f"c * {step}",
    )
    insert(
        FetchFailure,
        f"generate_series(1, {rows // 10}) n",
        chunk_id=f"1 + n % {_chunks()}",
        rank=f"n / {_chunks()}",
        url="'https://pictures.example.com/' || md5(n::text) || '.jpg'",
        outcome=word("n / 7", ("http_404", "timeout", "not_an_image", "too_large", "blocked_address")),
        detail="'attempt ' || n",
        created_at=age("n", rows // 10),
    )
    insert(
        TaskGroup,
        f"generate_series(1, {JOBS}) n",
        id=f"{JOBS} + n",
        kind=f"'{validation.GROUP_KIND}'",
        total="10",
        completed="10",
        settled_at=age("n", JOBS),
        created_at=age("n", JOBS),
        updated_at=age("n", JOBS),
    )
    insert(
        ValidationRun,
        f"generate_series(1, {JOBS}) n",
        job_id="n",
        level="'fast'",
        group_id=f"{JOBS} + n",
        images_count=f"{rows} / {JOBS}",
        created_by_id=f"1001 + n % {OWNERS}",
        created_at=age("n", JOBS),
    )


def _images(rows: int) -> None:
    from jobs.models import Image

    tenth = rows // 10
    # The first tenth is job 1's, the last job 2's.
    job = f"(CASE WHEN n <= {tenth} THEN 1 WHEN n > {rows - tenth} THEN 2 ELSE 3 + n % {JOBS - 2} END)"
    first = f"(CASE j WHEN 1 THEN 0 WHEN 2 THEN {(JOBS - 1) * 20} ELSE 20 + (j - 3) * 20 END)"
    place = f"(n / {JOBS} % CASE j WHEN 2 THEN {WIDE[0] * WIDE[1]} ELSE 20 END)"
    wide = f"CASE WHEN j = 2 THEN {WIDE[1]} ELSE 4 END"
    engine = f"CASE WHEN j = 2 THEN {word('p', _ENGINES)} ELSE {word('p', _ENGINES[:4])} END"
    keys = tuple(f"{digest[:2]}/{digest[2:4]}/{digest}" for digest in _files())
    insert(
        Image,
        f"(SELECT n, j, {first} AS f, {place} AS p, encode(sha256(n::text::bytea), 'hex') AS h FROM "
        f"(SELECT n, {job} AS j FROM generate_series(1, {rows}) n) a) b",
        id="n",
        job_id="j",
        chunk_id="1 + f + p",
        sha256="h",
        key=word("n", keys),
        format=word("n / 3", ("jpeg", "jpeg", "png", "webp")),
        width="400 + n % 2000",
        height="300 + n % 1500",
        bytes="20000 + n % 900000",
        content_type="'image/jpeg'",
        source_url="'https://pictures.example.com/' || h || '.jpg'",
        page_url="'https://pictures.example.com/page/' || n",
        title="'Picture ' || n || ' of a thing'",
        creator="'Somebody ' || n % 1000",
        license=word("n / 5", ("by", "by-sa", "cc0", "", "pdm")),
        keyword=f"'keyword ' || 1 + p / {wide}",
        engine=engine,
        backend=engine,
        rank="n % 10000",
        fetched_at=age("n", rows),
        is_valid="CASE n % 20 WHEN 0 THEN NULL WHEN 1 THEN false WHEN 2 THEN false WHEN 3 THEN false ELSE true END",
        phash="('x' || substr(h, 1, 16))::bit(64)::bigint",
    )


def _files() -> list[str]:
    """Store the image files that all rows share; return their sha256."""
    import hashlib

    from django.core.files.base import ContentFile
    from PIL import Image as Pillow

    from jobs.fetch.storage import image_key, images_storage

    digests = []
    for number in range(FILES):
        file = io.BytesIO()
        Pillow.effect_mandelbrot((640, 480), (-2.2, -1.2, 0.6 + number / 20, 1.2), 60).save(file, "JPEG")
        digest = hashlib.sha256(file.getvalue()).hexdigest()
        images_storage().save(image_key(digest), ContentFile(file.getvalue()))
        digests.append(digest)
    return digests


def _verdicts(rows: int) -> None:
    from jobs.models import Issue, Verdict

    valid = "(n % 20 > 3)"
    measured = (
        "jsonb_build_object('width', 400 + n % 2000, 'height', 300 + n % 1500, 'bytes', 20000 + n % 900000, "
        "'aspect', 1.3, 'sharpness', n % 100 / 100.0, 'highlights', n % 90 / 90.0, 'shadows', n % 80 / 80.0, "
        "'contrast', n % 70 / 70.0, 'entropy', n % 8)"
    )
    insert(
        Verdict,
        f"generate_series(1, {rows}) n WHERE n % 20 > 0",
        id="n",
        image_id="n",
        level="'fast'",
        is_valid=valid,
        created_at=age("n", rows),
    )
    insert(
        Verdict,
        f"generate_series(1, {rows // 10}) n WHERE n % 20 > 0",
        id=f"{rows} + n",
        image_id="n",
        level="'slow'",
        is_valid=valid,
        measurements=measured,
        created_at=age("n", rows),
    )
    insert(
        Issue,
        f"generate_series(1, {rows}) n WHERE n % 20 BETWEEN 1 AND 3",
        verdict_id="n",
        image_id="n",
        kind=word("n / 20", _ISSUES),
    )
