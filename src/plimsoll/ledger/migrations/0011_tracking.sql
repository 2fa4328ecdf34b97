CREATE TABLE run_points (
    run_id TEXT NOT NULL REFERENCES runs (id),
    source TEXT NOT NULL,
    metric TEXT NOT NULL,
    chunk INTEGER NOT NULL,
    points INTEGER NOT NULL,
    block TEXT NOT NULL,
    PRIMARY KEY (run_id, source, metric, chunk)
);

CREATE TABLE run_logged_params (
    run_id TEXT NOT NULL REFERENCES runs (id),
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_id, source, name)
);

CREATE TABLE run_logged_files (
    run_id TEXT NOT NULL REFERENCES runs (id),
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (run_id, source, name)
);
