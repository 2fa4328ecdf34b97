"""The tools that `pipeline.py` measures beside us: five trivial steps that pass a number on, in each one's own words.

Each has an environment of its own, and its quickest honest way on one machine: no server where it needs none, no
telemetry, databases made beforehand, no packages installed by a run. A peer without a cache of its steps has no
unchanged run. Every project fails when the last step's number is wrong.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

COUNT = 5
_LAST = COUNT - 1


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A tool, its project and how it is run. Programs are those of its environment."""

    name: str
    package: str
    files: Mapping[str, str]
    command: tuple[str, ...]
    setup: tuple[tuple[str, ...], ...] = ()
    """What is run once and not measured, in the project's folder."""
    made: tuple[str, ...] = ()
    """What a first run must not find."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The environment of all its runs; {here} is the project's folder."""
    afresh: Mapping[str, str] = field(default_factory=dict)
    """What lets a run ignore the cache, where forgetting would throw away more than a first run lacks."""
    cached: bool = False
    rounds: int = 3


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A peer with its environment and its project."""

    peer: Peer
    programs: Path
    folder: Path

    def first(self) -> None:
        self._run(self.peer.command, self.peer.afresh)

    def unchanged(self) -> None:
        self._run(self.peer.command, {})

    def forget(self) -> None:
        """The project as nobody has run it yet."""
        for made in [path for pattern in self.peer.made for path in self.folder.glob(pattern)]:
            shutil.rmtree(made) if made.is_dir() else made.unlink()

    def prepare(self) -> None:
        self.folder.mkdir(parents=True)
        for name, content in self.peer.files.items():
            (self.folder / name).write_text(content)
        for command in self.peer.setup:
            self._run(command, {})

    def _run(self, command: tuple[str, ...], more: Mapping[str, str]) -> None:
        own = self.programs / command[0]
        variables = {
            key: value.format(here=self.folder) for key, value in (*self.peer.variables.items(), *more.items())
        }
        base = {"PATH": f"{self.programs}:{os.environ['PATH']}", "HOME": str(self.folder), "DO_NOT_TRACK": "1"}
        done = subprocess.run(
            [own if own.exists() else command[0], *command[1:]],
            cwd=self.folder,
            env=base | {"LANG": "C.UTF-8", "USER": "bench"} | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            message = f"{self.peer.name}: {' '.join(command)} failed: {(done.stderr or done.stdout)[-800:]}"
            raise RuntimeError(message)


def install(peer: Peer, environments: Path, folder: Path) -> Installed:
    """The peer, ready to be measured; its environment is made when there is none. Raises RuntimeError with the reason."""
    environment = environments / peer.package.replace("==", "-")
    ready = environment / "ready"
    if not ready.exists():
        print(f"installing {peer.package}", file=sys.stderr)
        uv = Path(sys.prefix) / "tools" / "bin" / "uv"
        python = environment / "bin" / "python"
        shutil.rmtree(environment, ignore_errors=True)
        for command in (
            [uv, "venv", "-q", "--python", sys.executable, environment],
            [uv, "pip", "install", "-q", "--compile-bytecode", "--python", python, peer.package],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{peer.package} cannot be installed: {done.stderr.strip()[-400:]}")
        ready.touch()
    installed = Installed(peer=peer, programs=environment / "bin", folder=folder / peer.name)
    installed.prepare()
    return installed


def _line(template: str, first: str = "") -> str:
    """A piece of code for each step: {n} is its number, {before} the one before."""
    pieces = [(first or template) if n == 0 else template for n in range(COUNT)]
    return "\n".join(piece.format(n=n, before=n - 1) for n, piece in enumerate(pieces))


_STEP = "{decorator}\ndef s{{n}}(before):\n    return before + 1\n\n"
_CALLS = "    value = -1\n" + _line("    value = s{n}(value)") + "\n"


def _steps(decorator: str) -> str:
    return _line(_STEP.format(decorator=decorator))


_DVC_STEP = """
import sys
before = int(open(sys.argv[1]).read()) if sys.argv[1] != "-" else -1
open(sys.argv[2], "w").write(str(before + 1))
"""
_DVC_STAGE = "  s{n}:\n    cmd: python step.py s{before}.txt s{n}.txt\n    deps: [step.py, s{before}.txt]\n    outs: [s{n}.txt]\n"
_DVC_FIRST = "  s{n}:\n    cmd: python step.py - s{n}.txt\n    deps: [step.py]\n    outs: [s{n}.txt]\n"

_METAFLOW = "from metaflow import FlowSpec, step\n\nclass Line(FlowSpec):\n"
_METAFLOW += "    @step\n    def start(self):\n        self.value = 0\n        self.next(self.s1)\n\n"
_METAFLOW += "".join(
    f"    @step\n    def s{n}(self):\n        self.value += 1\n        self.next(self.{f's{n + 1}' if n + 1 < _LAST else 'end'})\n\n"
    for n in range(1, _LAST)
)
_METAFLOW += f"    @step\n    def end(self):\n        self.value += 1\n        assert self.value == {_LAST}\n\nLine()\n"

_PREFECT = "from prefect import flow, task\nfrom prefect.cache_policies import INPUTS, TASK_SOURCE\n\n"
_PREFECT += _steps("@task(persist_result=True, cache_policy=INPUTS + TASK_SOURCE)")
_PREFECT += (
    f"@flow\ndef line():\n{_CALLS}    return value\n\nif __name__ == '__main__':\n    assert line() == {_LAST}\n"
)

_DAGSTER = "from dagster import job, op\n\n@op\ndef start():\n    return -1\n\n" + _steps("@op")
_DAGSTER += f"@job\ndef line():\n{_CALLS.replace('-1', 'start()')}\n"
_DAGSTER += f"if __name__ == '__main__':\n    assert line.execute_in_process().output_for_node('s{_LAST}') == {_LAST}\n"

_ZENML = "import os\nfrom zenml import pipeline, step\n\n"
_ZENML += _line("@step\ndef s{n}(before: int) -> int:\n    return before + 1\n\n")
_ZENML += f"@pipeline\ndef line() -> None:\n{_CALLS}\n"
_ZENML += "if __name__ == '__main__':\n    run = line.with_options(enable_cache='AFRESH' not in os.environ)()\n"
_ZENML += f"    assert run.steps['s{_LAST}'].output.load() == {_LAST}\n"

_KFP = "from kfp import dsl, local\n\nlocal.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root='outputs')\n\n"
_KFP += _line("@dsl.component(install_kfp_package=False)\ndef s{n}(before: int) -> int:\n    return before + 1\n\n")
_KFP += f"@dsl.pipeline\ndef line() -> int:\n    value = -1\n{_line('    value = s{n}(before=value).output')}\n    return value\n\n"
_KFP += f"assert line().output == {_LAST}\n"

_DBOS = "from dbos import DBOS\n\nDBOS(config={'name': 'bench', 'system_database_url': 'sqlite:///bench.sqlite',"
_DBOS += " 'run_admin_server': False, 'log_level': 'ERROR'})\n\n" + _steps("@DBOS.step()")
_DBOS += f"@DBOS.workflow()\ndef line():\n{_CALLS}    return value\n\n"
_DBOS += f"DBOS.launch()\nassert line() == {_LAST}\nDBOS.destroy()\n"

_MLFLOW = "import mlflow\n\nvalue = -1\nwith mlflow.start_run():\n"
_MLFLOW += _line(
    "    with mlflow.start_run(nested=True):\n        value += 1\n        mlflow.log_metric('value', value)"
)
_MLFLOW += f"\nassert value == {_LAST}\n"

_LUIGI = "import luigi\n\nclass Step(luigi.Task):\n    n = luigi.IntParameter()\n\n"
_LUIGI += "    def requires(self):\n        return [Step(n=self.n - 1)] if self.n else []\n\n"
_LUIGI += "    def output(self):\n        return luigi.LocalTarget(f's{self.n}.txt')\n\n"
_LUIGI += "    def run(self):\n        before = int(self.input()[0].open().read()) if self.n else -1\n"
_LUIGI += "        with self.output().open('w') as stream:\n            stream.write(str(before + 1))\n\n"
_LUIGI += f"assert luigi.build([Step(n={_LAST})], local_scheduler=True, log_level='ERROR')\n"
_LUIGI += f"assert open('s{_LAST}.txt').read() == '{_LAST}'\n"

_KEDRO = "from kedro.io import DataCatalog, MemoryDataset\nfrom kedro.pipeline import node, pipeline\n"
_KEDRO += "from kedro.runner import SequentialRunner\n\ndef step(before):\n    return before + 1\n\n"
_KEDRO += f"line = pipeline([node(step, f'v{{n}}', f'v{{n + 1}}', name=f's{{n}}') for n in range({COUNT})])\n"
_KEDRO += "found = SequentialRunner().run(line, DataCatalog({'v0': MemoryDataset(-1)}))\n"
_KEDRO += f"assert found['v{COUNT}'].load() == {_LAST}\n"

_SCRIPT = ("python", "line.py")

PEERS = (
    Peer(
        name="dvc",
        package="dvc==3.67.1",
        files={"step.py": _DVC_STEP, "dvc.yaml": "stages:\n" + _line(_DVC_STAGE, _DVC_FIRST)},
        command=("dvc", "repro", "-q"),
        setup=(("git", "init", "-q"), ("dvc", "init", "-q"), ("dvc", "config", "core.analytics", "false")),
        made=("s*.txt", "dvc.lock", ".dvc/cache", ".dvc/tmp"),
        cached=True,
        rounds=7,
    ),
    Peer(
        name="luigi",
        package="luigi==3.8.1",
        files={"line.py": _LUIGI},
        command=_SCRIPT,
        made=("s*.txt",),
        cached=True,
        rounds=7,
    ),
    Peer(name="kedro", package="kedro==1.7.0", files={"line.py": _KEDRO}, command=_SCRIPT, rounds=5),
    Peer(name="kfp", package="kfp==2.17.3", files={"line.py": _KFP}, command=_SCRIPT, made=("outputs",), rounds=5),
    Peer(
        name="dbos",
        package="dbos==3.4.0",
        files={"line.py": _DBOS},
        command=_SCRIPT,
        setup=(_SCRIPT,),
        rounds=5,
    ),
    Peer(
        name="dagster",
        package="dagster==1.13.29",
        files={"line.py": _DAGSTER, "dagster.yaml": "telemetry:\n  enabled: false\n"},
        command=_SCRIPT,
        rounds=5,
    ),
    Peer(
        name="metaflow",
        package="metaflow==2.19.39",
        files={"line.py": _METAFLOW},
        command=("python", "line.py", "--quiet", "--no-pylint", "run"),
        made=(".metaflow",),
        variables={"METAFLOW_USER": "bench"},
        rounds=5,
    ),
    Peer(
        name="mlflow",
        package="mlflow==3.17.2",
        files={"line.py": _MLFLOW},
        command=_SCRIPT,
        setup=(_SCRIPT,),
        variables={"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"},
    ),
    Peer(
        name="zenml",
        package="zenml[local]==0.98.0",
        files={"line.py": _ZENML},
        command=_SCRIPT,
        setup=(("git", "init", "-q"), ("zenml", "init"), _SCRIPT),
        variables={
            "ZENML_CONFIG_PATH": "{here}/config",
            "ZENML_ANALYTICS_OPT_IN": "false",
            "ZENML_LOGGING_VERBOSITY": "ERROR",
            "AUTO_OPEN_DASHBOARD": "false",
        },
        afresh={"AFRESH": "1"},
        cached=True,
    ),
    Peer(
        name="prefect",
        package="prefect==3.9.1",
        files={"line.py": _PREFECT},
        command=_SCRIPT,
        setup=(_SCRIPT,),
        variables={
            "PREFECT_HOME": "{here}/prefect",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_LOGGING_LEVEL": "ERROR",
        },
        afresh={"PREFECT_TASKS_REFRESH_CACHE": "true"},
        cached=True,
    ),
)
