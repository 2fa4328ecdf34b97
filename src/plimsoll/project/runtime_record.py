"""What a run ran on: more than its lock says, and what a result may hang on although no cache key counts it. Pure.

The machine, the builds of the packages, the libraries that calculate and their threads, and what was set from outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeRecord:
    """One machine and one interpreter, as a run found them."""

    plimsoll: str
    """Its version."""
    python: Mapping[str, str]
    """version, implementation, build, compiler."""
    platform: Mapping[str, str]
    """system, kernel, machine, libc."""
    cpu: Mapping[str, str]
    """model, cores (that the process may use), instructions (of those that numerical libraries choose code by)."""
    packages: Mapping[str, str]
    """`name==version` -> SHA-256 over the names and hashes of its files as its wheel lists them; empty without a list."""
    variables: Mapping[str, str]
    """Environment variables that steer threads, numerics and determinism, as far as they are set."""
    libraries: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """BLAS and OpenMP libraries that steps had loaded -> the numbers of threads they would use."""
    switches: Mapping[str, str] = field(default_factory=dict)
    """Settings of determinism inside the steps' processes."""


def runtime_changes(before: RuntimeRecord, after: RuntimeRecord) -> tuple[str, ...]:
    """What differs, in words, that which explains most first: packages, libraries, CPU, variables, then the rest."""
    return tuple(_changes(before, after))


def _changes(before: RuntimeRecord, after: RuntimeRecord) -> Iterator[str]:
    yield from _packages(before.packages, after.packages)
    threads = [{name: " or ".join(map(str, count)) for name, count in one.libraries.items()} for one in (before, after)]
    yield from _named("threads of", threads[0], threads[1])
    yield from _named("CPU", before.cpu, after.cpu)
    yield from _named("variable", before.variables, after.variables)
    yield from _named("switch", before.switches, after.switches)
    yield from _named("Python", before.python, after.python)
    yield from _named("platform", before.platform, after.platform)
    yield from _named("Plimsoll", {"version": before.plimsoll}, {"version": after.plimsoll})


def _packages(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    """Changed versions, then equal versions of other files."""
    was, now = _versions(before), _versions(after)
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            yield f"package {name}: {was.get(name, 'none')} -> {now.get(name, 'none')}"
    for package in sorted(before.keys() & after.keys()):
        if before[package] and after[package] and before[package] != after[package]:
            yield f"package {package}: another build ({before[package][:12]} -> {after[package][:12]})"


def _versions(packages: Mapping[str, str]) -> dict[str, str]:
    pairs = (package.partition("==") for package in packages)
    return {name: version for name, _, version in pairs}


def _named(kind: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield f"{kind} {name}: {before.get(name, 'none')} -> {after.get(name, 'none')}"
