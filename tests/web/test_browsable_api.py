"""The browsable API: it belongs to the product, shows what is answered, and shows it as text."""

from __future__ import annotations

import json

from django.template import Context, Template
from django.test import Client

from pixtasks.accounts.models import User
from pixtasks.common.json import dump_json
from tests import factories
from tests.attack.test_escaping import EVIL, IMAGE, LINK, QUOTE, SCRIPT, dangers

HTML = {"accept": "text/html"}


def test_what_people_wrote_stands_in_the_page_as_text(client: Client, ann: User) -> None:
    project = factories.project(ann, name=EVIL[:200], description=EVIL)
    job = factories.started_job(project, name=EVIL[:200], keywords=[EVIL[:100]])
    factories.image(job, title=EVIL, page_url=LINK, source_url="https://x.example/" + QUOTE)
    for path in ("/api/v1/projects", f"/api/v1/projects/{project.pk}", f"/api/v1/jobs/{job.pk}/images", "/api/v1/jobs"):
        page = client.get(path, {"q": SCRIPT + IMAGE}, headers=HTML)
        text = page.content.decode()
        assert page["Content-Type"].startswith("text/html")
        assert "bytes of binary content" not in text
        assert "&lt;script&gt;attack(1)&lt;/script&gt;" in text, "the payload itself is shown"
        assert dangers(page.content) == [], path


def test_it_wears_the_products_frame_and_nobody_elses(client: Client) -> None:
    page = client.get("/api/v1/projects", headers=HTML)
    text = page.content.decode()
    assert "pixtasks/web.css" in text and "bootstrap" not in text and "jquery" not in text.lower()
    assert "django-rest-framework.org" not in text
    assert 'data-method="POST"' in text and "<script>" not in text and "<style" not in text
    assert "data-csrf=" in text


def test_programs_get_the_same_compact_json_as_before(client: Client, ann: User) -> None:
    factories.project(ann, name="plain")
    plain = client.get("/api/v1/projects")
    assert plain["Content-Type"] == "application/json"
    assert b"\n" not in plain.content
    assert json.loads(dump_json(plain.json(), indented=True)) == plain.json()
    assert b"\n  " in dump_json(plain.json(), indented=True)


def test_json_is_coloured_linked_and_escaped() -> None:
    value = {
        "a<b": "</pre>",
        "n": -1.5,
        "t": True,
        "u": "https://x.example/?a=1&b=<i>",
        "p": "/api/v1/jobs",
        "j": LINK,
    }
    page = Template("{% load browsable %}{{ text|json_text }}").render(Context({"text": json.dumps(value, indent=2)}))
    assert "</pre>" not in page and "<i>" not in page and "&lt;i&gt;" in page
    assert 'href="https://x.example/?a=1&amp;b=&lt;i&gt;"' in page and 'href="/api/v1/jobs"' in page
    assert 'href="javascript' not in page
    assert '<span class="api-number">-1.5</span>' in page and '<span class="api-word">true</span>' in page
