"""What can go wrong between a notebook and a project, told to the person at the keyboard."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class OutputMissing(PlimsollError):
    """A run has no output of that name."""

    code = "notebook.output_missing"
    kind = Kind.MISSING
    text = "{run} has no output {name!r}{near}; it has {known}."
    hint = "An output is named as its step is, or as `outputs` under the step in plimsoll.yaml says."


class BytesElsewhere(PlimsollError):
    """PLIMSOLL_URL names a server, and what is asked for lies in its store."""

    code = "notebook.bytes_elsewhere"
    kind = Kind.UNAVAILABLE
    text = "The bytes of {what} are kept by the server at {url}, not in a workspace around this folder."
    hint = "Work in the server's project folder, or unset PLIMSOLL_URL to ask the workspace here."


class NoKeys(PlimsollError):
    """A bundle is to be loaded where no project is, and nobody said whose signature to trust."""

    code = "notebook.no_keys"
    kind = Kind.INVALID
    text = "{folder} cannot be verified: there is no project around the current folder whose key could have signed it."
    hint = "Name the folder that holds the release.pub of whoever signed it: plimsoll.load({folder!r}, keys=FOLDER)."


class BadFrame(PlimsollError):
    """What is to be scored is no frame."""

    code = "notebook.bad_frame"
    kind = Kind.INVALID
    text = "{found} cannot be scored."
    hint = "Give a pandas or polars DataFrame, or a list of records such as [{{'amount': 12.5, 'country': 'GB'}}]."


class NoProbabilities(PlimsollError):
    """A regression is asked for probabilities."""

    code = "notebook.no_probabilities"
    kind = Kind.INVALID
    text = "{release} is a regression: it has no probabilities."
    hint = "`predict` gives its values."


class ForeignRuntime(PlimsollError):
    """A release whose packages differ from this process's cannot be scored here, and not beside it either."""

    code = "notebook.foreign_runtime"
    kind = Kind.CONFLICT
    text = "{release} was made with other packages than this process has ({differences}), and {problem}"
    hint = (
        "`pip install 'plimsoll-ml[runtimes]'` lets it be scored in a runtime of its own. load(…, here=True) scores it "
        "here all the same, and its answers may then differ from the server's."
    )
