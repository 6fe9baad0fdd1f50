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

-- What reports count beside conversations and messages: answers and endings, and how long they took.
CREATE TABLE IF NOT EXISTS reporting_event (
    id              TEXT PRIMARY KEY,
    number          INTEGER NOT NULL UNIQUE,
    revision        INTEGER NOT NULL,
    document        TEXT NOT NULL CHECK (json_type(document) = 'object'),
    conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE
                    GENERATED ALWAYS AS (document ->> 'conversation_id') STORED,
    name            TEXT NOT NULL CHECK (name IN ('first_response', 'reply', 'resolution'))
                    GENERATED ALWAYS AS (document ->> 'name') STORED,
    ended_at        TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'ended_at') STORED
) STRICT;
CREATE INDEX IF NOT EXISTS reporting_event_conversation ON reporting_event (conversation_id);
