"""What looks after images that are stored: their licences, and files that nobody names any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from jobs.services import (
    failures,
    files,
    quarantine,
    telling,
    thumbnails,
)
from jobs.services.access import project_for
from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied, NotFound, RuleViolation
from tasktypes.handlers import AnyTask, Context, Handler, Scope, register
from tasktypes.services.schedules import schedule


class JudgeLicensesParams(BaseModel):
    """A project whose policy has changed."""

    model_config = ConfigDict(extra="forbid")

    project_id: int = Field(ge=1)


@register
class JudgeLicenses(Handler[JudgeLicensesParams]):
    """Judges the licences of a project's images by its policy."""

    name = quarantine.JUDGE_LICENSES
    description = "Put images whose licence does not fit their project's policy into quarantine, and let others out."
    Params = JudgeLicensesParams
    time_limit = 3600

    def check_caller(self, params: JudgeLicensesParams, user: User) -> None:
        """Ask for the caller's own project."""
        try:
            project_for(user, params.project_id)
        except NotFound as error:
            raise RuleViolation(f"There is no project {params.project_id}") from error

    def run(self, params: JudgeLicensesParams, context: Context) -> dict[str, Any]:
        """Judge, and return how many went in and came out."""
        return quarantine.judge_project(params.project_id, context)

    def scopes(self, tasks: Sequence[AnyTask]) -> dict[int, Scope]:
        """Name the projects."""
        return telling.scopes_of_projects(tasks)


class NoParams(BaseModel):
    """Takes nothing."""

    model_config = ConfigDict(extra="forbid")


@schedule("sweep unused image files", minute="41")
@register
class SweepFiles(Handler[NoParams]):
    """Drops image files that no row points to and that are older than an hour."""

    name = "jobs.sweep_files"
    description = "Drop image files that no image row points to any more, and fill in what older rows lack."
    Params = NoParams
    time_limit = 3600

    def check_caller(self, params: NoParams, user: User) -> None:
        """It goes over everybody's files: staff only."""
        if not user.is_staff:
            raise AccessDenied

    def run(self, params: NoParams, context: Context) -> dict[str, Any]:
        """Sweep, and return how many files were looked at and dropped."""
        filled = failures.fill_hosts(context)
        swept = files.sweep_files(context)
        return {**swept, "thumbnails_dropped": thumbnails.sweep_thumbnails(), "hosts_filled": filled}
