"""Everything that can be known about a project without running it: the file, the code, and how its steps fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plimsoll.data.expressions import rule_breaches
from plimsoll.kernel.nearest import nearest
from plimsoll.pipeline.graph import build_graph
from plimsoll.project.code import read_code
from plimsoll.project.find import PROJECT_FILE, find_project
from plimsoll.project.listing import shown_values, unwritten
from plimsoll.project.load import read_project
from plimsoll.project.problems import ProjectInvalid


def check_project(start: Path) -> dict[str, Any]:
    """Load the project around a folder, read its code, wire its steps; returns JSON-ready data.

    Raises ProjectNotFound, ProjectFileMissing, and ProjectInvalid, CodeInvalid or GraphInvalid with every problem.
    """
    root = find_project(start)
    project, tree = read_project(root / PROJECT_FILE)
    found = [breach for name, dataset in project.data.items() for breach in rule_breaches(name, dataset)]
    for breach in found:
        tree.report(breach.path, breach.found, breach.expected, nearest=nearest(breach.word, breach.options))
    if found:
        raise ProjectInvalid(problems=tree.problems)
    graph = build_graph(project, read_code(root, project.code), line_of=tree.line)
    return {
        "file": str(root / PROJECT_FILE),
        "project": shown_values(project),
        "defaults": unwritten(project, tree),
        "steps": [
            {
                "step": step.name,
                "takes": list(step.parameters) or list(graph.inputs[step.name]),
                "gives": list(step.outputs),
                "file": step.source,
                "line": step.line,
            }
            for step in graph.steps
        ],
    }
