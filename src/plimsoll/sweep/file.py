"""Puts a trial's parameters into the project file in front of the person. The trial comes from wherever sweeps are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plimsoll.edge.client import ask
from plimsoll.edge.context import silent
from plimsoll.kernel.files import new_file
from plimsoll.project.find import PROJECT_FILE, find_project
from plimsoll.project.load import load_project
from plimsoll.sweep.apply import NotSafe, diff_text, params_text, with_params
from plimsoll.sweep.errors import NoBestTrial, ParamsNotWritable


def apply_trial(start: Path, *, sweep: str, trial: int | None, plan: bool) -> dict[str, Any]:
    """Write the parameters of the best trial, or of a named one, into the project file around a folder.

    plan: change nothing. Raises NoBestTrial and ParamsNotWritable, which has the lines to copy.
    """
    file = find_project(start) / PROJECT_FILE
    load_project(file)  # a broken file is told about in its own words
    found = ask("sweeps.show", silent, sweep=sweep)
    chosen = found["best"]
    if trial is not None:
        chosen = next((one for one in found["sweep"]["trials"] if one["number"] == trial), None)
    if chosen is None:
        raise NoBestTrial(sweep=found["sweep"]["id"])
    before = file.read_bytes().decode("utf-8")
    try:
        after = with_params(before, chosen["params"])
    except NotSafe as problem:
        raise ParamsNotWritable(file=file.name, problem=str(problem), params=params_text(chosen["params"])) from problem
    if not plan and after != before:
        with new_file(file.parent) as new:
            new.write_bytes(after.encode())
            new.chmod(file.stat().st_mode)
            new.replace(file)
    return {
        "sweep": found["sweep"]["id"],
        "trial": chosen["number"],
        "params": chosen["params"],
        "file": file.name,
        "diff": diff_text(before, after, name=file.name),
        "plan": plan,
    }
