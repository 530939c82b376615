//! Synthetic `snp` evidence that is accepted: the case that each crime changes in one place.

use std::sync::LazyLock;

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{
    Anchor, Authenticated, Binding, Bound, Cache, Endorsement, Endorsements, Evidence, Format, Refusal, Role, Stated,
    Vendor, authenticate, authenticate_cached,
    snp::{Product, VekKind},
};
use casemate_testkit::{
    NOW,
    pki::{Authority, Certificate, Key},
    vendor::amd::{Amd, Line, Report, Vek, at, guid, table},
};

use super::claims;

pub(super) static GENOA: LazyLock<Amd> = LazyLock::new(|| Amd::new(Line::Genoa));
pub(super) static MILAN: LazyLock<Amd> = LazyLock::new(|| Amd::new(Line::Milan));
pub(super) static TURIN: LazyLock<Amd> = LazyLock::new(|| Amd::new(Line::Turin));
/// Another vendor that gives its authorities the same names.
pub(super) static IMPOSTOR: LazyLock<Amd> = LazyLock::new(|| Amd::new(Line::Milan));

/// Evidence and everything that it is judged by.
pub(super) struct Case {
    pub(super) report: Report,
    pub(super) signer: &'static Key,
    pub(super) vek: Vek,
    pub(super) vek_issuer: &'static Authority,
    pub(super) ask: Certificate,
    pub(super) ask_issuer: &'static Authority,
    pub(super) anchor: Anchor,
    pub(super) endorsed: Vec<Endorsement>,
    pub(super) label: u128,
    /// Changes the certificate table's entries: the signing key's, the ASK's, the ARK's.
    pub(super) entries: fn(&mut Vec<(u128, Vec<u8>)>),
    /// Changes the evidence.
    pub(super) bytes: fn(&mut Vec<u8>),
    pub(super) nonce: [u8; 64],
    pub(super) at: UnixTime,
}

impl Case {
    /// A report that a VCEK signed.
    pub(super) fn vcek(amd: &'static Amd) -> Self {
        let report = Report::of(amd.line);
        Self {
            signer: &amd.vcek,
            vek: amd.vcek(&report),
            vek_issuer: &amd.ask,
            ask: amd.ask_certificate(),
            ask_issuer: &amd.ark,
            anchor: Anchor::of_certificate(Vendor::Amd, &amd.ark.root()).unwrap(),
            endorsed: Vec::new(),
            label: guid::VCEK,
            entries: |_| {},
            bytes: |_| {},
            nonce: [7; 64],
            at: NOW,
            report,
        }
    }

    /// A report that a VLEK signed; the chip is masked.
    pub(super) fn vlek(amd: &'static Amd) -> Self {
        let mut case = Self::vcek(amd);
        case.report.put(at::FLAGS, &[4]).put(at::CHIP_ID, &[0; 64]);
        let (vek, ask) = (amd.vlek(&case.report), amd.asvk_certificate());
        Self { signer: &amd.vlek, vek, vek_issuer: &amd.asvk, ask, label: guid::VLEK, ..case }
    }

    /// Overwrites the report's bytes at `place`.
    pub(super) fn put(&mut self, place: usize, bytes: &[u8]) {
        self.report.put(place, bytes);
    }

    pub(super) fn evidence(&self) -> Vec<u8> {
        let mut entries =
            vec![(self.label, self.vek.issue(self.vek_issuer)), (guid::ASK, self.ask_issuer.issue(&self.ask))];
        (self.entries)(&mut entries);
        let mut bytes = self.report.sign(self.signer);
        if !entries.is_empty() {
            let entries: Vec<_> = entries.iter().map(|(label, content)| (*label, content.as_slice())).collect();
            bytes.extend(table(&entries));
        }
        (self.bytes)(&mut bytes);
        bytes
    }

    pub(super) fn endorsements(&self) -> Endorsements {
        let anchor = Endorsement::Anchor(self.anchor.clone());
        Endorsements::default().with(anchor).with_all(self.endorsed.iter().cloned())
    }

    pub(super) fn judge(&self) -> Result<Authenticated<Stated>, Refusal> {
        let evidence = Evidence::new(Format::Snp, self.evidence());
        authenticate(&evidence, &self.endorsements(), &Stated::new(self.nonce.to_vec()), self.at)
    }
}

/// A small generator of numbers that are the same in every run (xorshift).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }
}

#[test]
fn every_line_version_and_kind_of_key_is_accepted() {
    for amd in [&*MILAN, &*GENOA, &*TURIN] {
        for (case, kind) in [(Case::vcek(amd), VekKind::Vcek), (Case::vlek(amd), VekKind::Vlek)] {
            let authentic = case.judge().unwrap_or_else(|refusal| panic!("{amd:?} {kind}: {refusal}"));
            let own = claims(&authentic.claims().platform);
            assert_eq!((own.product.as_str(), own.signed_by), (amd.line.name(), kind));
            assert_eq!(authentic.support().used.len(), 2);
        }
    }
    for version in [2, 4] {
        let mut case = Case::vcek(&MILAN);
        if version == 2 {
            case.report.version_2();
        }
        case.report.put(at::VERSION, &[version]);
        assert!(case.judge().is_ok(), "version {version}");
    }
}

#[test]
fn bergamo_and_siena_are_of_the_genoa_line() {
    for (model, name) in [(0xa0, "Bergamo-A2"), (0xa1, "Siena-A1"), (0x1f, "Genoa"), (0xaf, "Genoa-B2")] {
        let mut case = Case::vcek(&GENOA);
        case.report.put(at::CPUID + 1, &[model]);
        case.vek.extensions.insert("2", casemate_testkit::der::element(0x16, name.as_bytes()));
        assert_eq!(claims(&case.judge().unwrap().claims().platform).product, Product::Genoa, "{name}");
    }
}

#[test]
fn certificates_may_come_from_the_endorsements() {
    let mut case = Case::vcek(&MILAN);
    let (vek, ask) = (case.vek.issue(case.vek_issuer), case.ask_issuer.issue(&case.ask));
    case.entries = Vec::clear;
    case.endorsed = vec![Endorsement::Certificate(ask), Endorsement::Certificate(vek)];
    assert_eq!(case.evidence().len(), 1184);
    assert!(case.judge().is_ok());
    // A table with an outdated VCEK does no harm where the right one is endorsed.
    let mut stale = Case::vcek(&MILAN);
    stale.endorsed = case.endorsed;
    stale.vek.extensions.insert("3.8", vec![2, 1, 1]);
    assert!(stale.judge().is_ok());
}

#[test]
fn a_masked_chip_is_absent_and_its_hwid_certified() {
    let mut case = Case::vcek(&MILAN);
    case.report.put(at::CHIP_ID, &[0; 64]);
    let authentic = case.judge().unwrap();
    let own = claims(&authentic.claims().platform);
    assert_eq!((own.chip_id, own.hwid.as_deref()), (None, Some([0xc1; 64].as_slice())));
}

#[test]
fn a_wrapped_hwid_is_read() {
    let mut case = Case::vcek(&TURIN);
    case.vek.extensions.insert("4", [&[4, 8], [0xc1; 8].as_slice()].concat());
    assert!(case.judge().is_ok());
}

#[test]
fn a_current_list_is_obeyed_and_said() {
    let lists: [fn(&mut Case); 2] = [
        |case| case.endorsed.push(Endorsement::Crl(MILAN.ark.crl_now(&[9]))),
        |case| case.entries = |entries| entries.push((guid::CRL, MILAN.ark.crl_now(&[]))),
    ];
    for give in lists {
        let mut case = Case::vcek(&MILAN);
        give(&mut case);
        let authentic = case.judge().unwrap();
        assert!(claims(&authentic.claims().platform).revocation_checked);
        assert_eq!(authentic.support().window.not_after, UnixTime(NOW.0 + 3600));
    }
    assert!(!claims(&Case::vcek(&MILAN).judge().unwrap().claims().platform).revocation_checked);
}

#[test]
fn dates_hold_to_the_second() {
    for at in [NOW.0 - 86_400, NOW.0 + 86_400] {
        assert!(Case { at: UnixTime(at), ..Case::vcek(&MILAN) }.judge().is_ok());
    }
}

#[test]
fn host_data_is_the_manifest_and_report_data_the_binding() {
    let binding = Binding {
        role: Role::Keep,
        nonce: [1; 32],
        manifest: Digest::of(b"manifest"),
        exporter: [2; 32],
        own_key: Digest::of(b"own"),
        peer_key: Digest::of(b"peer"),
    };
    let mut case = Case::vcek(&MILAN);
    case.report.put(at::HOST_DATA, binding.manifest.as_bytes()).put(at::REPORT_DATA, &binding.report_data());
    let judge = |case: &Case| {
        let evidence = Evidence::new(Format::Snp, case.evidence());
        authenticate(&evidence, &case.endorsements(), &Bound::new(binding.clone()), NOW)
    };
    assert_eq!(judge(&case).unwrap().binding().binding(), &binding);
    case.report.put(at::HOST_DATA, &[0; 32]);
    assert_eq!(judge(&case).unwrap_err().rule(), "evidence-manifest");
}

#[test]
fn cached_and_uncached_outcomes_are_equal() {
    let cache = Cache::default();
    for case in [Case::vcek(&MILAN), Case::vlek(&MILAN), Case::vcek(&TURIN)] {
        let evidence = Evidence::new(Format::Snp, case.evidence());
        let (endorsements, nonce) = (case.endorsements(), Stated::new(case.nonce.to_vec()));
        let fresh = authenticate(&evidence, &endorsements, &nonce, case.at).unwrap();
        for _ in 0..3 {
            let cached = authenticate_cached(&evidence, &endorsements, &nonce, case.at, &cache).unwrap();
            assert_eq!((cached.claims(), cached.support()), (fresh.claims(), fresh.support()));
            assert_eq!(cache.len(), 1);
        }
        let late = UnixTime(case.at.0 + 86_401);
        let [fresh, cached] = [
            authenticate(&evidence, &endorsements, &nonce, late).unwrap_err(),
            authenticate_cached(&evidence, &endorsements, &nonce, late, &cache).unwrap_err(),
        ];
        assert_eq!(fresh, cached);
    }
}

#[test]
fn a_cached_signing_key_does_not_serve_another_chip_or_tcb() {
    type Change = (fn(&mut Case), &'static str);
    let cache = Cache::default();
    let changes: [Change; 3] = [
        (|_| {}, ""),
        (|case| case.put(at::CHIP_ID, &[1]), "snp-hwid"),
        (|case| case.put(at::REPORTED_TCB, &[3]), "snp-vek-tcb"),
    ];
    for (change, rule) in changes {
        let mut case = Case::vcek(&MILAN);
        change(&mut case);
        case.entries = Vec::clear;
        let honest = Case::vcek(&MILAN);
        let certificates = [honest.vek.issue(&MILAN.ask), MILAN.ark.issue(&MILAN.ask_certificate())];
        case.endorsed = certificates.map(Endorsement::Certificate).to_vec();
        let (evidence, nonce) = (Evidence::new(Format::Snp, case.evidence()), Stated::new(case.nonce.to_vec()));
        let outcome = authenticate_cached(&evidence, &case.endorsements(), &nonce, NOW, &cache);
        assert_eq!(outcome.err().map_or("", |refusal| refusal.rule()), rule);
    }
}

#[test]
fn tables_of_any_bytes_never_panic() {
    let case = Case::vcek(&MILAN);
    let (honest, endorsements) = (case.evidence(), case.endorsements());
    let table = 1184..honest.len();
    let mut random = Random(0x7ab1e);
    let judge = |bytes: Vec<u8>| {
        let evidence = Evidence::new(Format::Snp, bytes);
        authenticate(&evidence, &endorsements, &Stated::new(case.nonce.to_vec()), NOW)
    };
    for length in table.clone().step_by(7).chain(table.start..table.start + 80) {
        let _ends_in_one_way_or_the_other = judge(honest[..length].to_vec());
    }
    for _ in 0..2000 {
        let mut bytes = honest.clone();
        for _ in 0..=random.below(3) {
            let place = if random.below(2) == 0 { 1184 + random.below(72) } else { 1184 + random.below(2000) };
            bytes[place] = u8::try_from(random.below(256)).unwrap();
        }
        let _ends_in_one_way_or_the_other = judge(bytes);
    }
}
