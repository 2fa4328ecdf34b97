"""What a project file must say about MLflow, beyond names and types."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from plimsoll.project.breach import Breach, Values, among, mapping
from plimsoll.project.problems import describe


def mlflow_breaches(project: Values) -> Iterator[Breach]:
    settings = mapping(project, "mlflow")
    none = "an environment; none is defined under `environments:`"
    yield from among(settings.get("champion"), ("mlflow", "champion"), mapping(project, "environments"), otherwise=none)
    uri, path = settings.get("tracking_uri"), ("mlflow", "tracking_uri")
    if isinstance(uri, str) and "://" not in uri:
        yield Breach(path=path, found=describe(uri), expected="an address such as http://127.0.0.1:5000 or file:///…")
    elif isinstance(uri, str) and "@" in urlsplit(uri).netloc:
        # The project file goes into releases, and into every run's snapshot.
        expected = "an address alone: MLflow takes MLFLOW_TRACKING_USERNAME, _PASSWORD and _TOKEN from the environment"
        yield Breach(path=path, found="an address with a password in it", expected=expected)
    experiment = settings.get("experiment")
    if isinstance(experiment, str) and not experiment.strip():
        yield Breach(path=("mlflow", "experiment"), found=describe(experiment), expected="a name")
