-- Applied after the migrations on SQLite, every time; must be idempotent.

-- The audit log and its checkpoints only grow. INSERT OR REPLACE would delete without firing the DELETE trigger where
-- recursive_triggers is off, so an insert must not meet an entry either. Whoever owns the file can drop the triggers:
-- that is what the hashes and checkpoints are for.
CREATE TRIGGER IF NOT EXISTS audit_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER IF NOT EXISTS audit_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER IF NOT EXISTS audit_insert BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE tenant_id = NEW.tenant_id AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER IF NOT EXISTS audit_heads_update BEFORE UPDATE ON audit_heads WHEN NEW.seq < OLD.seq
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER IF NOT EXISTS audit_heads_delete BEFORE DELETE ON audit_heads
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER IF NOT EXISTS checkpoints_update BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER IF NOT EXISTS checkpoints_delete BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER IF NOT EXISTS checkpoints_insert BEFORE INSERT ON checkpoints
WHEN EXISTS (SELECT 1 FROM checkpoints WHERE tenant_id = NEW.tenant_id AND size = NEW.size)
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
