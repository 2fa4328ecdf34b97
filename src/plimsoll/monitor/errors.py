"""What can be wrong with labels, alerts and what monitors are asked."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError


class BadLabels(PlimsollError):
    """Labels that cannot be what they should be; none of them is kept."""

    code = "monitor.bad_labels"
    kind = Kind.INVALID
    text = "{count} of {total} labels cannot be taken: {listing}."
    hint = (
        "A label names its prediction by the id that the answer carried, and holds a label, outcomes, or both. Nothing "
        "was kept; send them all again once they are right."
    )


class BadLabelFile(PlimsollError):
    """A file of labels that cannot be read as one."""

    code = "monitor.bad_label_file"
    kind = Kind.INVALID
    text = "{path} is no file of labels: {problem}."
    hint = (
        "Write CSV or Parquet with a column `prediction`, and `label` or columns named `outcome.NAME`; `row` and `at` "
        "are optional. --prediction and --label name other columns."
    )


class CannotShip(PlimsollError):
    """The disk does not take what was captured as Parquet; callers are answered, and captured, all the same."""

    code = "monitor.cannot_ship"
    kind = Kind.UNAVAILABLE
    text = "What was captured in {folder} cannot be made ready to be measured: {problem}."
    hint = (
        "Make room on the disk that holds .plimsoll/monitor, or repair it; nothing is lost, and the monitor goes on from "
        "there by itself."
    )


class AlertMissing(PlimsollError):
    """There is no alert of that id."""

    code = "monitor.no_alert"
    kind = Kind.MISSING
    text = "There is no alert {alert} in {project}."
    hint = "`plimsoll alerts --all` lists them with their ids."


class AlertOver(PlimsollError):
    """The alert is resolved: there is nothing left to say about it."""

    code = "monitor.alert_over"
    kind = Kind.CONFLICT
    text = "The alert {alert} was resolved by {by} at {at}."
    hint = "`plimsoll alerts` lists what is open."


class NothingMonitored(PlimsollError):
    """Nothing was captured in the environment, so there is nothing to measure."""

    code = "monitor.nothing_captured"
    kind = Kind.MISSING
    text = "No prediction of {environment} was captured yet."
    hint = "Deploy a release there and send it requests; a window is measured when it is over."


class NoSecondVersion(PlimsollError):
    """One version alone, where two are compared."""

    code = "data.no_second_version"
    kind = Kind.INVALID
    text = "{before} is one version; a second one is needed to compare it with."
    hint = "`plimsoll data diff {before} OTHER`; a dataset's name alone stands for its two newest versions."


class WhichDataset(PlimsollError):
    """A release or a run that used other datasets than was asked, or several where none was named."""

    code = "data.which_dataset"
    kind = Kind.INVALID
    text = "{subject} does not say which version is meant; its datasets: {datasets}."
    hint = "Name one of them with `--dataset NAME`."
