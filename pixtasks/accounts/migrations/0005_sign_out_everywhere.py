from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_roles_and_origin"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="sign_in_salt",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=32),
        ),
    ]
