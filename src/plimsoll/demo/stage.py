"""Where the story is played: a workspace, the people's tokens, and the processes that it starts.

Commands run as subprocesses of the real command line, shown as they are typed. Whatever is started here is ended by
`close`, in whatever state the story ended.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from plimsoll.demo.errors import CommandSurprised, ProcessEnded, TookTooLong
from plimsoll.demo.telling import Telling

T = TypeVar("T")
GIT = ("git", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null")
END_WITHIN_S = 15.0


class Stage:
    """One playing of the story in one folder."""

    def __init__(self, folder: Path, telling: Telling) -> None:
        self.folder = folder
        self.telling = telling
        self.tokens: dict[str, str] = {}
        self.server_url = ""
        self.load: subprocess.Popen[str] | None = None
        self.load_name = "load"
        self.crowds: dict[str, subprocess.Popen[str]] = {}
        self._started: dict[subprocess.Popen[str], str] = {}

    @property
    def notes(self) -> Path:
        """Where the demo keeps its own files: below the workspace's state, which git ignores."""
        return self.folder / ".plimsoll" / "demo"

    def show(
        self,
        person: str,
        *arguments: str,
        expect: int = 0,
        until: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run a `plimsoll` command and show it with what it says; returns that.

        until: leave out the output from the first line that begins so. environment: variables of this command alone;
        without a server's. Raises CommandSurprised.
        """
        shown = shlex.join(["plimsoll", *arguments])
        command = [sys.executable, "-m", "plimsoll", *arguments]
        return self._shown(person, shown, command, expect=expect, until=until, environment=environment)

    def show_python(self, person: str, script: str, *arguments: str) -> str:
        """Run a script of the workspace with this Python and show it. Raises CommandSurprised."""
        shown = shlex.join(["python", script, *arguments])
        return self._shown(person, shown, [sys.executable, script, *arguments], expect=0, until=None)

    def ask(self, person: str, *arguments: str, expect: int = 0) -> Any:
        """What a `plimsoll` command answers with --json, unseen. Raises CommandSurprised."""
        command = [sys.executable, "-m", "plimsoll", *arguments, "--json"]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment(person), capture_output=True, text=True, check=False
        )
        try:
            document = json.loads(done.stdout)
        except ValueError as error:
            raise self._surprise(shlex.join(command[2:]), done.returncode, expect, done.stdout + done.stderr) from error
        if "error" in document:
            raise self._surprise(shlex.join(command[2:]), done.returncode, 0, str(document["error"].get("text")))
        return document

    def start(self, name: str, command: Sequence[str]) -> subprocess.Popen[str]:
        """Start a process in a session of its own, so that Ctrl-C reaches only the story; its output goes to a file."""
        self.notes.mkdir(parents=True, exist_ok=True)
        with (self.notes / f"{name}.out").open("w") as out, (self.notes / f"{name}.err").open("w") as err:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment("ada"),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                text=True,
                start_new_session=True,
            )
        self._started[process] = name
        return process

    def wait(
        self,
        what: str,
        look: Callable[[], T | None],
        *,
        on: subprocess.Popen[str],
        within_s: float = 30.0,
        every_s: float = 0.02,
    ) -> T:
        """Look again and again until a process shows something. Raises ProcessEnded, TookTooLong."""
        deadline = time.monotonic() + within_s
        while (seen := look()) is None:
            if on.poll() is not None:
                raise self._ended(on)
            if time.monotonic() > deadline:
                raise TookTooLong(what=what, seconds=within_s, folder=str(self.folder))
            time.sleep(every_s)
        return seen

    def commit(self, person: str, message: str) -> None:
        """Commit what that person changed, and show it."""
        self.telling.command(person, shlex.join(["git", "commit", "--all", "--message", message]))
        subprocess.run([*GIT, "commit", "--quiet", "--all", "--message", message], cwd=self.folder, check=True)

    def document(self, name: str) -> dict[str, Any] | None:
        """A JSON document among the notes; None while there is none."""
        try:
            found = json.loads((self.notes / name).read_text())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def end(self, process: subprocess.Popen[str]) -> None:
        """End a process and what it left in its session."""
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(END_WITHIN_S)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._started.pop(process, None)

    def close(self) -> list[str]:
        """End everything: deployments first, then what was started here, latest first. Returns what went wrong."""
        problems = self._stop_deployments() if (self.folder / "plimsoll.yaml").exists() else []
        for process in reversed(list(self._started)):
            self.end(process)
        return problems

    def _stop_deployments(self) -> list[str]:
        try:
            views = self.ask("ada", "status")
        except CommandSurprised:
            self.server_url = ""  # the server is gone: work in the commands' own processes
            try:
                views = self.ask("ada", "status")
            except CommandSurprised as error:
                return [str(error)]
        places = [view["environment"] for view in views if view["state"] != "stopped"]
        commands = {
            place: subprocess.Popen(
                [sys.executable, "-m", "plimsoll", "stop", "--env", place, "--json"],
                cwd=self.folder,
                env=self._environment("ada"),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            for place in places
        }
        said = {place: (command.communicate()[0], command.returncode) for place, command in commands.items()}
        return [f"{place} could not be stopped: {text.strip()}" for place, (text, code) in said.items() if code]

    def _shown(
        self,
        person: str,
        shown: str,
        command: Sequence[str],
        *,
        expect: int,
        until: str | None,
        environment: Mapping[str, str] | None = None,
    ) -> str:
        self.telling.command(person, shown)
        variables = self._environment(person)
        if environment is not None:
            variables = {name: value for name, value in variables.items() if not name.startswith("PLIMSOLL_")}
            variables |= environment
        with tempfile.TemporaryFile("w+") as out:
            code, said = self._run(command, variables, out)
            out.seek(0)
            text = out.read()
        kept = text if until is None else _before(text, until)
        self.telling.output(kept + said if code else kept)
        if code != expect:
            raise self._surprise(shown, code, expect, (said or text)[-2000:])
        return text + (said if code else "")

    def _run(self, command: Sequence[str], environment: Mapping[str, str], out: IO[str]) -> tuple[int, str]:
        """Exit code, and what it said to stderr from its error on; progress before that passes by."""
        process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=out, stderr=subprocess.PIPE, text=True
        )
        said: list[str] = []
        with process:
            assert process.stderr is not None
            try:
                for line in process.stderr:
                    if said or line.startswith(("error ", "Traceback")):
                        said.append(line)
                    else:
                        self.telling.passing(line.rstrip())
            except BaseException:
                process.terminate()
                raise
        return process.returncode, "".join(said)

    def _environment(self, person: str) -> dict[str, str]:
        """This process's variables without those that would lead a command elsewhere, and with the person's token.

        Threads of OpenMP that wait for one another spin by default, which on processors shared with the load and the
        doors makes training twenty times slower; passive ones sleep.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PLIMSOLL_", "GIT_"))}
        token = {"PLIMSOLL_TOKEN": self.tokens[person]} if person in self.tokens else {}
        url = {"PLIMSOLL_URL": self.server_url} if self.server_url and token else {}
        return {**kept, **_PLAIN, **token, **url, "COLUMNS": str(self.telling.width)}

    def _ended(self, process: subprocess.Popen[str]) -> ProcessEnded:
        name = self._started[process]
        said = (self.notes / f"{name}.err").read_text().strip()[-1000:]
        return ProcessEnded(what=f"the {name}", code=process.returncode, said=said, folder=str(self.folder))

    def _surprise(self, command: str, found: int, expected: int, said: str) -> CommandSurprised:
        return CommandSurprised(
            command=command, found=found, expected=expected, said=said.strip(), folder=str(self.folder)
        )


_PLAIN: Mapping[str, str] = {"NO_COLOR": "1"}


def _before(text: str, start: str) -> str:
    lines = text.splitlines()
    end = next((number for number, line in enumerate(lines) if line.startswith(start)), len(lines))
    return "\n".join(lines[:end]).rstrip()
