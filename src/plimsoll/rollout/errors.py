"""Why a deployment is refused."""

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
