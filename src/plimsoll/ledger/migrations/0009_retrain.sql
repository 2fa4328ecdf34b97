ALTER TABLE runs ADD COLUMN because TEXT NOT NULL DEFAULT '';

ALTER TABLE runs ADD COLUMN owners TEXT NOT NULL DEFAULT '[]';

ALTER TABLE releases ADD COLUMN because TEXT NOT NULL DEFAULT '';

CREATE TABLE retrainings (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    ref TEXT NOT NULL,
    stands TEXT NOT NULL,
    state TEXT NOT NULL,
    sentence TEXT NOT NULL,
    owners TEXT NOT NULL,
    run TEXT NOT NULL,
    release TEXT NOT NULL,
    worker TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    began_at TEXT NOT NULL,
    run_ended_at TEXT NOT NULL,
    ended_at TEXT NOT NULL
);

CREATE UNIQUE INDEX retrainings_waiting ON retrainings (project, environment, ref) WHERE stands = 'Waiting';

CREATE UNIQUE INDEX retrainings_at_work ON retrainings (project) WHERE stands IN ('Running', 'Judged');

CREATE INDEX retrainings_open ON retrainings (project, ended_at);

CREATE TABLE retraining_firings (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    retraining TEXT NOT NULL REFERENCES retrainings (id),
    number INTEGER NOT NULL,
    fired_by TEXT NOT NULL,
    fired_for TEXT NOT NULL,
    because TEXT NOT NULL,
    evidence TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    at_once INTEGER NOT NULL,
    fired_at TEXT NOT NULL,
    note TEXT NOT NULL
);

CREATE UNIQUE INDEX retraining_firings_once ON retraining_firings (project, fired_by, fired_for)
WHERE note = '';

CREATE INDEX retraining_firings_of ON retraining_firings (retraining, number);

CREATE TABLE retraining_turns (
    retraining TEXT NOT NULL REFERENCES retrainings (id),
    number INTEGER NOT NULL,
    at TEXT NOT NULL,
    state TEXT NOT NULL,
    sentence TEXT NOT NULL,
    PRIMARY KEY (retraining, number)
);

CREATE TABLE retraining_marks (
    project TEXT NOT NULL,
    watch TEXT NOT NULL,
    seen_until TEXT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (project, watch)
);
