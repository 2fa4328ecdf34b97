"""What can be wrong with MLflow's registry."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class MlflowBehind(PlimsollError):
    """Releases that MLflow does not show as they are."""

    code = "mlflow.behind"
    kind = Kind.UNAVAILABLE
    text = "MLflow does not show the releases of {project} as they are: {problem}"
    hint = "Nothing waits for it. `plimsoll up` tries again by itself; `plimsoll mlflow` does it now."


class MlflowNotUsed(PlimsollError):
    """A project without MLflow."""

    code = "mlflow.not_used"
    kind = Kind.INVALID
    text = "The project {project} does not use MLflow."
    hint = "Add the setting `mlflow` to plimsoll.yaml; docs/mlflow.md tells how."
