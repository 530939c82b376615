-- Format 3: whom this party knows; who brought a contract that this party has not taken as its own.

-- Parties whose keys this party has compared: from their cards, or from contracts that it signed. `broker`, `launcher`
-- and `recipient` are NULL where the card names none.
CREATE TABLE parties (
    name      TEXT PRIMARY KEY,
    key       BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
    broker    BLOB CHECK (length(broker) = 32),
    launcher  BLOB CHECK (length(launcher) = 32),
    recipient TEXT,
    added_at  INTEGER NOT NULL
) STRICT;

-- The known party that answers for a contract that came by mail. NULL: this party signed it, sent it or collected it itself.
ALTER TABLE contracts ADD COLUMN sender BLOB CHECK (length(sender) = 32);
