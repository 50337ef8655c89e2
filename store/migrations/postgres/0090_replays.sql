-- Recorded decisions, made again with other policies or plugins. What `worker`, the last that took it up, has done is stored
-- page by page, so that another goes on where it ended.
CREATE TABLE replays (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    spec TEXT NOT NULL,
    state TEXT NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    counts TEXT NOT NULL,
    cursor_at BIGINT,
    cursor_id TEXT,
    worker TEXT,
    started_at BIGINT,
    finished_at BIGINT,
    error TEXT
);
CREATE INDEX replays_by_org ON replays (org_id, created_at, id);
CREATE INDEX replays_to_do ON replays (created_at) WHERE state IN ('queued', 'running');

CREATE TABLE replay_changes (
    replay_id TEXT NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    n BIGINT NOT NULL,
    decision_id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (replay_id, n)
);

-- The last time that recorded decisions were made again by those that had made them: `mismatches` came out differently.
CREATE TABLE decision_checks (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    checked BIGINT NOT NULL,
    mismatches BIGINT NOT NULL
);
