-- One text for SQLite and PostgreSQL: TEXT ids and names, BIGINT milliseconds, BYTEA for what is sealed, no BOOLEAN.
-- Every key starts with tenant_id, so that neither a foreign key nor a unique key says anything about another tenant.

CREATE TABLE tenants (
    id TEXT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    id TEXT NOT NULL,
    email TEXT,               -- NULL: a guest, who cannot sign in again
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    specialty TEXT NOT NULL,
    availability TEXT NOT NULL,
    password_hash TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, email)
);

CREATE TABLE sessions (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, secret_hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX sessions_by_age ON sessions (tenant_id, created_at);

CREATE TABLE patient_keys (
    tenant_id TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    master_version BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, patient_id, version),
    FOREIGN KEY (tenant_id, patient_id) REFERENCES users (tenant_id, id)
);

CREATE TABLE consultations (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    doctor_id TEXT,
    specialty TEXT NOT NULL,
    reason BYTEA NOT NULL,    -- sealed
    state TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    accepted_at BIGINT,
    started_at BIGINT,
    ended_at BIGINT,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, patient_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, doctor_id) REFERENCES users (tenant_id, id)
);
CREATE UNIQUE INDEX one_open_consultation_per_patient ON consultations (tenant_id, patient_id)
    WHERE state IN ('requested', 'accepted', 'active');
CREATE INDEX consultations_by_state ON consultations (tenant_id, state, requested_at);

CREATE TABLE participants (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    consultation_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    captions_consented_at BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, consultation_id, id),
    UNIQUE (tenant_id, user_id, consultation_id),
    FOREIGN KEY (tenant_id, consultation_id) REFERENCES consultations (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

CREATE TABLE invites (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    consultation_id TEXT NOT NULL,
    label TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, secret_hash),
    FOREIGN KEY (tenant_id, consultation_id) REFERENCES consultations (tenant_id, id)
);

CREATE TABLE captions (
    tenant_id TEXT NOT NULL,
    id TEXT NOT NULL,
    consultation_id TEXT NOT NULL,
    participant_id TEXT NOT NULL,
    utterance BIGINT NOT NULL,
    state TEXT NOT NULL,
    start_ms BIGINT NOT NULL, -- since the consultation started
    end_ms BIGINT NOT NULL,
    model TEXT NOT NULL,
    demonstration BIGINT NOT NULL, -- 1: made by the bundled demonstration model
    body BYTEA NOT NULL,      -- sealed
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    -- The media server counts utterances from its own start, so the time belongs to an utterance's name.
    UNIQUE (tenant_id, consultation_id, participant_id, utterance, start_ms),
    FOREIGN KEY (tenant_id, consultation_id, participant_id)
        REFERENCES participants (tenant_id, consultation_id, id)
);

CREATE TABLE audit_heads (
    tenant_id TEXT NOT NULL PRIMARY KEY REFERENCES tenants (id),
    seq BIGINT NOT NULL
);

CREATE TABLE audit (
    tenant_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    purpose TEXT NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (tenant_id, seq),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
