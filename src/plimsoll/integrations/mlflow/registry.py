"""What is asked of MLflow's model registry, in the process that has MLflow's client.

A version is known by its tag `plimsoll.digest`, the release's identity. Every order may be given again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plimsoll.integrations.mlflow.runs import experiment_id

DIGEST = "plimsoll.digest"
ALIAS = "champion"
_PAGE = 1_000


def versions(*, model: str) -> dict[str, Any]:
    """Release digest -> version, of those that there are; and the version with the alias, or None."""
    from mlflow import MlflowClient

    client = MlflowClient()
    found: dict[str, str] = {}
    for version in sorted(_all_versions(client, model), key=lambda version: int(version.version)):
        if DIGEST in version.tags:  # should two servers have made one each, the first counts
            found.setdefault(version.tags[DIGEST], str(version.version))
    return {"versions": found, "champion": _champion(client, model)}


def register(*, model: str, experiment: str, release: str, folder: str, tags: Mapping[str, str]) -> str:
    """Upload a release's model directory and make it a version; returns its number.

    Its files are artifacts of an MLflow run of its own, which is used again if a version could not be made of it.
    """
    from mlflow import MlflowClient

    client = MlflowClient()
    where = experiment_id(client, experiment)
    digest = tags[DIGEST]
    whole = client.search_runs([where], f"tags.`{DIGEST}` = '{digest}' and attributes.status = 'FINISHED'")
    if whole:
        run = whole[0]
    else:
        run = client.create_run(where, run_name=release, tags=dict(tags))
        client.log_artifacts(run.info.run_id, folder, "model")
        client.set_terminated(run.info.run_id)
    if not _has_model(client, model):
        client.create_registered_model(model, tags={"plimsoll.project": tags["plimsoll.project"]})
    source = f"{run.info.artifact_uri}/model"
    made = client.create_model_version(model, source, run.info.run_id, tags=dict(tags), description=release)
    return str(made.version)


def move_champion(*, model: str, version: str | None) -> None:
    """Give the alias to a version, or to none."""
    from mlflow import MlflowClient

    client = MlflowClient()
    if version is not None:
        client.set_registered_model_alias(model, ALIAS, version)
    elif _champion(client, model) is not None:
        client.delete_registered_model_alias(model, ALIAS)


def _all_versions(client: Any, model: str) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = client.search_model_versions(f"name = '{model}'", max_results=_PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _has_model(client: Any, model: str) -> bool:
    return bool(client.search_registered_models(f"name = '{model}'", max_results=1))


def _champion(client: Any, model: str) -> str | None:
    found = client.search_registered_models(f"name = '{model}'", max_results=1)
    version = found[0].aliases.get(ALIAS) if found else None
    return None if version is None else str(version)
