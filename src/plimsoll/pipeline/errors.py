"""What can go wrong with a pipeline, told to the person who wrote it."""

from __future__ import annotations

from plimsoll.kernel.errors import Kind, PlimsollError
from plimsoll.project.problems import ProblemsFound


class GraphInvalid(ProblemsFound):
    """Steps that cannot be wired to a graph; found before anything runs."""

    code = "pipeline.graph_invalid"
    headline = "The steps do not fit together: {count} to put right in {files}"
    hint = "A step's parameter is a dataset, another step's output, or a value under `pipeline.params`."


class UnknownParam(PlimsollError):
    """A value given for this run that no step takes."""

    code = "pipeline.unknown_param"
    kind = Kind.INVALID
    text = "No step takes the parameter {param!r}; the parameters are {known}."
    hint = "{advice_text}"


class ParamUnsupported(PlimsollError):
    """A parameter's value that JSON cannot say, so that no cache key can be made of it."""

    code = "pipeline.param_unsupported"
    kind = Kind.INVALID
    text = "The parameter {param!r} has a value that cannot be recorded: {problem}."
    hint = "Use text, finite numbers, true or false, and lists and mappings of them."


class RunMissing(PlimsollError):
    """No run of that id."""

    code = "pipeline.run_missing"
    kind = Kind.MISSING
    text = "There is no run {run!r} in project {project}."
    hint = "`plimsoll runs` lists them."


class RunEnded(PlimsollError):
    """Somebody cancels a run that is over."""

    code = "pipeline.run_ended"
    kind = Kind.CONFLICT
    text = "{run} has ended: it is {state}."
    hint = "There is nothing to cancel. `plimsoll runs` lists what is under way."


class RunCancelled(PlimsollError):
    """A run that somebody ended while it was under way."""

    code = "pipeline.run_cancelled"
    kind = Kind.CONFLICT
    text = "{run} was cancelled by {person}."
    hint = "Finished steps are kept; `plimsoll run` goes on from there."


class StepMissing(PlimsollError):
    """A step that a run did not have."""

    code = "pipeline.step_missing"
    kind = Kind.MISSING
    text = "{run} has no step {step!r}; it has {steps}."
    hint = "`plimsoll logs {run}` shows what all of them printed."


class CodeNotImportable(PlimsollError):
    """Importing the project's code raised, or ended its process."""

    code = "pipeline.import_failed"
    kind = Kind.PROJECT_CODE
    text = "{source} cannot be imported: {problem}{trace}"
    hint = "No step ran. What the import printed is in {log}."


class StepFailed(PlimsollError):
    """A step raised, crashed, ran too long or returned what cannot be kept; nothing of it was kept."""

    code = "pipeline.step_failed"
    kind = Kind.PROJECT_CODE
    text = "Step {step} failed: {problem}{trace}{printed}"
    hint = "Finished steps are kept and will not run again. Everything that the step printed is in {log}."


class OutputUnsupported(PlimsollError):
    """A value that no codec can write."""

    code = "pipeline.output_unsupported"
    kind = Kind.PROJECT_CODE
    text = "{output}a value of type {type}, cannot be stored: {problem}"
    hint = (
        "Return data (frames, arrays, numbers, text, models), the path of a file that the step wrote, or yield frames; "
        "not open files, connections or locks."
    )


class NotAList(PlimsollError):
    """A step shall be called for each item of what is no list of plain values."""

    code = "pipeline.not_a_list"
    kind = Kind.PROJECT_CODE
    text = "{source}, for each of whose items a step is to be called, is {found}."
    hint = "Let it be a parameter or an output that is a list of texts, numbers, truth values, lists or mappings."


class NotPlain(PlimsollError):
    """An output that is needed as a plain value and is kept as something else."""

    code = "pipeline.not_plain"
    kind = Kind.PROJECT_CODE
    text = "not a plain value: it is kept as {codec}"
    hint = "Return texts, numbers, truth values, or lists and mappings of these."


class NotAFrame(PlimsollError):
    """An output that is needed as rows and is not kept as a Parquet file."""

    code = "pipeline.not_a_frame"
    kind = Kind.PROJECT_CODE
    text = "Output {digest} is not kept as a table: {problem}."
    hint = (
        "Return a pandas DataFrame whose column names are distinct text and whose columns hold numbers, text, truth "
        "values, times or categories of these."
    )


class NothingToLogTo(PlimsollError):
    """Something is logged and no run is there to keep it."""

    code = "pipeline.nothing_to_log_to"
    kind = Kind.INVALID
    text = "`plimsoll.{call}` was called outside of a run."
    hint = (
        "Call it in a step of the pipeline, or within `with plimsoll.track(run):` in a notebook or a script. A "
        "`transform` step also works where no run is, so it must not log."
    )


class BadLogged(PlimsollError):
    """A metric, parameter or file that cannot be kept as it was logged."""

    code = "pipeline.bad_logged"
    kind = Kind.INVALID
    text = "{what} cannot be logged: {problem}."
    hint = (
        "Metrics are numbers under names of 1 to 200 characters, at whole steps from 0, at most 10,000 in one call; "
        "parameters are what JSON can say. Files are logged in steps."
    )


class RayUnreachable(PlimsollError):
    """Steps are to run on Ray, and no cluster answers."""

    code = "pipeline.ray_unreachable"
    kind = Kind.UNAVAILABLE
    text = "No Ray cluster answers at {address}: {problem}."
    hint = (
        "Set RAY_ADDRESS to HOST:PORT of the cluster's head, or start one with `ray start --head`; or run with "
        "`--executor local`."
    )


class RayAddressUnfit(PlimsollError):
    """A value of RAY_ADDRESS that Plimsoll does not use."""

    code = "pipeline.ray_address_unfit"
    kind = Kind.INVALID
    text = "RAY_ADDRESS is {address!r}, which names no cluster that this machine is part of."
    hint = "Set it to HOST:PORT of the cluster's head, and run `plimsoll` on a node of the cluster: it sends the files."


class RayNodeUnfit(PlimsollError):
    """A node of the Ray cluster whose runtime is not that of the run; nothing ran on it."""

    code = "pipeline.ray_node_unfit"
    kind = Kind.UNAVAILABLE
    text = "The Ray node {node} cannot take part: {problem}."
    hint = "Install the same lock on every node, Plimsoll too, and start Ray there from that environment."


class RayLost(PlimsollError):
    """The Ray cluster went away in the middle of a run."""

    code = "pipeline.ray_lost"
    kind = Kind.UNAVAILABLE
    text = "The Ray cluster was lost: {problem}."
    hint = "Finished steps are kept; once the cluster is there again, `plimsoll run` goes on from there."


class NoSuchRoom(PlimsollError):
    """A step that asks for more than there is anywhere; nothing ran."""

    code = "pipeline.no_such_room"
    kind = Kind.UNAVAILABLE
    text = "Step {step} asks for {asked} and there {found} {where}."
    hint = "Lower its `resources`, or run it where there is more."
