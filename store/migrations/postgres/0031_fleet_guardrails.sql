-- Guardrails for many agents: `mark` is `*` for all of an organisation, `label:team=red` for those with a label.
CREATE TABLE fleet_guardrails (
    org_id TEXT NOT NULL,
    mark TEXT NOT NULL,
    document TEXT NOT NULL,
    revision BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, mark)
);

-- Every change of them, by number; `document` is NULL where they were removed.
CREATE TABLE guardrail_revisions (
    org_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    mark TEXT NOT NULL,
    document TEXT,
    changed_by TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    PRIMARY KEY (org_id, revision)
);
