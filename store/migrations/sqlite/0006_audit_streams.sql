-- Signed statements of how long a chain was and what stood in it. They are never removed. `roots` is what the tree over the
-- events needs to go on from there, as a JSON list of hexadecimal text.
CREATE TABLE audit_checkpoints (
    org_id TEXT NOT NULL,
    size INTEGER NOT NULL,
    roots TEXT NOT NULL,
    note TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, size)
) STRICT;

-- Where a chain begins whose oldest events were removed because of their age: the last of those, and when that was.
CREATE TABLE audit_starts (
    org_id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    hash TEXT NOT NULL,
    removed_at INTEGER NOT NULL,
    seal TEXT NOT NULL
) STRICT;

-- Where events are sent to. `position` is the number of the last event that has arrived; it never goes back.
CREATE TABLE audit_sinks (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    sealed BLOB,
    is_active INTEGER NOT NULL,
    position INTEGER NOT NULL,
    delivered_at INTEGER,
    failures INTEGER NOT NULL,
    retry_at INTEGER NOT NULL,
    last_error TEXT,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (org_id, name)
) STRICT;
