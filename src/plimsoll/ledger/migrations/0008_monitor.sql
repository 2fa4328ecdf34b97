CREATE TABLE monitor_progress (
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    windows_until TEXT NOT NULL,
    days_until TEXT NOT NULL,
    PRIMARY KEY (project, environment)
);

CREATE TABLE monitor_windows (
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    digest TEXT NOT NULL,
    role TEXT NOT NULL,
    begin_at TEXT NOT NULL,
    end_at TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (project, environment, digest, role, begin_at)
);

CREATE TABLE monitor_judgements (
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    digest TEXT NOT NULL,
    span TEXT NOT NULL,
    end_at TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (project, environment, digest, span, end_at)
);

CREATE TABLE monitor_days (
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    digest TEXT NOT NULL,
    begin_at TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (project, environment, digest, begin_at)
);

CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    release TEXT NOT NULL,
    digest TEXT NOT NULL,
    concern TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL,
    sentence TEXT NOT NULL,
    evidence TEXT NOT NULL,
    span TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    times BIGINT NOT NULL,
    clear BIGINT NOT NULL,
    acknowledged_by TEXT NOT NULL,
    acknowledged_at TEXT NOT NULL,
    resolved_by TEXT NOT NULL,
    resolved_at TEXT NOT NULL,
    why TEXT NOT NULL
);

CREATE UNIQUE INDEX alerts_under_way ON alerts (project, environment, digest, concern, subject)
WHERE state <> 'resolved';

CREATE INDEX alerts_latest ON alerts (project, id);

CREATE TABLE alert_notices (
    alert TEXT NOT NULL REFERENCES alerts (id),
    event TEXT NOT NULL,
    created_at TEXT NOT NULL,
    sent_at TEXT NOT NULL,
    tries BIGINT NOT NULL,
    due_at TEXT NOT NULL,
    left_over TEXT NOT NULL,
    problem TEXT NOT NULL,
    PRIMARY KEY (alert, event)
);

CREATE INDEX alert_notices_unsent ON alert_notices (sent_at, due_at);
