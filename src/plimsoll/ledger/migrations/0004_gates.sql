CREATE TABLE verdicts (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    run_id TEXT NOT NULL,
    finding TEXT NOT NULL,
    document TEXT NOT NULL,
    decided_at TEXT NOT NULL
);

CREATE INDEX verdicts_of_run ON verdicts (run_id, decided_at);

CREATE TABLE gate_scores (
    scorer TEXT NOT NULL,
    holdout TEXT NOT NULL,
    artifact TEXT NOT NULL,
    PRIMARY KEY (scorer, holdout)
);
