"""``{% load console %}``: the pieces of ``pixtasks.common.markup`` in templates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.db.models import JSONField
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html

from pixtasks.common import markup
from pixtasks.common.screen import as_json, counted

register = template.Library()

register.filter("when", markup.when)
register.filter("moment", markup.moment)
register.filter("duration", markup.duration)
register.filter("size", filesizeformat)
register.filter("counted", counted)
register.filter("colour", markup.colour_of)
register.simple_tag(markup.bar, name="bar")
register.simple_tag(markup.badge, name="state")
register.simple_tag(markup.spark, name="spark")


@register.filter
def read_only(field: Any) -> Any:
    """Return what a read-only field of a row's page shows: times in the reader's zone, JSON indented.

    Args:
        field: unfold's ``UnfoldAdminReadonlyField``.
    """
    resolved = getattr(field, "resolved_field", None)
    column, _, value = resolved if isinstance(resolved, tuple) else (None, None, None)
    if isinstance(value, datetime):
        return format_html('{} <span class="px-soft">{}</span>', markup.moment(value), markup.when(value))
    if isinstance(column, JSONField) and value not in (None, {}, []):
        return format_html('<pre class="px-code">{}</pre>', as_json(value))
    return field.contents()
