"""Who is told of an alert, in what words, and when it is tried again. Pure, but for the notifier that it is handed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from plimsoll.kernel.hashing import digest_bytes
from plimsoll.monitor.entities import Alert, Notice
from plimsoll.monitor.ports import Notifier

PAUSES_S = (60, 300, 1_800, 7_200, 21_600)
"""Between the tries of one notice; after the last it is given up, and its problem stays on record."""


def title_of(notice: Notice) -> str:
    alert = notice.alert
    what = f"{alert.concern} of {alert.subject}"
    return f"{alert.release} in {alert.environment}: {what} {'is resolved' if notice.event == 'resolved' else 'found'}"


def body_of(notice: Notice) -> str:
    """What was seen, and the command to run next."""
    alert = notice.alert
    if notice.event == "resolved":
        return f"{alert.why} It was opened {alert.opened_at}: {alert.sentence}"
    return f"{alert.sentence}\n\n{next_step(alert)}"


def next_step(alert: Alert) -> str:
    """The command that shows more of an alert, and the one that says somebody sees to it."""
    return (
        f"plimsoll monitor --env {alert.environment} shows it beside everything else; "
        f"plimsoll alerts ack {alert.id} says that you see to it."
    )


def tell_all(notice: Notice, urls: Sequence[str], notifier: Notifier) -> tuple[Notice, str]:
    """Try every address that has not been told yet; the notice with what is left over, and why that is."""
    waiting = [url for url in urls if not notice.left_over or _digest(url) in notice.left_over]
    failed: dict[str, str] = {}
    for url in waiting:
        problem = notifier.tell(url, title=title_of(notice), body=body_of(notice))
        if problem:
            failed[_digest(url)] = f"{url.partition('://')[0]}: {problem}"
    told = replace(notice, tries=notice.tries + 1, left_over=tuple(failed))
    return told, "; ".join(failed.values())


def pause_s(notice: Notice) -> int | None:
    """How long to wait before another try; None when there is nothing left to tell, or it has been tried enough."""
    if not notice.left_over or notice.tries > len(PAUSES_S):
        return None
    return PAUSES_S[notice.tries - 1]


def _digest(url: str) -> str:
    """An address without its secrets."""
    return digest_bytes(url.encode())[:16]
