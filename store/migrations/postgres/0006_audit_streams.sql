-- Signed statements of how long a chain was and what stood in it. They are never removed. `roots` is what the tree over the
-- events needs to go on from there, as a JSON list of hexadecimal text.
CREATE TABLE audit_checkpoints (
    org_id TEXT NOT NULL,
    size BIGINT NOT NULL,
    roots TEXT NOT NULL,
    note TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, size)
);

-- Where a chain begins whose oldest events were removed because of their age: the last of those, and when that was.
CREATE TABLE audit_starts (
    org_id TEXT PRIMARY KEY,
    seq BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    hash TEXT NOT NULL,
    removed_at BIGINT NOT NULL,
    seal TEXT NOT NULL
);

-- Where events are sent to. `position` is the number of the last event that has arrived; it never goes back.
CREATE TABLE audit_sinks (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    sealed BYTEA,
    is_active BOOLEAN NOT NULL,
    position BIGINT NOT NULL,
    delivered_at BIGINT,
    failures BIGINT NOT NULL,
    retry_at BIGINT NOT NULL,
    last_error TEXT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (org_id, name)
);
