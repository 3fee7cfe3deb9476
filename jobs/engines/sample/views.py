"""Serves the pictures, a page of facts for each, and a gallery for people and crawlers. Nobody signs in here."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import condition, require_safe
from PIL import __version__ as pillow_version

from . import catalogue
from .catalogue import Item, Kind
from .engine import CREATOR, LICENSE_URL
from .painter import paint

EDITION = "1"  # rises with every change of the painter, so that no cache keeps the older picture
CACHE_SECONDS = 86_400
# An address that no network has (RFC 5737, TEST-NET-1): a fetch that is guarded refuses it before it connects.
TRAP_URL = "http://192.0.2.1/private.jpg"
POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'"
STYLE = """
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}
ul{list-style:none;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:1rem}
li img{width:100%;aspect-ratio:4/3;object-fit:cover;border-radius:.5rem;background:#8883}
figure{margin:0}figure img{max-width:100%;border-radius:.5rem}dt{font-weight:600}dd{margin:0 0 .5rem}
nav a{margin-right:1rem}
"""

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def _public(view: View[P]) -> View[P]:
    """Let browsers and crawlers keep the answer for a day, and forbid pages everything but pictures from here."""

    @wraps(view)
    def answer(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Content-Security-Policy"] = POLICY
        response["X-Content-Type-Options"] = "nosniff"
        if response.status_code in (200, 304):
            response["Cache-Control"] = f"public, max-age={CACHE_SECONDS}"
        return response

    return answer


def _etag(request: HttpRequest, engine: str, index: int, suffix: str) -> str:
    """Return a tag without painting: what the bytes depend on, and nothing else."""
    parts = (EDITION, pillow_version, _keyword(request), engine, index, suffix)
    return f'"{catalogue.number(*parts):016x}"'


@_public
@require_safe
@condition(etag_func=_etag)
def picture(request: HttpRequest, engine: str, index: int, suffix: str) -> HttpResponse:
    """Answer with the bytes of a picture, or with the fault that its kind stands for."""
    item = _item(request, engine, index)
    if suffix != item.format or item.kind is Kind.MISSING:
        raise Http404("There is no such picture.")
    if item.kind is Kind.TRAP:
        return HttpResponseRedirect(TRAP_URL)
    if item.kind is Kind.MOVED and item.origin is not None:
        return HttpResponseRedirect(catalogue.item(item.keyword, engine, item.origin).picture_path)
    painted = paint(item)
    return HttpResponse(painted.body, content_type=painted.content_type)


@_public
@require_safe
def facts(request: HttpRequest, engine: str, index: int) -> HttpResponse:
    """Answer with a page that shows one picture and tells what is known of it."""
    item = _item(request, engine, index)
    rows = [
        ("Keyword", item.keyword),
        ("Engine", item.engine),
        ("Number", item.index + 1),
        ("Kind", item.kind.value.replace("_", " ")),
        ("Creator", CREATOR),
        ("Licence", format_html('<a rel="license" href="{}">CC0 1.0</a>', LICENSE_URL)),
    ]
    body = format_html(
        '<figure><img src="{}" alt="{}" width="{}" height="{}"></figure><dl>{}</dl><nav><a href="{}">Gallery</a></nav>',
        item.picture_path,
        item.title,
        *item.size,
        format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows),
        catalogue.gallery_path(engine, item.keyword, index // catalogue.PAGE_SIZE),
    )
    return _page(item.title, body)


@_public
@require_safe
def gallery(request: HttpRequest, engine: str) -> HttpResponse:
    """Answer with a page of pictures of a keyword, and a link to the next page (``page`` counts from 0)."""
    keyword = _keyword(request)
    page = request.GET.get("page", "0")
    last = catalogue.SUPPLY // catalogue.PAGE_SIZE - 1
    if not _served(engine, keyword) or not page.isascii() or not page.isdecimal() or len(page) > 6:
        raise Http404("There is no such page.")
    number = int(page)
    if number > last:
        raise Http404("There is no such page.")
    first = number * catalogue.PAGE_SIZE
    items = [catalogue.item(keyword, engine, first + place) for place in range(catalogue.PAGE_SIZE)]
    pictures = format_html_join(
        "",
        '<li><a href="{}"><img src="{}" alt="{}" loading="lazy"></a></li>',
        ((item.page_path, item.picture_path, item.title) for item in items),
    )
    links = head = SafeString("")
    if number:
        links += format_html(
            '<a rel="prev" href="{}">Previous</a>', catalogue.gallery_path(engine, keyword, number - 1)
        )
    if number < last:
        following = catalogue.gallery_path(engine, keyword, number + 1)
        links += format_html('<a rel="next" href="{}">Next</a>', following)
        head = format_html('<link rel="next" href="{}">', following)
    body = format_html("<h1>{}</h1><ul>{}</ul><nav>{}</nav>", keyword, pictures, links)
    return _page(f"{keyword}, page {number + 1}", body, head)


def _page(title: str, body: SafeString, head: str = "") -> HttpResponse:
    return HttpResponse(
        format_html(
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            "<title>{} · samples</title>{}<style>{}</style><body>{}</body></html>",
            title,
            head,
            SafeString(STYLE),
            body,
        )
    )


def _keyword(request: HttpRequest) -> str:
    return request.GET.get("keyword", "")


def _served(engine: str, keyword: str) -> bool:
    return 1 <= len(keyword) <= catalogue.KEYWORD_MAX and len(engine) <= catalogue.ENGINE_MAX


def _item(request: HttpRequest, engine: str, index: int) -> Item:
    """Return the item of the address.

    Raises:
        Http404: no keyword, or one that is too long, or an index beyond the supply.
    """
    keyword = _keyword(request)
    if not _served(engine, keyword):
        raise Http404("There is no such picture.")
    try:
        return catalogue.item(keyword, engine, index)
    except IndexError:
        raise Http404("There is no such picture.") from None
