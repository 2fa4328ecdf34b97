CREATE TABLE sweeps (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    state TEXT NOT NULL,
    created_by TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    plan TEXT NOT NULL,
    ground TEXT NOT NULL,
    error TEXT NOT NULL,
    process TEXT NOT NULL,
    cancelled_by TEXT NOT NULL
);

CREATE INDEX sweeps_of_project ON sweeps (project, id);

CREATE TABLE sweep_trials (
    sweep_id TEXT NOT NULL REFERENCES sweeps (id),
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    params TEXT NOT NULL,
    run_id TEXT NOT NULL,
    value DOUBLE PRECISION,
    seconds DOUBLE PRECISION NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (sweep_id, number)
);
