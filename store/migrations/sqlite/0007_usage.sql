-- Requests of an organisation in a month (year * 100 + month, UTC).
CREATE TABLE usage_months (
    org_id TEXT NOT NULL,
    month INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (org_id, month)
) STRICT;

-- The newest requests of an organisation, for its history; a few hundred are kept.
CREATE TABLE usage_requests (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL,
    principal_kind TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    method TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    status INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX usage_requests_by_org ON usage_requests (org_id, id);

-- How many transactions there were in a month.
CREATE INDEX transactions_by_org ON transactions (org_id, created_at);

-- What an administrator or the organisation has set. NULL in `tier` means that nothing is held back; NULL in a limit that
-- this is not.
CREATE TABLE org_billing (
    org_id TEXT PRIMARY KEY REFERENCES orgs (id),
    tier TEXT,
    tier_ends_at INTEGER,
    max_requests INTEGER,
    max_vaults INTEGER,
    max_secrets INTEGER,
    max_agents INTEGER,
    overage_method TEXT NOT NULL
) STRICT;
