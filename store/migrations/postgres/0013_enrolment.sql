-- Agents that ask to be let in. A row is made for every address, whether there is an account with it or not, and looked
-- into after the answer: received, then pending or unclaimed, then approved or denied.
CREATE TABLE enrollments (
    id TEXT PRIMARY KEY,
    token_hash BYTEA NOT NULL UNIQUE,
    -- The token of the link, until the row has been looked into.
    sealed_token BYTEA,
    org_id TEXT REFERENCES orgs (id),
    human_email TEXT,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    status TEXT NOT NULL,
    client TEXT NOT NULL,
    agent_id TEXT,
    decided_by TEXT,
    decided_at BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX enrollments_received ON enrollments (created_at) WHERE status = 'received';
CREATE INDEX enrollments_by_org ON enrollments (org_id, created_at);
CREATE INDEX enrollments_by_link ON enrollments (expires_at) WHERE human_email IS NULL AND status = 'pending';
CREATE INDEX enrollments_by_expiry ON enrollments (expires_at);

-- Limits that every server counts together: when the bucket of a key is full again.
CREATE TABLE shared_limits (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    full_at BIGINT NOT NULL,
    PRIMARY KEY (scope, key)
);
CREATE INDEX shared_limits_by_time ON shared_limits (full_at);
