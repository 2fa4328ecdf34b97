"""Wires step functions to a graph by the names of their parameters, or says everything that keeps them from fitting.

Pure: reads the project and what its source says, imports and runs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from plimsoll.kernel.durations import parse_duration
from plimsoll.kernel.nearest import nearest
from plimsoll.kernel.sizes import parse_size
from plimsoll.pipeline.entities import Graph, Step
from plimsoll.pipeline.errors import GraphInvalid
from plimsoll.pipeline.order import circles, in_order
from plimsoll.project.code import Code, Function
from plimsoll.project.entities import Model, Project, StepOptions
from plimsoll.project.find import PROJECT_FILE
from plimsoll.project.problems import Path, Problem, describe, place

SCORER = "scorer"
"""The built-in last step, and its output; reserved when the project has a model."""


def build_graph(project: Project, code: Code, *, line_of: Callable[[Path], int] = lambda _: 0) -> Graph:
    """The steps in an order in which each comes after what it needs, the built-in scorer last.

    line_of: the line of a setting in the project file; asked only for problems.
    Raises GraphInvalid with every problem.
    """
    wiring = _Wiring(project=project, code=code, line_of=line_of, outputs=_outputs(project, code))
    problems = [
        *wiring.unknown_options(),
        *wiring.clashing_names(),
        *wiring.unknown_parameters(),
        *wiring.each_problems(),
        *wiring.cycles(),
        *wiring.model_problems(),
    ]
    if problems:
        raise GraphInvalid(problems=list(dict.fromkeys(problems)))
    steps = [_step(project, function, wiring.outputs[name]) for name, function in code.functions.items()]
    inputs = {step.name: wiring.inputs(step.name) for step in steps}
    if project.model is not None:
        scorer = _scorer(project, project.model, wiring)
        steps.append(scorer)
        inputs[SCORER] = (wiring.model_output(project.model), project.model.holdout)
    return Graph(steps=in_order(steps, inputs, makers=wiring.made), inputs=inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wiring:
    """Names and where they come from."""

    project: Project
    code: Code
    line_of: Callable[[Path], int]
    outputs: Mapping[str, tuple[str, ...]]
    """Step -> names of what it returns."""

    @property
    def made(self) -> dict[str, str]:
        """Output -> the step that makes it."""
        return {output: step for step, outputs in self.outputs.items() for output in outputs}

    @property
    def _known(self) -> list[str]:
        return [*self.made, *self.project.data, *self.project.pipeline.params]

    def inputs(self, step: str) -> tuple[str, ...]:
        """The datasets and outputs that a step is given."""
        made = self.made
        return tuple(name for name in self._sources(step) if name in made or name in self.project.data)

    def _sources(self, step: str) -> list[str]:
        """What a step's parameters are given: what is named like them, or the list whose items one of them takes."""
        each = self._each(step)
        return [each.get(name, name) for name in self.code.functions[step].parameters]

    def _each(self, step: str) -> Mapping[str, str]:
        options = self.project.pipeline.steps.get(step)
        return options.each if options is not None else {}

    def each_problems(self) -> Iterator[Problem]:
        model = self.project.model
        single = {self.made.get(self.model_output(model), ""), *model.transform} if model is not None else set()
        for step in self.code.functions:
            for parameter, source in self._each(step).items():
                path = ("pipeline", "steps", step, "each", parameter)
                if step in single:
                    found = f"{step!r}, which makes the model or transforms its rows"
                    yield self._setting(path, found, "a step whose output may be a list")
                takes = list(self.code.functions[step].parameters)
                if parameter not in takes:
                    found = f"{parameter!r}, which {step}() does not take"
                    yield self._setting(path, found, "one of its parameters", parameter, takes)
                lists = [*self.project.pipeline.params, *(name for name in self.made if name not in self.outputs[step])]
                if source not in lists:
                    kind = ", which is a dataset" if source in self.project.data else ""
                    expected = "a value under pipeline.params or another step's output that is a list"
                    yield self._setting(path, f"{source!r}{kind}", expected, source, lists)
                value = self.project.pipeline.params.get(source, ())
                if not isinstance(value, list | tuple):
                    yield self._setting(path, f"{source!r}, which is {describe(value)}", "a parameter that is a list")

    def model_output(self, model: Model) -> str:
        """The output that holds the model: `from` names it, or the step that returns nothing else."""
        return self.outputs[model.from_][0] if len(self.outputs.get(model.from_, ())) == 1 else model.from_

    def unknown_options(self) -> Iterator[Problem]:
        for name in self.project.pipeline.steps:
            if name not in self.code.functions:
                yield self._setting(
                    ("pipeline", "steps", name),
                    f"no function {name!r} in {self.code.entry}",
                    "the name of a step",
                    name,
                )

    def clashing_names(self) -> Iterator[Problem]:
        first: dict[str, str] = {}
        for step, outputs in self.outputs.items():
            for position, output in enumerate(outputs):
                if output in first and first[output] != step:
                    yield self._output(step, position, f"the output {output!r}, which {first[output]} returns too")
                first.setdefault(output, step)
                if output in self.project.data:
                    yield self._output(step, position, f"the output {output!r}, which is a dataset too")
                if output in self.project.pipeline.params:
                    yield self._output(step, position, f"the output {output!r}, which is a parameter too")
                if output == SCORER and self.project.model is not None:
                    yield self._output(step, position, f"the output {SCORER!r}, which Plimsoll makes from the model")
        if self.project.model is not None:
            for group, names in (("data", self.project.data), ("pipeline.params", self.project.pipeline.params)):
                if SCORER in names:
                    found = f"{SCORER!r}, which Plimsoll makes from the model"
                    yield self._setting((*group.split("."), SCORER), found, "another name")

    def unknown_parameters(self) -> Iterator[Problem]:
        known = set(self._known)
        for step, function in self.code.functions.items():
            for name in function.parameters:
                if name in known or name in function.defaulted or name in self._each(step):
                    continue
                if name in self.outputs:
                    parts = ", ".join(self.outputs[name])
                    found = f"the parameter {name!r}, a step whose outputs are named {parts}"
                    yield self._function(step, found, "the name of one of its outputs", self.outputs[name][0])
                    continue
                others = [other for other in self._known if other not in self.outputs[step]]
                expected = "a dataset, another step's output, or a value under pipeline.params"
                yield self._function(
                    step, f"the parameter {name!r}, which nothing provides", expected, nearest(name, others)
                )

    def cycles(self) -> Iterator[Problem]:
        for cycle in circles({step: self._needs(step) for step in self.code.functions}):
            path = " -> ".join((*cycle, cycle[0]))
            found = f"a circle of steps that wait for each other: {path}"
            yield self._function(cycle[0], found, "steps that can run one after the other")

    def model_problems(self) -> Iterator[Problem]:
        model = self.project.model
        if model is None:
            return
        made = self.made
        if model.from_ not in made:
            outputs = self.outputs.get(model.from_)
            found = f"{model.from_!r}, which no step returns"
            expected = "the step that returns the model"
            options: list[str] = [*self.outputs, *made]
            if outputs:
                found = f"{model.from_!r}, which returns {', '.join(outputs)}"
                expected, options = "the one of these that is the model", list(outputs)
            yield self._setting(("model", "from"), found, expected, model.from_, options)
        if model.holdout not in made and model.holdout not in self.project.data:
            outputs = self.outputs.get(model.holdout)
            found = f"{model.holdout!r}, which no step returns and which is no dataset"
            expected = "an output or a dataset with raw rows and the label"
            options = [*made, *self.project.data]
            if outputs:
                found = f"{model.holdout!r}, which returns {', '.join(outputs)}"
                expected, options = "the one of these that holds raw rows and the label", list(outputs)
            yield self._setting(("model", "holdout"), found, expected, model.holdout, options)
        for position, name in enumerate(model.transform):
            yield from self._transform_problems(name, ("model", "transform", position))

    def _transform_problems(self, name: str, path: Path) -> Iterator[Problem]:
        function = self.code.functions.get(name)
        if function is None:
            yield self._setting(path, f"no function {name!r} in {self.code.entry}", "a step that transforms rows", name)
            return
        if len(self.outputs[name]) != 1:
            yield self._setting(
                path, f"{name!r}, which returns {len(self.outputs[name])} outputs", "a step that returns one frame"
            )
        if not function.parameters:
            yield self._setting(path, f"{name!r}, which takes nothing", "a step whose first parameter is the rows")
        for parameter in function.parameters[1:]:
            if parameter in self.project.pipeline.params or parameter in function.defaulted:
                continue
            if parameter in self.made or parameter in self.project.data:
                found = f"the parameter {parameter!r} of a row-wise step, which a request does not carry"
                expected = "after the rows, only values under pipeline.params"
                yield self._function(name, found, expected)

    def _needs(self, step: str) -> tuple[str, ...]:
        made = self.made
        needed = (made[name] for name in self._sources(step) if name in made)
        return tuple(dict.fromkeys(needed))

    def _setting(
        self, path: Path, found: str, expected: str, word: str = "", options: list[str] | None = None
    ) -> Problem:
        near = nearest(word, options if options is not None else self.code.functions) if word else ""
        return Problem(
            file=PROJECT_FILE, line=self.line_of(path), where=place(path), found=found, expected=expected, nearest=near
        )

    def _output(self, step: str, position: int, found: str) -> Problem:
        options = self.project.pipeline.steps.get(step)
        if options is not None and options.outputs:
            return self._setting(("pipeline", "steps", step, "outputs", position), found, "a name of its own")
        return self._function(step, found, "a name of its own")

    def _function(self, step: str, found: str, expected: str, near: str = "") -> Problem:
        function = self.code.functions[step]
        return Problem(
            file=function.file, line=function.line, where=f"{step}()", found=found, expected=expected, nearest=near
        )


def _outputs(project: Project, code: Code) -> dict[str, tuple[str, ...]]:
    options = project.pipeline.steps
    return {name: (options[name].outputs if name in options else ()) or (name,) for name in code.functions}


def _step(project: Project, function: Function, outputs: tuple[str, ...]) -> Step:
    options = project.pipeline.steps.get(function.name, StepOptions())
    return Step(
        name=function.name,
        parameters=function.parameters,
        defaulted=function.defaulted,
        outputs=outputs,
        line=function.line,
        source=function.file,
        timeout_s=parse_duration(options.timeout) if options.timeout else None,
        retries=options.retries,
        backoff_s=parse_duration(options.backoff),
        cpu=float(options.resources.cpu),
        memory=parse_size(options.resources.memory) if options.resources.memory else None,
        gpu=options.resources.gpu,
        env=options.env,
        each=next(iter(options.each.items()), None),
    )


def _scorer(project: Project, model: Model, wiring: _Wiring) -> Step:
    """The built-in step. A dataset that serves as holdout becomes an output of it, so that it is kept as a table."""
    params = {
        parameter: None
        for name in model.transform
        for parameter in wiring.code.functions[name].parameters[1:]
        if parameter in project.pipeline.params
    }
    kept = (model.holdout,) if model.holdout in project.data else ()
    return Step(
        name=SCORER,
        parameters=(wiring.model_output(model), model.holdout, *params),
        defaulted=frozenset(),
        outputs=(SCORER, *kept),
        line=0,
        source="",
        built_in=True,
    )
