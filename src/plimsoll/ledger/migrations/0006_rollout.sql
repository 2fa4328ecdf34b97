CREATE TABLE deployments (
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    target TEXT NOT NULL,
    release TEXT NOT NULL,
    digest TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    wanted TEXT NOT NULL,
    problem TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (project, environment)
);

CREATE TABLE deployment_history (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    release TEXT NOT NULL,
    digest TEXT NOT NULL,
    wanted TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at TEXT NOT NULL
);

CREATE INDEX deployment_history_place ON deployment_history (project, environment, changed_at);
