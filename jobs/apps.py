"""The jobs app."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Crawling and validating images."""

    name = "jobs"
    verbose_name = "Image datasets"

    def ready(self) -> None:
        """Register the handlers and load the engines that other packages bring."""
        from jobs import handlers
        from jobs.engines import load_entry_points

        assert handlers.DownloadImages.name
        load_entry_points()
