"""The process that has the project's code imported and forks one process for each step.

The next one is forked ahead and waits for its job, so that a step need not wait for a fork. Started by `local.py` with one end of a socket pair. One thread, so that forking is safe. When the engine goes away,
however it does, every step's process and what it started is killed; when this process is killed, the kernel ends the
steps (on Linux).
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import os
import select
import signal
import sys
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from plimsoll.pipeline.executors.memory import held_by
from plimsoll.pipeline.fresh_imports import import_from_source
from plimsoll.pipeline.jobs import Ended, ImportTrouble, Job, Started, Stop, Surroundings, Trouble
from plimsoll.pipeline.step_process import own_modules, run_job
from plimsoll.pipeline.tracebacks import trouble_of

_PR_SET_PDEATHSIG = 1
_LOOK_S = 0.05
"""How often the memory of steps is looked at that may use only so much."""


@dataclass(slots=True, kw_only=True)
class _Child:
    """A step's process."""

    pid: int
    memory: int | None
    """The most bytes that it may use."""
    used: int = 0
    """What it used when it was stopped for using more."""


_Children = dict[str, _Child]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spare:
    """A process that waits for the job that it shall do."""

    pid: int
    jobs: Connection

    def give(self, job: Job) -> bool:
        """Hand it its job; returns whether it was still there to take one."""
        try:
            self.jobs.send(job)
        except OSError:
            os.waitpid(self.pid, 0)
            return False
        finally:
            self.jobs.close()  # whoever is forked later must not hold this end open
        return True


def main() -> None:
    """Serve one run: its surroundings come first, then jobs, until the other end closes."""
    os.set_inheritable(int(sys.argv[1]), False)
    engine = Connection(int(sys.argv[1]))
    parent = int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    children: _Children = {}
    signal.signal(signal.SIGTERM, lambda *_: _leave(children))
    _die_with_parent(signal.SIGTERM, parent=parent)
    surroundings: Surroundings = engine.recv()
    os.environ.update(surroundings.environ)
    module = _import(surroundings)
    if isinstance(module, Trouble):
        engine.send(ImportTrouble(trouble=module))
        return
    with contextlib.suppress(EOFError, OSError):
        _serve(engine, surroundings, module, children)
    _leave(children)


def _serve(engine: Connection, surroundings: Surroundings, module: ModuleType, children: _Children) -> None:
    wake, woken = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    spare = _fork(engine, surroundings, module)
    while True:
        watched = [child for child in children.values() if child.memory is not None and not child.used]
        readable, _, _ = select.select([engine.fileno(), wake], [], [], _LOOK_S if watched else None)
        for child in watched:
            _stop_if_large(child)
        if wake in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
            for ended in _ended(children):
                engine.send(ended)
        if engine.fileno() in readable:
            message = engine.recv()
            match message:
                case Job():
                    while not spare.give(message):
                        spare = _fork(engine, surroundings, module)
                    children[message.step] = _Child(pid=spare.pid, memory=message.memory)
                    engine.send(Started(step=message.step, pid=spare.pid))
                    spare = _fork(engine, surroundings, module)
                case Stop() if message.step in children:
                    _kill_group(children[message.step].pid)


def _stop_if_large(child: _Child) -> None:
    """Kill a step's processes when together they use more memory than they may."""
    used = held_by(child.pid)
    if child.memory is not None and used > child.memory:
        child.used = used
        _kill_group(child.pid)


def _fork(engine: Connection, surroundings: Surroundings, module: ModuleType) -> _Spare:
    server = os.getpid()
    given, jobs = Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        try:
            jobs.close()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.setsid()
            _die_with_parent(signal.SIGKILL, parent=server)
            engine.close()
            try:
                job: Job = given.recv()
            except EOFError:
                os._exit(0)
            given.close()
            _redirect(job.log)
            faulthandler.enable()
            if job.devices is not None:
                os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(job.devices)
            run_job(job, surroundings, module)
        except BaseException:  # noqa: BLE001 - nothing may return into the server's own loop
            sys.excepthook(*sys.exc_info())
            os._exit(70)
        os._exit(0)
    given.close()
    return _Spare(pid=pid, jobs=jobs)


def _ended(children: _Children) -> list[Ended]:
    """Steps whose process is gone; what it started, which is left in its group, is killed."""
    gone = []
    for step, child in list(children.items()):
        reaped, status = os.waitpid(child.pid, os.WNOHANG)
        if not reaped:
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        del children[step]
        gone.append(Ended(step=step, code=os.waitstatus_to_exitcode(status), memory=child.used))
    return gone


def _leave(children: _Children) -> NoReturn:
    for child in children.values():
        _kill_group(child.pid)
    os._exit(0)


def _kill_group(pid: int) -> None:
    """Kill a step's process and its descendants; it leads a session of its own."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _import(surroundings: Surroundings) -> ModuleType | Trouble:
    """The project's code module, imported with everything it prints going to the run's import log."""
    _redirect(surroundings.log)
    import_from_source(surroundings.import_roots)
    os.chdir(surroundings.root)
    try:
        module = import_module(surroundings.module)
        for name in surroundings.preload:
            import_module(name)
    except BaseException as error:  # noqa: BLE001 - whatever the project's code raises, SystemExit too
        return trouble_of(error, root=surroundings.root)
    own_modules(surroundings.import_roots)
    gc.freeze()  # a step's collector would write to every page that it shares with this process
    return module


def _redirect(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for standard in (1, 2):
        os.dup2(target, standard)
    os.close(target)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr] # both are files here


def _die_with_parent(signal_number: int, *, parent: int) -> None:
    """Ask the kernel for a signal when the parent ends; where it cannot (not Linux), the closed socket tells."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:
            os._exit(0)


if __name__ == "__main__":
    main()
