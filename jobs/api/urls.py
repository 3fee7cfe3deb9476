"""Routes below ``/api/v1/``; each answers with and without its trailing slash (CONTRACT X08)."""

from __future__ import annotations

from django.urls import path

from .chunks import ChunksView, FailuresView
from .images import ImageView, JobImagesView
from .job_actions import CancelView, ProgressView, RetryView, StartView, StopView
from .jobs import JobsView, JobView, ProjectJobsView
from .pictures import ImageFileView, ThumbnailView
from .projects import ProjectsView, ProjectView
from .validation import ValidationResultsView, ValidationView

urlpatterns = [
    path("projects", ProjectsView.as_view(), name="projects"),
    path("projects/<int:project_id>", ProjectView.as_view(), name="project"),
    path("projects/<int:project_id>/jobs", ProjectJobsView.as_view(), name="project-jobs"),
    path("jobs", JobsView.as_view(), name="jobs"),
    path("jobs/<int:job_id>", JobView.as_view(), name="job"),
    path("jobs/<int:job_id>/start", StartView.as_view(), name="job-start"),
    path("jobs/<int:job_id>/cancel", CancelView.as_view(), name="job-cancel"),
    path("jobs/<int:job_id>/stop", StopView.as_view(), name="job-stop"),
    path("jobs/<int:job_id>/retry", RetryView.as_view(), name="job-retry"),
    path("jobs/<int:job_id>/progress", ProgressView.as_view(), name="job-progress"),
    path("jobs/<int:job_id>/chunks", ChunksView.as_view(), name="job-chunks"),
    path("jobs/<int:job_id>/failures", FailuresView.as_view(), name="job-failures"),
    path("jobs/<int:job_id>/images", JobImagesView.as_view(), name="job-images"),
    path("images/<int:image_id>", ImageView.as_view(), name="image"),
    path("images/<int:image_id>/file", ImageFileView.as_view(), name="image-file"),
    path("images/<int:image_id>/thumbnail", ThumbnailView.as_view(), name="image-thumbnail"),
    path("validation/job/<int:job_id>/", ValidationView.as_view(), name="validation"),
    path("validation/job/<int:job_id>/results", ValidationResultsView.as_view(), name="validation-results"),
]
