"""What words for failures, issues and policies mean, in a sentence each; the terminal and the console say the same."""

from __future__ import annotations

from http import HTTPStatus

from jobs.fetch.outcomes import Outcome
from jobs.licenses import LicensePolicy
from jobs.validators import Issue

_OUTCOMES = {outcome.value: outcome.description for outcome in Outcome}
_ISSUES = {issue.value: issue.description for issue in Issue}


def outcome_meaning(name: str) -> str:
    """Return the sentence for a class of failure; empty for words that name none."""
    if name in _OUTCOMES:
        return _OUTCOMES[name]
    try:
        status = HTTPStatus(int(name.removeprefix("http_")))
    except ValueError:
        return ""
    return f"The server answered {status.value} {status.phrase}."


def issue_meaning(kind: str) -> str:
    """Return the sentence for an issue of validation; empty for words that name none."""
    return _ISSUES.get(kind, "")


def policy_words(policy: LicensePolicy) -> str:
    """Return what a project asks of licences, in a sentence."""
    asked = [
        words
        for holds, words in (
            (policy.require_commercial_use, "must permit commercial use"),
            (policy.require_derivatives, "must permit changed versions"),
            (not policy.allow_share_alike, "must not ask for share-alike"),
            (not policy.allow_unknown_license, "must be known"),
        )
        if holds
    ]
    return f"Licences {', '.join(asked)}." if asked else "Every licence is fine."
