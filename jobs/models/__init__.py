"""The tables of image datasets. Only the services of this app write to them."""

from jobs.models.budget import BudgetMove
from jobs.models.decision import Decision, DecisionKind
from jobs.models.engine_state import EngineState
from jobs.models.image import FetchFailure, Image
from jobs.models.job import Chunk, CrawlJob, JobStatus
from jobs.models.opt_out import OptOut, OptOutKind
from jobs.models.project import Project
from jobs.models.quarantine import QuarantineRelease
from jobs.models.refetch import RefetchRun
from jobs.models.validation import Issue, Level, ValidationRun, Verdict

__all__ = [
    "BudgetMove",
    "Chunk",
    "CrawlJob",
    "Decision",
    "DecisionKind",
    "EngineState",
    "FetchFailure",
    "Image",
    "Issue",
    "JobStatus",
    "Level",
    "OptOut",
    "OptOutKind",
    "Project",
    "QuarantineRelease",
    "RefetchRun",
    "ValidationRun",
    "Verdict",
]
