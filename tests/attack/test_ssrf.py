"""No spelling of an address leads any of the four clients to this machine or its network; seen at the socket."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from jobs.engines import EngineError, Query, resolve
from jobs.fetch.images import Download, ImageFetcher
from jobs.fetch.outcomes import Outcome
from jobs.fetch.storage import ImageStorage
from jobs.fetch.web import WebClient, WebError
from jobs.models import FetchFailure, Image
from pixtasks.common.net.guard import AddressPolicy
from pixtasks.common.net.limits import FetchLimits
from tasktypes.handlers import handlers
from tasktypes.models import Task, WebhookDelivery, WebhookEndpoint
from tasktypes.services.submit import NewTask, submit
from tasktypes.webhooks.services import sending
from tests import factories
from tests.fetch.site import collect
from tests.ledger import run_all, run_task
from tests.tasktypes.conftest import Echo

from .network.canary import Canary, Redirector, canary, lent_sockets, redirector
from .network.forms import as_location, forms

LIMITS = FetchLimits(connect_seconds=5, total_seconds=20, concurrency=32)
NEVER = {Outcome.STORED, Outcome.REFUSED, Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.RESET}
"""How a fetch ends whose socket was opened; an address that was refused ends as none of these."""


@pytest.fixture
def target() -> Iterator[Canary]:
    with canary() as listening:
        yield listening


@pytest.fixture
def site(target: Canary) -> Iterator[Redirector]:
    """A site that is allowed, and whose redirects lead to every form."""
    places = [as_location(address) for _, address in forms(target.port)]
    with redirector([place for place in places if place is not None]) as server:
        yield server


def only(site: Redirector) -> AddressPolicy:
    return AddressPolicy([f"127.0.0.1:{site.server_port}"])


def fetched(tmp_path: Path, policy: AddressPolicy, addresses: list[str]) -> dict[str, Download[str]]:
    with ImageFetcher[str](ImageStorage(location=tmp_path / "images"), LIMITS, policy) as fetcher:
        found: dict[str, Download[str]] = {}
        for start in range(0, len(addresses), 50):
            for address in addresses[start : start + 50]:
                fetcher.submit(address, address)
            found |= collect(fetcher)
        return found


def test_the_table_is_long_and_the_canary_would_notice() -> None:
    with lent_sockets() as lent:
        listening = Canary()
        found = forms(listening.port)
        assert len({address for _, address in found}) == len(found) >= 180
        assert len({kind for kind, _ in found}) >= 28
        with WebClient(AddressPolicy([f"127.0.0.1:{listening.port}"]), LIMITS) as web, pytest.raises(WebError):
            web.get(f"http://127.0.0.1:{listening.port}/")
        listening.stop()
        assert (lent, listening.connections) == ([1], 1)


def test_no_form_makes_the_image_fetcher_open_a_socket(target: Canary, tmp_path: Path) -> None:
    addresses = [address for _, address in forms(target.port)]
    with lent_sockets() as lent:
        found = fetched(tmp_path, AddressPolicy(), addresses)
    assert lent == [0]
    assert len(found) == len(addresses)
    assert {address: each.outcome for address, each in found.items() if each.outcome in NEVER} == {}
    outcomes = Counter(each.outcome for each in found.values())
    assert outcomes[Outcome.BLOCKED_ADDRESS] > 60 and outcomes[Outcome.BAD_URL] > 60


def test_no_redirect_makes_the_image_fetcher_open_another_socket(site: Redirector, tmp_path: Path) -> None:
    addresses = [site.url(f"/to/{number}") for number in range(len(site.targets))]
    with lent_sockets() as lent:
        found = fetched(tmp_path, only(site), addresses)
    assert len(found) == len(addresses) >= 170
    assert lent == [site.connections]
    assert {address: each.outcome for address, each in found.items() if each.outcome in NEVER} == {}


def test_no_form_makes_an_engines_client_open_a_socket(target: Canary) -> None:
    with lent_sockets() as lent, WebClient(AddressPolicy(), LIMITS) as web:
        for _, address in forms(target.port):
            with pytest.raises(WebError) as caught:
                web.get(address)
            assert caught.value.outcome not in NEVER, address
    assert lent == [0]


def test_no_redirect_makes_an_engines_client_open_another_socket(site: Redirector) -> None:
    ended: Counter[str] = Counter()
    with lent_sockets() as lent, WebClient(only(site), LIMITS) as web:
        for number in range(len(site.targets)):
            try:
                # A form without a scheme is a path of the same site, which has no such page.
                ended[str(web.get(site.url(f"/to/{number}")).status)] += 1
            except WebError as error:
                ended[error.outcome] += 1
    assert lent == [site.connections]
    assert not {"200", *NEVER} & set(ended)
    assert ended["blocked_address"] > 60


def test_the_site_engine_reads_no_form(target: Canary) -> None:
    engine = resolve("site")
    refused = asked = 0
    with lent_sockets() as lent, WebClient(AddressPolicy(), LIMITS) as web:
        for _, address in forms(target.port):
            try:
                options = engine.Options.model_validate({"url": address})
            except ValueError:
                refused += 1
                continue
            asked += 1
            with pytest.raises(EngineError):
                engine.search(Query(keyword="cat", engine="site", limit=1, options=options), None, web)
    assert lent == [0]
    assert refused > 60 and asked > 60


@pytest.mark.django_db
def test_a_job_whose_page_names_every_form_reaches_none(target: Canary, site: Redirector, settings: Settings) -> None:
    """End to end: the page's images and its next links, directly and by redirects of the site itself."""
    settings.PIXTASKS_FETCH_ALLOW = [f"127.0.0.1:{site.server_port}"]
    addresses = [address for _, address in forms(target.port)]
    addresses += [site.url(f"/to/{number}") for number in range(len(site.targets))]
    images = "".join(f'<img src="{html.escape(address)}">' for address in addresses)
    links = "".join(f'<a rel="next" href="{html.escape(address)}">next</a>' for address in addresses[::7])
    site.page = f"<!doctype html><title>page</title>{images}{links}".encode()
    options = {"site": {"url": site.url("/page"), "max_pages": 40, "same_host": False}}
    job = factories.started_job(engines=["site"], options=options, max_images=1000)
    (task,) = factories.tasks_of(job)
    with lent_sockets() as lent:
        run_task(task)
    assert site.asked[:3] == ["/robots.txt", "/.well-known/tdmrep.json", "/page"]
    assert lent == [site.connections]
    assert Image.objects.count() == 0
    outcomes = Counter(FetchFailure.objects.values_list("outcome", flat=True))
    assert outcomes["blocked_address"] > 150
    assert not set(outcomes) & NEVER


@pytest.mark.django_db
def test_no_form_is_sent_a_webhook(target: Canary, settings: Settings) -> None:
    settings.PIXTASKS_FETCH_ALLOW = []
    with lent_sockets() as lent:
        for _, address in forms(target.port):
            tried = sending.post(address, b"{}", event_id="0", live_secrets=["whsec_x"])
            assert tried.http_status is None and tried.error, address
    assert lent == [0]


@pytest.mark.django_db
def test_an_endpoint_is_refused_or_its_deliveries_reach_nobody(target: Canary, settings: Settings) -> None:
    settings.PIXTASKS_FETCH_ALLOW = []
    owner = factories.user()
    client = factories.client_of(owner)
    answers: Counter[int] = Counter()
    for _, address in forms(target.port):
        response = client.post("/api/webhooks/endpoints", {"url": address}, format="json")
        answers[response.status_code] += 1
    assert set(answers) == {201, 422}
    assert answers[422] > 150
    # What is left are names and spellings that only the resolver knows; they are refused when they are sent to.
    with handlers.temporarily(Echo()), lent_sockets() as lent:
        submit([NewTask(type_name="tests.echo", parameters={"message": "hello"})], owner_id=owner.pk)
        run_all()
    assert lent == [0]
    assert WebhookEndpoint.objects.count() == WebhookDelivery.objects.count() == answers[201] > 0
    assert not WebhookDelivery.objects.filter(state="delivered").exists()
    assert Task.objects.filter(type_name="tests.echo", status="completed").count() == 1


@pytest.mark.django_db
def test_a_webhook_follows_no_redirect(site: Redirector, settings: Settings) -> None:
    settings.PIXTASKS_FETCH_ALLOW = [f"127.0.0.1:{site.server_port}"]
    with lent_sockets() as lent:
        for number in range(len(site.targets)):
            tried = sending.post(site.url(f"/to/{number}"), b"{}", event_id="0", live_secrets=["whsec_x"])
            assert (tried.http_status, bool(tried.error)) == (302, True)
    assert lent == [site.connections]
    assert site.connections == len(site.targets)
