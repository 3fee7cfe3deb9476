"""The sidebar leads everywhere, for each caller to where he may go, and the search finds what people copy and paste."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client, RequestFactory
from django.urls import resolve, reverse

from pixtasks.accounts.models import User
from pixtasks.palette import find
from pixtasks.sidebar import COLLAPSED, GROUPS, navigation
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def chief() -> User:
    return User.objects.create_superuser("chief@example.com", "a long pass phrase 1")


@pytest.fixture
def viewer() -> User:
    user = User.objects.create_user("viewer@example.com", "a long pass phrase 1", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_task"))
    return user


def shown(user: User, path: str = "/admin/") -> list[dict[str, Any]]:
    request = RequestFactory().get(path)
    request.user = user
    return navigation(request)


def results(user: User, term: str) -> list[tuple[str, str]]:
    request = RequestFactory().get("/admin/search/")
    request.user = user
    return [(found.title, found.description) for found in find(request, term)]


def test_every_entry_leads_to_a_page(client: Client, chief: User) -> None:
    client.force_login(chief)
    links = [item["link"] for group in shown(chief) for item in group["items"]]
    assert len(links) == len(set(links)) == sum(len(entries) for _, entries in GROUPS)
    assert {link: client.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_every_list_of_the_console_stands_in_exactly_one_group() -> None:
    routes = [entry.route for _, entries in GROUPS for entry in entries]
    lists = {f"{model._meta.app_label}_{model._meta.model_name}_changelist" for model in admin.site._registry}
    assert lists <= set(routes)


def test_each_caller_sees_what_he_may_see(viewer: User) -> None:
    assert [(group["title"], [item["title"] for item in group["items"]]) for group in shown(viewer)] == [
        ("", ["Dashboard"]),
        ("Work", ["Tasks"]),
    ]


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/admin/", "Dashboard"),
        ("/admin/tasktypes/task/5/change/", "Tasks"),
        ("/admin/tasktypes/tasktype/", "Task types"),
        ("/admin/gather/gatherrun/", "Runs"),
        ("/admin/gather/gatherrun/schedules/", "Gather schedules"),
    ],
)
def test_one_entry_is_marked_as_the_page_that_is_open(chief: User, path: str, title: str) -> None:
    assert [item["title"] for group in shown(chief, path) for item in group["items"] if item["active"]] == [title]
    assert resolve(path).namespace == "admin"


def test_only_the_rarely_wanted_group_is_closed(chief: User) -> None:
    assert [group["title"] for group in shown(chief) if group["collapsible"]] == [COLLAPSED]


def test_the_search_finds_rows_by_what_people_copy(chief: User) -> None:
    job = factories.job()
    task = factories.tasks_of(factories.started_job())[0]
    assert (job.name, f"Job {job.pk}") in results(chief, f"#{job.pk}")
    assert (str(task), f"Task {task.pk}") in results(chief, task.public_id)
    assert results(chief, job.project.slug) == [(job.project.name, f"Project {job.project.pk}")]
    assert results(chief, job.project.owner.email) == [(str(job.project.owner), f"User {job.project.owner.pk}")]
    assert results(chief, "dashboard")[0] == ("Dashboard", "Console")


def test_the_search_finds_nothing_that_one_may_not_see(viewer: User) -> None:
    job = factories.job()
    assert [kind for _, kind in results(viewer, str(job.pk)) if not kind.startswith("Task ")] == []
    assert results(viewer, job.project.slug) == []


def test_the_search_answers_any_words(client: Client, chief: User) -> None:
    client.force_login(chief)
    for term in ("9" * 30, "%", "'", "\x00", "ab" * 300):
        assert client.get(reverse("admin:search"), {"s": term, "extended": "1"}).status_code == 200
