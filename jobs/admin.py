"""Registers the console pages of image datasets; they are in :mod:`jobs.console`."""

from __future__ import annotations

from django.contrib import admin

from jobs.console.engines_admin import EngineStateAdmin
from jobs.console.images_admin import DecisionAdmin, ImageAdmin, IssueAdmin, ReleaseAdmin, VerdictAdmin
from jobs.console.jobs_admin import CrawlJobAdmin
from jobs.console.opt_outs_admin import OptOutAdmin
from jobs.console.projects_admin import ProjectAdmin
from jobs.console.rows_admin import BudgetMoveAdmin, ChunkAdmin, FetchFailureAdmin, RefetchRunAdmin, ValidationRunAdmin
from jobs.models import (
    BudgetMove,
    Chunk,
    CrawlJob,
    Decision,
    EngineState,
    FetchFailure,
    Image,
    Issue,
    OptOut,
    Project,
    QuarantineRelease,
    RefetchRun,
    ValidationRun,
    Verdict,
)

__all__ = ["ProjectAdmin"]

admin.site.register(Project, ProjectAdmin)
admin.site.register(CrawlJob, CrawlJobAdmin)
admin.site.register(Chunk, ChunkAdmin)
admin.site.register(BudgetMove, BudgetMoveAdmin)
admin.site.register(FetchFailure, FetchFailureAdmin)
admin.site.register(ValidationRun, ValidationRunAdmin)
admin.site.register(RefetchRun, RefetchRunAdmin)
admin.site.register(Image, ImageAdmin)
admin.site.register(Verdict, VerdictAdmin)
admin.site.register(Issue, IssueAdmin)
admin.site.register(Decision, DecisionAdmin)
admin.site.register(QuarantineRelease, ReleaseAdmin)
admin.site.register(OptOut, OptOutAdmin)
admin.site.register(EngineState, EngineStateAdmin)
