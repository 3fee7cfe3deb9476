"""A recorded crawl is repeated without the network, as often as one likes, with the same result."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pydantic import BaseModel, ConfigDict

from jobs.engines import Candidate, Page, Query, Web, WebError, engines
from jobs.engines.asking import ask_json
from jobs.engines.sample.catalogue import item
from jobs.fetch.cassettes import CassetteError, CassetteReader, CassetteWriter, ReplayingWeb, begin_cassette
from jobs.fetch.cassettes.recording import RecordingWeb
from jobs.fetch.cassettes.secrets import Scrubber
from jobs.models import CrawlJob, FetchFailure, Image, Project
from jobs.services.cassettes import record_job, replay_job
from jobs.services.crawl_jobs import create_job, start_job
from jobs.services.dataset import images_of
from jobs.services.manifest import manifest_hash
from pixtasks.common.errors import RuleViolation
from tasktypes.models import Task
from tests.ledger import run_all
from tests.picture_server import PictureServer

KEY = "k3y-of-the-archive"


class NoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Archive:
    """A source with a key, asked over HTTP as the real adapters ask theirs."""

    name = "archive"
    description = "The test's own pictures."
    rate_limited = True
    settings = ("ARCHIVE_KEY",)
    Options: type[BaseModel] = NoOptions

    def __init__(self, root: str) -> None:
        self.root = root

    def missing(self) -> list[str]:
        return []

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        params = {"q": query.keyword, "page": cursor or "1", "per_page": min(query.limit, 10), "api_key": KEY}
        data = ask_json(web, f"{self.root}/search", params, source=self.name, headers={"authorization": KEY}).data
        found = tuple(Candidate(one.text("url"), title=one.text("title")) for one in data.children("results"))
        return Page(found, data.text("next", null=True) or None)


@pytest.fixture
def archive(web: PictureServer, settings: Any) -> Iterator[Archive]:
    """Three pages of ten pictures for each keyword; of the second keyword half are the first's."""
    settings.ARCHIVE_KEY = KEY
    settings.PIXTASKS_RATE_LIMITS = {"engine:*": "1000/60"}
    made, pictures = Archive(web.root), web.urls
    for keyword, offset in (("fox", 0), ("owl", 10)):
        for number in range(3):
            urls = pictures[offset + number * 10 : offset + number * 10 + 10]
            body = {
                "results": [{"url": url, "title": url[-6:]} for url in (*urls, f"{web.root}/gone{number}")],
                "asked": {"api_key": KEY},
                "next": str(number + 2) if number < 2 else None,
            }
            for size in (7, 10):
                path = f"/search?q={keyword}&page={number + 1}&per_page={size}&api_key={KEY}"
                web.pictures[path] = json.dumps(body).encode()
    with engines.temporarily(made):
        yield made


def made(
    project: Project, *, keywords: tuple[str, ...] = ("fox", "owl"), engine: str = "archive", most: int = 15
) -> CrawlJob:
    return create_job(project=project, name="crawl", keywords=keywords, engines=[engine], max_images=most)


def ended(job: CrawlJob) -> CrawlJob:
    """Start a job and run it; chunks that wait for another one are not left waiting."""
    start_job(job)
    for _ in range(20):
        run_all()
        waiting = Task.objects.filter(status="pending")
        if not waiting.exists():
            break
        waiting.update(due_at=job.created_at)
    return CrawlJob.objects.with_group().get(pk=job.pk)


def recorded(project: Project, folder: Path, **fields: Any) -> CrawlJob:
    job = made(project, **fields)
    record_job(job, folder)
    return ended(job)


def replayed(project: Project, folder: Path, **fields: Any) -> CrawlJob:
    job = made(project, **fields)
    replay_job(job, folder)
    return ended(job)


def what(job: CrawlJob) -> tuple[Any, ...]:
    return job.status, job.images, job.outcomes, manifest_hash(images_of(job))


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_recorded_job_replayed_twice_has_the_same_manifest_and_asks_nobody(
    project: Project, web: PictureServer, archive: Archive, tmp_path: Path
) -> None:
    original = recorded(project, tmp_path / "tape")
    assert original.status == "completed"
    assert original.images == 30
    assert original.outcomes["http_404"] > 0
    web.pictures.clear()
    asked = sum(web.hits.values()) + web.asked_robots + web.asked_tdmrep
    first, second = (replayed(project, tmp_path / "tape") for _ in range(2))
    assert what(first) == what(second) == what(original)
    assert sum(web.hits.values()) + web.asked_robots + web.asked_tdmrep == asked
    assert Image.objects.filter(job=first).count() == 30


def test_the_sample_engine_is_recorded_too(
    project: Project, web: PictureServer, client: Client, settings: Any, tmp_path: Path
) -> None:
    settings.PIXTASKS_BASE_URL = web.root
    for index in range(30):
        path = item("fox", "sample", index).picture_path
        answer = client.get(path)
        if answer.status_code == 200:
            web.pictures[path] = answer.getvalue()
    fields: dict[str, Any] = {"engine": "sample", "keywords": ("fox",), "most": 12}
    original = recorded(project, tmp_path / "tape", **fields)
    settings.PIXTASKS_BASE_URL = "http://127.0.0.1:1"
    first, second = (replayed(project, tmp_path / "tape", **fields) for _ in range(2))
    assert what(first) == what(second) == what(original)
    assert original.images == 12


class Held(dict[str, bytes]):
    """Pictures of which one is handed out only when another has been asked for and had time to arrive."""

    def __init__(self, web: PictureServer, path: str, after: str) -> None:
        super().__init__(web.pictures)
        self.web, self.path, self.after = web, path, after

    def __getitem__(self, path: str) -> bytes:
        deadline = time.monotonic() + 10
        while path == self.path and self.after not in self.web.hits and time.monotonic() < deadline:
            time.sleep(0.01)
        if path == self.path:
            time.sleep(0.3)
        return super().__getitem__(path)


def test_of_equal_files_the_first_one_is_kept_however_slow_it_was(
    project: Project, web: PictureServer, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.services.download._BATCH", 1)
    slow, quick, *_ = web.pictures
    web.pictures[quick] = web.pictures[slow]
    web.pictures = Held(web, slow, after=quick)
    original = recorded(project, tmp_path / "tape", keywords=("fox",))
    assert (original.images, original.outcomes["duplicate"]) == (15, 1)
    assert Image.objects.get(job=original, rank=0).source_url == f"{web.root}{slow}"
    web.pictures = {}
    assert what(replayed(project, tmp_path / "tape", keywords=("fox",))) == what(original)


def test_it_is_replayed_with_other_settings(
    project: Project, web: PictureServer, archive: Archive, tmp_path: Path
) -> None:
    recorded(project, tmp_path / "tape")
    web.pictures.clear()
    fewer = replayed(project, tmp_path / "tape", most=7)
    assert (fewer.status, fewer.images) == ("completed", 14)
    assert what(fewer) == what(replayed(project, tmp_path / "tape", most=7))


def test_what_is_not_on_the_cassette_is_named(
    project: Project, web: PictureServer, archive: Archive, tmp_path: Path
) -> None:
    recorded(project, tmp_path / "tape", most=7)
    more = replayed(project, tmp_path / "tape", most=40, keywords=("fox",))
    assert more.status == "failed"
    (task,) = Task.objects.filter(group=more.group)
    assert f"no answer to GET {web.root}/search?q=fox&page=2" in task.error_message
    assert KEY not in task.error_message
    missing = FetchFailure.objects.filter(chunk__job=more, outcome="not_on_cassette")
    assert missing.exists()
    assert all(web.root in row.detail for row in missing)
    other = replayed(project, tmp_path / "tape", keywords=("badger",))
    assert other.status == "failed"
    engine = replayed(project, tmp_path / "tape", engine="sample", keywords=("fox",))
    (task,) = Task.objects.filter(group=engine.group)
    assert "nothing of the engine sample" in task.error_message


def test_no_key_is_on_the_cassette(project: Project, archive: Archive, tmp_path: Path) -> None:
    recorded(project, tmp_path / "tape")
    content = everything(tmp_path / "tape")
    assert KEY.encode() not in content
    assert b"authorization" not in content.lower()
    assert b"api_key=[key]" in content


def test_it_is_replayed_without_a_key(
    project: Project, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(project, tmp_path / "tape", keywords=("fox",))
    monkeypatch.setattr(Archive, "missing", lambda self: ["ARCHIVE_KEY"])
    assert replayed(project, tmp_path / "tape", keywords=("fox",)).status == "completed"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://a.example/?q=fox&key=abc", "https://a.example/?q=fox&key=[key]"),
        ("https://a.example/?X-Api-Key=abc&q=fox", "https://a.example/?X-Api-Key=[key]&q=fox"),
        ("https://a.example/?access_token=abc#part", "https://a.example/?access_token=[key]#part"),
        ("https://me:word@a.example/x", "https://a.example/x"),
        ("https://a.example/?keyword=fox&monkey=1", "https://a.example/?keyword=fox&monkey=1"),
        ("https://a.example/s3cret%2Fvalue/x", "https://a.example/[key]/x"),
    ],
)
def test_addresses_are_kept_without_keys(url: str, kept: str) -> None:
    assert Scrubber(["s3cret/value"]).url(url) == kept


def test_a_failed_connection_fails_alike_and_a_later_good_answer_wins(tmp_path: Path) -> None:
    class Flaky:
        def __init__(self) -> None:
            self.left = 1

        def get(self, url: str, *, headers: Any = None, max_bytes: int = 0, robots: bool = False) -> Any:
            if self.left or "dead" in url:
                self.left = 0
                raise WebError("timeout", "too slow")
            return type("Answer", (), {"status": 200, "url": url, "headers": {"set-cookie": "a=b"}, "body": b"good"})()

    begin_cassette(tmp_path / "tape", {})
    web = RecordingWeb(Flaky(), CassetteWriter(tmp_path / "tape"), Scrubber([]), "flaky")
    for url in ("http://a.example/x", "http://a.example/x", "http://a.example/dead"):
        try:
            web.get(url)
        except WebError:
            pass
    replay = ReplayingWeb(CassetteReader(tmp_path / "tape"), Scrubber([]))
    answer = replay.get("http://a.example/x")
    assert (answer.body, dict(answer.headers)) == (b"good", {})
    with pytest.raises(WebError, match="timeout: too slow"):
        replay.get("http://a.example/dead")


def tape(folder: Path, line: dict[str, Any], content: bytes = b"secret") -> CassetteReader:
    """A cassette that somebody else made."""
    begin_cassette(folder, {"max_images": 5})
    (folder / "index.jsonl").write_text(json.dumps(line) + "\n")
    (folder / "outside").write_bytes(content)
    return CassetteReader(folder)


EXCHANGE = {"kind": "exchange", "engine": "x", "method": "GET", "url": "http://a/", "status": 200, "answer": {}}


@pytest.mark.parametrize("name", ["../outside", "../../outside", "/etc/passwd", "A" * 64, 7, None, ["a"]])
def test_a_foreign_cassette_names_no_path(tmp_path: Path, name: Any) -> None:
    web = ReplayingWeb(tape(tmp_path / "tape", EXCHANGE | {"body": name}))
    with pytest.raises(CassetteError):
        web.get("http://a/")


def test_a_foreign_cassette_leads_through_no_link_and_no_other_bytes_pass(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"secret").hexdigest()
    reader = tape(tmp_path / "tape", EXCHANGE | {"body": digest})
    body = tmp_path / "tape" / "bodies" / digest[:2] / digest
    body.parent.mkdir()
    body.symlink_to(tmp_path / "tape" / "outside")
    with pytest.raises(CassetteError, match="cannot be read"):
        ReplayingWeb(reader).get("http://a/")
    body.unlink()
    body.write_bytes(b"changed")
    with pytest.raises(CassetteError, match="has been changed"):
        ReplayingWeb(reader).get("http://a/")
    body.unlink()
    os.mkfifo(body)
    with pytest.raises(CassetteError, match="cannot be read"):
        ReplayingWeb(reader).get("http://a/")
    body.unlink()
    body.write_bytes(b"secret")
    with pytest.raises(CassetteError, match="more than 3"):
        ReplayingWeb(reader).get("http://a/", max_bytes=3)
    assert ReplayingWeb(reader).get("http://a/").body == b"secret"


@pytest.mark.parametrize("line", ["{", "[]", "7", '{"kind":"pipe"}', '{"kind":"exchange"}', "[" * 100_000])
def test_an_index_that_is_not_valid_is_refused(tmp_path: Path, line: str) -> None:
    begin_cassette(tmp_path / "tape", {})
    (tmp_path / "tape" / "index.jsonl").write_text(line + "\n")
    with pytest.raises(CassetteError):
        CassetteReader(tmp_path / "tape")


def test_a_cassette_is_recorded_into_a_new_folder_by_one_job_before_it_starts(project: Project, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(CassetteError, match="not empty"):
        record_job(made(project, engine="sample"), tmp_path / "full")
    with pytest.raises(CassetteError, match="no cassette"):
        replay_job(made(project, engine="sample"), tmp_path / "full")
    job = made(project, engine="sample")
    start_job(job)
    with pytest.raises(RuleViolation, match="before it is started"):
        record_job(job, tmp_path / "new")


def test_a_job_at_openverse_is_replayed_by_its_own_adapter(
    project: Project, web: PictureServer, settings: Any, tmp_path: Path
) -> None:
    """A server on loopback that answers as Openverse does, in two pages."""
    settings.PIXTASKS_ENGINE_URLS = {"openverse": web.root}
    settings.PIXTASKS_RATE_LIMITS = {"engine:*": "1000/60"}
    pictures = web.urls
    for page in (1, 2):
        results = [
            {
                "id": f"picture-{page}-{number}", "url": url, "title": "A fox", "creator": "Ann", "license": "by",
                "license_version": "4.0", "license_url": "https://creativecommons.org/licenses/by/4.0/",
                "attribution": "A fox by Ann", "foreign_landing_url": "https://example.com/fox",
            }
            for number, url in enumerate((f"{web.root}/gone", *pictures[page * 10 - 10 : page * 10]))
        ]  # fmt: skip
        path = f"/v1/images/?q=fox&page={page}&page_size=20&mature=false&filter_dead=true"
        web.pictures[path] = json.dumps({"page_count": 2, "results": results}).encode()
    fields: dict[str, Any] = {"engine": "openverse", "keywords": ("fox",), "most": 15}
    original = recorded(project, tmp_path / "tape", **fields)
    assert (original.status, original.images) == ("completed", 15)
    web.pictures.clear()
    first, second = (replayed(project, tmp_path / "tape", **fields) for _ in range(2))
    assert what(first) == what(second) == what(original)
    assert set(Image.objects.filter(job=first).values_list("license", "license_version")) == {("BY", "4.0")}
