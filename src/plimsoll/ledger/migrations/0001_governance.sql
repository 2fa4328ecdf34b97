CREATE TABLE people (
    name TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    kind TEXT NOT NULL,
    added_by TEXT NOT NULL,
    added_at TEXT NOT NULL
);

CREATE TABLE logins (
    login TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (name)
);

CREATE TABLE grants (
    person TEXT NOT NULL REFERENCES people (name),
    role TEXT NOT NULL,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    granted_at TEXT NOT NULL,
    PRIMARY KEY (person, role, project, environment)
);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (name),
    secret_digest TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    revoked_by TEXT,
    revoked_at TEXT
);

CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    release TEXT NOT NULL,
    digest TEXT NOT NULL,
    environment TEXT NOT NULL,
    person TEXT NOT NULL REFERENCES people (name),
    comment TEXT NOT NULL,
    approved_at TEXT NOT NULL,
    withdrawn_at TEXT,
    UNIQUE (person, digest, environment)
);

CREATE TABLE audit_events (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE
);

CREATE INDEX audit_events_subject ON audit_events (subject, number);

CREATE TABLE audit_tail (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL,
    hash TEXT NOT NULL
);

INSERT INTO audit_tail (id, number, hash)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');
