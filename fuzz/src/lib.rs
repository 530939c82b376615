//! What the fuzz targets do with their bytes. Nothing may panic, overflow, run for seconds or allocate beyond what a format bounds.

use std::sync::LazyLock;

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, Anchor, Bundle, Cache, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Hash, Publisher,
    Vendor, authenticate, authenticate_cached, dated, dcap,
    eventlog::{Boot, EventLog},
    gpu, public_key,
};
use casemate_testkit::{
    NOW,
    vendor::nvidia::{Nvidia, Report, pem},
};

/// 2025-06-20: inside the window of most recorded collateral.
const AT: UnixTime = UnixTime(1_750_377_600);

static ROOTS: LazyLock<Endorsements> = LazyLock::new(Endorsements::of_vendors);

/// A GPU's evidence that is authentic by the endorsements beside it, so that a manifest among them is read.
static GPU: LazyLock<(Evidence, Endorsements)> = LazyLock::new(|| {
    let nvidia = Nvidia::default();
    let chain = nvidia.chain(&nvidia.device());
    let evidence = gpu::evidence(&nvidia.sign(&Report::default()), &pem(&chain));
    let anchor = |vendor, der: &[u8]| Endorsement::Anchor(Anchor::of_certificate(vendor, der).expect("a root"));
    let endorsements = Endorsements::default()
        .with(anchor(Vendor::NvidiaDevice, &nvidia.root.root()))
        .with(anchor(Vendor::NvidiaRim, &nvidia.rim_root.root()));
    assert!(authenticate(&evidence, &endorsements, &DangerouslyUnbound, NOW).is_ok(), "what the target stands on");
    (evidence, endorsements)
});

/// Evidence of one format, with the vendors' roots and what the evidence carries.
pub fn format(format: Format, bytes: &[u8]) {
    let evidence = Evidence::new(format, bytes.to_vec());
    if let Ok(authentic) = authenticate(&evidence, &ROOTS, &AllowDebug::new(DangerouslyUnbound), AT) {
        let _shown = authentic.claims().facts();
    }
}

/// What a file is; evidence in it is judged.
pub fn recognise(bytes: &[u8]) {
    let Ok(found) = casemate_evidence::recognise(bytes) else { return };
    let endorsements = ROOTS.clone().with_all(found.carried);
    for evidence in &found.evidence {
        let _refused = authenticate(evidence, &endorsements, &AllowDebug::new(DangerouslyUnbound), AT);
    }
}

/// A vendor's file: certificates, lists, collateral, manifests; keys.
pub fn loose(bytes: &[u8]) {
    let _key = public_key(bytes);
    let Ok(items) = casemate_evidence::loose(bytes) else { return };
    for item in &items {
        dated(item).expect("what was read has a name and dates");
    }
}

/// A bundle of anybody's.
pub fn bundle(bytes: &[u8]) {
    let Ok(bundle) = Bundle::open(bytes, Publisher::Anyone) else { return };
    let _rows = (bundle.dated(), bundle.window());
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
    for item in [
        Endorsement::Certificate(bytes.to_vec()),
        Endorsement::Crl(bytes.to_vec()),
        Endorsement::Ocsp(bytes.to_vec()),
    ] {
        let _row = dated(&item);
    }
    let _root = Anchor::of_certificate(Vendor::Tpm, bytes);
}
