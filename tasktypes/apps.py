"""The ledger as a Django app."""

from django.apps import AppConfig, apps


class TaskTypesConfig(AppConfig):
    """The task ledger."""

    name = "tasktypes"
    verbose_name = "Task ledger"

    def ready(self) -> None:
        """Register the ledger's own handlers, and its schedules once their table exists."""
        from django.db.models.signals import post_migrate

        from tasktypes import batch, example, housekeeping
        from tasktypes.services.schedules import create_schedules
        from tasktypes.webhooks import handler

        assert batch.Batch.name
        assert example.ExampleDatabaseTask.name
        assert housekeeping.Housekeeping.name
        assert handler.Deliver.name
        post_migrate.connect(create_schedules, sender=apps.get_app_config("django_celery_beat"))
