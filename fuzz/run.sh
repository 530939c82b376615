#!/bin/sh
# Runs every target, or those named, each for SECONDS_EACH (60): `fuzz/run.sh [target…]`. Stops at the first finding.
set -eu
cd "$(dirname "$0")"
targets=${*:-$(cargo +nightly fuzz list)}
for target in $targets; do
    echo "== $target"
    cargo +nightly fuzz run --sanitizer none "$target" -- \
        -max_total_time="${SECONDS_EACH:-60}" -timeout=10 -rss_limit_mb=1024 -max_len=65536 -verbosity=0 -print_final_stats=1
done
