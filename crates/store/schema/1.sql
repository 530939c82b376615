-- Format 1.

CREATE TABLE datasets (
    name        TEXT PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    version     BLOB NOT NULL UNIQUE CHECK (length(version) = 16),
    format      TEXT NOT NULL,
    entity      TEXT,
    columns     BLOB NOT NULL,
    sealed_path TEXT NOT NULL,
    digest      BLOB NOT NULL CHECK (length(digest) = 32),
    wrapped_key BLOB NOT NULL,
    sealed_at   INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT;

CREATE TABLE contracts (
    digest     BLOB PRIMARY KEY CHECK (length(digest) = 32),
    study      TEXT NOT NULL,
    sequence   INTEGER NOT NULL,
    bytes      BLOB NOT NULL,
    first_seen INTEGER NOT NULL
) STRICT;

-- The lowest sequence of a study that this party still accepts. It only rises.
CREATE TABLE floors (
    study    TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    digest   BLOB NOT NULL CHECK (length(digest) = 32)
) STRICT;

-- A broker's runs. `datasets` is a CBOR array of [id, version] pairs.
CREATE TABLE runs (
    run        BLOB PRIMARY KEY CHECK (length(run) = 16),
    study      TEXT NOT NULL,
    sequence   INTEGER NOT NULL,
    contract   BLOB NOT NULL CHECK (length(contract) = 32),
    manifest   BLOB NOT NULL CHECK (length(manifest) = 32),
    keep_key   BLOB NOT NULL CHECK (length(keep_key) = 32),
    evidence   BLOB NOT NULL CHECK (length(evidence) = 32),
    datasets   BLOB NOT NULL,
    decided_at INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('decided', 'released', 'permitted', 'refused'))
) STRICT;

-- Logs, oldest first. A new one begins when the log's key is replaced.
CREATE TABLE logs (
    log        INTEGER PRIMARY KEY,
    origin     TEXT NOT NULL UNIQUE,
    key        BLOB NOT NULL CHECK (length(key) = 32),
    size       INTEGER NOT NULL,
    checkpoint TEXT NOT NULL,
    closed_at  INTEGER
) STRICT;

-- `subject` is a run (release, permit, refusal) or a dataset's version (revocation); `decision` digests all but the time.
CREATE TABLE entries (
    log      INTEGER NOT NULL REFERENCES logs (log),
    number   INTEGER NOT NULL,
    event    TEXT NOT NULL,
    subject  BLOB,
    decision BLOB NOT NULL CHECK (length(decision) = 32),
    entry    BLOB NOT NULL CHECK (length(entry) = 32),
    receipt  BLOB NOT NULL,
    PRIMARY KEY (log, number)
) STRICT;
CREATE INDEX entries_of_subject ON entries (subject, event);
CREATE INDEX entries_of_decision ON entries (decision);

-- Merkle tree nodes under their dense index.
CREATE TABLE hashes (
    log    INTEGER NOT NULL REFERENCES logs (log),
    number INTEGER NOT NULL,
    hash   BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (log, number)
) STRICT, WITHOUT ROWID;
