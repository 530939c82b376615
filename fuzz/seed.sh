#!/bin/sh
# Fills the targets' corpora with evidence of vendors of our own, and from a folder of recorded evidence if CASEMATE_VECTORS names one:
# `[CASEMATE_VECTORS=folder] fuzz/seed.sh`.
set -eu
from=${CASEMATE_VECTORS:+$(realpath "$CASEMATE_VECTORS")}
cd "$(dirname "$0")"
cargo run --quiet --release --example seed ${from:+"$from"}
