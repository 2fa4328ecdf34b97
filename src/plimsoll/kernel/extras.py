"""Packages that the core install leaves out, the extra of plimsoll-ml that brings each, and the error that says so.

Whoever imports such a package needs to do nothing: the edge turns the failed import of an operation into this error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from plimsoll.kernel.errors import Kind, PlimsollError

EXTRAS = {
    "apprise": "notify",
    "mlflow": "mlflow",
    "obstore": "cloud",
    "psycopg": "postgres",
    "onnxruntime": "serve",
    "onnx": "sklearn",
    "optuna": "sweep",
    "pandas": "sklearn",
    "ray": "ray",
    "skl2onnx": "sklearn",
    "sklearn": "sklearn",
    "uv": "runtimes",
}
"""The name that is imported -> the extra; a test holds it against pyproject.toml."""


class PackageMissing(PlimsollError):
    """A package that the core install leaves out and this needs."""

    code = "install.package_missing"
    kind = Kind.UNAVAILABLE
    text = "This needs {package}, which is not installed."
    hint = "Install it with `pip install 'plimsoll-ml[{extra}]'`."


def require(package: str) -> None:
    """Raises PackageMissing unless a package of `EXTRAS` is installed; imports nothing."""
    if find_spec(package) is None:
        raise PackageMissing(package=package, extra=EXTRAS[package])


@contextmanager
def extras_named() -> Iterator[None]:
    """Around code that imports what it needs: an import that an extra would have made possible says which."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = missing_package(error)
        if package is None:
            raise
        raise PackageMissing(package=package, extra=EXTRAS[package]) from error


def missing_package(error: BaseException) -> str | None:
    """The package of `EXTRAS` for want of which an import failed; None for any other error."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    # A module that is missing inside an installed package is that package's fault, and no extra mends it.
    return name if name in EXTRAS and find_spec(name) is None else None


def cure(error: BaseException) -> str:
    """`pip install '…' brings it` for want of an extra, to go behind the error's own words; else empty."""
    package = missing_package(error)
    return f"`pip install 'plimsoll-ml[{EXTRAS[package]}]'` brings it" if package else ""
