"""The page at the root."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.ledger import live_worker


@pytest.mark.django_db
def test_the_root_leads_to_every_page_of_the_product_and_to_nobody_else(client: Client) -> None:
    live_worker(slots=3)
    answer = client.get("/")
    page = answer.content.decode()
    links = re.findall(r'<a[^>]*href="([^"]+)"', page)
    assert {"/docs", "/redoc", "/admin/", "/readyz", "/signin"} <= set(links)
    assert "1 worker with 3 slots alive" in page
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", page)
    for link in (link for link in links if not link.startswith("#")):
        assert client.get(link, follow=True).status_code in (200, 503), link


@pytest.mark.django_db
def test_it_says_when_no_worker_is_alive(client: Client) -> None:
    assert "no worker is alive" in client.get("/").content.decode()
