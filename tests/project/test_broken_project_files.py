"""What a person sees for each kind of broken project file and project code, word for word.

A change of these texts is a change of the product: read the new text as somebody who made this mistake.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.project.small_project import PROJECT_FILE

from plimsoll.project.code import read_code
from plimsoll.project.load import load_project
from plimsoll.project.problems import ProblemsFound

Change = tuple[str, str]
"""A text of the small whole project file, and what stands there instead."""

BROKEN_FILES: dict[str, tuple[str | Change, str]] = {
    # name: (a whole file, or a change of the good one; the text that is seen)
    "an empty file": (
        "# to do\n",
        "plimsoll.yaml:1  found an empty file, expected settings such as `project: my-project` and `code: steps.py`",
    ),
    "a list instead of settings": (
        "- project: loans\n",
        "plimsoll.yaml:1  found a list, expected settings such as `project: my-project` and `code: steps.py`",
    ),
    "a tab": (
        "project: loans\ncode: steps.py\ndata:\n\tloans:\n",
        (
            "plimsoll.yaml:4  not valid YAML: found a tab, expected spaces; YAML does not allow tabs for indentation\n"
            "    →loans:\n"
            "    ^"
        ),
    ),
    "a name without its colon": (
        ("path: data/loans.csv", "path data/loans.csv"),
        (
            "plimsoll.yaml:5  not valid YAML: found a name without a colon, expected `name: value`, with a space after the colon\n"
            "    path data/loans.csv\n"
            "                       ^"
        ),
    ),
    "a colon without its space": (
        ("code: steps.py", "code:steps.py"),
        (
            "plimsoll.yaml:2  not valid YAML: found a name without a colon, expected `name: value`, with a space after the colon\n"
            "    code:steps.py\n"
            "    ^"
        ),
    ),
    "a colon inside a text": (
        ("path: data/loans.csv", "path: data: loans.csv"),
        (
            "plimsoll.yaml:5  not valid YAML: found a second colon on this line, expected one `name: value` a line; quote a text that holds `: `\n"
            "    path: data: loans.csv\n"
            "              ^"
        ),
    ),
    "a line out of its column": (
        ("    path: data/loans.csv", "   path: data/loans.csv"),
        (
            "plimsoll.yaml:6  not valid YAML: found a line that is indented further than the one before, expected the names of one mapping in one column\n"
            "    columns:\n"
            "           ^"
        ),
    ),
    "a dash out of its column": (
        ("  - {metric: roc_auc, min: 0.75}", " - {metric: roc_auc, min: 0.75}"),
        (
            "plimsoll.yaml:23  not valid YAML: found a line that is indented unlike the ones around it, expected the names of one mapping, or the dashes of one list, in one column\n"
            "    - {metric: roc_auc, against: production, margin: 0.02, slices: all}\n"
            "    ^"
        ),
    ),
    "a list that is not closed": (
        ("[train_set, holdout]}", "[train_set, holdout}"),
        (
            "plimsoll.yaml:12  not valid YAML: found a list or mapping in brackets that is not closed, or lacks a comma, expected a comma between items and a closing ]\n"
            "    split: {outputs: [train_set, holdout}\n"
            "                                        ^"
        ),
    ),
    "a quote that is not closed": (
        ("project: loans", "project: 'loans"),
        (
            "plimsoll.yaml:1  not valid YAML: found a quote that is never closed, expected a closing quote\n"
            "    project: 'loans\n"
            "             ^"
        ),
    ),
    "a glob without quotes": (
        ("data/loans.csv", "*.csv"),
        (
            "plimsoll.yaml:5  not valid YAML: found a text that starts with *, expected it in quotes\n"
            "    path: *.csv\n"
            "           ^"
        ),
    ),
    "an alias of nothing": (
        ("project: loans", "project: *name"),
        (
            "plimsoll.yaml:1  not valid YAML: found *name, which no &name defines, expected an anchor defined further up, or the text in quotes\n"
            "    project: *name\n"
            "             ^"
        ),
    ),
    "a second document": (
        PROJECT_FILE + "---\nproject: other\n",
        (
            "plimsoll.yaml:28  not valid YAML: found a second document after `---`, expected one document in the file\n"
            "    ---\n"
            "    ^"
        ),
    ),
    "a tag": (
        ("project: loans", "project: !env NAME"),
        "plimsoll.yaml:1  project: found the YAML tag !env, expected a plain value",
    ),
    "a control character": (
        ("project: loans", "project: loans\x07"),
        (
            "plimsoll.yaml:1  not valid YAML: found a control character, expected plain text\n"
            "    project: loans�\n"
            "                  ^"
        ),
    ),
    "an unset variable": (
        ("port: 8080", "port: ${PORT}"),
        "plimsoll.yaml:26  environments.production.port: found ${PORT}, expected the environment variable PORT to be set, or a default: ${PORT:-default}",
    ),
    "a malformed variable": (
        ("data/loans.csv", "${DATA-DIR}/loans.csv"),
        "plimsoll.yaml:5  data.loans.path: found '${DATA-DIR}', expected ${NAME} or ${NAME:-default}; $${ stands for ${ itself",
    ),
    "a name twice": (
        ("code: steps.py", "code: steps.py\ncode: other.py"),
        "plimsoll.yaml:3  code: found 'code' a second time (the first is on line 2), expected each name once",
    ),
    "a missing setting": (
        ("code: steps.py\n", ""),
        "plimsoll.yaml:1  code: found nothing, expected a setting `code:`",
    ),
    "a misspelt section": (
        ("environments:", "environment:"),
        "plimsoll.yaml:24  environment: found 'environment', expected one of project, code, data, pipeline, model, gates, environments, monitor, retrain, sweep, mlflow; did you mean environments?",
    ),
    "a misspelt setting in a list": (
        ("{metric: roc_auc, min: 0.75}", "{metrc: roc_auc, min: 0.75}"),
        "plimsoll.yaml:22  gates[0].metrc: found 'metrc', expected one of metric, min, max, on, against, margin, slices, min_rows, required, group; did you mean metric?",
    ),
    "a misspelt word": (
        ("task: binary_classification", "task: binary-clasification"),
        "plimsoll.yaml:16  model.task: found 'binary-clasification', expected one of binary_classification, multiclass_classification, regression; did you mean binary_classification?",
    ),
    "a text for a number": (
        ("min: 0.75", "min: high"),
        "plimsoll.yaml:22  gates[0].min: found 'high', expected a number",
    ),
    "a number for a text": (
        ("project: loans", "project: 2024"),
        "plimsoll.yaml:1  project: found 2024, expected text; put it in quotes",
    ),
    "a text for a list": (
        ("context: [age]", "context: age"),
        "plimsoll.yaml:19  model.context: found 'age', expected a list",
    ),
    "a list for a mapping": (
        ("params: {seed: 7}", "params: [seed]"),
        "plimsoll.yaml:10  pipeline.params: found a list, expected a mapping of names to values",
    ),
    "nothing for a mapping": (
        ("    port: 8080\n    approvals: [{role: approver, count: 1}]\n", ""),
        "plimsoll.yaml:25  environments.production: found nothing, expected a mapping of settings; {} takes every default",
    ),
    "an infinite parameter": (
        ("seed: 7", "seed: .inf"),
        "plimsoll.yaml:10  pipeline.params.seed: found .inf, expected a finite number",
    ),
    "an unusable project name": (
        ("project: loans", "project: Loan Model"),
        "plimsoll.yaml:1  project: found 'Loan Model', expected at most 50 lower-case letters, digits and single dashes, starting with a letter",
    ),
    "code outside of the project": (
        ("code: steps.py", "code: ../steps.py"),
        "plimsoll.yaml:2  code: found '../steps.py', expected a file or folder inside the project, such as steps.py",
    ),
    "a cloud that nobody knows": (
        ("data/loans.csv", "s4://bucket/loans.csv"),
        "plimsoll.yaml:5  data.loans.path: found 's4://bucket/loans.csv', expected a path on this machine, or one that begins with s3://, gs:// or az://",
    ),
    "a cloud without a bucket": (
        ("data/loans.csv", "s3:///loans.csv"),
        "plimsoll.yaml:5  data.loans.path: found 's3:///loans.csv', expected the name of a bucket, then what is in it: s3://bucket/folder/*.parquet",
    ),
    "a database as a path": (
        ("path: data/loans.csv", "path: postgresql://ada:secret@host/shop"),
        "plimsoll.yaml:5  data.loans.path: found 'postgresql://ada:***@host/shop', expected a file, glob or folder of CSV or Parquet files; a database goes under `url:`, with `query:`",
    ),
    "a dataset from nowhere": (
        ("path: data/loans.csv", "key: id"),
        "plimsoll.yaml:4  data.loans.path: found nothing, expected a setting `path:`, or `query:` with `url:`",
    ),
    "a path and a query": (
        ("path: data/loans.csv", "path: data/loans.csv\n    query: SELECT 1\n    url: sqlite:///a.db"),
        "plimsoll.yaml:6  data.loans.query: found `path:` and `query:`, expected one of them",
    ),
    "a query of no database": (
        ("path: data/loans.csv", "query: SELECT 1"),
        "plimsoll.yaml:5  data.loans.query: found a query of no database, expected `url:` beside it, the database",
    ),
    "a database without a query": (
        ("path: data/loans.csv", "url: sqlite:///a.db"),
        "plimsoll.yaml:5  data.loans.url: found a database that is asked nothing, expected `query:` beside it, SQL",
    ),
    "a database that nobody knows": (
        ("path: data/loans.csv", "query: SELECT 1\n    url: postgres://ada:secret@host/shop"),
        "plimsoll.yaml:6  data.loans.url: found 'postgres'://, expected a URL that begins with postgresql://, sqlite:/// or duckdb:///; did you mean postgresql?",
    ),
    "a database file with two slashes": (
        ("path: data/loans.csv", "query: SELECT 1\n    url: sqlite://a.db"),
        "plimsoll.yaml:6  data.loans.url: found 'sqlite://a.db', expected three slashes and the file: sqlite:///data/shop.db, or four for one that begins at the root",
    ),
    "a dataset that no parameter can name": (
        ("  loans:\n", "  my-loans:\n"),
        "plimsoll.yaml:4  data.my-loans: found 'my-loans', expected a Python name such as train_set: steps receive it by this name",
    ),
    "an unknown column type": (
        ("type: float", "type: flot"),
        "plimsoll.yaml:7  data.loans.columns.amount.type: found 'flot', expected one of int, float, string, bool, timestamp, date; did you mean float?",
    ),
    "limits the wrong way round": (
        ("{type: float, min: 0}", "{type: float, min: 9, max: 1}"),
        "plimsoll.yaml:7  data.loans.columns.amount.min: found 9, above max: 1, expected min not above max",
    ),
    "a limit for a text": (
        ("in: [own, rent]", "min: 1"),
        "plimsoll.yaml:8  data.loans.columns.home.min: found min for a column of type string, expected type int or float, or no limit",
    ),
    "a value of another type": (
        ("in: [own, rent]", "in: [own, 1]"),
        "plimsoll.yaml:8  data.loans.columns.home.in[1]: found 1, expected a value of the column's type string; put it in quotes",
    ),
    "a reference to no column, to one of another type, and to no dataset": (
        (
            "      home: {type: string, in: [own, rent]}",
            (
                "      home: {type: string, references: {dataset: loans, column: hom}}\n"
                "      area: {type: int, references: {dataset: loans, column: home}}\n"
                "      city: {type: int, references: {dataset: loan, column: home}}"
            ),
        ),
        (
            "plimsoll.yaml:8  data.loans.columns.home.references.column: found 'hom', expected one of amount, home, area, city; did you mean home?\n"
            "plimsoll.yaml:9  data.loans.columns.area.references.column: found loans.home of type string, for a column of type int, expected a column of the same type\n"
            "plimsoll.yaml:10  data.loans.columns.city.references.dataset: found 'loan', expected loans; did you mean loans?"
        ),
    ),
    "rules of a dataset that say too little or contradict each other": (
        (
            "    path: data/loans.csv",
            "    path: data/loans.csv\n    rows: {min: 9, max: 3, change: lots}\n    fresh: {within: 2x}",
        ),
        (
            "plimsoll.yaml:6  data.loans.rows.min: found 9, above max: 3, expected min not above max\n"
            "plimsoll.yaml:6  data.loans.rows.change: found 'lots', expected a percentage such as 0.1%, or a number from 0 to 1 such as 0.001\n"
            "plimsoll.yaml:7  data.loans.fresh.within: found '2x', expected a duration such as 90s, 30m or 1h30m\n"
            "plimsoll.yaml:7  data.loans.fresh: found no column to look at, expected `column:`, or the dataset's `time:`"
        ),
    ),
    "row counts without a limit, and freshness of a number": (
        ("    path: data/loans.csv", "    path: data/loans.csv\n    rows: {}\n    fresh: {within: 2d, column: amount}"),
        (
            "plimsoll.yaml:6  data.loans.rows: found no limit, expected `min:`, `max:` or `change:`\n"
            "plimsoll.yaml:7  data.loans.fresh: found amount, a column of type float, expected a column of type timestamp or date"
        ),
    ),
    "checks that are no text, misspelt, or there twice": (
        (
            "    path: data/loans.csv",
            (
                "    path: data/loans.csv\n    checks:\n      - ' '\n      - {sql: amount > 1, named: x}\n      - 7\n      - {name: x}\n"
                "      - {sql: 7}\n      - {sql: amount < 9, max_failing: 200%}\n      - amount < 9"
            ),
        ),
        (
            "plimsoll.yaml:7  data.loans.checks[0]: found ' ', expected a condition such as amount <= credit_limit\n"
            "plimsoll.yaml:8  data.loans.checks[1].named: found 'named', expected one of sql, name, max_failing; did you mean name?\n"
            "plimsoll.yaml:9  data.loans.checks[2]: found 7, expected text or a mapping of settings\n"
            "plimsoll.yaml:10  data.loans.checks[3].sql: found nothing, expected a setting `sql:`\n"
            "plimsoll.yaml:11  data.loans.checks[4].sql: found 7, expected text; put it in quotes\n"
            "plimsoll.yaml:12  data.loans.checks[5].max_failing: found '200%', expected a percentage such as 0.1%, or a number from 0 to 1 such as 0.001\n"
            "plimsoll.yaml:13  data.loans.checks[6]: found 'amount < 9' a second time, expected each name once"
        ),
    ),
    "a pattern for a number": (
        ("{type: float, min: 0}", '{type: float, pattern: "[0-9]+"}'),
        "plimsoll.yaml:7  data.loans.columns.amount.pattern: found pattern for a column of type float, expected type string, or no pattern",
    ),
    "a parameter that is a dataset": (
        ("seed: 7", "loans: 7"),
        "plimsoll.yaml:10  pipeline.params.loans: found 'loans', which is a dataset too, expected a name of its own",
    ),
    "an unreadable duration": (
        ("timeout: 10m", "timeout: 10 minutes"),
        "plimsoll.yaml:13  pipeline.steps.train.timeout: found '10 minutes', expected a duration such as 90s, 30m or 1h30m",
    ),
    "a duration without a unit": (
        ("timeout: 10m", "timeout: 10"),
        "plimsoll.yaml:13  pipeline.steps.train.timeout: found 10, expected a duration such as 90s, 30m or 1h30m",
    ),
    "an output twice": (
        ("[train_set, holdout]", "[holdout, holdout]"),
        "plimsoll.yaml:12  pipeline.steps.split.outputs[1]: found 'holdout' a second time, expected each name once",
    ),
    "a threshold that decides nothing": (
        ("context: [age]", "threshold: 1"),
        "plimsoll.yaml:19  model.threshold: found 1, expected a number between 0 and 1, both excluded",
    ),
    "a label that is sent with requests": (
        ("context: [age]", "context: [defaulted]"),
        "plimsoll.yaml:19  model.context[0]: found 'defaulted', which is the label, expected columns that are known when a prediction is asked for",
    ),
    "a holdout that is the model": (
        ("holdout: holdout", "holdout: train"),
        "plimsoll.yaml:18  model.holdout: found 'train', which makes the model, expected the output that holds rows never used in training",
    ),
    "a gate without a limit": (
        ("{metric: roc_auc, min: 0.75}", "{metric: roc_auc}"),
        "plimsoll.yaml:22  gates[0]: found no limit, expected at least one of min, max, against",
    ),
    "a metric of another task": (
        ("{metric: roc_auc, min: 0.75}", "{metric: rmse, max: 3}"),
        "plimsoll.yaml:22  gates[0].metric: found 'rmse', expected one of roc_auc, average_precision, accuracy, balanced_accuracy, precision, recall, f1, log_loss, brier for binary_classification",
    ),
    "a misspelt metric": (
        ("{metric: roc_auc, min: 0.75}", "{metric: rocauc, min: 0.7}"),
        "plimsoll.yaml:22  gates[0].metric: found 'rocauc', expected one of roc_auc, average_precision, accuracy, balanced_accuracy, precision, recall, f1, log_loss, brier for binary_classification; did you mean roc_auc?",
    ),
    "a percentage for a share": (
        ("min: 0.75", "min: 75"),
        "plimsoll.yaml:22  gates[0].min: found 75, expected a number from 0 to 1, as roc_auc has",
    ),
    "a margin with nothing to compare with": (
        ("against: production, margin", "min: 0.5, margin"),
        "plimsoll.yaml:23  gates[1].margin: found a margin with nothing to compare with, expected `against:` and an environment beside it",
    ),
    "an unknown environment": (
        ("against: production", "against: prodution"),
        "plimsoll.yaml:23  gates[1].against: found 'prodution', expected production; did you mean production?",
    ),
    "slices that are not defined": (
        ("  slices: [home]\n", ""),
        "plimsoll.yaml:22  gates[1].slices: found 'all', expected slices under `model.slices`; none is defined there",
    ),
    "an unknown slice": (
        ("slices: all", "slices: [hom]"),
        "plimsoll.yaml:23  gates[1].slices[0]: found 'hom', expected home; did you mean home?",
    ),
    "gates without a model": (
        PROJECT_FILE[: PROJECT_FILE.index("model:")] + "gates:\n  - {metric: f1, min: 0.5}\n",
        "plimsoll.yaml:14  gates: found gates without a model, expected a `model:` section that they can measure",
    ),
    "a port out of range": (
        ("port: 8080", "port: 80800"),
        "plimsoll.yaml:26  environments.production.port: found 80800, expected a port from 1 to 65535, or 0 for a free one",
    ),
    "nobody to approve": (
        ("count: 1", "count: 0"),
        "plimsoll.yaml:27  environments.production.approvals[0].count: found 0, expected 1 or more people; leave the rule out when nobody needs to approve",
    ),
    "an unknown role": (
        ("role: approver", "role: aprover"),
        "plimsoll.yaml:27  environments.production.approvals[0].role: found 'aprover', expected one of viewer, developer, approver, operator, admin; did you mean approver?",
    ),
    "a port taken twice": (
        ("environments:\n", "environments:\n  staging: {port: 8080}\n"),
        "plimsoll.yaml:27  environments.production.port: found 8080, the port of staging, expected a port of its own, or 0",
    ),
    "no door": (
        ("port: 8080", "port: 8080\n    doors: 0"),
        "plimsoll.yaml:27  environments.production.doors: found 0, expected 1 or more processes",
    ),
    "an environment after one that is not there": (
        ("port: 8080", "port: 8080\n    after: stagin"),
        "plimsoll.yaml:27  environments.production.after: found 'stagin', expected another environment; no other is defined under `environments:`",
    ),
    "an environment after itself": (
        ("port: 8080", "port: 8080\n    after: production"),
        "plimsoll.yaml:27  environments.production.after: found 'production', expected another environment; no other is defined under `environments:`",
    ),
    "a wait without an environment to wait in": (
        ("port: 8080", "port: 8080\n    bake: 1h"),
        "plimsoll.yaml:27  environments.production.bake: found a time with no environment to spend it in, expected `after:` and another environment beside it",
    ),
    "a wait that is no duration": (
        ("port: 8080", "port: 8080\n    bake: a day"),
        "plimsoll.yaml:27  environments.production.bake: found 'a day', expected a duration such as 90s, 30m or 1h30m",
    ),
    "an unknown strategy": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canaries}"),
        "plimsoll.yaml:27  environments.production.rollout.strategy: found 'canaries', expected one of all-at-once, blue-green, canary, shadow-then-canary; did you mean canary?",
    ),
    "stages without their strategy": (
        ("port: 8080", "port: 8080\n    rollout: {stages: [10, 50]}"),
        "plimsoll.yaml:27  environments.production.rollout.stages: found stages, which all-at-once does not use, expected another strategy, such as canary, or no stages",
    ),
    "a caller kept where nobody is sent away": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: blue-green, stick_to: age}"),
        "plimsoll.yaml:27  environments.production.rollout.stick_to: found stick_to, which blue-green does not use, expected another strategy, such as canary, or no stick_to",
    ),
    "a harm that nobody watches for": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: all-at-once, harm: {alpha: 0.01}}"),
        "plimsoll.yaml:27  environments.production.rollout.harm: found harm, which all-at-once does not use, expected another strategy, such as canary, or no harm",
    ),
    "a latency that copies cannot show": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: blue-green, harm: {latency_p99: {ratio: 2}}}"),
        "plimsoll.yaml:27  environments.production.rollout.harm.latency_p99: found latency_p99, which blue-green cannot test: all its requests are copied, expected another strategy, such as canary, or no latency_p99",
    ),
    "copies that nobody makes": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, shadow: 10}"),
        "plimsoll.yaml:27  environments.production.rollout.shadow: found shadow, where no request is copied, expected strategy blue-green or shadow-then-canary, a canary with a stage of 100, or no shadow",
    ),
    "more copies than requests": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: blue-green, shadow: 120}"),
        "plimsoll.yaml:27  environments.production.rollout.shadow: found 120, expected a percentage above 0 and up to 100",
    ),
    "a canary without a stage": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, stages: []}"),
        "plimsoll.yaml:27  environments.production.rollout.stages: found an empty list, expected at least one stage, such as [5, 25, 50]",
    ),
    "a stage of everything and more": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, stages: [50, 150]}"),
        "plimsoll.yaml:27  environments.production.rollout.stages[1]: found 150, expected a percentage above 0 and up to 100, in steps of 0.1",
    ),
    "a stage that no door can send": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, stages: [0.25, 50]}"),
        "plimsoll.yaml:27  environments.production.rollout.stages[0]: found 0.25, expected a percentage above 0 and up to 100, in steps of 0.1",
    ),
    "stages that fall": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, stages: [25, 5, 50]}"),
        "plimsoll.yaml:27  environments.production.rollout.stages[1]: found 5 after 25, expected percentages that rise from stage to stage",
    ),
    "a stage as a text": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, stages: [5%, 50%]}"),
        "plimsoll.yaml:27  environments.production.rollout.stages[0]: found '5%', expected a number\nplimsoll.yaml:27  environments.production.rollout.stages[1]: found '50%', expected a number",
    ),
    "a deadline before the stage may end": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, hold: 2h, stage_deadline: 90m}"),
        "plimsoll.yaml:27  environments.production.rollout.stage_deadline: found '90m', with hold: 2h, expected longer than hold, which each stage lasts at least",
    ),
    "a look without a unit": (
        ("port: 8080", "port: 8080\n    rollout: {look: 5}"),
        "plimsoll.yaml:27  environments.production.rollout.look: found 5, expected a duration such as 90s, 30m or 1h30m",
    ),
    "a look at no time": (
        ("port: 8080", "port: 8080\n    rollout: {look: 0s}"),
        "plimsoll.yaml:27  environments.production.rollout.look: found '0s', expected a duration such as 90s, 30m or 1h30m",
    ),
    "a caller known by a column that no request carries": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, stick_to: ages}"),
        "plimsoll.yaml:27  environments.production.rollout.stick_to: found 'ages', expected header:NAME or a column listed under model.context or model.inputs: age; did you mean age?",
    ),
    "a caller known by no header": (
        ("port: 8080", 'port: 8080\n    rollout: {strategy: canary, stick_to: "header:"}'),
        "plimsoll.yaml:27  environments.production.rollout.stick_to: found 'header:', expected a header's name, such as header:X-Customer",
    ),
    "a chance that is none": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, harm: {alpha: 5}}"),
        "plimsoll.yaml:27  environments.production.rollout.harm.alpha: found 5, expected a number between 0 and 1, both excluded",
    ),
    "harm that is an improvement": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, harm: {errors: {ratio: 0.9}}}"),
        "plimsoll.yaml:27  environments.production.rollout.harm.errors.ratio: found 0.9, expected 1 or more, such as 1.2",
    ),
    "a test that does not exist yet": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, harm: {quality: {metric: roc_auc}}}"),
        "plimsoll.yaml:27  environments.production.rollout.harm.quality: found 'quality', expected one of alpha, errors, latency_p99",
    ),
    "no request as enough": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, enough: {requests: 0}}"),
        "plimsoll.yaml:27  environments.production.rollout.enough.requests: found 0, expected 1 or more: no data proves nothing",
    ),
    "a percentage as a number": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, enough: {max_added_errors: 2}}"),
        "plimsoll.yaml:27  environments.production.rollout.enough.max_added_errors: found 2, expected a percentage above 0% and below 100% such as 0.5%, or a number such as 0.005",
    ),
    "a percentage without its sign": (
        ("port: 8080", 'port: 8080\n    rollout: {strategy: canary, enough: {max_added_errors: "0.5"}}'),
        "plimsoll.yaml:27  environments.production.rollout.enough.max_added_errors: found '0.5', expected a percentage above 0% and below 100% such as 0.5%, or a number such as 0.005",
    ),
    "a list for a percentage": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, enough: {max_added_errors: [1%]}}"),
        "plimsoll.yaml:27  environments.production.rollout.enough.max_added_errors: found a list, expected a percentage above 0% and below 100% such as 0.5%, or a number such as 0.005",
    ),
    "an unknown way out": (
        ("port: 8080", "port: 8080\n    rollout: {strategy: canary, inconclusive: rollbak}"),
        "plimsoll.yaml:27  environments.production.rollout.inconclusive: found 'rollbak', expected one of hold, rollback; did you mean rollback?",
    ),
    "environments that wait for each other": (
        (
            "environments:\n  production:\n",
            "environments:\n  staging: {after: production}\n  production:\n    after: staging\n",
        ),
        "plimsoll.yaml:25  environments.staging.after: found a circle: staging after production after staging, expected an environment to begin with, without `after:`",
    ),
    "a trigger of nothing": (
        PROJECT_FILE + "retrain:\n  - {environment: production}\n",
        "plimsoll.yaml:29  retrain[0]: found no trigger, expected one of schedule, on and limits in an entry",
    ),
    "two triggers in one entry": (
        PROJECT_FILE + 'retrain:\n  - {schedule: "0 3 * * 1", on: drift}\n',
        "plimsoll.yaml:29  retrain[0]: found schedule and on, expected one of schedule, on and limits in an entry",
    ),
    "a schedule that is none": (
        PROJECT_FILE + 'retrain:\n  - {schedule: "every monday"}\n',
        "plimsoll.yaml:29  retrain[0].schedule: found 'every monday', expected five cron fields such as \"0 3 * * 1\"",
    ),
    "a schedule of six fields": (
        PROJECT_FILE + 'retrain:\n  - {schedule: "0 0 3 * * 1"}\n',
        "plimsoll.yaml:29  retrain[0].schedule: found '0 0 3 * * 1', expected five cron fields such as \"0 3 * * 1\"",
    ),
    "a schedule that never comes due": (
        PROJECT_FILE + 'retrain:\n  - {schedule: "0 3 31 2 *"}\n',
        "plimsoll.yaml:29  retrain[0].schedule: found '0 3 31 2 *', expected five cron fields such as \"0 3 * * 1\"",
    ),
    "an unknown trigger": (
        PROJECT_FILE + "retrain:\n  - {on: drifts}\n",
        "plimsoll.yaml:29  retrain[0].on: found 'drifts', expected one of drift, decay, new_data; did you mean drift?",
    ),
    "new data of no dataset": (
        PROJECT_FILE + "retrain:\n  - {on: new_data}\n",
        "plimsoll.yaml:29  retrain[0]: found new_data of no dataset, expected `dataset:` and the name of one",
    ),
    "new data of an unknown dataset": (
        PROJECT_FILE + "retrain:\n  - {on: new_data, dataset: loan}\n",
        "plimsoll.yaml:29  retrain[0].dataset: found 'loan', expected loans; did you mean loans?",
    ),
    "new data of a query": (
        PROJECT_FILE.replace("path: data/loans.csv", "query: SELECT 1 AS amount\n    url: sqlite:///a.db")
        + "retrain:\n  - {on: new_data, dataset: loans}\n",
        "plimsoll.yaml:30  retrain[0].dataset: found loans, which is a query, expected a dataset with a `path:`, or `schedule:` instead: only a run asks a query",
    ),
    "a dataset for drift": (
        PROJECT_FILE + "retrain:\n  - {on: drift, dataset: loans}\n",
        "plimsoll.yaml:29  retrain[0].dataset: found a dataset without `on: new_data`, expected `on: new_data`",
    ),
    "a trigger in an unknown environment": (
        PROJECT_FILE + "retrain:\n  - {on: drift, environment: prodution}\n",
        "plimsoll.yaml:29  retrain[0].environment: found 'prodution', expected production; did you mean production?",
    ),
    "limits twice": (
        PROJECT_FILE + "retrain:\n  - {limits: {per_day: 1}}\n  - {limits: {per_day: 2}}\n",
        "plimsoll.yaml:30  retrain[1].limits: found limits a second time, expected one entry with limits",
    ),
    "a cooldown without a unit": (
        PROJECT_FILE + "retrain:\n  - {limits: {cooldown: 6}}\n",
        "plimsoll.yaml:29  retrain[0].limits.cooldown: found 6, expected text; put it in quotes",
    ),
    "a cooldown that is none": (
        PROJECT_FILE + "retrain:\n  - {limits: {cooldown: six hours}}\n",
        "plimsoll.yaml:29  retrain[0].limits.cooldown: found 'six hours', expected a duration such as 90s, 30m or 1h30m",
    ),
    "no run a day": (
        PROJECT_FILE + "retrain:\n  - {limits: {per_day: 0}}\n",
        "plimsoll.yaml:29  retrain[0].limits.per_day: found 0, expected 1 or more",
    ),
    "auto_deploy that is neither": (
        ("port: 8080", "auto_deploy: maybe"),
        "plimsoll.yaml:26  environments.production.auto_deploy: found 'maybe', expected true or false",
    ),
}

BROKEN_CODE: dict[str, tuple[str, dict[str, str], str]] = {
    # name: (the `code` setting, the files, the text that is seen)
    "an unclosed bracket": (
        "steps.py",
        {"steps.py": "def train(loans:\n    return loans\n"},
        ("steps.py:1  not valid Python: '(' was never closed\n    def train(loans:\n             ^"),
    ),
    "a missing colon": (
        "steps.py",
        {"steps.py": "def train(loans)\n    return loans\n"},
        ("steps.py:1  not valid Python: expected ':'\n    def train(loans)\n                    ^"),
    ),
    "a line out of its column": (
        "steps.py",
        {"steps.py": "def train(loans):\n    rows = len(loans)\n      return rows\n"},
        ("steps.py:3  not valid Python: unexpected indent\n    return rows\n    ^"),
    ),
    "an error in a module that steps import": (
        "steps.py",
        {"steps.py": "import tools\n\ndef train(loans):\n    return loans\n", "tools.py": "x = = 1\n"},
        ("tools.py:1  not valid Python: invalid syntax\n    x = = 1\n        ^"),
    ),
    "errors in two modules": (
        "steps",
        {
            "steps/__init__.py": "from .a import train\nfrom .b import split\n",
            "steps/a.py": "def train(x):\nreturn x\n",
            "steps/b.py": "def split(x)\n    return x\n",
        },
        (
            "steps/a.py:2  not valid Python: expected an indented block after function definition on line 1\n"
            "    return x\n"
            "    ^\n"
            "steps/b.py:1  not valid Python: expected ':'\n"
            "    def split(x)\n"
            "                ^"
        ),
    ),
    "an unfinished text": (
        "steps.py",
        {"steps.py": "NAME = 'loans\n"},
        (
            "steps.py:1  not valid Python: unterminated string literal (detected at line 1)\n"
            "    NAME = 'loans\n"
            "           ^"
        ),
    ),
    "code that is not there": (
        "step.py",
        {"steps.py": "def train(loans):\n    return loans\n"},
        "plimsoll.yaml  code: found 'step.py', which does not exist, expected a Python file, or a package folder with an __init__.py; did you mean steps.py?",
    ),
    "code that is no Python file": (
        "steps.txt",
        {"steps.txt": "def train(loans):\n    return loans\n"},
        "plimsoll.yaml  code: found 'steps.txt', which is not a Python file, expected a Python file, or a package folder with an __init__.py",
    ),
    "a folder without an __init__.py": (
        "steps",
        {"steps/train.py": "def train(loans):\n    return loans\n"},
        "plimsoll.yaml  code: found 'steps', a folder without an __init__.py, expected a Python file, or a package folder with an __init__.py",
    ),
    "a file name that cannot be imported": (
        "my-steps.py",
        {"my-steps.py": "def train(loans):\n    return loans\n"},
        "plimsoll.yaml  code: found 'my-steps.py', which Python cannot import, expected a name of letters, digits and underscores; did you mean my_steps.py?",
    ),
    "no step": (
        "steps.py",
        {"steps.py": "def _train(loans):\n    return loans\n"},
        "steps.py  found no public function, expected at least one function without a leading underscore: the steps",
    ),
    "a step with open parameters": (
        "steps.py",
        {"steps.py": "def train(*frames, **options):\n    return frames\n"},
        "steps.py:1  train(): found *frames and **options, expected named parameters; each is a dataset, an output or a param",
    ),
    "a step with positional-only parameters": (
        "steps.py",
        {"steps.py": "def train(loans, /):\n    return loans\n"},
        "steps.py:1  train(): found positional-only parameters (before `/`), expected parameters that can be passed by name",
    ),
    "a step defined twice": (
        "steps.py",
        {"steps.py": "def train(loans):\n    return loans\n\n\ndef train(loans):\n    return loans\n"},
        "steps.py:5  train(): found a second function of this name (the first is on line 1), expected each name once",
    ),
    "an async step": (
        "steps.py",
        {"steps.py": "async def train(loans):\n    return loans\n"},
        "steps.py:1  train(): found async def, expected a plain def, or a leading underscore if it is no step",
    ),
}


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_a_broken_project_file_says_what_to_put_right(name: str, tmp_path: Path):
    broken, text = BROKEN_FILES[name]
    if not isinstance(broken, str):
        assert PROJECT_FILE.count(broken[0]) == 1, "the change must be of one place"
        broken = PROJECT_FILE.replace(*broken)
    (tmp_path / "plimsoll.yaml").write_text(broken, encoding="utf-8")

    with pytest.raises(ProblemsFound) as caught:
        load_project(tmp_path / "plimsoll.yaml", environ={})

    assert caught.value.code == "project.invalid"
    assert _listing(caught.value) == text


@pytest.mark.parametrize("name", BROKEN_CODE)
def test_broken_code_says_what_to_put_right(name: str, tmp_path: Path):
    code, files, text = BROKEN_CODE[name]
    for file, content in files.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(content, encoding="utf-8")

    with pytest.raises(ProblemsFound) as caught:
        read_code(tmp_path, code)

    assert caught.value.code == "project.code_invalid"
    assert _listing(caught.value) == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            "project: \xe9t\xe9\n".encode("latin-1"),
            "plimsoll.yaml:1  found the byte 0xe9, which is not UTF-8, expected UTF-8; save the file again as UTF-8",
        ),
        (
            "project: loans\n".encode("utf-16"),
            "plimsoll.yaml:1  found a file saved as UTF-16, expected UTF-8; save it again as UTF-8",
        ),
    ],
)
def test_a_file_in_another_encoding_says_which_to_use(content: bytes, text: str, tmp_path: Path):
    (tmp_path / "plimsoll.yaml").write_bytes(content)

    with pytest.raises(ProblemsFound) as caught:
        load_project(tmp_path / "plimsoll.yaml")

    assert _listing(caught.value) == text


def _listing(error: ProblemsFound) -> str:
    """The lines below the headline, without their indentation."""
    return "\n".join(line.removeprefix("  ") for line in str(error).splitlines()[1:])
