"""Routes of the pages of people who are not staff."""

from __future__ import annotations

from django.urls import path

from pixtasks.web import account, exports, home, jobs, projects, signin

app_name = "web"

urlpatterns = [
    path("signin", signin.SignIn.as_view(), name="sign-in"),
    path("signout", signin.SignOut.as_view(), name="sign-out"),
    path("now", home.Now.as_view(), name="now"),
    path("projects", projects.Projects.as_view(), name="projects"),
    path("projects/new", projects.NewProject.as_view(), name="new-project"),
    path("projects/<int:project_id>", projects.ProjectPage.as_view(), name="project"),
    path("projects/<int:project_id>/edit", projects.EditProject.as_view(), name="edit-project"),
    path("projects/<int:project_id>/gather", projects.StartGather.as_view(), name="start-gather"),
    path("gathers/<str:taskId>/cancel", projects.CancelGather.as_view(), name="cancel-gather"),
    path("jobs/new", jobs.NewJob.as_view(), name="new-job"),
    path("jobs/<int:job_id>", jobs.Job.as_view(), name="job"),
    path("jobs/<int:job_id>/now", jobs.JobNow.as_view(), name="job-now"),
    path("jobs/<int:job_id>/newest", jobs.JobNewest.as_view(), name="job-newest"),
    path("jobs/<int:job_id>/chunks", jobs.JobChunks.as_view(), name="job-chunks"),
    path("jobs/<int:job_id>/start", jobs.StartJob.as_view(), name="start-job"),
    path("jobs/<int:job_id>/cancel", jobs.CancelJob.as_view(), name="cancel-job"),
    path("jobs/<int:job_id>/retry", jobs.RetryJob.as_view(), name="retry-job"),
    path("jobs/<int:job_id>/validate", jobs.ValidateJob.as_view(), name="validate-job"),
    path("jobs/<int:job_id>/export.<slug:form>", exports.ExportJob.as_view(), name="export-job"),
    path("account", account.Account.as_view(), name="account"),
    path("account/password", account.Password.as_view(), name="password"),
    path("account/keys", account.Keys.as_view(), name="keys"),
    path("account/keys/<int:key_id>/revoke", account.RevokeKey.as_view(), name="revoke-key"),
]
