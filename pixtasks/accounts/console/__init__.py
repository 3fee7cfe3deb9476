"""What the console's pages of every app share."""

from .admins import OPERATE, AuditedAdmin, ConsoleAdmin, ReadOnlyAdmin
from .lists import IndexedValues, InfinitePaginator, LargeTable

__all__ = [
    "OPERATE",
    "AuditedAdmin",
    "ConsoleAdmin",
    "IndexedValues",
    "InfinitePaginator",
    "LargeTable",
    "ReadOnlyAdmin",
]
