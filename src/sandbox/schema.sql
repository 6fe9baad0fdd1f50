-- Version 1 of the sandbox's file.
--
-- Every resource is kept alike: its id, its number, its revision, and the canonical object as JSON.
-- What is searched by or refers to another resource is a column computed from that object, so that
-- the object stays the only truth and SQLite still watches over uniqueness and references.

CREATE TABLE numbers (                      -- the last number given out, by kind of resource
    kind TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT;

CREATE TABLE inbox (
    id         TEXT PRIMARY KEY,
    number     INTEGER NOT NULL UNIQUE,
    revision   INTEGER NOT NULL,
    document   TEXT NOT NULL CHECK (json_type(document) = 'object'),
    identifier TEXT UNIQUE GENERATED ALWAYS AS (document ->> 'identifier') STORED
) STRICT;

CREATE TABLE agent (
    id       TEXT PRIMARY KEY,
    number   INTEGER NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    document TEXT NOT NULL CHECK (json_type(document) = 'object')
) STRICT;

CREATE TABLE bot (
    id       TEXT PRIMARY KEY,
    number   INTEGER NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    document TEXT NOT NULL CHECK (json_type(document) = 'object')
) STRICT;

CREATE TABLE team (
    id       TEXT PRIMARY KEY,
    number   INTEGER NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    document TEXT NOT NULL CHECK (json_type(document) = 'object')
) STRICT;

CREATE TABLE company (
    id       TEXT PRIMARY KEY,
    number   INTEGER NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    document TEXT NOT NULL CHECK (json_type(document) = 'object')
) STRICT;

CREATE TABLE label (
    id       TEXT PRIMARY KEY,
    number   INTEGER NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    document TEXT NOT NULL CHECK (json_type(document) = 'object'),
    name     TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (document ->> 'name') STORED
) STRICT;

CREATE TABLE contact (
    id         TEXT PRIMARY KEY,
    number     INTEGER NOT NULL UNIQUE,
    revision   INTEGER NOT NULL,
    document   TEXT NOT NULL CHECK (json_type(document) = 'object'),
    company_id TEXT REFERENCES company (id) GENERATED ALWAYS AS (document ->> 'company_id') STORED
) STRICT;

CREATE TABLE identity (
    id           TEXT PRIMARY KEY,
    number       INTEGER NOT NULL UNIQUE,
    revision     INTEGER NOT NULL,
    document     TEXT NOT NULL CHECK (json_type(document) = 'object'),
    contact_id   TEXT NOT NULL REFERENCES contact (id)
                 GENERATED ALWAYS AS (document ->> 'contact_id') STORED,
    inbox_id     TEXT REFERENCES inbox (id) GENERATED ALWAYS AS (document ->> 'inbox_id') STORED,
    source_id    TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'source_id') STORED,
    channel_type TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'channel_type') STORED,
    UNIQUE (inbox_id, source_id)
) STRICT;

CREATE TABLE conversation (
    id                  TEXT PRIMARY KEY,
    number              INTEGER NOT NULL UNIQUE,
    revision            INTEGER NOT NULL,
    document            TEXT NOT NULL CHECK (json_type(document) = 'object'),
    uuid                TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (document ->> 'uuid') STORED,
    inbox_id            TEXT NOT NULL REFERENCES inbox (id)
                        GENERATED ALWAYS AS (document ->> 'inbox_id') STORED,
    contact_id          TEXT NOT NULL REFERENCES contact (id)
                        GENERATED ALWAYS AS (document ->> 'contact_id') STORED,
    contact_identity_id TEXT NOT NULL REFERENCES identity (id)
                        GENERATED ALWAYS AS (document ->> 'contact_identity_id') STORED,
    assignee_id         TEXT REFERENCES agent (id)
                        GENERATED ALWAYS AS (document ->> 'assignee_id') STORED,
    team_id             TEXT REFERENCES team (id)
                        GENERATED ALWAYS AS (document ->> 'team_id') STORED,
    bot_id              TEXT REFERENCES bot (id)
                        GENERATED ALWAYS AS (document ->> 'bot_id') STORED,
    status              TEXT NOT NULL
                        CHECK (status IN ('open', 'pending', 'snoozed', 'resolved', 'closed'))
                        GENERATED ALWAYS AS (document ->> 'status') STORED
) STRICT;

CREATE TABLE message (
    id              TEXT PRIMARY KEY,
    number          INTEGER NOT NULL UNIQUE,
    revision        INTEGER NOT NULL,
    document        TEXT NOT NULL CHECK (json_type(document) = 'object'),
    conversation_id TEXT NOT NULL REFERENCES conversation (id)
                    GENERATED ALWAYS AS (document ->> 'conversation_id') STORED,
    sequence        INTEGER NOT NULL GENERATED ALWAYS AS (document ->> 'sequence') STORED,
    kind            TEXT NOT NULL
                    CHECK (kind IN ('incoming', 'outgoing', 'note', 'activity', 'template'))
                    GENERATED ALWAYS AS (document ->> 'kind') STORED,
    visibility      TEXT NOT NULL CHECK (visibility IN ('public', 'internal'))
                    GENERATED ALWAYS AS (document ->> 'visibility') STORED,
    created_at      TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'created_at') STORED,
    in_reply_to_id  TEXT REFERENCES message (id)
                    GENERATED ALWAYS AS (document ->> 'in_reply_to_id') STORED,
    UNIQUE (conversation_id, sequence)
) STRICT;

CREATE TABLE attachment (
    id         TEXT PRIMARY KEY,
    number     INTEGER NOT NULL UNIQUE,
    revision   INTEGER NOT NULL,
    document   TEXT NOT NULL CHECK (json_type(document) = 'object'),
    message_id TEXT REFERENCES message (id)
               GENERATED ALWAYS AS (document ->> 'message_id') STORED,
    purpose    TEXT NOT NULL DEFAULT 'message' CHECK (purpose IN ('message', 'avatar')),
    media      TEXT NOT NULL DEFAULT 'application/octet-stream',
    content    BLOB NOT NULL DEFAULT x''
) STRICT;

CREATE INDEX identity_contact ON identity (contact_id);
CREATE INDEX conversation_contact ON conversation (contact_id);
CREATE INDEX conversation_inbox ON conversation (inbox_id, status);
CREATE INDEX attachment_message ON attachment (message_id);

CREATE TABLE idempotency (                  -- answers of writes that named a key, kept for a day
    actor      TEXT NOT NULL,
    operation  TEXT NOT NULL,
    key        TEXT NOT NULL,
    digest     BLOB NOT NULL,
    status     INTEGER NOT NULL,
    answer     TEXT NOT NULL,
    revision   TEXT,
    created_at TEXT NOT NULL,
    PRIMARY KEY (actor, operation, key)
) STRICT, WITHOUT ROWID;
