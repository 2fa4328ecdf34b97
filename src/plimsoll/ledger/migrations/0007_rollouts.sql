CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    token BIGINT NOT NULL,
    expires_at TEXT NOT NULL
);

CREATE TABLE rollouts (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    spec TEXT NOT NULL,
    latest TEXT NOT NULL,
    version INTEGER NOT NULL,
    doors INTEGER NOT NULL,
    started_by TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT NOT NULL
);

CREATE UNIQUE INDEX rollouts_under_way ON rollouts (project, environment) WHERE ended_at = '';

CREATE INDEX rollouts_place ON rollouts (project, environment, started_at);

CREATE TABLE rollout_decisions (
    rollout TEXT NOT NULL,
    number INTEGER NOT NULL,
    is_turn INTEGER NOT NULL,
    decision TEXT NOT NULL,
    PRIMARY KEY (rollout, number)
);

CREATE TABLE rollout_orders (
    id TEXT PRIMARY KEY,
    rollout TEXT NOT NULL,
    person_order TEXT NOT NULL,
    ordered_at TEXT NOT NULL,
    taken_at TEXT NOT NULL
);

CREATE INDEX rollout_orders_open ON rollout_orders (rollout, taken_at);

CREATE TABLE effects (
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    revision BIGINT NOT NULL,
    wanted TEXT NOT NULL,
    because TEXT NOT NULL,
    created_at TEXT NOT NULL,
    performed_at TEXT NOT NULL,
    PRIMARY KEY (project, environment, revision)
);
