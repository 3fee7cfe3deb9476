"""The tables of image datasets. Only the services of this app write to them."""

from jobs.models.image import FetchFailure, Image
from jobs.models.job import Chunk, CrawlJob, JobStatus
from jobs.models.project import Project
from jobs.models.validation import Issue, Level, ValidationRun, Verdict

__all__ = [
    "Chunk",
    "CrawlJob",
    "FetchFailure",
    "Image",
    "Issue",
    "JobStatus",
    "Level",
    "Project",
    "ValidationRun",
    "Verdict",
]
