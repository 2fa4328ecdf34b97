"""Why a deployment is refused, or is not live yet."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


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


class TakenBack(PlimsollError):
    """A release that was taken back before it answered anybody."""

    code = "rollout.taken_back"
    kind = Kind.CHECK_FAILED
    text = "{release} was taken back from {environment}: {because}"
    hint = (
        "Whatever was live before is live still. `plimsoll rollout report --env {environment}` shows how it went; mend "
        "that, release again and deploy the new release."
    )


class OrderNotFollowed(PlimsollError):
    """An order that changed nothing, because of where the rollout stands or because it came too late."""

    code = "rollout.not_followed"
    kind = Kind.CONFLICT
    text = "{because}"
    hint = "`plimsoll rollout --once --env {environment}` shows how it stands."


class ReportNotWritten(PlimsollError):
    """A file that a report was to be written to, and cannot be."""

    code = "rollout.report_not_written"
    kind = Kind.INVALID
    text = "The report cannot be written to {file}: {problem}."
    hint = "Name a file in a folder that is there and that you may write to."


class WhichRollout(PlimsollError):
    """An order that names no environment, while rollouts are under way in several."""

    code = "rollout.which"
    kind = Kind.INVALID
    text = "Rollouts are under way in {environments}; the order does not say which is meant."
    hint = "Name the environment with --env."


class CannotBeRolledOut(PlimsollError):
    """A strategy that the environment's other settings do not allow."""

    code = "rollout.cannot_be"
    kind = Kind.INVALID
    text = "{release} cannot be rolled out by {strategy} with the settings of the environment: {problem}."
    hint = "Choose another --strategy, or change `rollout` of the environment in plimsoll.yaml."


class NotBaked(PlimsollError):
    """A release that has not been live for long enough in the environment that comes before."""

    code = "deployment.not_baked"
    kind = Kind.DENIED
    text = "{release} must have been live in {before}{needed} before; it was {found}."
    hint = "Deploy it with `plimsoll deploy {release} --env {before}`, and wait."


class RolloutUnderWay(PlimsollError):
    """An environment changes from one release to another, one rollout at a time."""

    code = "rollout.under_way"
    kind = Kind.CONFLICT
    text = "{release} is being rolled out in {environment}."
    hint = (
        "Wait for its end, or take it back with `plimsoll rollback --env {environment}`; `plimsoll rollout` shows it."
    )


class NoRollout(PlimsollError):
    """Nothing that could be ordered or shown."""

    code = "rollout.missing"
    kind = Kind.MISSING
    text = "There is no rollout {what} in {environment}."
    hint = "`plimsoll deploy RELEASE --env {environment}` begins one; `plimsoll rollout list --env {environment}` lists those before."


class NothingBefore(PlimsollError):
    """There is no earlier release to go back to."""

    code = "rollout.nothing_before"
    kind = Kind.MISSING
    text = "No other release was live in {environment} before {release}."
    hint = "`plimsoll releases` lists what could be deployed; `plimsoll stop --env {environment}` ends what runs."


class NeverLived(PlimsollError):
    """Going back to a release that was never live there would be a deployment without its checks."""

    code = "rollout.never_lived"
    kind = Kind.DENIED
    text = "{release} was never live in {environment}, so it is no way back."
    hint = "Deploy it with `plimsoll deploy {release} --env {environment}`."


class ReleaseUnknown(PlimsollError):
    """A name that neither a release nor an environment has."""

    code = "rollout.release_unknown"
    kind = Kind.MISSING
    text = "{name!r} is no release, no environment and no bundle's folder{near}."
    hint = "Name a release (fraud@12, fraud@latest), an environment for what is live there, or a folder. {known}"


class NothingLive(PlimsollError):
    """An environment is asked for its live release and has none."""

    code = "rollout.nothing_live"
    kind = Kind.MISSING
    text = "Nothing is live in {environment}."
    hint = "`plimsoll deploy RELEASE --env {environment}` makes a release live; a release can also be named itself."
