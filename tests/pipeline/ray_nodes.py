"""A real Ray cluster of two nodes for tests: each has a folder of its own, and neither knows the other's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

MIB = 1 << 20


class Nodes:
    """The cluster. The first node is the driver's; both give one core: this is about order, not speed."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster

        self._folder = folder
        self._count = 0
        # Ray's own signs of life, so that a killed node is missed within seconds.
        alive = {
            "health_check_initial_delay_ms": 0,
            "health_check_period_ms": 500,
            "health_check_failure_threshold": 3,
        }
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        self._cluster = Cluster(
            initialize_head=True, head_node_args={"include_dashboard": False, "_system_config": alive, **self._own(1)}
        )
        self.address = str(self._cluster.address)
        self.add(cpus=1)

    def add(self, *, cpus: int, **variables: str) -> Any:
        """One more node, with environment variables of its own."""
        return self._cluster.add_node(**self._own(cpus, **variables))

    def kill(self, node: Any) -> None:
        """End a node as a power cut does."""
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        import ray

        ray.shutdown()
        self._cluster.shutdown()

    def _own(self, cpus: int, **variables: str) -> dict[str, Any]:
        self._count += 1
        cache = {"PLIMSOLL_NODE_CACHE": str(self._folder / f"node{self._count}")}
        return {"num_cpus": cpus, "object_store_memory": 100 * MIB, "env_vars": cache | variables}
