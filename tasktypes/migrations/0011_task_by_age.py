from django.db import migrations, models


class Migration(migrations.Migration):
    """Lists of what was submitted lately must not read what was submitted long ago."""

    dependencies = [
        ("tasktypes", "0010_console_indexes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="task",
            index=models.Index(fields=["created_at"], name="task_by_age"),
        ),
    ]
