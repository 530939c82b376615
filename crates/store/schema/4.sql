-- Format 4: the domain that a broker goes by, which never goes back; the evidence that it judged.

-- Compiled domains that this broker went by, oldest first.
CREATE TABLE domains (
    number     INTEGER PRIMARY KEY,
    digest     BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    compiled   BLOB NOT NULL,
    first_seen INTEGER NOT NULL
) STRICT;

-- The latest of them. `sequence` only rises, and `signed` (by the owner's identity key) only turns from 0 to 1, which begins the
-- sequence anew.
CREATE TABLE domain_mark (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    digest   BLOB NOT NULL REFERENCES domains (digest),
    sequence INTEGER NOT NULL,
    signed   INTEGER NOT NULL CHECK (signed IN (0, 1))
) STRICT;

-- Evidence that was authentic, oldest first, and all that it was judged with: the session that it was bound to, the domain, the
-- time. `bundle` is NULL where no endorsement bundle was needed. `proof` is NULL where the domain denied the evidence.
CREATE TABLE judged (
    number   INTEGER PRIMARY KEY,
    digest   BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    evidence BLOB NOT NULL,
    nonce    BLOB NOT NULL CHECK (length(nonce) = 32),
    exporter BLOB NOT NULL CHECK (length(exporter) = 32),
    keep_key BLOB NOT NULL CHECK (length(keep_key) = 32),
    own_key  BLOB NOT NULL CHECK (length(own_key) = 32),
    bundle   BLOB CHECK (length(bundle) = 32),
    domain   BLOB NOT NULL CHECK (length(domain) = 32),
    study    TEXT NOT NULL,
    contract BLOB NOT NULL CHECK (length(contract) = 32),
    manifest BLOB NOT NULL CHECK (length(manifest) = 32),
    run      BLOB NOT NULL CHECK (length(run) = 16),
    at       INTEGER NOT NULL,
    proof    BLOB
) STRICT;
CREATE INDEX judged_of_run ON judged (run);
