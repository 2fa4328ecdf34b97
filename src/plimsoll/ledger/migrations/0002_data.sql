CREATE TABLE data_versions (
    project TEXT NOT NULL,
    dataset TEXT NOT NULL,
    digest TEXT NOT NULL,
    format TEXT NOT NULL,
    rows_total BIGINT NOT NULL,
    columns TEXT NOT NULL,
    files TEXT NOT NULL,
    csv TEXT,
    recorded_by TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    PRIMARY KEY (project, dataset, digest)
);

CREATE TABLE data_checks (
    project TEXT NOT NULL,
    dataset TEXT NOT NULL,
    request TEXT NOT NULL,
    digest TEXT NOT NULL,
    checked_at TEXT NOT NULL,
    PRIMARY KEY (project, dataset, request)
);
