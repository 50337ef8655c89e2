-- Raised whenever what policies can see of an agent changes: its name, its labels, and whether the name is its own.
ALTER TABLE agents ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
-- Among those of one name in an organisation the one with the lowest number bears it in policies.
ALTER TABLE agents ADD COLUMN name_rank INTEGER NOT NULL DEFAULT 0;
-- The name in lower case, for searching.
ALTER TABLE agents ADD COLUMN name_search TEXT NOT NULL DEFAULT '';
UPDATE agents SET name_search = lower(name), name_rank = (
    SELECT count(*) FROM agents o WHERE o.org_id = agents.org_id AND o.name = agents.name
    AND (o.created_at < agents.created_at OR (o.created_at = agents.created_at AND o.id <= agents.id)));
CREATE INDEX agents_by_name ON agents (org_id, name, name_rank, id);
CREATE INDEX agents_by_state ON agents (org_id, is_active, created_at, id);

-- The labels of agents as policies and lists look for them: `mark` is `label:` and the label, `team=red`.
CREATE TABLE agent_labels (
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    org_id TEXT NOT NULL,
    mark TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (agent_id, mark)
) STRICT;
CREATE INDEX agent_labels_by_mark ON agent_labels (org_id, mark, created_at, agent_id);
INSERT INTO agent_labels (agent_id, org_id, mark, created_at)
    SELECT a.id, a.org_id, 'label:' || l.key || '=' || l.value, a.created_at
    FROM agents a, json_each(a.profile, '$.labels') l WHERE l.key IS NOT NULL;

-- The labels that a policy for labelled agents asks for; `wanted` is how many they are.
CREATE TABLE policy_labels (
    policy_id TEXT NOT NULL REFERENCES policies (id) ON DELETE CASCADE,
    vault_id TEXT NOT NULL,
    org_id TEXT NOT NULL,
    mark TEXT NOT NULL,
    wanted INTEGER NOT NULL,
    PRIMARY KEY (policy_id, mark)
) STRICT;
CREATE INDEX policy_labels_by_vault ON policy_labels (vault_id, mark);
CREATE INDEX policy_labels_by_org ON policy_labels (org_id, mark);
CREATE INDEX policies_by_org_and_principal ON policies (org_id, principal_kind, principal_id);
