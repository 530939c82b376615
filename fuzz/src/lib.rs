//! What the fuzz targets do with their bytes. Nothing may panic, overflow, run for seconds or allocate beyond what a format bounds.
//!
//! These targets are given what was received; those of [`signed`] are given what is signed.

mod own;
pub mod seeds;
pub mod signed;
pub mod trust;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, Anchor, Bundle, Cache, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Hash,
    Publisher, Vendor, authenticate, authenticate_cached, dated, dcap,
    eventlog::{Boot, EventLog},
    gpu, lists_gone, older, public_key, signatures,
};
use casemate_testkit::{
    NOW, key,
    vendor::nvidia::{Nvidia, Report, pem},
};

pub use own::Own;

/// What vouches for the seeds of vendors of our own.
pub const OWN: &str = "own.bundle";
/// What vouches for recorded evidence, besides the vendors' roots.
pub const RECORDED: &str = "recorded.bundle";

/// Where the corpora lie, and beside them the bundles: `fuzz/seed.sh` makes both.
#[must_use]
pub fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

static ROOTS: LazyLock<Endorsements> = LazyLock::new(Endorsements::of_vendors);
static BY_OWN: LazyLock<(Endorsements, Cache)> = LazyLock::new(|| (vendors_and(OWN), Cache::default()));
static BY_RECORDED: LazyLock<(Endorsements, Cache)> = LazyLock::new(|| (vendors_and(RECORDED), Cache::default()));

/// The vendors' roots, and a bundle if it is there.
fn vendors_and(bundle: &str) -> Endorsements {
    let (roots, file) = (ROOTS.clone(), corpora().join(bundle));
    let Ok(bytes) = fs::read(&file) else {
        eprintln!("{} is not there: no seed is authentic without it; fuzz/seed.sh makes it", file.display());
        return roots;
    };
    Bundle::open(&bytes, Publisher::Known(&[key(2).public()])).expect("a bundle of fuzz/seed.sh").endorsements(roots)
}

/// A GPU's evidence that is authentic by the endorsements beside it, so that a manifest among them is read.
static GPU: LazyLock<(Evidence, Endorsements)> = LazyLock::new(|| {
    let nvidia = Nvidia::default();
    let chain = nvidia.chain(&nvidia.device());
    let evidence = gpu::evidence(&nvidia.sign(&Report::default()), &pem(&chain));
    let anchor = |vendor, der: &[u8]| Endorsement::Anchor(Anchor::of_certificate(vendor, der).expect("a root"));
    let endorsements = Endorsements::default()
        .with(anchor(Vendor::NvidiaDevice, &nvidia.root.root()))
        .with(anchor(Vendor::NvidiaRim, &nvidia.rim_root.root()))
        .with_all(manifest_roots());
    assert!(authenticate(&evidence, &endorsements, &DangerouslyUnbound, NOW).is_ok(), "what the target stands on");
    (evidence, endorsements)
});

/// The roots of manifests among the seeds.
fn manifest_roots() -> impl Iterator<Item = Endorsement> {
    let is_root =
        |item: &&Endorsement| matches!(item, Endorsement::Anchor(anchor) if anchor.vendor() == Vendor::NvidiaRim);
    BY_OWN.0.items().iter().filter(is_root).cloned()
}

/// Evidence of one format, judged when it was recorded and by what vouches for it, and so for vendors of our own. Says whether it
/// was authentic either time; that must not depend on what was judged before.
pub fn format(format: Format, bytes: &[u8]) -> bool {
    judged(&Evidence::new(format, bytes.to_vec()))
}

fn judged(evidence: &Evidence) -> bool {
    let expectation = AllowDebug::new(DangerouslyUnbound);
    let mut is_authentic = false;
    for ((endorsements, cache), at) in [(&*BY_RECORDED, recorded_at(evidence.format())), (&*BY_OWN, NOW)] {
        let Ok(authentic) = authenticate_cached(evidence, endorsements, &expectation, at, cache) else { continue };
        let plain = authenticate(evidence, endorsements, &expectation, at).expect("a cache makes nothing authentic");
        assert_eq!((plain.claims(), plain.support()), (authentic.claims(), authentic.support()));
        let _shown = authentic.claims().facts();
        is_authentic = true;
    }
    is_authentic
}

/// When most recorded evidence of a format was authentic: 2025-06-20; 2025-12-25 for documents that hold for hours; 2026-06-01.
const fn recorded_at(format: Format) -> UnixTime {
    match format {
        Format::Nitro => UnixTime(1_766_669_400),
        Format::Gpu | Format::Snp => UnixTime(1_780_272_000),
        _ => UnixTime(1_750_377_600),
    }
}

/// What a file is; evidence in it is judged.
pub fn recognise(bytes: &[u8]) {
    let Ok(found) = casemate_evidence::recognise(bytes) else { return };
    for evidence in &found.evidence {
        if judged(evidence) || found.carried.is_empty() {
            continue;
        }
        let endorsements = ROOTS.clone().with_all(found.carried.iter().cloned());
        let at = recorded_at(evidence.format());
        let _refused = authenticate(evidence, &endorsements, &AllowDebug::new(DangerouslyUnbound), at);
    }
}

/// A vendor's file: certificates, lists, collateral, manifests; keys.
pub fn loose(bytes: &[u8]) {
    let _key = public_key(bytes);
    let Ok(items) = casemate_evidence::loose(bytes) else { return };
    for item in &items {
        dated(item).expect("what was read has a name and dates");
    }
    let _older = (older(&items, &items), lists_gone(&items, &items));
    let _signatures = signatures(&ROOTS.clone().with_all(items));
}

/// A bundle of anybody's, and of somebody's who is known.
pub fn bundle(bytes: &[u8]) {
    for publisher in [Publisher::Anyone, Publisher::Known(&[key(2).public()])] {
        let Ok(bundle) = Bundle::open(bytes, publisher) else { continue };
        let _rows = (bundle.dated(), bundle.window());
    }
}

/// Intel's collateral as tools store it.
pub fn collateral(bytes: &[u8]) {
    let _items = dcap::collateral::of_open_enclave(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _items = dcap::collateral::of_json(text);
    for item in [Endorsement::TcbInfo(bytes.to_vec()), Endorsement::QeIdentity(bytes.to_vec())] {
        let _row = dated(&item);
    }
}

/// A TPM's log and a CCEL: read, replayed in every bank, and what it says of the boot.
pub fn event_log(bytes: &[u8]) {
    for log in [EventLog::of_tpm(bytes), EventLog::of_ccel(bytes)].into_iter().flatten() {
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let _registers = log.replay(hash);
            let _boot = Boot::of(&log, hash, |_| true);
        }
        for event in log.events() {
            let _read = (event.kind().to_string(), event.partitions(), event.variable().map(|it| it.load_option()));
        }
    }
}

/// A reference manifest: XML, canonicalised, its signature.
pub fn rim(bytes: &[u8]) {
    let (evidence, endorsements) = &*GPU;
    let endorsements = endorsements.clone().with(Endorsement::Rim(bytes.to_vec()));
    let cache = Cache::default();
    let _refused = authenticate_cached(evidence, &endorsements, &DangerouslyUnbound, NOW, &cache);
}

/// A certificate, a revocation list, an OCSP answer, a root.
pub fn x509(bytes: &[u8]) {
    for item in
        [Endorsement::Certificate(bytes.to_vec()), Endorsement::Crl(bytes.to_vec()), Endorsement::Ocsp(bytes.to_vec())]
    {
        let _row = dated(&item);
    }
    let _root = Anchor::of_certificate(Vendor::Tpm, bytes);
}
