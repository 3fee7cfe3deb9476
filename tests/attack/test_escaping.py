"""What others wrote (titles, keywords, errors, addresses) is text in every page of the console, and never markup."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from selectolax.lexbor import LexborHTMLParser

from jobs.models import Chunk, Level
from tasktypes.services.submit import NewTask, submit
from tasktypes.services.task_types import register_type
from tasktypes.states import State
from tasktypes.webhooks.services.endpoints import create_endpoint
from tests import factories
from tests.ledger import live_worker

pytestmark = pytest.mark.django_db
SCRIPT = "<script>attack(1)</script>"
IMAGE = '"><img src=x onerror=attack(2)>'
QUOTE = "'-attack(3)-' \" onmouseover=attack(4) x=\""
TEMPLATE = "{{7*7777}}{% debug %}${7*7777}"
CLOSING = "</textarea></title></script><svg onload=attack(5)>"
EVIL = SCRIPT + IMAGE + QUOTE + TEMPLATE + CLOSING
LINK = "javascript:attack(6)//"
SHORT = "<svg onload=attack(7)>"
PAGES = ("accounts", "jobs", "tasktypes", "gather", "django_celery_beat", "django_celery_results")


@pytest.fixture
def console(settings: Settings, tmp_path: Path) -> Client:
    settings.STATIC_ROOT = tmp_path
    client = Client()
    client.force_login(factories.user(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def _hostile() -> None:
    """Insert rows whose every text is an attack."""
    owner = factories.user(name=EVIL[:140])
    project = factories.project(owner, name=EVIL[:200], description=EVIL)
    job = factories.started_job(project, name=EVIL[:200], keywords=[EVIL[:100]])
    chunk = Chunk.objects.get(job=job)
    factories.image(
        job, chunk=chunk, title=EVIL, creator=EVIL, creator_url=LINK, license=SHORT, license_url=LINK, attribution=EVIL,
        page_url=LINK, source_url=LINK, content_type=SHORT, query=EVIL[:100], external_id=EVIL, tags=[EVIL, SHORT],
    )  # fmt: skip
    factories.failure(job, SHORT, detail=EVIL, url=LINK)
    factories.validated(job, Level.FAST, owner)
    parameters = {"message": EVIL, "count": 1}
    ended, _waiting = submit([NewTask(type_name="ExampleDatabaseTask", parameters=parameters)] * 2, owner_id=owner.pk)
    create_endpoint(owner=owner, url="https://hooks.example.com/?q=" + EVIL.replace(" ", ""), description=EVIL[:200])
    factories.end(ended, State.FAILED, error=EVIL, note=EVIL)
    register_type(creator=owner, name=EVIL[:200], description=EVIL, metadata={"x": EVIL})
    live_worker(name=EVIL[:100])


def dangers(page: bytes) -> list[str]:
    """Return what of the attacks a browser would take for markup."""
    tree = LexborHTMLParser(page)
    found = []
    for node in tree.css("*"):
        attributes = node.attributes
        found += [
            f"{node.tag} {name}={value}"
            for name, value in attributes.items()
            if (name.startswith("on") and "attack(" in (value or ""))
            or (
                name in {"href", "src", "action", "formaction"}
                and (value or "").strip().lower().startswith("javascript:")
            )
            # Alpine reads these as code.
            or (name.startswith(("x-", "@", ":")) and "attack(" in (value or ""))
        ]
        if node.tag == "script" and "attack(" in node.text():
            # JSON in a data block is data.
            found += [] if (attributes.get("type") or "").endswith("json") else [f"script: {node.text()[:80]}"]
    if str(7 * 7777).encode() in page:
        found.append("a template was evaluated")
    return found


def test_the_judge_sees_an_attack() -> None:
    assert len(dangers(f"<p>{SCRIPT}</p><a title='{IMAGE}'>x</a>{SHORT}<a href='{LINK}'>x</a>54439".encode())) >= 4
    assert dangers(b"<p>&lt;script&gt;attack(1)&lt;/script&gt;</p>") == []


@pytest.mark.usefixtures("_hostile")
def test_every_list_and_every_page_of_the_console_shows_it_as_text(console: Client) -> None:
    lists = pages = shown = 0
    for model, registered in admin.site._registry.items():
        options = model._meta
        if options.app_label not in PAGES:
            continue
        name = f"admin:{options.app_label}_{options.model_name}"
        addresses = [reverse(f"{name}_changelist")]
        if registered.search_fields:
            addresses.append(
                f"{addresses[0]}?q=%3Cscript%3Eattack(1)%3C/script%3E%22%3E%3Cimg%20src=x%20onerror=attack(2)%3E"
            )
        lists += 1
        for row in model._default_manager.all()[:3]:
            addresses += [reverse(f"{name}_change", args=[row.pk]), reverse(f"{name}_history", args=[row.pk])]
            pages += 1
        for address in addresses:
            response = console.get(address)
            assert response.status_code in {200, 302, 403}, address
            assert dangers(response.content) == [], address
            shown += b"attack(" in response.content
    labels = {label for label in PAGES if apps.is_installed(label) or label in apps.app_configs}
    assert lists >= 20 and pages >= 20 and labels
    assert shown >= 12, "a page that shows nothing of it proves nothing"


@pytest.mark.parametrize("text", [SCRIPT, IMAGE, QUOTE, TEMPLATE, CLOSING, LINK])
def test_pages_outside_the_console_show_an_address_as_text(console: Client, text: str) -> None:
    for path in (
        "/",
        "/docs",
        "/redoc",
        "/live",
        "/samples/sample",
        "/samples/" + text,
        "/no/" + text,
        "/admin/login/",
    ):
        response = console.get(path, {"keyword": text, "q": text, "next": text, "engine": text, "page": text})
        assert response.status_code in {200, 302, 404}, path
        assert dangers(response.content) == [], path
        assert not response.get("Location", "").lower().startswith("javascript:")


@pytest.mark.usefixtures("_hostile")
def test_an_answer_of_the_api_is_never_a_page(console: Client) -> None:
    """JSON that holds markup is not sniffed as a page, and the browsable form shows it as text."""
    for path in (
        "/api/v1/projects",
        "/api/v1/jobs",
        "/api/tasks",
        "/tasks",
        "/api/celery/tasks/history",
        "/api/task-types",
    ):
        plain = console.get(path)
        assert plain["Content-Type"] == "application/json"
        assert plain["X-Content-Type-Options"] == "nosniff"
        page = console.get(path, headers={"accept": "text/html"})
        assert page["Content-Type"].startswith("text/html")
        assert dangers(page.content) == [], path
