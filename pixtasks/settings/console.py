"""How the console looks. What its sidebar leads to is in ``pixtasks/sidebar.py``: a new page is one line there."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static

from . import env

# Neutrals with a breath of the primary colour; each text pair of the console has a contrast of at least 4.5:1.
_BASE = {
    "50": "#f9f8fc", "100": "#f2f0f7", "200": "#e4e1ec", "300": "#cdc9d9", "400": "#938da3", "500": "#6b667c",
    "600": "#544f64", "700": "#403b4e", "800": "#2c2838", "900": "#181620", "950": "#100e16",
}  # fmt: skip
_PRIMARY = {
    "50": "#f6f3ff", "100": "#ece6fe", "200": "#ddd3fd", "300": "#c9b8fb", "400": "#b39dfa", "500": "#9d80f5",
    "600": "#5f3dc4", "700": "#5030ab", "800": "#42298a", "900": "#35226e", "950": "#221548",
}  # fmt: skip


def environment(request: HttpRequest) -> list[str]:
    """Return the word and the colour that tell an operator which installation he is in."""
    profile = env.text("PIXTASKS_PROFILE", "development")
    return [profile, "danger" if profile == "production" else "info"]


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "pixtasks",
    "SITE_HEADER": "pixtasks",
    "SITE_SUBHEADER": "Operator console",
    "SITE_URL": "/",
    "SITE_ICON": {
        "light": lambda request: static("pixtasks/mark-light.svg"),
        "dark": lambda request: static("pixtasks/mark-dark.svg"),
    },
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("pixtasks/mark-light.svg")}
    ],
    "STYLES": [lambda request: static("pixtasks/console.css")],
    "ENVIRONMENT": environment,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "base": _BASE,
        "primary": _PRIMARY,
        "font": {
            "subtle-light": "var(--color-base-500)",
            "subtle-dark": "#aba5ba",
            "default-light": "var(--color-base-600)",
            "default-dark": "var(--color-base-300)",
            "important-light": "var(--color-base-900)",
            "important-dark": "var(--color-base-100)",
        },
    },
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": "pixtasks.sidebar.navigation",
    },
    "DASHBOARD_CALLBACK": "pixtasks.console.dashboard.views.dashboard",
    "COMMAND": {"search_callback": "pixtasks.palette.find"},
}
