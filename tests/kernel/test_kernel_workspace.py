"""The layout of a workspace: every place lies in the state folder, apart from the project file."""

from __future__ import annotations

from pathlib import Path

from plimsoll.kernel.workspace import Workspace


def test_everything_but_the_project_file_lies_in_the_state_folder(tmp_path: Path) -> None:
    state = tmp_path / "state"
    workspace = Workspace(root=tmp_path / "project", state=state, ledger_url="sqlite:///x")
    places = [
        workspace.artifacts,
        workspace.keys,
        workspace.audit_heads,
        workspace.logs,
        workspace.cache,
        workspace.environment("production"),
        workspace.capture("production"),
    ]
    assert all(place.is_relative_to(state) for place in places)
    assert len(set(places)) == len(places)
    assert workspace.project_file == tmp_path / "project" / "plimsoll.yaml"
    assert not state.exists(), "naming places creates nothing"
