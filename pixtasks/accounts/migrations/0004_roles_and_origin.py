import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

LOCAL_EMAIL = "local@localhost"
ROLES = ("viewer", "operator", "administrator")


def keep_what_staff_may(apps, schema_editor):
    """Staff could change everything over HTTP until now: they become operators. Rights are added after migrating."""
    using = schema_editor.connection.alias
    group_model = apps.get_model("auth", "Group")
    groups = {name: group_model.objects.using(using).get_or_create(name=name)[0] for name in ROLES}
    staff = apps.get_model("accounts", "User").objects.using(using).filter(is_staff=True, is_superuser=False)
    for user in staff.exclude(email=LOCAL_EMAIL):
        user.groups.add(groups["operator"])


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_api_key_scopes"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={
                "ordering": ("email",),
                "permissions": (("operate", "May start, cancel, retry and change what others own"),),
                "verbose_name": "user",
                "verbose_name_plural": "users",
            },
        ),
        migrations.AddField(
            model_name="auditentry",
            name="origin",
            field=models.CharField(
                choices=[
                    ("console", "console"),
                    ("api", "API"),
                    ("pages", "web interface"),
                    ("command", "command"),
                    ("system", "system"),
                ],
                db_default="system",
                default="system",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="actor",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="audit_entries",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="actor_name",
            field=models.CharField(
                help_text="The actor's address, which outlives the user; of a command the account it ran under.",
                max_length=254,
            ),
        ),
        migrations.RemoveIndex(
            model_name="auditentry",
            name="audit_by_object",
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["object_id", "object_type"], name="audit_by_object_id"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["object_type", "id"], name="audit_by_kind"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["actor", "id"], name="audit_by_actor"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["action", "id"], name="audit_by_action"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["origin", "id"], name="audit_by_origin"),
        ),
        migrations.RunPython(keep_what_staff_may, migrations.RunPython.noop, elidable=False),
    ]
