"""Whatever a command cannot do it says in one sentence that tells what to do, before anything is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from jobs.management.requests import read_request
from jobs.models import CrawlJob
from tests.commands.conftest import run

WRONG = {
    "nothing to look for": ((), "Say what to look for: --keywords"),
    "only commas": (("--keywords", " , ,"), "--keywords names none"),
    "a keyword too short": (("--keywords", "fox,a"), "The keyword 'a' has 1 character; 2 to 100 are possible."),
    "a keyword too long": (("--keywords", "x" * 101), "has 101 characters"),
    "too many keywords": (("--keywords", ",".join(f"word {n}" for n in range(51))), "names 51; a job takes 50"),
    "an unknown engine": (("--keywords", "fox", "--engines", "nope"), "Known engines: "),
    "no images": (("--keywords", "fox", "--max-images", "0"), "give a whole number from 1 to 10,000"),
    "too many images": (("--keywords", "fox", "--max-images", "10001"), "give a whole number from 1 to 10,000"),
    "images in words": (("--keywords", "fox", "--max-images", "ten"), "give a whole number from 1 to 10,000"),
    "an unknown level": (("--keywords", "fox", "--validate", "deep"), "Choose one of fast, medium, slow."),
    "no JSON": (("--keywords", "fox", "--options", "{"), "--options: not valid JSON"),
    "JSON of another form": (("--keywords", "fox", "--options", '{"site": 1}'), "give an object of objects by engine"),
    "no options file": (("--keywords", "fox", "--options", "@/not/there"), "cannot be read: No such file or directory"),
    "options of an engine not asked": (
        ("--keywords", "fox", "--engines", "sample", "--options", '{"site": {}}'),
        "the engine 'site', which is not among --engines",
    ),
    "options that do not fit": (("--site", "http://example.com/", "--options", '{"site": {"pages": 1}}'), "site pages"),
    "an option said twice": (
        ("--site", "http://example.com/", "--options", '{"site": {"url": "http://example.org/"}}'),
        "--site and --options both say site.url",
    ),
    "no address": (("--site", "nope"), "site url"),
    "a closed folder": (("--keywords", "fox", "--directory", "/etc"), "PIXTASKS_DIRECTORY_ROOTS"),
    "a closed file": (("--keywords", "fox", "--urls-file", "/etc/passwd"), "PIXTASKS_DIRECTORY_ROOTS"),
    "no slug": (("--keywords", "fox", "--project", "Red Fox"), "--project Red Fox: not a slug"),
    "a template without its keyword": (("--keywords", "fox", "--template", "a photo"), "must contain {keyword}"),
    "a template with another word": (("--keywords", "fox", "--template", "{keyword} {x}"), "only {keyword} may stand"),
    "a name too long": (("--keywords", "fox", "--name", "x" * 201), "--name: at most 200 characters"),
    "an unknown owner": (("--keywords", "fox", "--user", "who@example.com"), "There is no active user who@example.com"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("case", WRONG)
def test_a_crawl_that_cannot_be_is_refused(case: str) -> None:
    arguments, said = WRONG[case]
    ran = run("crawl", *arguments)
    assert ran.code == 1
    assert said in ran.complaint
    assert ran.output == ""
    assert not CrawlJob.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("command", [("job_status",), ("cancel_job",), ("validate_job", "--level", "fast")])
@pytest.mark.parametrize("number", ["7", "0", "x", "1.5", "9" * 30, "²"])
def test_an_unknown_job_is_said_in_a_sentence(command: tuple[str, ...], number: str) -> None:
    ran = run(*command, number)
    assert ran.code == 1
    assert "There is no job 7." in ran.complaint or "is not the id of a job" in ran.complaint
    assert 'There is no job yet; "manage.py crawl" starts one.' in ran.complaint


def test_an_engine_that_misses_a_setting_names_it(settings: Settings) -> None:
    settings.PIXTASKS_ENGINE_ALIASES = {}
    ran = run("crawl", "--keywords", "fox", "--engines", "google")
    assert ran.code == 1
    assert "'google' is not configured here. Set PIXTASKS_GOOGLE_API_KEY, PIXTASKS_GOOGLE_CX" in ran.complaint


def test_control_characters_of_somebody_else_do_not_reach_the_terminal() -> None:
    ran = run("crawl", "--keywords", "fox", "--engines", "\x1b[31mred\u202e")
    assert "\x1b" not in ran.complaint
    assert "\u202e" not in ran.complaint


def test_keywords_and_engines_are_taken_once_each_in_their_order(settings: Settings) -> None:
    request = read_request(
        {
            "keywords": " Red  Fox,lighthouse, red fox ",
            "engines": "bing, sample,bing",
            "max_images": "5",
            "project": "crawls",
        }
    )
    assert request.keywords == ["Red Fox", "lighthouse"]
    assert request.engines == ["bing", "sample"]
    assert request.name == "crawl of Red Fox, lighthouse"
    assert (request.max_images, request.level, request.user) == (5, None, None)


def test_templates_are_taken_once_each_in_their_order() -> None:
    given: dict[str, Any] = {"keywords": "fox", "engines": "sample", "max_images": "5", "project": "crawls"}
    assert read_request(given).keyword_templates == ["{keyword}"]
    given = {**given, "templates": ["{keyword}  photo", "{keyword}", "{keyword} photo"]}
    assert read_request(given).keyword_templates == ["{keyword} photo", "{keyword}"]


def test_budget_moves_where_that_is_asked_for() -> None:
    given: dict[str, Any] = {"keywords": "fox", "engines": "sample", "max_images": "5", "project": "crawls"}
    assert read_request(given).rebalance is False
    assert read_request({**given, "rebalance": True}).rebalance is True


def test_without_engines_it_takes_the_installation_s_own(settings: Settings) -> None:
    settings.PIXTASKS_DEFAULT_ENGINES = ["sample"]
    assert read_request({"keywords": "fox", "max_images": "5", "project": "crawls"}).engines == ["sample"]


def test_short_forms_become_options_of_their_engines_and_a_label(folder: Path) -> None:
    addresses = folder / "list of addresses.txt"
    addresses.write_text("http://example.com/a.jpg\n")
    request = read_request(
        {
            "urls_file": str(addresses),
            "site": "http://example.com/gallery",
            "options": '{"site": {"max_pages": 3}}',
            "max_images": "5",
            "project": "crawls",
        }
    )
    assert request.engines == ["urls", "site"]
    assert request.options["urls"] == {"file": str(addresses)}
    assert request.options["site"] == {"url": "http://example.com/gallery", "max_pages": 3}
    assert request.keywords == ["example.com"]


def test_options_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "options.json"
    file.write_text('{"site": {"url": "http://example.com/", "max_pages": 2}}')
    request = read_request(
        {"keywords": "fox", "engines": "site", "options": f"@{file}", "max_images": "5", "project": "crawls"}
    )
    assert request.options == {"site": {"url": "http://example.com/", "max_pages": 2}}


@pytest.mark.django_db
def test_production_wants_to_know_whose_job_it_is_and_starts_no_services(settings: Settings) -> None:
    settings.PIXTASKS_PROFILE = "production"
    ran = run("crawl", "--keywords", "fox", "--engines", "sample")
    assert ran.code == 1
    assert "No worker was heard of lately. Start the worker and dispatcher services" in ran.complaint
    assert "development profile" in run("demo").complaint
