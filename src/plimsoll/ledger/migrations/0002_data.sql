CREATE TABLE data_versions (
    project TEXT NOT NULL,
    dataset TEXT NOT NULL,
    digest TEXT NOT NULL,
    format TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    columns TEXT NOT NULL,
    files TEXT NOT NULL,
    delimiter TEXT NOT NULL,
    missing TEXT NOT NULL,
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
