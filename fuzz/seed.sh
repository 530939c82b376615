#!/bin/sh
# Fills the targets' corpora from a folder of recorded evidence: `CASEMATE_VECTORS=folder fuzz/seed.sh`.
set -eu
cd "$(dirname "$0")"
from=${CASEMATE_VECTORS:?name a folder of recorded evidence}
seed() { # target, files
    target=$1
    shift
    mkdir -p "corpus/$target"
    for file in "$@"; do
        if [ -f "$file" ]; then
            cp "$file" "corpus/$target/$(printf %s "${file#"$from"/}" | tr / _)"
        fi
    done
}
seed snp "$from"/snp/*/report.bin
seed dcap "$from"/dcap/phala/*quote "$from"/dcap/phala/tdx_quote_outdated "$from"/dcap/google/*.dat "$from"/dcap/misc/* \
    "$from"/dcap/openenclave/evidence "$from"/eventlog/google-tdx-ccel/cos-113-tdx-quote.dat
seed cca "$from"/cca/*.cbor
seed psa "$from"/psa/*token*.cbor "$from"/psa/*.cose
seed x509 "$from"/snp/*/*.der "$from"/dcap/collateral-a/*.der
seed collateral "$from"/dcap/collateral-a/*.json "$from"/dcap/phala/*.json "$from"/dcap/openenclave/*/*.json "$from"/dcap/openenclave/endorsements
seed event_log "$from"/eventlog/tpm/*.bin "$from"/eventlog/ccel/CCEL_AAEL_alibabacloud
seed rim "$from"/gpu/*.xml
seed loose "$from"/snp/*/*.pem "$from"/snp/*/*.der "$from"/dcap/collateral-a/* "$from"/dcap/google/*crl* "$from"/dcap/phala/*.json \
    "$from"/dcap/openenclave/endorsements "$from"/gpu/*.xml "$from"/gpu/hopperCertChain.txt "$from"/cca/*pk*.json
seed recognise "$from"/azure/*.json "$from"/gpu/*.json "$from"/gpu/*.txt "$from"/tpm/gce/* "$from"/nitro/*.bin "$from"/dcap/phala/* \
    "$from"/snp/*/report.bin "$from"/cca/*token*.cbor "$from"/psa/*.cose
# Without dstack's four bytes before the document, and what it puts behind it.
mkdir -p corpus/nitro
for file in attestation debug; do
    tail -c +5 "$from/nitro/$file.bin" > "corpus/nitro/$file"
done
for target in azure bundle composite dice gpu keystone software tpm; do
    mkdir -p "corpus/$target"
done
head -c 1352 /dev/zero > corpus/keystone/zeros
