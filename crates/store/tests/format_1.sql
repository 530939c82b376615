-- A state file of format 1, as format 1 wrote it. Frozen: it must stay as it is when schemas change.
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

PRAGMA application_id = 1130460005;
PRAGMA user_version = 1;

INSERT INTO datasets VALUES
    ('visits', X'01010101010101010101010101010101', X'01010101010101010101010101010101', 'parquet', 'patient', X'010203', '/data/visits.parquet',
     X'4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a', X'010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101', 1795312497, NULL),
    ('labs', X'02020202020202020202020202020202', X'09090909090909090909090909090909', 'age', NULL, X'', '/data/labs.age',
     X'2b4c342f5433ebe591a1da77e013d1b72475562d48578dca8b84bac6651c3cb9', X'090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909090909', 1795312496, 1795312496);
INSERT INTO floors VALUES ('survival', 3, X'bd56a3072b4da56e28e117c715357354726d3761df33e570c47bd34dd68db0f8');
INSERT INTO runs VALUES
    (X'01010101010101010101010101010101', 'survival', 3, X'bd56a3072b4da56e28e117c715357354726d3761df33e570c47bd34dd68db0f8',
     X'47dc540c94ceb704a23875c11273e16bb0b8a87aed84de911f2133568115f254',
     X'9dcf97a184f32623d11a73124ceb99a5709b083721e878a16d78f596718ba7b2',
     X'a12871fee210fb8619291eaea194581cbd2531e4b23759d225f6806923f63222',
     X'818250010101010101010101010101010101015001010101010101010101010101010101', 1795312496, 'decided');
