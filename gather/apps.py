"""The gather app."""

from django.apps import AppConfig


class GatherConfig(AppConfig):
    """Repeated gathering and live progress."""

    name = "gather"
    verbose_name = "Gathering"

    def ready(self) -> None:
        """Register the handlers, and what happens when a project goes."""
        from django.db.models.signals import post_delete

        from gather import handlers
        from gather.services.schedules import forget_deleted
        from gather.webhooks import handlers as webhook_handlers

        post_delete.connect(forget_deleted, sender="jobs.Project", dispatch_uid="gather.forget_deleted")
        assert handlers.AutomatedGather.name
        assert webhook_handlers.ForwardEvent.name
