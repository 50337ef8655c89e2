-- Addresses outside that are told what happens. `event_cursor` is the last event of the organisation's audit trail that was
-- looked at: the trail itself is the queue, so that no event can be lost on the way to it.
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    description TEXT NOT NULL,
    sealed_secret BYTEA NOT NULL,
    -- The secret before it, which deliveries are signed with as well until then.
    old_sealed_secret BYTEA,
    old_secret_until BIGINT,
    is_active BOOLEAN NOT NULL,
    failures BIGINT NOT NULL,
    disabled_reason TEXT,
    event_cursor BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX webhooks_by_org ON webhooks (org_id, created_at, id);

-- One event for one webhook. `due_at` is NULL once nothing is to be done any more.
CREATE TABLE webhook_deliveries (
    id TEXT PRIMARY KEY,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at BIGINT,
    last_status BIGINT,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    UNIQUE (webhook_id, event_id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due_at);
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, created_at);
CREATE INDEX webhook_deliveries_by_end ON webhook_deliveries (finished_at);
