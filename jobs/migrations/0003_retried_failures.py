import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0002_shared_chunk_tasks"),
        ("tasktypes", "0007_process_heartbeats"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="fetchfailure",
            name="facts",
            field=models.JSONField(
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                help_text="What the source said of it: page, title, creator, licence; for when it is tried again.",
            ),
        ),
        migrations.AddIndex(
            model_name="fetchfailure", index=models.Index(fields=["outcome", "id"], name="failure_by_outcome")
        ),
        migrations.AddIndex(model_name="chunk", index=models.Index(fields=["engine", "id"], name="chunk_by_engine")),
        migrations.CreateModel(
            name="RefetchRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("outcome", models.CharField(help_text="The class of failure that is tried again.", max_length=40)),
                ("failures_count", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "group",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="refetch_run",
                        to="tasktypes.taskgroup",
                    ),
                ),
                (
                    "job",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="refetch_runs", to="jobs.crawljob"
                    ),
                ),
            ],
            options={"ordering": ("-id",)},
        ),
    ]
