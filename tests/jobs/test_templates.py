"""Keyword templates: what engines are asked, what images keep of it, and what each template brought."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.engines import Candidate, Page, Query, Web, engines
from jobs.models import Chunk, CrawlJob, Image, Project
from jobs.services.crawl_jobs import create_job, start_job, update_job
from jobs.services.job_facts import chunk_grid
from jobs.services.template_yields import TemplateYield, template_yields
from jobs.services.templates import checked_templates
from pixtasks.common.errors import InvalidInput
from tasktypes.models import Task
from tests import factories
from tests.jobs.test_download import engine_that
from tests.ledger import run_all
from tests.picture_server import PictureServer

THREE = ["{keyword}", "{keyword} photo", "close-up of {keyword}"]


def templated(project: Project, *, keywords: list[str], templates: list[str] = THREE, **fields: Any) -> CrawlJob:
    return create_job(
        project=project,
        name="x",
        keywords=keywords,
        engines=["scripted"],
        options={"scripted": {"urls": ["http://127.0.0.1/"]}},
        keyword_templates=templates,
        **{"max_images": 5, **fields},
    )


def test_each_template_is_asked_and_images_keep_the_plain_keyword(project: Project, web: PictureServer) -> None:
    paths = list(web.pictures)
    supply = {
        "fox": paths[:3],
        "fox photo": [*paths[2:4], "/not-there.jpg"],
        "close-up of fox": [],
    }
    asked: list[Query] = []

    def answer(query: Query, cursor: str | None, web_: Web) -> Page:
        asked.append(query)
        return Page(tuple(Candidate(f"{web.root}{path}") for path in supply[query.keyword]), None)

    with engines.temporarily(engine_that(answer)):
        job = templated(project, keywords=["fox"])
        assert job.total_chunks == 3
        started = start_job(job)
        run_all()
    assert len(started.task_ids) == 3
    assert [query.keyword for query in asked] == ["fox", "fox photo", "close-up of fox"]
    job = CrawlJob.objects.with_group().get(pk=job.pk)
    assert (job.status, job.outcomes) == ("completed", {"duplicate": 1, "http_404": 1, "stored": 4})
    assert set(Image.objects.values_list("keyword", "query")) == {("fox", ""), ("fox", "fox photo")}
    Image.objects.filter(query="fox photo").update(is_valid=True)
    assert template_yields(job) == [
        TemplateYield(
            template="{keyword}", chunks=1, asked=5, found=3, stored=3, duplicates=0, failed=0, valid=0
        ),
        TemplateYield(
            template="{keyword} photo", chunks=1, asked=5, found=3, stored=1, duplicates=1, failed=1, valid=1
        ),
        TemplateYield(
            template="close-up of {keyword}", chunks=1, asked=5, found=0, stored=0, duplicates=0, failed=0, valid=0
        ),
    ]  # fmt: skip


def test_a_job_without_templates_is_as_it_was(project: Project) -> None:
    """Tasks of plain chunks have the parameters that workers of every release know (CONTRACT J33)."""
    with engines.temporarily(engine_that(lambda *_: Page((), None))):
        job = templated(project, keywords=["fox", "owl"], templates=["{keyword}"])
        start_job(job)
        assert (job.total_chunks, job.is_templated) == (2, False)
        for task in Task.objects.all():
            assert set(task.parameters) == {"keyword", "engine", "max_images", "job_id"}
        assert set(Chunk.objects.values_list("template", flat=True)) == {"{keyword}"}
        other = templated(project, keywords=["fox"], templates=["a {keyword}"])
        start_job(other)
        task = Task.objects.latest("pk")
        assert task.parameters["template"] == "a {keyword}"
        assert Chunk.objects.get(job=other).query == "a fox"


def test_before_the_start_a_template_has_brought_nothing(project: Project) -> None:
    with engines.temporarily(engine_that(lambda *_: Page((), None))):
        job = templated(project, keywords=["fox", "owl"])
    assert [(one.template, one.chunks, one.asked, one.found) for one in template_yields(job)] == [
        (template, 2, 10, 0) for template in THREE
    ]


@pytest.mark.parametrize(
    ("templates", "loc", "said"),
    [
        ([], ["body", "keyword_templates"], "1 to 10 templates"),
        ([f"{{keyword}} {number}" for number in range(11)], ["body", "keyword_templates"], "1 to 10 templates"),
        (["{keyword}", "a photo"], ["body", "keyword_templates", 1], "must contain {keyword}"),
        (["{Keyword} x"], ["body", "keyword_templates", 0], "must contain {keyword}"),
        (["{keyword} {colour}"], ["body", "keyword_templates", 0], "only {keyword} may stand in braces"),
        (["{keyword}" + "x" * 90], ["body", "keyword_templates", 0], "of 101 characters"),
        (["{keyword} {keyword} {keyword} " + "y" * 65], ["body", "keyword_templates", 0], "2 to 100 are possible"),
    ],
)
def test_a_template_that_cannot_be_is_refused_with_the_reason(templates: list[str], loc: list[Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_templates(templates, keywords=["fox", "grey goose!"], engines=["sample"])
    assert list(caught.value.errors[0].loc) == loc
    assert said in caught.value.errors[0].msg


def test_blanks_and_duplicates_are_dropped_and_the_number_of_chunks_is_bounded() -> None:
    keywords = [f"word {number}" for number in range(50)]
    assert checked_templates([" {keyword}  photo", "{keyword} PHOTO"], keywords=keywords, engines=["a"]) == [
        "{keyword} photo"
    ]
    assert len(checked_templates(THREE[:2], keywords=keywords, engines=[f"e{n}" for n in range(25)])) == 2
    with pytest.raises(InvalidInput, match=r"50 keywords × 2 templates × 26 engines are 2,600 chunks; 2,500"):
        checked_templates(THREE[:2], keywords=keywords, engines=[f"e{n}" for n in range(26)])
    # One plain template is bounded as ever: by the keywords and the engines.
    assert checked_templates(["{keyword}"], keywords=keywords, engines=["e"] * 100) == ["{keyword}"]


@pytest.mark.django_db
def test_templates_and_keywords_change_together_or_not_at_all() -> None:
    job = factories.job(keywords=["fox"], keyword_templates=["{keyword} " + "x" * 90])
    with pytest.raises(InvalidInput, match="characters"):
        update_job(job, keywords=["a long keyword"])
    assert update_job(job, keyword_templates=THREE, keywords=["a long keyword"]).total_chunks == 3


@pytest.mark.django_db
def test_the_grid_has_a_row_for_every_question() -> None:
    job = factories.started_job(keywords=["fox", "owl"], keyword_templates=THREE[:2])
    first, second, *_ = factories.tasks_of(job)
    factories.end(first, images=3)
    factories.end(second, images=1)
    grid = chunk_grid(job)
    assert [(row, [cell.images for cell in cells]) for row, cells in grid.rows] == [
        ("fox", [3]), ("fox photo", [1]), ("owl", [0]), ("owl photo", [0]),
    ]  # fmt: skip
    assert (grid.total, grid.noun) == (4, "questions")
