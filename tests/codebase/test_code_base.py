"""Promises about the code base itself."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pixtasks", "tasktypes", "jobs", "gather")
FOLDERS = (*PACKAGES, "templates", "tests", "docs", "benchmarks", "deploy", ".ci")
LONGEST_MODULE = 400  # Lines.
# A repository without history (an unpacked archive) has no list of its files: folders that hold none of ours.
NOT_OURS = {"__pycache__", "node_modules"}


def our_files() -> Iterator[Path]:
    """Yield every file of the repository, without what is built or downloaded."""
    yield from (path for path in ROOT.iterdir() if path.is_file())
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and not NOT_OURS & set(path.parts):
                yield path


def our_modules() -> list[str]:
    """Return every module but the profiles: they change a dictionary they share, so one process loads one of them."""
    found = []
    for package in PACKAGES:
        found.append(package)
        module = importlib.import_module(package)
        found += [info.name for info in pkgutil.walk_packages(module.__path__, f"{package}.")]
    return [name for name in found if name not in {"pixtasks.settings.development", "pixtasks.settings.production"}]


def our_commands() -> list[str]:
    return sorted(name for name, app in get_commands().items() if app.split(".")[0] in PACKAGES)


@pytest.mark.parametrize("name", our_modules())
def test_every_module_can_be_imported(name: str) -> None:
    assert importlib.import_module(name).__name__ == name


@pytest.mark.parametrize("name", our_commands())
def test_every_command_and_every_option_says_what_it_does(name: str) -> None:
    command = load_command_class(get_commands()[name], name)
    assert command.help
    assert command.help.endswith("."), "a sentence"
    parser = command.create_parser("manage.py", name)
    assert [action.dest for action in parser._actions if not action.help] == []


def test_there_are_commands_to_check() -> None:
    assert {"up", "dispatcher"} <= set(our_commands())


def test_no_module_is_too_long_to_keep_in_the_head() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in our_files()
        if path.suffix == ".py" and "migrations" not in path.parts
    }
    assert lengths
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE} == {}


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    folders = {str(ROOT), f"{Path.home()}/", sys.prefix}
    pattern = re.compile(rb"|".join(re.escape(folder).encode() for folder in folders) + rb"|/(?:Users|home)/[a-z]+/")
    assert [str(path.relative_to(ROOT)) for path in our_files() if pattern.search(path.read_bytes())] == []


@pytest.mark.django_db
def test_the_models_have_no_change_without_a_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)


@pytest.mark.parametrize("name", ["pixtasks", "pixtasks.celery", "pixtasks.common.supervisor"])
def test_importing_it_reads_no_setting(name: str) -> None:
    """CONTRACT D14."""
    code = f"import {name}\nfrom django.conf import settings\nassert not settings.configured"
    subprocess.run([sys.executable, "-W", "error::ImportWarning", "-c", code], cwd=ROOT, check=True, timeout=60)
