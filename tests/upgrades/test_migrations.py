"""Upgrades: a filled database of the first release comes to head and back, and old code works on newer tables.

A rolling upgrade migrates first and replaces the processes afterwards (expand), so what a migration leaves must take
what the code before it writes: a new column is nullable or has a default in the database, and none is renamed, made
stricter or dropped while somebody still uses it (contract, one release later).
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from tasktypes.models import TallyDelta, Task
from tasktypes.services import tally
from tasktypes.services.recount import tally_mismatches
from tests.upgrades.rows import OURS, apps_of, fill, lost, raw, remove_one, touch

FIRST = [("accounts", "0001_initial"), ("tasktypes", "0001_first"), ("jobs", "0001_first")]


def migrate(*targets: tuple[str, str | None]) -> ProjectState:
    """Migrate the test's database forward or back; return the state it is in."""
    executor = MigrationExecutor(connection)
    wanted = list(targets) or executor.loader.graph.leaf_nodes()
    return executor.migrate(wanted)


def chain(app: str) -> list[str]:
    """Return the names of an app's migrations, in their order."""
    graph = MigrationExecutor(connection).loader.graph
    leaf = graph.leaf_nodes(app)
    assert len(leaf) == 1, f"{app} has two newest migrations; merge them"
    return [name for label, name in graph.forwards_plan(leaf[0]) if label == app]


def test_a_filled_database_of_the_first_release_comes_to_head_with_every_row(database: BaseDatabaseWrapper) -> None:
    fill(apps_of(migrate(*FIRST)))
    before = raw(database)
    assert {"task_list", "jobs_image", "accounts_user", "tasktypes_taskevent"} <= set(before)
    empty = {table for table, columns in before.items() if not all(columns.values())}
    assert empty == {"accounts_user_groups", "accounts_user_user_permissions"}, "every table has rows but Django's own"
    migrate()
    assert list(lost(before, raw(database))) == []
    # What later releases keep beside the rows has been made for those that were there.
    assert TallyDelta.objects.exists()
    assert tally_mismatches() == []
    assert sum(tally.counts().values()) == Task.objects.count() == 2


@pytest.mark.parametrize("app", OURS)
def test_head_goes_back_one_step_and_forward_again_with_every_row(database: BaseDatabaseWrapper, app: str) -> None:
    names = chain(app)
    if len(names) < 2:
        names.insert(0, "zero")
    migrate(*FIRST)
    first = set(raw(database))
    fill(apps_of(migrate()))
    full = raw(database)
    back = migrate((app, None if names[-2] == "zero" else names[-2]))
    stepped = raw(database)
    assert first <= set(stepped)
    kept = {table: full[table] for table in first}
    assert [fault for fault in lost(kept, stepped) if not fault.endswith(" is gone")] == []
    assert back.models
    migrate()
    assert list(lost(stepped, raw(database))) == []


def ours_after(first: list[tuple[str, str]]) -> list[Any]:
    """Return our migrations that the first release does not have, in the order in which they are applied."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [migration for migration, _ in plan if (migration.app_label, migration.name) not in first]


def test_code_of_the_revision_before_works_on_the_tables_of_each_migration(database: BaseDatabaseWrapper) -> None:
    state = migrate(*FIRST)
    fill(apps_of(state))
    faults = {}
    for migration in ours_after(FIRST):
        executor = MigrationExecutor(connection)
        older = apps_of(state)
        state = executor.apply_migration(state, migration)
        if migration.app_label not in OURS:
            continue
        name = f"{migration.app_label}.{migration.name}"
        for what in (fill, touch, remove_one):
            try:
                what(older)
            except DatabaseError as error:
                faults[f"{name}: {what.__name__}"] = str(error)
        # And the code after it reads and writes back what the code before it has written.
        newer = apps_of(state)
        touch(newer)
        fill(newer, number=1)
    assert faults == {}
    assert MigrationExecutor(connection).migration_plan(MigrationExecutor(connection).loader.graph.leaf_nodes()) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE jobs_project ADD COLUMN colour varchar(10) CHECK (colour IS NOT NULL)",
        "ALTER TABLE jobs_project RENAME COLUMN description TO wording",
    ],
    ids=["a column that only new code fills", "a column that only new code knows"],
)
def test_the_control_notices_what_old_code_cannot_live_with(database: BaseDatabaseWrapper, change: str) -> None:
    older = apps_of(migrate())
    with database.cursor() as cursor:
        cursor.execute(change)
    with pytest.raises(DatabaseError):
        fill(older)
