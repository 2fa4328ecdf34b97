"""The command `logs`: what the steps of a run printed, and what they go on to print."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from plimsoll.edge.client import ask
from plimsoll.edge.context import silent
from plimsoll.edge.options import Json
from plimsoll.edge.output import finish, paint, reported, say

_LOOK_AGAIN_S = 0.5


def logs(
    run_id: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's id; latest: the one that began last.")
    ] = "latest",
    step: Annotated[str, typer.Argument(metavar="STEP", help="Only this step's.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")] = False,
    as_json: Json = False,
) -> None:
    """Show what the steps of a run printed."""
    with reported(as_json=as_json):
        answers = _answers(run_id, step=step, follow=follow)
        if as_json:
            finish(_document(answers), as_json=True, show=lambda _: None)
        elif follow:
            _show(answers)
        else:
            _show(iter([_document(answers)]))


def _answers(run_id: str, *, step: str, follow: bool) -> Iterator[dict[str, Any]]:
    """What is there, in pieces; with follow also what comes, until the run has ended and all of it was read."""
    seen: dict[str, int] = {}
    while True:
        answer = ask("runs.logs", silent, run=run_id, step=step, seen=seen)
        run_id = answer["run"]
        yield answer
        seen |= {piece["step"]: piece["end"] for piece in answer["pieces"]}
        if answer["pieces"]:
            continue
        if not follow or answer["state"] != "running":
            return
        time.sleep(_LOOK_AGAIN_S)


def _document(answers: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """All pieces of each step as one."""
    whole: dict[str, dict[str, Any]] = {}
    for answer in answers:
        run, state = answer["run"], answer["state"]
        for piece in answer["pieces"]:
            before = whole.get(piece["step"], {"text": ""})["text"]
            whole[piece["step"]] = {**piece, "text": before + piece["text"]}
    return {"run": run, "state": state, "pieces": list(whole.values())}


def _show(answers: Iterator[dict[str, Any]]) -> None:
    heading = ""
    for answer in answers:
        run, state = answer["run"], answer["state"]
        for piece in answer["pieces"]:
            if piece["step"] != heading:
                heading = piece["step"]
                say(paint(f"== {heading}", "bold"))
            say(piece["text"].removesuffix("\n"))
    if not heading:
        say(f"{run} is {state}; its steps printed nothing, or not on this machine")
