ALTER TABLE runs ADD COLUMN runtime TEXT NOT NULL DEFAULT '';

ALTER TABLE runs ADD COLUMN patch TEXT NOT NULL DEFAULT '';

CREATE TABLE reproductions (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    release_digest TEXT NOT NULL REFERENCES releases (digest),
    grade TEXT NOT NULL,
    envelope TEXT NOT NULL,
    runtime TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE INDEX reproductions_of_release ON reproductions (release_digest, id);
