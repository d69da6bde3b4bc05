-- Accounts, access, sealing and the audit log. One text for SQLite and PostgreSQL, as 0001.
-- What only one engine has (triggers, row-level security, grants) stands in sqlite.sql and postgres.sql.

-- A clinic is chosen by the request's Host; the first one also answers for every host nobody has.
ALTER TABLE tenants ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE tenants ADD COLUMN host TEXT;
CREATE UNIQUE INDEX tenants_by_host ON tenants (host);

-- One random key per clinic, wrapped by the master key: blind indexes, CSRF tokens and other keyed hashes derive from it,
-- so that they outlive a rotation of the master key.
CREATE TABLE tenant_keys (
    tenant_id TEXT NOT NULL PRIMARY KEY REFERENCES tenants (id),
    master_version BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

-- identity: sealed {name, email} under the person's own key; email_index: blind index, unique within the clinic.
-- email and name of 0001 are moved there by code (store/upgrade.rs) and stay empty for good.
ALTER TABLE users ADD COLUMN identity BYTEA;
ALTER TABLE users ADD COLUMN identity_version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN email_index BYTEA;
ALTER TABLE users ADD COLUMN email_verified_at BIGINT;
ALTER TABLE users ADD COLUMN approved_at BIGINT;            -- doctors: verified by an administrator
ALTER TABLE users ADD COLUMN deactivated_at BIGINT;
ALTER TABLE users ADD COLUMN erased_at BIGINT;
ALTER TABLE users ADD COLUMN password_changed_at BIGINT;
ALTER TABLE users ADD COLUMN password_must_change BIGINT NOT NULL DEFAULT 0; -- 1: at the next sign-in
CREATE UNIQUE INDEX users_by_email_index ON users (tenant_id, email_index);
-- Hashes brought along from another system (bcrypt); each is replaced when its person signs in.
CREATE INDEX users_with_imported_password ON users (tenant_id) WHERE substr(password_hash, 1, 2) = '$2';
CREATE INDEX users_by_role ON users (tenant_id, role, id);

-- kind: 'browser' (cookie) or 'api' (tokens). device and address are for the person's own list of devices.
ALTER TABLE sessions ADD COLUMN kind TEXT NOT NULL DEFAULT 'browser';
ALTER TABLE sessions ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN authenticated_at BIGINT NOT NULL DEFAULT 0; -- last time a secret was proved
ALTER TABLE sessions ADD COLUMN second_factor TEXT NOT NULL DEFAULT 'none'; -- 'none', 'totp', 'passkey', 'recovery', 'oidc'
CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id);

-- API clients. A family of tokens is a session: each token is used once and names the one that took its place. Seeing a
-- used one again revokes the family, unless its successor never arrived (domain/refresh.rs).
CREATE TABLE refresh_tokens (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,         -- also the jti of the access token that was handed out with it
    session_id TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    role TEXT NOT NULL,       -- at the sign-in: another role needs another one
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    successor TEXT,
    void_at BIGINT,           -- never arrived, another one was made in its place
    access_used_at BIGINT,    -- first use of its access token
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, secret_hash),
    FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (tenant_id, session_id);

-- One-time secrets: e-mail verification, password reset, second step of signing in, bootstrap of the first administrator.
CREATE TABLE one_time_secrets (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    user_id TEXT,
    secret_hash TEXT NOT NULL,
    detail TEXT NOT NULL,     -- what the purpose needs, as JSON; no secret, nothing about a patient
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, secret_hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX one_time_secrets_by_age ON one_time_secrets (tenant_id, expires_at);
CREATE INDEX one_time_secrets_by_user ON one_time_secrets (tenant_id, user_id, purpose);

-- Failed sign-ins by keyed hash of what was typed (known account or not), of a known browser, or of an address.
CREATE TABLE sign_in_failures (
    tenant_id TEXT NOT NULL,
    subject BYTEA NOT NULL,
    failures BIGINT NOT NULL,
    last_failed_at BIGINT NOT NULL,
    locked_until BIGINT,
    PRIMARY KEY (tenant_id, subject),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
CREATE INDEX sign_in_failures_by_age ON sign_in_failures (tenant_id, last_failed_at);

CREATE TABLE totp (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    secret BYTEA NOT NULL,    -- sealed
    confirmed_at BIGINT,
    last_step BIGINT NOT NULL, -- a code works once: later steps only
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

CREATE TABLE recovery_codes (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    code_hash TEXT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (tenant_id, user_id, code_hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

CREATE TABLE passkeys (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    credential_id BYTEA NOT NULL, -- the authenticator's name of it
    public_key BYTEA NOT NULL,    -- this and the state as the library writes them
    state BYTEA NOT NULL,         -- counter and flags as they were last seen
    transports BIGINT NOT NULL,
    label TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, credential_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

CREATE TABLE oidc_identities (
    tenant_id TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject_index BYTEA NOT NULL, -- blind index of the provider's `sub`
    user_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, issuer, subject_index),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

CREATE TABLE profile_pictures (
    tenant_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    body BYTEA NOT NULL,      -- sealed
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

-- A doctor's application: what was handed in and how it was decided.
CREATE TABLE verifications (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    state TEXT NOT NULL,      -- 'pending', 'approved', 'rejected'
    document BYTEA,           -- sealed
    document_type TEXT NOT NULL,
    reason BYTEA,             -- sealed
    decided_by TEXT,
    submitted_at BIGINT NOT NULL,
    decided_at BIGINT,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, decided_by) REFERENCES users (tenant_id, id)
);
CREATE INDEX verifications_by_state ON verifications (tenant_id, state, submitted_at);
CREATE UNIQUE INDEX one_pending_verification_per_doctor ON verifications (tenant_id, user_id) WHERE state = 'pending';

-- Emergency access to one patient's record: an hour, with a reason, always reviewed.
CREATE TABLE break_glass (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    reason BYTEA NOT NULL,    -- sealed for the patient
    granted_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    reviewed_by TEXT,
    reviewed_at BIGINT,
    finding TEXT,             -- 'justified', 'unjustified'
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, patient_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, reviewed_by) REFERENCES users (tenant_id, id)
);
CREATE INDEX break_glass_by_user ON break_glass (tenant_id, user_id, expires_at);

-- What somebody should know: shown in their frame until seen. Kinds and ids only.
CREATE TABLE notices (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX notices_by_user ON notices (tenant_id, user_id, created_at);

-- The audit log becomes a Merkle log (RFC 9162): leaf = H(0x00 || canonical entry), root = of all leaves up to here.
-- Entries of 0001 get their hashes by code (store/upgrade.rs) before the append-only triggers stand.
ALTER TABLE audit ADD COLUMN role TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN patient TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN outcome TEXT NOT NULL DEFAULT 'done';  -- 'done', 'denied', 'failed'
ALTER TABLE audit ADD COLUMN leaf BYTEA;
ALTER TABLE audit ADD COLUMN root BYTEA;
CREATE INDEX audit_by_actor ON audit (tenant_id, actor, seq);
CREATE INDEX audit_by_patient ON audit (tenant_id, patient, seq);
CREATE INDEX audit_by_action ON audit (tenant_id, action, seq);
CREATE INDEX audit_by_time ON audit (tenant_id, at);
ALTER TABLE audit_heads ADD COLUMN frontier BYTEA; -- roots of the full subtrees, largest first, 32 bytes each

CREATE TABLE checkpoints (
    tenant_id TEXT NOT NULL,
    size BIGINT NOT NULL,
    note TEXT NOT NULL,       -- C2SP signed note
    frontier BYTEA NOT NULL,  -- of the tree that was signed: the next checkpoint goes on from here
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, size),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

CREATE TABLE security_events (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    severity TEXT NOT NULL,   -- 'notice', 'warning', 'alarm'
    count BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    acknowledged_by TEXT,
    acknowledged_at BIGINT,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
CREATE INDEX security_events_by_time ON security_events (tenant_id, last_at);

-- Master keys by version: which one is used, which only opens. The keys themselves are never here.
CREATE TABLE master_keys (
    version BIGINT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,      -- 'active', 'opens', 'retired'
    fingerprint TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX patient_keys_by_master ON patient_keys (master_version, tenant_id, patient_id);
