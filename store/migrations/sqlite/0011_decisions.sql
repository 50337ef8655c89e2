-- One row for each decision, under the id of its audit event. Whatever many decisions share stands elsewhere once: which
-- plugins decided with which settings in `decision_bases`, the settings themselves in `settings_blobs`. `body` is packed:
-- a byte for the form (0 as it is, 1 deflated), then JSON.

CREATE TABLE decisions (
    org_id TEXT NOT NULL,
    id TEXT NOT NULL,
    at INTEGER NOT NULL,
    world TEXT NOT NULL,
    verdict TEXT NOT NULL,
    code TEXT NOT NULL,
    principal TEXT NOT NULL,
    vault_id TEXT,
    path TEXT,
    basis BLOB NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX decisions_by_time ON decisions (org_id, at, id);
CREATE INDEX decisions_by_principal ON decisions (org_id, principal, at, id);

-- `used_at` is raised at least once an hour while decisions refer to the row: what was not used since the oldest decision
-- that is kept can go.
CREATE TABLE decision_bases (
    org_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    body TEXT NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX decision_bases_by_use ON decision_bases (used_at);

CREATE TABLE settings_blobs (
    org_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    body BLOB NOT NULL,
    used_at INTEGER NOT NULL,
    PRIMARY KEY (org_id, digest)
) STRICT;
CREATE INDEX settings_blobs_by_use ON settings_blobs (used_at);

-- The components that came with the server, so that what an earlier version decided can be decided again.
CREATE TABLE component_blobs (
    digest TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    body BLOB NOT NULL,
    first_used_at INTEGER NOT NULL
) STRICT;
