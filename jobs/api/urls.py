"""Routes below ``/api/v1/``; each answers with and without its trailing slash (CONTRACT X08)."""

from __future__ import annotations

from django.urls import path

from .chunks import ChunksView, TemplatesView
from .engines import EnginesView, EngineView
from .failures import FailureSummaryView, FailuresView, RetryFailuresView
from .images import ImageView, JobImagesView
from .job_actions import CancelView, ProgressView, RetryView, StartView, StopView
from .jobs import JobsView, JobView, ProjectJobsView
from .licenses import JobAttributionView, JobLicensesView, ProjectLicensesView, ReleaseView
from .opt_outs import OptOutsView, OptOutView
from .pictures import ImageFileView, ThumbnailView
from .plans import PlanView
from .projects import ProjectsView, ProjectView
from .validation import ValidationResultsView, ValidationView

urlpatterns = [
    path("projects", ProjectsView.as_view(), name="projects"),
    path("projects/<int:project_id>", ProjectView.as_view(), name="project"),
    path("projects/<int:project_id>/jobs", ProjectJobsView.as_view(), name="project-jobs"),
    path("projects/<int:project_id>/licenses", ProjectLicensesView.as_view(), name="project-licenses"),
    path("engines", EnginesView.as_view(), name="engines"),
    path("engines/<str:engine_name>", EngineView.as_view(), name="engine"),
    path("jobs", JobsView.as_view(), name="jobs"),
    path("jobs/<int:job_id>", JobView.as_view(), name="job"),
    path("jobs/<int:job_id>/plan", PlanView.as_view(), name="job-plan"),
    path("jobs/<int:job_id>/start", StartView.as_view(), name="job-start"),
    path("jobs/<int:job_id>/cancel", CancelView.as_view(), name="job-cancel"),
    path("jobs/<int:job_id>/stop", StopView.as_view(), name="job-stop"),
    path("jobs/<int:job_id>/retry", RetryView.as_view(), name="job-retry"),
    path("jobs/<int:job_id>/progress", ProgressView.as_view(), name="job-progress"),
    path("jobs/<int:job_id>/chunks", ChunksView.as_view(), name="job-chunks"),
    path("jobs/<int:job_id>/templates", TemplatesView.as_view(), name="job-templates"),
    path("jobs/<int:job_id>/failures", FailuresView.as_view(), name="job-failures"),
    path("jobs/<int:job_id>/failures/summary", FailureSummaryView.as_view(), name="job-failures-summary"),
    path("jobs/<int:job_id>/retry-failures", RetryFailuresView.as_view(), name="job-retry-failures"),
    path("jobs/<int:job_id>/images", JobImagesView.as_view(), name="job-images"),
    path("jobs/<int:job_id>/licenses", JobLicensesView.as_view(), name="job-licenses"),
    path("jobs/<int:job_id>/attribution", JobAttributionView.as_view(), name="job-attribution"),
    path("images/<int:image_id>", ImageView.as_view(), name="image"),
    path("images/<int:image_id>/file", ImageFileView.as_view(), name="image-file"),
    path("images/<int:image_id>/thumbnail", ThumbnailView.as_view(), name="image-thumbnail"),
    path("images/<int:image_id>/release", ReleaseView.as_view(), name="image-release"),
    path("validation/job/<int:job_id>/", ValidationView.as_view(), name="validation"),
    path("validation/job/<int:job_id>/results", ValidationResultsView.as_view(), name="validation-results"),
    path("opt-outs", OptOutsView.as_view(), name="opt-outs"),
    path("opt-outs/<int:opt_out_id>", OptOutView.as_view(), name="opt-out"),
]
