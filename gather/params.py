"""What a gather takes, wherever it is asked for: the handler's parameters and the body of dialect G (CONTRACT G38)."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool
from pydantic_core import PydanticCustomError

TYPE_NAME: Final = "automated_gather"
"""Name of the handler; permanent (CONTRACT G38)."""
GATHER_COUNT_MAX: Final = 100
SAVE_INTERVAL_MAX: Final = 50

_PROJECT_ID: Final = re.compile(r"[-A-Za-z0-9_]{1,200}", re.ASCII)
_ITEM = TypeVar("_ITEM")


def _between(name: str, most: int) -> BeforeValidator:
    """Let whole numbers from 1 to ``most`` pass; texts, fractions, booleans, null are refused (CONTRACT G03)."""

    def check(value: Any) -> Any:
        if type(value) is not int or not 1 <= value <= most:
            raise PydanticCustomError("value_error.number.not_in_range", "{message}", {"message": _range(name, most)})
        return value

    return BeforeValidator(check)


def _range(name: str, most: int) -> str:
    return f"{name} must be between 1 and {most}"


def _check_project_id(value: str) -> str:
    if not _PROJECT_ID.fullmatch(value):
        raise PydanticCustomError(
            "value_error.str.regex",
            "projectId must be the slug or the id of a project: up to 200 letters, digits, '-' and '_'",
        )
    return value


def _one_line(value: Any) -> Any:
    """Drop blanks around a text and double ones in it; the length that is left is what counts."""
    return " ".join(value.split()) if isinstance(value, str) else value


def _unique(key: Callable[[_ITEM], Hashable]) -> AfterValidator:
    def drop_repeated(items: list[_ITEM]) -> list[_ITEM]:
        first: dict[Hashable, _ITEM] = {}
        for item in items:
            first.setdefault(key(item), item)
        return list(first.values())

    return AfterValidator(drop_repeated)


ProjectId = Annotated[
    str,
    Field(
        min_length=1,
        description="Slug or id of a project; an unknown one is created for the caller.",
        json_schema_extra={"pattern": r"^[-A-Za-z0-9_]{1,200}$", "maxLength": 200},
    ),
    AfterValidator(_check_project_id),
]
GatherCount = Annotated[
    int,
    Field(ge=1, le=GATHER_COUNT_MAX, description="Iterations."),
    _between("gatherCount", GATHER_COUNT_MAX),
]
SaveInterval = Annotated[
    int,
    Field(ge=1, le=SAVE_INTERVAL_MAX, description="Iterations between two saves; a killed worker loses no more."),
    _between("saveInterval", SAVE_INTERVAL_MAX),
]
Keyword = Annotated[str, Field(min_length=2, max_length=100), BeforeValidator(_one_line)]
EngineName = Annotated[str, Field(min_length=1, max_length=100)]


class NotificationPreferences(BaseModel):
    """Which of a run's events its owner is told of, by notifications and by registered webhooks (CONTRACT G08, X48)."""

    model_config = ConfigDict(extra="forbid")

    onComplete: StrictBool = Field(default=True, description="When the run has completed.")  # noqa: N815
    onError: StrictBool = Field(default=True, description="When the run has failed.")  # noqa: N815
    onProgress: StrictBool = Field(default=False, description="While it runs.")  # noqa: N815


class GatherOptions(BaseModel):
    """How a run goes about it; all of it optional (CONTRACT G05–G08, X56)."""

    model_config = ConfigDict(extra="forbid")

    saveInterval: SaveInterval = 5  # noqa: N815
    errorRecovery: StrictBool = Field(  # noqa: N815
        default=True, description="Whether a failing iteration is recorded and the run goes on; else the run fails."
    )
    notificationPreferences: NotificationPreferences = Field(default_factory=NotificationPreferences)  # noqa: N815
    keywords: Annotated[list[Keyword], Field(min_length=1, max_length=50), _unique(str.casefold)] | None = Field(
        default=None, description="What to look for; by default what the project's jobs looked for."
    )
    engines: Annotated[list[EngineName], Field(min_length=1, max_length=50), _unique(str)] | None = Field(
        default=None, description="Where to look; by default where the project's jobs looked."
    )


class GatherParams(BaseModel):
    """What to gather."""

    model_config = ConfigDict(extra="forbid")

    projectId: ProjectId  # noqa: N815
    gatherCount: GatherCount  # noqa: N815
    options: GatherOptions = Field(default_factory=GatherOptions)
