-- Format 2: a dataset keeps its superseded versions; a runner remembers its studies' runs.

CREATE TABLE dataset_versions (
    version       BLOB PRIMARY KEY CHECK (length(version) = 16),
    name          TEXT NOT NULL,
    id            BLOB NOT NULL CHECK (length(id) = 16),
    format        TEXT NOT NULL,
    entity        TEXT,
    columns       BLOB NOT NULL,
    sealed_path   TEXT NOT NULL,
    digest        BLOB NOT NULL CHECK (length(digest) = 32),
    wrapped_key   BLOB NOT NULL,
    sealed_at     INTEGER NOT NULL,
    superseded_at INTEGER,
    revoked_at    INTEGER
) STRICT;
INSERT INTO dataset_versions
    SELECT version, name, id, format, entity, columns, sealed_path, digest, wrapped_key, sealed_at, NULL, revoked_at
    FROM datasets;
DROP TABLE datasets;
ALTER TABLE dataset_versions RENAME TO datasets;
CREATE UNIQUE INDEX current_dataset ON datasets (name) WHERE superseded_at IS NULL;
CREATE UNIQUE INDEX current_dataset_id ON datasets (id) WHERE superseded_at IS NULL;

CREATE TABLE study_runs (
    run         BLOB PRIMARY KEY CHECK (length(run) = 16),
    contract    BLOB NOT NULL CHECK (length(contract) = 32),
    computation TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    started_at  INTEGER NOT NULL,
    result_path TEXT,
    error       TEXT
) STRICT;
