-- Plugins of organisations: what was uploaded, who may sign it, and where which version of it decides.

CREATE TABLE plugins (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    name TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT,
    UNIQUE (org_id, name)
);

-- Never changed but for yanked_at.
CREATE TABLE plugin_versions (
    id TEXT PRIMARY KEY,
    plugin_id TEXT NOT NULL REFERENCES plugins (id),
    org_id TEXT NOT NULL REFERENCES orgs (id),
    version TEXT NOT NULL,
    digest TEXT NOT NULL,
    size BIGINT NOT NULL,
    summary TEXT NOT NULL,
    settings_schema TEXT NOT NULL,
    worlds TEXT NOT NULL,
    cases BIGINT NOT NULL,
    publisher_id TEXT,
    signature BYTEA,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    yanked_at BIGINT,
    UNIQUE (plugin_id, version),
    UNIQUE (org_id, digest)
);
CREATE INDEX plugin_versions_by_time ON plugin_versions (created_at);

-- The components themselves, by the SHA-256 of their bytes.
CREATE TABLE plugin_components (
    org_id TEXT NOT NULL REFERENCES orgs (id),
    digest TEXT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (org_id, digest)
);

CREATE TABLE plugin_publishers (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    name TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    UNIQUE (org_id, public_key)
);

-- One row for each organisation that has plugins. The revision is raised by whatever changes what decides.
CREATE TABLE plugin_sets (
    org_id TEXT PRIMARY KEY REFERENCES orgs (id),
    revision BIGINT NOT NULL,
    signatures_required BOOLEAN NOT NULL
);

CREATE TABLE plugin_attachments (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    plugin_id TEXT NOT NULL REFERENCES plugins (id),
    name TEXT NOT NULL,
    revision BIGINT NOT NULL,
    is_attached BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX plugin_attachments_by_org ON plugin_attachments (org_id, created_at, id);
CREATE INDEX plugin_attachments_by_plugin ON plugin_attachments (plugin_id);

-- Every state an attachment was ever in. Never changed.
CREATE TABLE plugin_attachment_revisions (
    attachment_id TEXT NOT NULL REFERENCES plugin_attachments (id),
    revision BIGINT NOT NULL,
    cause TEXT NOT NULL,
    is_attached BOOLEAN NOT NULL,
    version_id TEXT NOT NULL REFERENCES plugin_versions (id),
    settings TEXT NOT NULL,
    scope TEXT NOT NULL,
    position BIGINT NOT NULL,
    mode TEXT NOT NULL,
    canary_percent BIGINT NOT NULL,
    asks TEXT NOT NULL,
    fallback_version_id TEXT REFERENCES plugin_versions (id),
    fallback_settings TEXT,
    changed_by TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (attachment_id, revision)
);
