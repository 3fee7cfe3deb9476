from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tasktypes", "0009_slot_outcome"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["subject", "id"], name="webhook_delivery_by_subject"),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state__in", ["pending", "dead"])),
                fields=["state", "id"],
                name="webhook_delivery_not_made",
            ),
        ),
    ]
