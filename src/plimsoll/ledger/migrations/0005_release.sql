CREATE TABLE releases (
    project TEXT NOT NULL,
    number INTEGER NOT NULL,
    digest TEXT NOT NULL UNIQUE,
    tree TEXT NOT NULL,
    run_id TEXT NOT NULL UNIQUE,
    verdict_id TEXT NOT NULL,
    lock_digest TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    dirty TEXT NOT NULL,
    authors TEXT NOT NULL,
    compiled TEXT,
    compile_note TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (project, number)
);
