-- Goes up with every change of the organisation's IP rules, so that no node acts on rules that have changed.
ALTER TABLE orgs ADD COLUMN ip_rules_revision INTEGER NOT NULL DEFAULT 0;

CREATE TABLE ip_rules (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    rule_type TEXT NOT NULL,
    cidr TEXT NOT NULL,
    label TEXT NOT NULL,
    applies_to TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ip_rules_by_org ON ip_rules (org_id, created_at, id);

-- Humans who are asked to join. The link in the mail is known by its keyed hash alone.
CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    email TEXT NOT NULL,
    role TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    invited_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (org_id, email)
) STRICT;
CREATE INDEX invitations_by_expiry ON invitations (expires_at);

-- Settings that are changed while the server runs. The scope is `server`, or the id of an organisation.
CREATE TABLE settings (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT;
