-- The key that an agent had before, while it still counts.
CREATE TABLE old_agent_keys (
    agent_id TEXT PRIMARY KEY REFERENCES agents (id) ON DELETE CASCADE,
    key_hash BYTEA NOT NULL UNIQUE,
    expires_at BIGINT NOT NULL
);
CREATE INDEX old_agent_keys_by_expiry ON old_agent_keys (expires_at);

-- What was provisioned under a key of the client's; `result` holds ids and names, and no key of an agent.
CREATE TABLE provisionings (
    org_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_digest BYTEA NOT NULL,
    result TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, idempotency_key)
);
CREATE INDEX provisionings_by_age ON provisionings (created_at);
