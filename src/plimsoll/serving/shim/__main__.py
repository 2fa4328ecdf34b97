"""Runs the shim as a file, `python -I -S plimsoll/serving/shim/__main__.py STATE_DIR`, without any installed package."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[3]))

    from plimsoll.serving.shim.start import main

    main(sys.argv[1:])
