from django.db import migrations, models

import jobs.models.job


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0006_licenses"),
        ("tasktypes", "0011_task_by_age"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="chunk",
            name="chunk_per_keyword_and_engine",
        ),
        migrations.AddField(
            model_name="chunk",
            name="template",
            field=models.CharField(db_default="{keyword}", default="{keyword}", max_length=100),
        ),
        migrations.AddField(
            model_name="crawljob",
            name="keyword_templates",
            field=models.JSONField(
                db_default=models.Value(["{keyword}"], models.JSONField()),
                default=jobs.models.job.plain_templates,
                help_text='1 to 10 texts that hold "{keyword}": what the engines are asked.',
            ),
        ),
        migrations.AddField(
            model_name="fetchfailure",
            name="attempts",
            field=models.PositiveIntegerField(db_default=1, default=1, help_text="How often it was fetched."),
        ),
        migrations.AddField(
            model_name="fetchfailure",
            name="host",
            field=models.CharField(
                help_text="Of the address; empty where it names none, null until the sweep has read it from an older row.",
                max_length=255,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="fetchfailure",
            name="next_eligible_at",
            field=models.DateTimeField(
                help_text="When another attempt is worth it; null where the same request fails again.", null=True
            ),
        ),
        migrations.AddField(
            model_name="image",
            name="query",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="What the engine was asked, where that is not the keyword alone.",
                max_length=100,
            ),
        ),
        migrations.AddField(
            model_name="refetchrun",
            name="filters",
            field=models.JSONField(
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text="What else was asked for: host, failed_from, failed_until, eligible_only.",
            ),
        ),
        migrations.AddField(
            model_name="refetchrun",
            name="outcomes",
            field=models.JSONField(
                db_default=models.Value([], models.JSONField()),
                default=list,
                help_text="The classes that are tried again; empty for runs of before there could be several.",
            ),
        ),
        migrations.AlterField(
            model_name="fetchfailure",
            name="created_at",
            field=models.DateTimeField(help_text="When it failed last."),
        ),
        migrations.AlterField(
            model_name="refetchrun",
            name="outcome",
            field=models.CharField(
                blank=True,
                help_text="The class of failure that is tried again; empty where it is several.",
                max_length=40,
            ),
        ),
        migrations.AddIndex(
            model_name="fetchfailure",
            index=models.Index(fields=["chunk", "outcome", "next_eligible_at"], name="failure_of_class"),
        ),
        migrations.AddIndex(
            model_name="fetchfailure",
            index=models.Index(fields=["chunk", "host", "outcome"], name="failure_of_host"),
        ),
        migrations.AddIndex(
            model_name="fetchfailure",
            index=models.Index(fields=["chunk", "created_at"], name="failure_of_time"),
        ),
        migrations.AddIndex(
            model_name="fetchfailure",
            index=models.Index(condition=models.Q(("host__isnull", True)), fields=["id"], name="failure_without_host"),
        ),
        migrations.AddConstraint(
            model_name="chunk",
            constraint=models.UniqueConstraint(
                fields=("job", "keyword", "template", "engine"), name="chunk_per_keyword_template_and_engine"
            ),
        ),
    ]
