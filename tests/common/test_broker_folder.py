"""The broker without a server: its exchanges are there before anybody binds a queue."""

from __future__ import annotations

import json
from pathlib import Path

from pixtasks.settings.celery import celery_settings


def test_the_files_of_the_exchanges_are_there_from_the_start_and_what_is_in_them_stays(tmp_path: Path) -> None:
    """Of two that create such a file at once the second would cut off what the first has written."""
    options = celery_settings(redis_url="", broker_folder=tmp_path)["broker_transport_options"]
    folder = Path(options["control_folder"])
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == [
        "celery.pidbox.exchange",
        "default.exchange",
        "reply.celery.pidbox.exchange",
    ]
    assert [json.loads(path.read_text()) for path in files] == [[], [], []]
    bound = [["", "", "default"]]
    files[1].write_text(json.dumps(bound))
    celery_settings(redis_url="", broker_folder=tmp_path)
    assert json.loads(files[1].read_text()) == bound
    assert sorted(folder.iterdir()) == files
