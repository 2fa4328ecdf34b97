"""The shim needs nothing but Python, wherever it is installed beside."""

from __future__ import annotations

import json
import subprocess
import sys

from plimsoll.serving.shim import start

LOADED = """
import json, sys
sys.path.append(sys.argv[1])
import plimsoll.serving.shim.start
print(json.dumps(sorted(sys.modules)))
"""


def test_it_loads_the_standard_library_and_itself_alone():
    root = start.__file__.split("/plimsoll/serving/")[0]
    done = subprocess.run([sys.executable, "-I", "-S", "-c", LOADED, root], capture_output=True, check=True)
    loaded = json.loads(done.stdout)
    ours = {name for name in loaded if name.startswith("plimsoll")}
    foreign = {name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names} - ours - {"__main__"}
    assert foreign == set()
    assert ours - {name for name in ours if name.startswith("plimsoll.serving.shim")} == {
        "plimsoll",
        "plimsoll.serving",
    }
