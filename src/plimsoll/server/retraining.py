"""`python -m plimsoll.server.retraining`: the process that carries one retraining out for a server.

It ends with the server: the end of its standard input, which the server holds open, interrupts it as Ctrl-C would. What
was finished is kept, and whoever comes after goes on.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from plimsoll.kernel.errors import EXIT_CODES, Kind, PlimsollError
from plimsoll.kernel.lifeline import end_with_starter
from plimsoll.retrain.work import carry_out
from plimsoll.server.wiring import RETRAINER, make_context, workspace_at

INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Carry a retraining out. arguments: the project's folder, the retraining's id, which attempt it is."""
    root, retraining, attempt = arguments
    end_with_starter(code=EXIT_CODES[Kind.UNAVAILABLE])
    try:
        context = make_context(workspace_at(Path(root)), caller=RETRAINER)
        carry_out(context, retraining, attempt=int(attempt))
    except KeyboardInterrupt:
        return INTERRUPTED
    except PlimsollError as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        return EXIT_CODES[error.kind]
    return 0


if __name__ == "__main__":
    # Threads of OpenMP that wait by spinning make training ten times slower on a busy machine; children inherit this.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(main(sys.argv[1:]))
