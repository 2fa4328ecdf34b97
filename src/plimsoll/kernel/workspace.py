"""Where a workspace keeps things on disk. Only paths: nothing here creates or reads a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A project folder and the state folder beside its code (`.plimsoll`, ignored by git)."""

    root: Path
    state: Path
    ledger_url: str
    """`sqlite:///path` or `postgresql://…`."""

    @property
    def project_file(self) -> Path:
        return self.root / "plimsoll.yaml"

    @property
    def artifacts(self) -> Path:
        return self.state / "artifacts"

    @property
    def keys(self) -> Path:
        """Private keys, readable by their owner only."""
        return self.state / "keys"

    @property
    def audit_heads(self) -> Path:
        """The signed heads of the audit chain: outside the ledger on purpose."""
        return self.state / "audit-heads.jsonl"

    @property
    def clock(self) -> Path:
        """The time of a replay, where the workspace is one; see kernel/clock.py."""
        return self.state / "clock"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def cache(self) -> Path:
        """What can be deleted at any time: scratch folders, the file-hash cache, unpacked bundles."""
        return self.state / "cache"

    @property
    def runtimes(self) -> Path:
        """Environments made from releases' locks: made anew when they are gone, but workers run in them."""
        return self.state / "runtimes"

    @property
    def mlflow(self) -> Path:
        """What MLflow keeps where it has no server of somebody else's."""
        return self.state / "mlflow"

    def environment(self, name: str) -> Path:
        """An environment's own folder: its shim's sockets and state, its unpacked releases."""
        return self.state / "environments" / name

    def capture(self, environment: str) -> Path:
        """Segments of captured predictions of one environment."""
        return self.state / "capture" / environment

    def shipped(self, environment: str) -> Path:
        """The same predictions as Parquet: what monitors measure."""
        return self.state / "monitor" / environment / "predictions"

    def labels(self, environment: str) -> Path:
        """Segments of labels of one environment's predictions."""
        return self.state / "labels" / environment

    def shipped_labels(self, environment: str) -> Path:
        """The same labels as Parquet."""
        return self.state / "monitor" / environment / "labels"
