-- What a doctor calls an invited guest is sealed for the patient. The upgrade seals what stands in the plain columns, which
-- are empty ever after; the indexes hold what is left to do.
ALTER TABLE invites ADD COLUMN sealed_label BYTEA;
ALTER TABLE participants ADD COLUMN sealed_label BYTEA; -- of a guest
CREATE INDEX plain_invite_labels ON invites (tenant_id) WHERE label <> '';
CREATE INDEX plain_participant_labels ON participants (tenant_id) WHERE label <> '';
