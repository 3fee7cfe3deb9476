from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tasktypes", "0008_throughput"),
    ]

    operations = [
        migrations.AddField(
            model_name="scheduledslot",
            name="task_number",
            field=models.BigIntegerField(
                blank=True, help_text="The task that was made; it may have been deleted since.", null=True
            ),
        ),
        migrations.AddField(
            model_name="scheduledslot",
            name="reason",
            field=models.TextField(blank=True, db_default="", default="", help_text="Why none was made."),
        ),
    ]
