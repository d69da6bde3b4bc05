-- Applied after the migrations on PostgreSQL by the schema's owner, every time; must be idempotent.

-- Row-level security: a transaction sees and writes the rows of the clinic that it named first (set_config of
-- app.tenant_id, local to the transaction), and none when it named none. FORCE: the owner is bound as well.
DO $$
DECLARE name text;
BEGIN
    FOR name IN
        SELECT c.relname FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('DROP POLICY IF EXISTS one_clinic ON %I', name);
        -- After a transaction the setting is '' and not NULL.
        EXECUTE format($policy$
            CREATE POLICY one_clinic ON %I
            USING (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''))
            WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant_id', true), ''))
        $policy$, name);
    END LOOP;
END $$;

-- The audit log and its checkpoints only grow. The role that serves has no right to change them anyway; this stops the
-- owner's mistakes too. Neither stops an owner who means it: that is what the hashes and checkpoints are for.
CREATE OR REPLACE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log only grows';
END
$$;
CREATE OR REPLACE TRIGGER audit_change BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION only_grows();
CREATE OR REPLACE TRIGGER audit_truncate BEFORE TRUNCATE ON audit EXECUTE FUNCTION only_grows();
CREATE OR REPLACE TRIGGER audit_heads_update BEFORE UPDATE ON audit_heads
    FOR EACH ROW WHEN (NEW.seq < OLD.seq) EXECUTE FUNCTION only_grows();
CREATE OR REPLACE TRIGGER audit_heads_delete BEFORE DELETE ON audit_heads
    FOR EACH ROW EXECUTE FUNCTION only_grows();
CREATE OR REPLACE TRIGGER audit_heads_truncate BEFORE TRUNCATE ON audit_heads EXECUTE FUNCTION only_grows();
CREATE OR REPLACE TRIGGER checkpoints_change BEFORE UPDATE OR DELETE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION only_grows();
CREATE OR REPLACE TRIGGER checkpoints_truncate BEFORE TRUNCATE ON checkpoints EXECUTE FUNCTION only_grows();
