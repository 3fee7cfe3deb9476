"""Named plug-ins: one small registry for handlers, engines, validators and exports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Maps a permanent name to a plug-in.

    Args:
        kind: what is registered, in one word, for messages ("engine").
        required: attributes that every plug-in must have.
    """

    def __init__(self, kind: str, *, required: tuple[str, ...] = ("name",)) -> None:
        self.kind = kind
        self.required = required
        self._items: dict[str, T] = {}

    def register(self, item: T) -> T:
        """Add a plug-in under its ``name``; usable as a decorator.

        Raises:
            TypeError: a required attribute is missing.
            ValueError: the name is taken by another plug-in.
        """
        for attribute in self.required:
            if not hasattr(item, attribute):
                raise TypeError(f"{self.kind} {item!r} lacks the attribute {attribute!r}")
        name: str = item.name  # type: ignore[attr-defined]
        if self._items.get(name, item) is not item:
            raise ValueError(f"the {self.kind} name {name!r} is already registered")
        self._items[name] = item
        return item

    def get(self, name: str) -> T | None:
        """Return the plug-in of that name, or None."""
        return self._items.get(name)

    def __getitem__(self, name: str) -> T:
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[T]:
        return iter(self._items[name] for name in sorted(self._items))

    def __len__(self) -> int:
        return len(self._items)

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._items)

    @contextmanager
    def temporarily(self, item: T) -> Iterator[T]:
        """Register a plug-in for the duration of a ``with`` block (for tests)."""
        name: str = item.name  # type: ignore[attr-defined]
        before = self._items.get(name)
        self._items[name] = item
        try:
            yield item
        finally:
            if before is None:
                self._items.pop(name, None)
            else:
                self._items[name] = before
