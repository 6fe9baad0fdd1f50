-- Looked at whenever a file is opened: what is missing is made.

CREATE TABLE IF NOT EXISTS csat (
    id              TEXT PRIMARY KEY,
    number          INTEGER NOT NULL UNIQUE,
    revision        INTEGER NOT NULL,
    document        TEXT NOT NULL CHECK (json_type(document) = 'object'),
    conversation_id TEXT NOT NULL UNIQUE REFERENCES conversation (id)
                    GENERATED ALWAYS AS (document ->> 'conversation_id') STORED
) STRICT;

-- No two contacts share these names.

CREATE UNIQUE INDEX IF NOT EXISTS contact_identifier ON contact (document ->> 'identifier');
CREATE UNIQUE INDEX IF NOT EXISTS contact_email ON contact (lower(document ->> 'email'));
CREATE UNIQUE INDEX IF NOT EXISTS contact_phone_number ON contact (document ->> 'phone_number');
CREATE INDEX IF NOT EXISTS message_conversation ON message (conversation_id, kind, created_at);
