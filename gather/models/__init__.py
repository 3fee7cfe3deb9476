"""The tables of gathering. Only the services of this app write to them."""

from gather.models.incoming import ReceivedEvent
from gather.models.run import GatherRecord, GatherRun, GatherSource

__all__ = ["GatherRecord", "GatherRun", "GatherSource", "ReceivedEvent"]
