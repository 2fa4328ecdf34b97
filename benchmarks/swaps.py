"""What callers notice of a thousand changes of what answers them: `python benchmarks/swaps.py`.

Three compiled releases; each change takes one live, moves the share of another, makes copies, or unloads and loads
again, while callers ask without pause on keep-alive connections. Ends with 1 when a single request failed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "targets"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--callers", type=int, default=4)
    parser.add_argument("--doors", type=int, default=1)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        failures = _measure(Path(folder), options)
    sys.exit(1 if failures else 0)


def _measure(folder: Path, options: argparse.Namespace) -> int:
    from serving_cases import make_place, make_release, make_scorer
    from swapping import check_counts, swap

    make_scorer(folder / "scorer")
    releases = [
        make_release(
            folder / f"release-{number}", folder / "keys", number, scorer=folder / "scorer", bias=float(number)
        )
        for number in (1, 2, 3)
    ]
    place = make_place(folder, folder / "keys", doors=options.doors)
    began = time.monotonic()
    try:
        swaps = swap(place, releases, options.changes, seed=options.seed, callers=options.callers)
        seconds = time.monotonic() - began
        check_counts(place)
    finally:
        place.end()
    load = swaps.load
    print(f"changes       {swaps.changes} in {seconds:.1f} s")
    for kind, count in sorted(swaps.kinds.items()):
        print(f"              {count} x {kind}")
    print(f"a change      {_spread(swaps.change_s)} until settled")
    print(f"requests      {len(load.sent)} on {load.connections} connections of {load.callers} callers")
    print(f"latency       {_spread(load.seconds)}")
    print(f"failures      {len(swaps.failures)} {swaps.failures[:3] or ''}")
    return len(swaps.failures)


def _spread(seconds: list[float]) -> str:
    cuts = statistics.quantiles(seconds, n=1000, method="inclusive")
    named = {"p50": cuts[499], "p99": cuts[989], "p99.9": cuts[998], "most": max(seconds)}
    return ", ".join(f"{name} {value * 1000:.1f} ms" for name, value in named.items())


if __name__ == "__main__":
    main()
