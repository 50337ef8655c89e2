-- Whether a replay met what was demanded of it: null while it has not come to its end, or where nothing was demanded.
ALTER TABLE replays ADD COLUMN gate_passed INTEGER;

-- Whether a plugin may be enforced only after such a replay of the very same version, settings and scope.
ALTER TABLE plugin_sets ADD COLUMN replay_required INTEGER NOT NULL DEFAULT 0;
