"""Why a deployment is refused, or is not live yet."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class RuntimeDiffers(PlimsollError):
    code = "deployment.runtime_differs"
    kind = Kind.CONFLICT
    text = "{release} was made with other packages than this interpreter has: {differences}."
    hint = "Install the release's lock (lock.txt in its bundle) here, or run and release again with today's packages."


class NothingDeployed(PlimsollError):
    code = "deployment.missing"
    kind = Kind.MISSING
    text = "Nothing was ever deployed to {environment}."
    hint = "Deploy a release with `plimsoll deploy {project}@1 --env {environment}`."


class WrongProject(PlimsollError):
    code = "deployment.wrong_project"
    kind = Kind.INVALID
    text = "{release} belongs to another project than this one, {project}."
    hint = "Change to that project's folder, or name a release of {project}: `plimsoll releases` lists them."


class NotLive(PlimsollError):
    """A deployment that did not become live in time; the controller goes on trying."""

    code = "deployment.not_live"
    kind = Kind.UNAVAILABLE
    text = "{release} is not live in {environment} after {seconds:.0f} s: {problem}"
    hint = "It is tried again as long as it is wanted. `plimsoll status` shows how it goes."
