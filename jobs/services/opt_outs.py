"""The opt-out list: what is on it, putting something on it, and taking it off again.

An entry holds at once for everything that is fetched from now on; a task of its own removes what was stored before
(:mod:`jobs.services.opt_out_removal`). Every file that goes leaves an entry of its sha256, so that it does not come
back from another address.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from jobs.models import Image, OptOut, OptOutKind
from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import Conflict, FieldError, InvalidInput, NotFound
from pixtasks.common.net.urls import BadUrlError, prepare_url
from tasktypes.services.submit import NewTask, submit

REMOVE: Final = "jobs.remove_opted_out"
"""Name of the handler that removes what was stored before."""
AT_ONCE: Final = 500
"""Entries per task."""
DISTANCE: Final = 4
FARTHEST: Final = 16
"""Bits of 64; beyond that, pictures that have nothing to do with each other are alike."""
_HEX64: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HEX16: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
_LARGEST_ID: Final = 2**63 - 1


def opt_outs(*, kind: str | None = None, search: str = "") -> QuerySet[OptOut]:
    """Return the entries, the newest first; not those of files that were removed for another's sake."""
    found = OptOut.objects.filter(cause__isnull=True).select_related("added_by").order_by("-pk")
    if kind:
        found = found.filter(kind=kind)
    return found.filter(value__icontains=search) if search else found


def latest_opt_outs() -> list[int]:
    """Return the ids of the entries of the last two days."""
    since = timezone.now() - timedelta(days=2)
    return list(
        OptOut.objects.filter(cause__isnull=True, created_at__gt=since).order_by("pk").values_list("pk", flat=True)
    )


def opt_out_by_id(opt_out_id: int) -> OptOut:
    """Return an entry.

    Raises:
        NotFound: there is none.
    """
    found = opt_outs().filter(pk=opt_out_id).first() if opt_out_id <= _LARGEST_ID else None
    if found is None:
        raise NotFound("There is no such entry on the opt-out list")
    return found


def add_opt_out(
    *,
    kind: str,
    value: str,
    reason: str = "",
    distance: int | None = None,
    actor: User | None = None,
    address: str | None = None,
) -> OptOut:
    """Put something on the list, and let what is stored of it be removed.

    Args:
        kind: one of ``OptOutKind``.
        value: a domain (all below it is meant, too), an address (of an image or of its page), a sha256, or the
            perceptual hash of a picture, 16 hexadecimal digits, as validation measures it.
        distance: of look-alikes, in bits; ``DISTANCE`` where it is None.

    Raises:
        InvalidInput: the value is not of that kind.
        Conflict: it is on the list already.
    """
    with transaction.atomic():
        entry = _put(kind, value, reason, distance, actor, address)
        submit_removal([entry.pk])
    return entry


def _put(kind: str, value: str, reason: str, distance: int | None, actor: User | None, address: str | None) -> OptOut:
    wanted = normalised(kind, value)
    if kind == OptOutKind.LOOK_ALIKE:
        distance = DISTANCE if distance is None else distance
        if not 0 <= distance <= FARTHEST:
            raise InvalidInput(FieldError(("body", "distance"), f"must be 0 to {FARTHEST} bits"))
    elif distance is not None:
        raise InvalidInput(FieldError(("body", "distance"), "is for look-alikes alone; leave it out"))
    try:
        with transaction.atomic():
            # A file that was removed for another entry's sake is on the list for its own from now on.
            known = OptOut.objects.select_for_update().filter(kind=kind, mark=mark_of(kind, wanted)).first()
            if known is not None and known.cause_id is None:
                raise Conflict(f"'{wanted[:200]}' is on the opt-out list already, as entry {known.pk}")
            entry = known or OptOut(kind=kind, value=wanted, mark=mark_of(kind, wanted))
            entry.cause = None
            entry.reason, entry.distance, entry.added_by = reason.strip()[:1000], distance, actor
            entry.save()
            facts = {"kind": kind, "value": wanted[:500], "reason": entry.reason}
            audit("opt_out.added", actor=actor, target=entry, detail=facts, address=address)
    except IntegrityError as error:  # Somebody else was first.
        raise Conflict(f"'{wanted[:200]}' is on the opt-out list already") from error
    return entry


def remove_opt_out(entry: OptOut, *, actor: User | None = None, address: str | None = None) -> None:
    """Take an entry off the list, with those of the files that were removed for its sake; what is gone stays gone."""
    with transaction.atomic():
        facts = {"kind": entry.kind, "value": entry.value[:500], "files": entry.files.count()}
        audit("opt_out.removed", actor=actor, target=entry, detail=facts, address=address)
        entry.delete()


@dataclass(slots=True)
class Imported:
    """What became of the lines: how many were new, how many known, and what is wrong with the others."""

    added: int = 0
    known: int = 0
    faults: list[str] = field(default_factory=list)


def import_opt_outs(
    lines: Iterable[str], *, reason: str = "", actor: User | None = None, address: str | None = None
) -> Imported:
    """Put lines on the list, one entry each: ``[kind] value [reason]``; empty ones and those that begin with # are not.

    Without a kind, 64 hexadecimal digits are a sha256, what has ``://`` is an address, and anything else a domain.
    """
    done = Imported()
    new: list[int] = []
    with transaction.atomic():
        for number, line in enumerate(lines, 1):
            words = line.split(maxsplit=2) if not line.lstrip().startswith("#") else []
            if not words:
                continue
            if words[0] not in OptOutKind.values or len(words) == 1:
                words = [kind_of(words[0]), words[0], " ".join(words[1:])]
            try:
                new.append(_put(words[0], words[1], " ".join(words[2:]) or reason, None, actor, address).pk)
            except Conflict:
                done.known += 1
            except InvalidInput as error:
                done.faults.append(f"line {number}: {'; '.join(fault.msg for fault in error.errors)}")
        submit_removal(new)
    done.added = len(new)
    return done


def kind_of(value: str) -> str:
    """Return what a value seems to be."""
    if _HEX64.fullmatch(value.lower()):
        return OptOutKind.SHA256.value
    return OptOutKind.URL.value if "://" in value else OptOutKind.DOMAIN.value


def normalised(kind: str, value: str) -> str:
    """Return a value as the list keeps it.

    Raises:
        InvalidInput: it is not of that kind, or there is no such kind.
    """
    text = value.strip()
    if kind == OptOutKind.DOMAIN:
        needed = "a domain is a name such as example.com, without a path or a port"
        try:
            prepared, host = prepare_url(f"http://{text.removeprefix('*.').lstrip('.')}/")
        except BadUrlError as error:
            raise _refused(needed) from error
        if prepared.partition("://")[2].rstrip("/").lower() != host or "." not in host:
            raise _refused(needed)
        return host.rstrip(".")
    if kind == OptOutKind.URL:
        try:
            return canonical(prepare_url(text)[0])
        except BadUrlError as error:
            raise _refused(str(error)) from error
    if kind == OptOutKind.SHA256 and _HEX64.fullmatch(text.lower()):
        return text.lower()
    if kind == OptOutKind.LOOK_ALIKE and _HEX16.fullmatch(text.lower()):
        return text.lower()
    if kind in OptOutKind.values:
        raise _refused(f"must be {64 if kind == OptOutKind.SHA256 else 16} hexadecimal digits")
    raise InvalidInput(FieldError(("body", "kind"), f"must be one of {', '.join(OptOutKind.values)}"))


def canonical(prepared: str) -> str:
    """Return an address that ``prepare_url`` has prepared in the one spelling that is compared."""
    scheme, _, rest = prepared.partition("#")[0].partition("://")
    end = next((at for at, letter in enumerate(rest) if letter in "/?"), len(rest))
    path = rest[end:] if rest[end : end + 1] == "/" else f"/{rest[end:]}"
    return f"{scheme.lower()}://{rest[:end].lower()}{path}"


def mark_of(kind: str, value: str) -> str:
    """Return what makes an entry of a kind unique: a sha256 itself, of another value its digest."""
    return value if kind == OptOutKind.SHA256 else hashlib.sha256(value.encode()).hexdigest()


def submit_removal(opt_out_ids: Sequence[int]) -> None:
    """Let what is stored of entries be removed; inside the transaction that makes it necessary."""
    submit(
        [
            NewTask(type_name=REMOVE, parameters={"opt_out_ids": list(opt_out_ids[begin : begin + AT_ONCE])})
            for begin in range(0, len(opt_out_ids), AT_ONCE)
        ],
        owner_id=None,
    )


def mark_files(entry: OptOut, digests: Iterable[str]) -> None:
    """Put files on the list for an entry's sake."""
    OptOut.objects.bulk_create(
        [
            OptOut(kind=OptOutKind.SHA256, value=digest, mark=digest, reason=entry.reason, cause=entry)
            for digest in sorted(set(digests))
            if digest != entry.value
        ],
        ignore_conflicts=True,
    )


def spot_look_alikes(images: Sequence[Image]) -> None:
    """Let images be removed that look like a picture on the list; inside the transaction that stores their hashes."""
    for entry in OptOut.objects.filter(kind=OptOutKind.LOOK_ALIKE).order_by("pk"):
        alike = [image.sha256 for image in images if image.phash is not None and looks_like(entry, image.phash)]
        if alike:
            mark_files(entry, alike)
            submit_removal([entry.pk])


def looks_like(entry: OptOut, phash: int) -> bool:
    """Tell whether a picture of that hash, a signed number, is one of an entry's look-alikes."""
    return ((int(entry.value, 16) ^ phash) & ((1 << 64) - 1)).bit_count() <= (entry.distance or 0)


def _refused(message: str) -> InvalidInput:
    return InvalidInput(FieldError(("body", "value"), message))
