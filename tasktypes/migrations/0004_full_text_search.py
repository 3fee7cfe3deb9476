"""The index behind full-text search of tasks; PostgreSQL only (tasktypes/services/search.py)."""

from django.db import migrations

# A frozen copy of search.vector_sql(): an index is used only for the very expression that it is over.
VECTOR = (
    r"""to_tsvector('simple', translate(left(replace(replace(
    coalesce("type_name"::text, '') || ' ' || coalesce("parameters"::text, '') || ' ' ||
    coalesce("metadata"::text, '') || ' ' || coalesce("result"::text, '') || ' ' ||
    coalesce("error_message"::text, ''), '\n', ' '), '\t', ' '), 50000),
    '{}[]()<>"'',:;./\-_@=&?#+|!*$~^`', '"""
    + " " * 31
    + "'))"
)


def create_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"CREATE INDEX task_words ON task_list USING gin ({VECTOR})")


def drop_index(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS task_words")


class Migration(migrations.Migration):
    dependencies = [("tasktypes", "0003_webhooks")]
    operations = [migrations.RunPython(create_index, drop_index)]
