-- Plugins of organisations: what was uploaded, who may sign it, and where which version of it decides.

CREATE TABLE plugins (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    name TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER,
    UNIQUE (org_id, name)
) STRICT;

-- Never changed but for yanked_at.
CREATE TABLE plugin_versions (
    id TEXT PRIMARY KEY,
    plugin_id TEXT NOT NULL REFERENCES plugins (id),
    org_id TEXT NOT NULL REFERENCES orgs (id),
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    summary TEXT NOT NULL,
    settings_schema TEXT NOT NULL,
    worlds TEXT NOT NULL,
    cases INTEGER NOT NULL,
    publisher_id TEXT,
    signature BLOB,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    yanked_at INTEGER,
    UNIQUE (plugin_id, version),
    UNIQUE (org_id, digest)
) STRICT;
CREATE INDEX plugin_versions_by_time ON plugin_versions (created_at);

-- The components themselves, by the SHA-256 of their bytes.
CREATE TABLE plugin_components (
    org_id TEXT NOT NULL REFERENCES orgs (id),
    digest TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (org_id, digest)
) STRICT;

CREATE TABLE plugin_publishers (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    name TEXT NOT NULL,
    public_key BLOB NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    UNIQUE (org_id, public_key)
) STRICT;

-- One row for each organisation that has plugins. The revision is raised by whatever changes what decides.
CREATE TABLE plugin_sets (
    org_id TEXT PRIMARY KEY REFERENCES orgs (id),
    revision INTEGER NOT NULL,
    signatures_required INTEGER NOT NULL
) STRICT;

CREATE TABLE plugin_attachments (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    plugin_id TEXT NOT NULL REFERENCES plugins (id),
    name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    is_attached INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX plugin_attachments_by_org ON plugin_attachments (org_id, created_at, id);
CREATE INDEX plugin_attachments_by_plugin ON plugin_attachments (plugin_id);

-- Every state an attachment was ever in. Never changed.
CREATE TABLE plugin_attachment_revisions (
    attachment_id TEXT NOT NULL REFERENCES plugin_attachments (id),
    revision INTEGER NOT NULL,
    cause TEXT NOT NULL,
    is_attached INTEGER NOT NULL,
    version_id TEXT NOT NULL REFERENCES plugin_versions (id),
    settings TEXT NOT NULL,
    scope TEXT NOT NULL,
    position INTEGER NOT NULL,
    mode TEXT NOT NULL,
    canary_percent INTEGER NOT NULL,
    asks TEXT NOT NULL,
    fallback_version_id TEXT REFERENCES plugin_versions (id),
    fallback_settings TEXT,
    changed_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (attachment_id, revision)
) STRICT;
