"""Runs for people at a notebook: begin one, look at one, hold them against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from plimsoll.notebook import text
from plimsoll.notebook.asking import Folder, ask
from plimsoll.notebook.interrupts import interruptible
from plimsoll.notebook.outputs import read_output
from plimsoll.notebook.progress import watch

if TYPE_CHECKING:
    import pandas as pd

_MOST_POINTS = 300


@overload
def run(
    *,
    params: Mapping[str, Any] | None = ...,
    project: Folder | None = ...,
    rehash: bool = ...,
    plan: Literal[False] = ...,
) -> Run: ...


@overload
def run(
    *, params: Mapping[str, Any] | None = ..., project: Folder | None = ..., rehash: bool = ..., plan: Literal[True]
) -> Plan: ...


def run(
    *,
    params: Mapping[str, Any] | None = None,
    project: Folder | None = None,
    rehash: bool = False,
    plan: bool = False,
) -> Run | Plan:
    """Run the pipeline as `plimsoll run` does, and hold the model against the gates; what is unchanged is not run again.

    params: values that replace those of the project file, for this run. project: the folder of another project than the
    one around the current folder. rehash: read all data again, also what looks unchanged. plan: only say what would
    run, and why. The code is imported anew in a process of its own, so what was edited since is what runs.
    An interrupt ends every process of the run; finished steps are kept, and the next run goes on from there.
    Raises PlimsollError; what a step raised is told with the traceback of the project's own code.
    """
    given = dict(params or {})
    if plan:
        return Plan(ask("runs.plan", project=project, params=given, rehash=rehash))
    with interruptible(project), watch() as progress:
        report = ask("runs.create", project=project, progress=progress, params=given, rehash=rehash)
    return Run(report, project=project)


def find_run(name: str = "latest", *, project: Folder | None = None) -> Run:
    """A run by its id; the newest that is done unless told. Raises RunMissing, NoFinishedRun."""
    return Run(ask("runs.show", project=project, run=name), project=project)


def runs(*, limit: int = 20, project: Folder | None = None) -> pd.DataFrame:
    """The project's runs as a frame, latest first."""
    import pandas as pd

    columns = ("run", "state", "started", "seconds", "by", "verdict", "release", "because")
    rows = [
        (
            one["run"]["id"],
            one["run"]["state"],
            pd.Timestamp(one["run"]["started_at"]),
            sum(step["seconds"] for step in one["run"]["steps"]),
            one["run"]["created_by"],
            one["finding"] or "",
            one["release"] or "",
            one["run"]["because"],
        )
        for one in ask("runs.list", project=project, limit=limit)
    ]
    return pd.DataFrame(rows, columns=columns)


def compare(*names: Run | str, everything: bool = False, project: Folder | None = None) -> Comparison:
    """Runs, or releases such as fraud@1, beside each other, all against the first; up to ten.

    everything: also what does not differ.
    """
    asked = [one.id if isinstance(one, Run) else one for one in names]
    return Comparison(ask("runs.compare", project=project, runs=asked, everything=everything))


class Run:
    """One execution of a pipeline, as it was when it was asked for. `project` is where it was asked for."""

    def __init__(self, report: Mapping[str, Any], *, project: Folder | None = None) -> None:
        self._record = report["run"]
        self._verdict = report["verdict"]
        self._project = project
        self._logged: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        return str(self._record["id"])

    @property
    def state(self) -> str:
        """running, done, failed, interrupted or cancelled."""
        return str(self._record["state"])

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, with what the steps logged by `log_params`."""
        return {**self._record["params"], **{one["name"]: one["value"] for one in self._metrics()["params"]}}

    @property
    def data(self) -> dict[str, str]:
        """Dataset -> digest of the version that was used."""
        return dict(self._record["data"])

    @property
    def steps(self) -> dict[str, str]:
        """Step -> what became of it: cached, done, failed or skipped."""
        return {step["step"]: step["state"] for step in self._record["steps"]}

    @property
    def outputs(self) -> dict[str, str]:
        """Output -> digest of its artifact."""
        return {name: digest for step in self._record["steps"] for name, digest in step["outputs"].items()}

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of each metric that was logged; `STEP/METRIC` where several steps logged one of a name."""
        curves = self._metrics()["curves"]
        names = [curve["metric"] for curve in curves]
        return {
            name if names.count(name) == 1 else f"{curve['source']}/{name}": float(curve["last"])
            for name, curve in zip(names, curves, strict=True)
        }

    def curve(self, metric: str) -> pd.DataFrame:
        """Every point of a metric by step: columns step, value, source."""
        import pandas as pd

        found = ask("metrics.show", project=self._project, run=self.id, metric=metric, most=1_000_000)["curves"]
        return pd.DataFrame(
            [
                (step, float(value), curve["source"])
                for curve in found
                for step, value in zip(curve["steps"], curve["values"], strict=True)
            ],
            columns=["step", "value", "source"],
        )

    @property
    def verdict(self) -> Verdict | None:
        """What the gates said; None for a project without gates, and for a run that did not get so far."""
        return None if self._verdict is None else Verdict(self._verdict)

    def output(self, name: str) -> Any:
        """The value of an output, as the next step would be given it. Raises OutputMissing."""
        return read_output(self._record, name, project=self._project)

    def compare(self, *others: Run | str, everything: bool = False) -> Comparison:
        """This run beside others: runs, or releases such as fraud@1. They are held against this one."""
        return compare(self, *others, everything=everything, project=self._project)

    def _metrics(self) -> Mapping[str, Any]:
        if self._logged is None or self.state == "running":
            self._logged = ask("metrics.show", project=self._project, run=self.id, most=_MOST_POINTS)
        return self._logged

    def __repr__(self) -> str:
        return text.run_text(self._record, self._verdict)

    def _repr_html_(self) -> str:
        from plimsoll.notebook.look import run_html

        return run_html(self._record, self._verdict, self._metrics())


class Verdict:
    """What the gates found, with the evidence."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    @property
    def finding(self) -> str:
        """pass, fail or inconclusive."""
        return str(self._document["finding"])

    @property
    def passed(self) -> bool:
        """Whether the run may be released."""
        return self.finding == "pass"

    @property
    def checks(self) -> pd.DataFrame:
        """One row a check: rule, slice, finding, value and interval of what decided, limit, why."""
        import pandas as pd

        columns = ("rule", "slice", "finding", "candidate", "difference", "low", "high", "limit", "rows", "because")
        return pd.DataFrame([tuple(_check(one).values()) for one in self._document["checks"]], columns=columns)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._document["notes"])

    def __repr__(self) -> str:
        return text.verdict_text(self._document)

    def _repr_html_(self) -> str:
        from plimsoll.notebook.look import verdict_html

        return verdict_html(self._document)


class Plan:
    """What a run would do with each step, and why. Iterates over (step, why)."""

    def __init__(self, steps: list[dict[str, Any]]) -> None:
        self._steps = steps

    @property
    def cached(self) -> tuple[str, ...]:
        """Steps that would not run."""
        return tuple(step["step"] for step in self._steps if step["cached"])

    @property
    def will_run(self) -> dict[str, str]:
        """Step -> why it would run."""
        return {step["step"]: step["because"] for step in self._steps if not step["cached"]}

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter([(step["step"], step["because"]) for step in self._steps])

    def __repr__(self) -> str:
        return text.plan_text(self._steps)

    def _repr_html_(self) -> str:
        from plimsoll.notebook.look import plan_html

        return plan_html(self._steps)


class Comparison:
    """Runs beside each other; the first is what the others are held against."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    @property
    def params(self) -> pd.DataFrame:
        """Parameters that differ, a column each run."""
        return self._facts("params")

    @property
    def metrics(self) -> pd.DataFrame:
        """The last value of each metric, a column each run."""
        import pandas as pd

        found = self._document["metrics"]
        index = [f"{one['source']}/{one['metric']}" for one in found]
        return pd.DataFrame([one["last"] for one in found], index=index, columns=self._names())

    @property
    def data(self) -> pd.DataFrame:
        """Data versions that differ, a column each run."""
        return self._facts("data")

    @property
    def outputs(self) -> pd.DataFrame:
        """Outputs of steps whose bytes differ, by digest."""
        return self._facts("outputs")

    @property
    def code(self) -> dict[str, str]:
        """File -> how it differs, as a unified diff."""
        return {one["path"]: one["diff"] for one in self._document["code"]}

    def _facts(self, part: str) -> pd.DataFrame:
        import pandas as pd

        found = self._document[part]
        rows, index = [one["values"] for one in found], [one["name"] for one in found]
        return pd.DataFrame(rows, index=index, columns=self._names(), dtype=object)

    def _names(self) -> list[str]:
        return [one["name"] for one in self._document["runs"]]

    def __repr__(self) -> str:
        return text.comparison_text(self._document)

    def _repr_html_(self) -> str:
        from plimsoll.notebook.look import comparison_html

        return comparison_html(self._document)


def _check(check: Mapping[str, Any]) -> dict[str, Any]:
    decided = check["difference"] or check["candidate"]
    return {
        "rule": check["rule"],
        "slice": check["slice"] or "",
        "finding": check["finding"],
        "candidate": check["candidate"]["value"] if check["candidate"] else None,
        "difference": check["difference"]["value"] if check["difference"] else None,
        "low": decided["low"] if decided else None,
        "high": decided["high"] if decided else None,
        "limit": check["limit"],
        "rows": check["candidate"]["rows"] if check["candidate"] else None,
        "because": check["because"],
    }
