-- Recorded decisions, made again with other policies or plugins. What `worker`, the last that took it up, has done is stored
-- page by page, so that another goes on where it ended.
CREATE TABLE replays (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    spec TEXT NOT NULL,
    state TEXT NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL,
    counts TEXT NOT NULL,
    cursor_at INTEGER,
    cursor_id TEXT,
    worker TEXT,
    started_at INTEGER,
    finished_at INTEGER,
    error TEXT
) STRICT;
CREATE INDEX replays_by_org ON replays (org_id, created_at, id);
CREATE INDEX replays_to_do ON replays (created_at) WHERE state IN ('queued', 'running');

CREATE TABLE replay_changes (
    replay_id TEXT NOT NULL REFERENCES replays (id) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    decision_id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (replay_id, n)
) STRICT;

-- The last time that recorded decisions were made again by those that had made them: `mismatches` came out differently.
CREATE TABLE decision_checks (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    checked INTEGER NOT NULL,
    mismatches INTEGER NOT NULL
) STRICT;
