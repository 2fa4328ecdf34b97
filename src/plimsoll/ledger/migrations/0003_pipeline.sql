CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    state TEXT NOT NULL,
    created_by TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    commit_id TEXT NOT NULL,
    commit_author TEXT NOT NULL,
    dirty TEXT NOT NULL,
    code_digest TEXT NOT NULL,
    lock_digest TEXT NOT NULL,
    params TEXT NOT NULL,
    data TEXT NOT NULL,
    scorer TEXT,
    verdict_id TEXT,
    error TEXT NOT NULL,
    process TEXT NOT NULL
);

CREATE INDEX runs_of_project ON runs (project, id);

CREATE INDEX runs_in_state ON runs (state);

CREATE TABLE run_steps (
    run_id TEXT NOT NULL REFERENCES runs (id),
    position INTEGER NOT NULL,
    step TEXT NOT NULL,
    state TEXT NOT NULL,
    cache_key TEXT NOT NULL,
    because TEXT NOT NULL,
    ingredients TEXT NOT NULL,
    outputs TEXT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (run_id, step)
);

CREATE INDEX run_steps_by_step ON run_steps (step, run_id);

CREATE TABLE step_cache (
    project TEXT NOT NULL,
    cache_key TEXT NOT NULL,
    step TEXT NOT NULL,
    outputs TEXT NOT NULL,
    run_id TEXT NOT NULL REFERENCES runs (id),
    PRIMARY KEY (project, cache_key)
);
