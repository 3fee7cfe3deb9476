"""The pages of the console, found by its routes, from inside an installation that is served.

A route that is added is in the list without anybody's doing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from django.contrib import admin
from django.core.files.base import ContentFile
from django.db import models
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, reverse

from jobs.fetch.storage import images_storage
from jobs.models import Image
from pixtasks.accounts.models import User
from pixtasks.accounts.services.users import ensure_user
from tests.browser.installation import OPERATOR, PASSWORD
from tests.console.rows import make
from tests.factories import picture

_ROW: Final = ("<path:object_id>", "<int:pk>", "<int:image_id>", "<str:name>", "<id>")
"""How routes name the row that they are of."""


def tell() -> None:
    """Make an operator and a row of every table, and print the paths of all pages that he may open, as JSON."""
    index = reverse("admin:index")  # The routes are read now, and with them what the console holds.
    ensure_user(email=OPERATOR, password=PASSWORD, is_staff=True)
    family: dict[type[models.Model], models.Model] = {}
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label):
        if model not in family:
            family[model] = make(model, family)
    image = next(row for row in family.values() if isinstance(row, Image))
    images_storage().save(image.key, ContentFile(picture().data))
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(User.objects.get(email=OPERATOR))
    print(json.dumps([path for path in sorted({index, *_paths(family)}) if _whole(client.get(path))]))


def _whole(answer: HttpResponseBase) -> bool:
    """Whether an answer is a page of its own: routes that lead on, or answer a part of a page or a file, are none."""
    text = b"" if answer.streaming else getattr(answer, "content", b"")
    return answer.status_code == 200 and b'id="content"' in text and b"<html" in text


def _paths(family: dict[type[models.Model], models.Model]) -> Iterator[str]:
    yield reverse("admin:password_change")
    yield f"{reverse('admin:jobs_crawljob_changelist')}?q=nothing-is-called-so"
    of = {model._meta.model_name: row.pk for model, row in family.items()}
    gallery = reverse("admin:jobs_image_gallery")
    yield f"{gallery}?job={of['crawljob']}"
    yield f"{reverse('admin:jobs_image_gallery_thresholds')}?job={of['crawljob']}"
    yield f"{reverse('admin:tasktypes_task_launch')}?type=ExampleDatabaseTask"
    yield f"{reverse('admin:jobs_crawljob_new')}?clone={of['crawljob']}"
    for model, site in admin.site._registry.items():
        home = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for route in site.get_urls():
            if isinstance(route, URLPattern):
                path = str(route.pattern)
                for name in _ROW:
                    path = path.replace(name, str(family[model].pk))
                yield f"{home}{path}"
