"""Which images a dataset holds: what people decided counts wherever images are taken away."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator

import pytest
from django.test import Client
from rest_framework.test import APIClient

from jobs.models import CrawlJob, DecisionKind, Image
from jobs.services.dataset import images_of, label_of
from jobs.services.decisions import Choice, decide, undo_last
from jobs.services.licenses import as_attribution
from jobs.services.manifest import as_csv, as_jsonl, as_zip, manifest_hash, records
from pixtasks.accounts.models import User
from tests import factories

pytestmark = pytest.mark.django_db
KEEP, REJECT, RELABEL = DecisionKind.KEEP, DecisionKind.REJECT, DecisionKind.RELABEL


@pytest.fixture
def owner() -> User:
    return factories.user()


@pytest.fixture
def job(owner: User) -> CrawlJob:
    return factories.job_with_images(4, owner=owner, keywords=["red fox"])


def ids(job: CrawlJob) -> list[int]:
    return list(Image.objects.filter(job=job).order_by("pk").values_list("pk", flat=True))


def taken(job: CrawlJob) -> list[int]:
    return [record["image_id"] for record in records(images_of(job))]


def test_a_rejected_image_is_left_out_until_that_is_undone(owner: User, job: CrawlJob) -> None:
    first, second, third, fourth = ids(job)
    before = manifest_hash(images_of(job))
    decide([Choice((second,), KEEP), Choice((third, fourth), REJECT)], actor=owner)
    assert taken(job) == [first, second]
    assert manifest_hash(images_of(job)) != before
    undo_last(actor=owner)
    undo_last(actor=owner)
    assert taken(job) == [first, second, third, fourth]
    assert manifest_hash(images_of(job)) == before


def test_an_image_in_quarantine_stays_out_whatever_was_decided(owner: User, job: CrawlJob) -> None:
    first, *others = ids(job)
    Image.objects.filter(pk=first).update(quarantine="unknown_license")
    decide([Choice((first,), KEEP)], actor=owner)
    assert taken(job) == others


def test_a_new_label_stands_beside_the_keyword_and_names_the_folder(owner: User, job: CrawlJob) -> None:
    first, second, third, _ = ids(job)
    decide([Choice((first, second, third), RELABEL, "Grey wolf"), Choice((third,), REJECT)], actor=owner)
    decide([Choice((second,), KEEP)], actor=owner)
    found = {record["image_id"]: record for record in records(images_of(job))}
    assert third not in found
    for image_id, label, decision, folder in (
        (first, "Grey wolf", "relabel", "grey-wolf/"),
        (second, "Grey wolf", "keep", "grey-wolf/"),
        (ids(job)[3], "red fox", "", "red-fox/"),
    ):
        record = found[image_id]
        assert (record["label"], record["keyword"], record["decision"]) == (label, "red fox", decision)
        assert record["file_name"].startswith(folder)
        assert label_of(Image.objects.get(pk=image_id)) == label


def joined(parts: Iterator[bytes]) -> bytes:
    return b"".join(parts)


def test_every_form_of_taking_away_says_the_same(owner: User, job: CrawlJob) -> None:
    first, second, *_ = ids(job)
    decide([Choice((first,), REJECT), Choice((second,), RELABEL, "wolf")], actor=owner)
    rows = list(csv.DictReader(io.StringIO(joined(as_csv(images_of(job))).decode(), newline="")))
    lines = [json.loads(line) for line in joined(as_jsonl(images_of(job))).splitlines()]
    names = [row["file_name"] for row in rows]
    assert [row["label"] for row in rows] == [line["label"] for line in lines] == ["wolf", "red fox", "red fox"]
    assert names == [line["file_name"] for line in lines]
    with zipfile.ZipFile(io.BytesIO(joined(as_zip(images_of(job))))) as archive:
        assert {*names, "manifest.csv", "manifest.jsonl"} == set(archive.namelist())
    thanks = joined(as_attribution(images_of(job))).decode()
    assert [line.split("File: ")[1] for line in thanks.splitlines() if "File: " in line] == names


def test_a_list_tells_what_was_asked_and_what_the_source_said(job: CrawlJob) -> None:
    first, second, *_ = ids(job)
    Image.objects.filter(pk=first).update(query="close-up of red fox", external_id="=47", tags=["fox", "red fox, old"])
    rows = {int(row["image_id"]): row for row in csv.DictReader(io.StringIO(joined(as_csv(images_of(job))).decode()))}
    lines = {line["image_id"]: line for line in map(json.loads, joined(as_jsonl(images_of(job))).splitlines())}
    told = ("query", "external_id", "tags")
    assert [lines[first][name] for name in told] == ["close-up of red fox", "=47", ["fox", "red fox, old"]]
    assert [lines[second][name] for name in told] == ["red fox", "", []]
    assert [rows[first][name] for name in told] == ["close-up of red fox", "'=47", '["fox","red fox, old"]']
    assert [rows[second][name] for name in told] == ["red fox", "", ""]


def test_all_routes_leave_the_rejected_out_and_the_api_tells_decisions(owner: User, job: CrawlJob) -> None:
    first, *others = ids(job)
    decide([Choice((first,), REJECT), Choice((others[0],), RELABEL, "wolf")], actor=owner)
    user, staff = Client(), Client()
    user.force_login(owner)
    staff.force_login(factories.user(is_staff=True))
    for client, address in (
        (user, f"/jobs/{job.pk}/export.jsonl"),
        (staff, f"/admin/jobs/crawljob/{job.pk}/export/?kind=jsonl"),
    ):
        answer = client.get(address)
        told = [json.loads(line)["image_id"] for line in joined(answer.streaming_content).splitlines()]  # type: ignore[attr-defined]
        assert told == others, address
    api: APIClient = factories.client_of(owner)
    text = joined(api.get(f"/api/v1/jobs/{job.pk}/attribution").streaming_content).decode()
    assert text.count("File: ") == len(others)
    items = api.get(f"/api/v1/jobs/{job.pk}/images").json()["items"]
    assert [(item["decision"], item["label"]) for item in items[:2]] == [("reject", ""), ("relabel", "wolf")]
