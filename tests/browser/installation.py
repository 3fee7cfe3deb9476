"""An installation whose pages have something to show, from outside: who signs in, and how it is filled."""

from __future__ import annotations

from typing import Final

from tests.processes.stack import Stack

OPERATOR: Final = "operator@example.com"
USER: Final = "ada@example.com"
PASSWORD: Final = "a long pass phrase 1"
PATIENCE: Final = 240.0
"""How long the workers may take for one step, on a busy machine. Seconds."""
ENVIRONMENT: Final = {"PIXTASKS_WEBHOOK_RECEIVER_PORT": "9"}
"""For the stack: where the story's webhooks go, nobody listens."""


def tell(stack: Stack, step: str) -> None:
    """Run :func:`begin` or :func:`busy` inside an installation that is served."""
    # What the service asks of an address is what the served processes would.
    inside = Stack(stack.folder, {**stack.environment, "PIXTASKS_BASE_URL": stack.url})
    inside.manage("shell", "-v0", "-c", f"from tests.browser import story; story.{step}()", seconds=4 * PATIENCE)
