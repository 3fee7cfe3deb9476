"""What workers do for image datasets, a file per concern; what is registered here is launchable in every dialect."""

from __future__ import annotations

from jobs.services.telling import ProjectScope
from tasktypes.webhooks.scopes import scope_kinds

from .crawling import DownloadImages, RefetchFailures
from .keeping import JudgeLicenses, SweepFiles
from .opt_outs import RemoveOptedOut
from .validating import (
    FindNearDuplicates,
    RejudgeImages,
    ValidateImagesFast,
    ValidateImagesMedium,
    ValidateImagesSlow,
    ValidateWhenCrawled,
)

__all__ = [
    "DownloadImages",
    "FindNearDuplicates",
    "JudgeLicenses",
    "RefetchFailures",
    "RejudgeImages",
    "RemoveOptedOut",
    "SweepFiles",
    "ValidateImagesFast",
    "ValidateImagesMedium",
    "ValidateImagesSlow",
    "ValidateWhenCrawled",
]

scope_kinds.register(ProjectScope())
