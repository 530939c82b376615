//! Crimes on the quotes of a TPM of our own. Each is one mutation of a case that is otherwise accepted.

use casemate_cose::Digest;
use casemate_evidence::{
    Anchor, Authenticated, DangerouslyUnbound, Endorsement, Endorsements, Format, Isolation, KeyOwner, Platform,
    Refusal, Vendor, tpm::KeySource,
};
use casemate_testkit::{
    DAY_S, NOW,
    pki::{Algorithm, Authority, Certificate},
    vendor::{
        eventlog::{Event, Log, SHA1, SHA256, SHA384, SHA512, kind},
        tpm::{AK_ATTRIBUTES, COMMAND_LINE, ECDSA, Evidence, Quote, RSAPSS, RSASSA, Tpm, sized},
    },
};

use crate::{assert_refused, unbound};

/// Its name, what is done, and the rule that refuses it.
type Crime<T> = (&'static str, fn(&mut T), &'static str);
/// What is done to a log.
type On<'a> = Box<dyn Fn(&mut Log) + 'a>;

/// A TPM, what it measured, what it states, and what is believed.
struct Case {
    tpm: Tpm,
    log: Log,
    quote: Quote,
    endorsements: Endorsements,
}

impl Case {
    fn of(algorithm: Algorithm) -> Self {
        let tpm = Tpm::new(algorithm);
        let log = Log::boot(&[SHA1, SHA256, SHA384], COMMAND_LINE);
        let quote = Quote::of(&log, SHA256, tpm.scheme().1);
        let endorsements = anchored(&tpm, Vendor::Tpm);
        Self { tpm, log, quote, endorsements }
    }

    fn evidence(&self) -> Evidence {
        Evidence::of(&self.tpm, &self.quote, &self.log)
    }

    fn judge(&self, evidence: &Evidence) -> Result<Authenticated<DangerouslyUnbound>, Refusal> {
        unbound(Format::Tpm, &evidence.encode(), &self.endorsements, NOW)
    }

    /// Judges this quote, signed, with what else honest evidence has.
    fn judge_quote(&self, quote: &Quote) -> Result<Authenticated<DangerouslyUnbound>, Refusal> {
        self.judge(&Evidence::of(&self.tpm, quote, &self.log))
    }

    /// Judges what another log comes with: the quote is of the first log.
    fn judge_log(&self, log: &Log) -> Result<Authenticated<DangerouslyUnbound>, Refusal> {
        self.judge(&Evidence { log: log.encode(), ..self.evidence() })
    }
}

fn anchored(tpm: &Tpm, vendor: Vendor) -> Endorsements {
    let anchor = Anchor::of_certificate(vendor, &tpm.root.root()).unwrap();
    Endorsements::default().with(Endorsement::Anchor(anchor))
}

#[test]
fn honest_quotes_are_accepted() {
    for algorithm in
        [Algorithm::P256, Algorithm::P384, Algorithm::P521, Algorithm::RsaPkcs1Sha256, Algorithm::RsaPssSha384]
    {
        let case = Case::of(algorithm);
        let authentic = case.judge(&case.evidence()).unwrap();
        let claims = authentic.claims();
        assert_eq!((claims.isolation, claims.debug), (Some(Isolation::Vm), false));
        assert_eq!(claims.manifest, Some(Digest::from_bytes([0x42; 32])));
        let Platform::Tpm(tpm) = &claims.platform else { panic!() };
        let root_key = Digest::of(&case.tpm.root.key.spki());
        let source = KeySource::Certificate { root: "TPM root".to_owned(), root_key, revocation_checked: false };
        assert_eq!(tpm.attestation_key.source, source);
        assert_eq!(tpm.attestation_key.digest, Digest::of(&case.tpm.ak.spki()));
        let log = tpm.quote.log.as_ref().unwrap();
        assert_eq!((log.boot.secure_boot, log.unlogged.len()), (Some(true), 0));
        assert_eq!(log.boot.command_lines, [COMMAND_LINE]);
        assert_eq!(authentic.support().used.len(), 2);
        // The same key, known by itself: without certificates, as public area or as SubjectPublicKeyInfo.
        let spki = case.tpm.ak.spki();
        let key = Endorsement::Key { owner: KeyOwner::Tpm, id: vec![], spki: spki.clone() };
        let given = Endorsements::default().with(key);
        let public = Evidence { certificates: vec![], ..case.evidence() };
        for evidence in [Evidence { spki, public: vec![], ..public.clone() }, public] {
            let authentic = unbound(Format::Tpm, &evidence.encode(), &given, NOW).unwrap();
            let Platform::Tpm(tpm) = &authentic.claims().platform else { panic!() };
            assert_eq!(tpm.attestation_key.source, KeySource::Given);
            assert_eq!(tpm.attestation_key.digest, Digest::of(&case.tpm.ak.spki()));
        }
        assert!(authentic.claims().facts().rows().iter().any(|fact| fact.name == "log.secure-boot"));
    }
}

#[test]
fn revocation_is_told_of() {
    let case = Case::of(Algorithm::P256);
    let crls = [case.tpm.root.crl_now(&[]), case.tpm.issuer.crl_now(&[])].map(Endorsement::Crl);
    let endorsements = case.endorsements.clone().with_all(crls);
    let authentic = unbound(Format::Tpm, &case.evidence().encode(), &endorsements, NOW).unwrap();
    let Platform::Tpm(tpm) = &authentic.claims().platform else { panic!() };
    assert!(matches!(tpm.attestation_key.source, KeySource::Certificate { revocation_checked: true, .. }));
    // The intermediate may come with the endorsements instead of the evidence.
    let leaf = Evidence { certificates: case.tpm.chain()[..1].to_vec(), ..case.evidence() };
    let issuer = Endorsement::Certificate(case.tpm.chain()[1].clone());
    assert!(unbound(Format::Tpm, &leaf.encode(), &endorsements.with(issuer), NOW).is_ok());
}

#[test]
fn crimes_on_the_statement() {
    let case = Case::of(Algorithm::P256);
    let crimes: [Crime<Quote>; 17] = [
        ("magic_of_no_tpm", |quote| quote.magic ^= 1, "tpm-magic"),
        ("type_certify", |quote| quote.kind = 0x8017, "tpm-type"),
        ("type_time", |quote| quote.kind = 0x8019, "tpm-type"),
        ("trailing_byte_in_the_statement", |quote| quote.tail = vec![0], "tpm-attest"),
        ("safe_is_2", |quote| quote.safe = 2, "tpm-attest"),
        ("qualifying_data_empty", |quote| quote.qualifying_data.clear(), "tpm-qualifying-data-empty"),
        ("qualifying_data_too_long", |quote| quote.qualifying_data = vec![1; 67], "tpm-attest"),
        ("selection_of_another_bank", |quote| quote.selection[0].0 = SHA384, "tpm-pcr-selection"),
        ("selection_without_pcr_7", |quote| quote.selection[0].1.retain(|pcr| *pcr != 7), "tpm-pcr-selection"),
        ("selection_of_nothing", |quote| quote.selection[0].1.clear(), "tpm-pcr-selection"),
        ("selection_twice", |quote| quote.selection.push((SHA256, vec![7])), "tpm-attest"),
        (
            "nothing_selected_and_nothing_sent",
            |quote| {
                quote.selection.clear();
                quote.pcrs.clear();
            },
            "tpm-pcr-selection",
        ),
        ("pcr_digest_of_others", |quote| quote.pcr_digest = Some(vec![3; 32]), "tpm-pcr-digest"),
        ("pcr_digest_cut", |quote| quote.pcr_digest = Some(vec![]), "tpm-pcr-digest"),
        ("pcr_digest_of_another_hash", |quote| quote.hash = SHA384, "tpm-pcr-digest"),
        ("pcr_missing", |quote| drop(quote.pcrs.remove(9)), "tpm-pcr-selection"),
        ("pcr_duplicated", |quote| quote.pcrs.push(quote.pcrs[3].clone()), "tpm-pcr-selection"),
    ];
    for (crime, commit, rule) in crimes {
        let mut quote = case.quote.clone();
        commit(&mut quote);
        assert_refused(crime, case.judge_quote(&quote), rule);
    }
}

#[test]
fn crimes_on_the_values() {
    let case = Case::of(Algorithm::P256);
    let crimes: [Crime<Evidence>; 8] = [
        (
            "two_values_swapped",
            |it| {
                let other = it.pcrs[4].2.clone();
                it.pcrs[4].2 = std::mem::replace(&mut it.pcrs[7].2, other);
            },
            "tpm-pcr-digest",
        ),
        ("two_rows_swapped", |it| it.pcrs.swap(4, 7), "tpm-pcr-selection"),
        ("one_bit_of_a_value", |it| it.pcrs[4].2[0] ^= 1, "tpm-pcr-digest"),
        ("value_cut", |it| it.pcrs[4].2.truncate(31), "tpm-layout"),
        ("values_of_another_bank", |it| it.pcrs.iter_mut().for_each(|row| row.0 = 0x0012), "tpm-layout"),
        (
            "values_under_another_bank",
            |it| {
                for row in &mut it.pcrs {
                    *row = (SHA1, row.1, row.2[..20].to_vec());
                }
            },
            "tpm-pcr-selection",
        ),
        ("pcr_32", |it| it.pcrs[23].1 = 32, "tpm-layout"),
        ("pcr_23_as_pcr_22", |it| it.pcrs[23].1 = 22, "tpm-pcr-selection"),
    ];
    for (crime, commit, rule) in crimes {
        let mut evidence = case.evidence();
        commit(&mut evidence);
        assert_refused(crime, case.judge(&evidence), rule);
    }
}

#[test]
fn crimes_on_the_signature() {
    let case = Case::of(Algorithm::P256);
    let (n, half) = ("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", case.evidence());
    let n: Vec<u8> = (0..32).map(|place| u8::from_str_radix(&n[2 * place..2 * place + 2], 16).unwrap()).collect();
    let (r, s) = (half.signature[6..38].to_vec(), half.signature[40..72].to_vec());
    let ecdsa =
        |r: &[u8], s: &[u8]| [ECDSA.to_be_bytes().to_vec(), SHA256.to_be_bytes().to_vec(), sized(r), sized(s)].concat();
    let header = |scheme: u16, hash: u16| [&scheme.to_be_bytes(), &hash.to_be_bytes(), &half.signature[4..]].concat();
    let crimes = [
        ("r_zero", ecdsa(&[0; 32], &s), "tpm-signature"),
        ("s_zero", ecdsa(&r, &[0; 32]), "tpm-signature"),
        ("r_is_n", ecdsa(&n, &s), "tpm-signature"),
        ("s_is_n", ecdsa(&r, &n), "tpm-signature"),
        ("r_empty", ecdsa(&[], &s), "tpm-signature"),
        ("r_and_s_swapped", ecdsa(&s, &r), "tpm-signature"),
        ("signature_truncated", half.signature[..71].to_vec(), "tpm-signature-layout"),
        ("signature_with_a_trailing_byte", [half.signature.as_slice(), &[0]].concat(), "tpm-signature-layout"),
        ("hash_sha1", header(ECDSA, SHA1), "tpm-signature-scheme"),
        ("hash_said_to_be_sha384", header(ECDSA, SHA384), "tpm-signature-scheme"),
        ("scheme_hmac", header(0x0005, SHA256), "tpm-signature-scheme"),
        ("scheme_null", header(0x0010, SHA256), "tpm-signature-scheme"),
        (
            "rsa_scheme_for_an_ec_key",
            [RSASSA.to_be_bytes().to_vec(), SHA256.to_be_bytes().to_vec(), sized(&r)].concat(),
            "tpm-signature-scheme",
        ),
        ("signed_by_another_tpm", Tpm::new(Algorithm::P256).sign(&half.attest), "tpm-signature"),
        ("signature_of_another_statement", case.tpm.sign(b"another"), "tpm-signature"),
    ];
    for (crime, signature, rule) in crimes {
        assert_refused(crime, case.judge(&Evidence { signature, ..half.clone() }), rule);
    }
    // Where the key's own scheme is not told, the wrong one still fails.
    let evidence = Evidence { public: vec![], signature: header(ECDSA, SHA512), ..half.clone() };
    assert_refused("sha512_by_a_p256_key", case.judge(&evidence), "tpm-signature-scheme");
    let large = Case::of(Algorithm::P521);
    let mut evidence = Evidence { public: vec![], ..large.evidence() };
    evidence.signature[2..4].copy_from_slice(&SHA384.to_be_bytes());
    assert_refused("sha384_by_a_p521_key", large.judge(&evidence), "tpm-signature-scheme");
    let mut evidence = large.evidence();
    let last = evidence.signature.len() - 1;
    evidence.signature[last] ^= 1;
    assert_refused("p521_signature_changed", large.judge(&evidence), "tpm-signature");
    let evidence = Evidence { public: vec![], signature: header(ECDSA, SHA384), ..half };
    assert_refused("hash_confused_without_a_public_area", case.judge(&evidence), "tpm-signature");
    let rsa = Case::of(Algorithm::RsaPkcs1Sha256);
    let honest = rsa.evidence();
    let mut evidence = Evidence { public: vec![], ..honest.clone() };
    evidence.signature[..2].copy_from_slice(&RSAPSS.to_be_bytes());
    assert_refused("pkcs1_said_to_be_pss", rsa.judge(&evidence), "tpm-signature");
    evidence = honest;
    evidence.signature[..2].copy_from_slice(&RSAPSS.to_be_bytes());
    assert_refused("pkcs1_key_said_to_sign_pss", rsa.judge(&evidence), "tpm-signature-scheme");
}

#[test]
fn crimes_on_the_key() {
    let case = Case::of(Algorithm::P256);
    let other = Tpm::new(Algorithm::P256);
    let public = |attributes: u32| case.tpm.public(attributes, Some(case.tpm.scheme()));
    let honest = case.evidence();
    let crimes = [
        (
            "not_fixed_to_its_tpm",
            Evidence { public: public(AK_ATTRIBUTES & !2), ..honest.clone() },
            "tpm-ak-attributes",
        ),
        (
            "not_fixed_to_its_parent",
            Evidence { public: public(AK_ATTRIBUTES & !0x10), ..honest.clone() },
            "tpm-ak-attributes",
        ),
        ("imported", Evidence { public: public(AK_ATTRIBUTES & !0x20), ..honest.clone() }, "tpm-ak-attributes"),
        ("unrestricted", Evidence { public: public(AK_ATTRIBUTES & !0x1_0000), ..honest.clone() }, "tpm-ak-attributes"),
        ("decrypts_too", Evidence { public: public(AK_ATTRIBUTES | 0x2_0000), ..honest.clone() }, "tpm-ak-attributes"),
        (
            "does_not_sign",
            Evidence { public: public(AK_ATTRIBUTES & !0x4_0000), ..honest.clone() },
            "tpm-ak-attributes",
        ),
        (
            "public_area_of_another_key",
            Evidence { public: other.public(AK_ATTRIBUTES, None), ..honest.clone() },
            "tpm-ak-mismatch",
        ),
        ("spki_of_another_key", Evidence { spki: other.ak.spki(), ..honest.clone() }, "tpm-ak-mismatch"),
        (
            "certificate_of_another_key",
            Evidence { certificates: other.chain(), public: vec![], ..honest.clone() },
            "tpm-ak-chain",
        ),
        (
            "public_area_truncated",
            Evidence { public: public(AK_ATTRIBUTES)[..60].to_vec(), ..honest.clone() },
            "tpm-ak-layout",
        ),
        (
            "public_area_with_a_trailing_byte",
            Evidence { public: [public(AK_ATTRIBUTES), vec![0]].concat(), ..honest.clone() },
            "tpm-ak-layout",
        ),
        ("no_key_at_all", Evidence { certificates: vec![], public: vec![], ..honest.clone() }, "tpm-ak-missing"),
        ("no_certificate", Evidence { certificates: vec![], ..honest.clone() }, "tpm-ak-unknown"),
        ("issuer_missing", Evidence { certificates: case.tpm.chain()[..1].to_vec(), ..honest.clone() }, "tpm-ak-chain"),
        (
            "chain_in_the_wrong_order",
            Evidence { certificates: case.tpm.chain().into_iter().rev().collect(), public: vec![], ..honest.clone() },
            "tpm-ak-chain",
        ),
        (
            "certificate_duplicated",
            Evidence { certificates: [&case.tpm.chain()[..1], &case.tpm.chain()].concat(), ..honest.clone() },
            "tpm-ak-chain",
        ),
        (
            "key_for_another_scheme",
            Evidence { public: case.tpm.public(AK_ATTRIBUTES, Some((ECDSA, SHA384))), ..honest.clone() },
            "tpm-signature-scheme",
        ),
    ];
    for (crime, evidence, rule) in crimes {
        assert_refused(crime, case.judge(&evidence), rule);
    }
}

#[test]
fn crimes_on_who_vouches() {
    let case = Case::of(Algorithm::P256);
    let (other, honest) = (Tpm::new(Algorithm::P256), case.evidence());
    let mut certified = honest.clone();
    certified.certificates = other.chain();
    certified.public.clear();
    let both = case.endorsements.clone().with_all(anchored(&other, Vendor::Tpm).items().iter().cloned());
    assert_refused(
        "certified_key_of_another_tpm",
        unbound(Format::Tpm, &certified.encode(), &both, NOW),
        "tpm-signature",
    );
    for vendor in [Vendor::Aws, Vendor::Intel, Vendor::NvidiaDevice] {
        let outcome = unbound(Format::Tpm, &honest.encode(), &anchored(&case.tpm, vendor), NOW);
        assert_refused("root_of_another_vendor", outcome, "tpm-ak-chain");
    }
    let outcome = unbound(Format::Tpm, &honest.encode(), &anchored(&other, Vendor::Tpm), NOW);
    assert_refused("another_root_of_the_same_name", outcome, "tpm-ak-chain");
    let wrong_owner = Endorsement::Key { owner: KeyOwner::Psa, id: vec![], spki: case.tpm.ak.spki() };
    let outcome = unbound(Format::Tpm, &honest.encode(), &Endorsements::default().with(wrong_owner), NOW);
    assert_refused("key_given_for_another_kind", outcome, "tpm-ak-chain");
    let unreadable = Endorsement::Key { owner: KeyOwner::Tpm, id: vec![], spki: vec![0x30] };
    let outcome = unbound(Format::Tpm, &honest.encode(), &case.endorsements.clone().with(unreadable), NOW);
    assert_refused("given_key_unreadable", outcome, "tpm-ak-given");
}

#[test]
fn crimes_on_certificates() {
    let case = Case::of(Algorithm::P256);
    let chain = |leaf: &Certificate, issuer: &Certificate| {
        let certificates = vec![case.tpm.issuer.issue(leaf), case.tpm.root.issue(issuer)];
        Evidence { certificates, ..case.evidence() }
    };
    let (leaf, issuer) = (case.tpm.certificate(), case.tpm.issuer_certificate());
    let san = || leaf.clone().with_extension("2.5.29.17", true, vec![0x30, 0]);
    assert!(case.judge(&chain(&san(), &issuer)).is_ok(), "the alternative name of an AK may be critical");
    let mut without_usage = leaf.clone();
    without_usage.extensions.clear();
    let encipherment = without_usage.clone().with_extension("2.5.29.15", true, vec![3, 2, 5, 0x20]);
    let dated = |certificate: &Certificate, not_before: u64, not_after: u64| Certificate {
        not_before,
        not_after,
        ..certificate.clone()
    };
    for (crime, evidence, rule) in [
        ("certificate_expired_a_second_ago", chain(&dated(&leaf, NOW.0 - DAY_S, NOW.0 - 1), &issuer), "tpm-ak-chain"),
        ("certificate_valid_in_a_second", chain(&dated(&leaf, NOW.0 + 1, NOW.0 + DAY_S), &issuer), "tpm-ak-chain"),
        ("issuer_expired_a_second_ago", chain(&leaf, &dated(&issuer, NOW.0 - DAY_S, NOW.0 - 1)), "tpm-ak-chain"),
        ("issuer_valid_in_a_second", chain(&leaf, &dated(&issuer, NOW.0 + 1, NOW.0 + DAY_S)), "tpm-ak-chain"),
        ("issuer_no_ca", chain(&leaf, &Certificate { ca: None, ..issuer.clone() }), "tpm-ak-chain"),
        ("certificate_for_encipherment", chain(&encipherment, &issuer), "tpm-ak-usage"),
        (
            "unknown_critical_extension",
            chain(&leaf.clone().with_extension("1.2.3.4", true, vec![5, 0]), &issuer),
            "tpm-ak-chain",
        ),
    ] {
        assert_refused(crime, case.judge(&evidence), rule);
    }
    for (last, certificate) in
        [("last_second", dated(&leaf, NOW.0 - DAY_S, NOW.0)), ("first_second", dated(&leaf, NOW.0, NOW.0 + DAY_S))]
    {
        assert!(case.judge(&chain(&certificate, &issuer)).is_ok(), "{last}");
    }
    let stranger = Authority::new("TPM root", Algorithm::P384);
    for (crime, crl, at) in [
        ("certificate_revoked", case.tpm.issuer.crl_now(&[7]), NOW),
        ("issuer_revoked", case.tpm.root.crl_now(&[2]), NOW),
        ("crl_expired_a_second_ago", case.tpm.root.crl(&[], NOW.0 - DAY_S, NOW.0 - 1), NOW),
        ("crl_of_the_next_second", case.tpm.root.crl(&[], NOW.0 + 1, NOW.0 + DAY_S), NOW),
        ("crl_of_a_stranger", stranger.crl_now(&[]), NOW),
    ] {
        let endorsements = case.endorsements.clone().with(Endorsement::Crl(crl));
        let outcome = unbound(Format::Tpm, &case.evidence().encode(), &endorsements, at);
        assert_refused(crime, outcome, "tpm-ak-chain");
    }
}

#[test]
fn crimes_on_the_log() {
    let case = Case::of(Algorithm::P256);
    let kernel = case.log.events.iter().position(|event| event.kind == kind::EFI_BOOT_SERVICES_APPLICATION).unwrap();
    let crimes: [(&str, On<'_>, &str); 13] = [
        ("one_event_measured_something_else", Box::new(|log| log.events[kernel].measured.push(1)), "tpm-log-diverges"),
        ("event_missing", Box::new(|log| drop(log.events.remove(kernel))), "tpm-log-diverges"),
        ("event_added", Box::new(|log| log.events.push(Event::new(4, kind::IPL, b"more"))), "tpm-log-diverges"),
        ("event_duplicated", Box::new(|log| log.events.insert(kernel, log.events[kernel].clone())), "tpm-log-diverges"),
        ("events_swapped", Box::new(|log| log.events.swap(1, 2)), "tpm-log-diverges"),
        ("event_of_another_pcr", Box::new(|log| log.events[kernel].register = 2), "tpm-log-diverges"),
        ("event_said_to_be_no_action", Box::new(|log| log.events[kernel].kind = kind::NO_ACTION), "tpm-log-diverges"),
        (
            "locality_added",
            Box::new(|log| log.events.insert(0, Event::new(0, kind::NO_ACTION, b"StartupLocality\0\x03"))),
            "tpm-log-diverges",
        ),
        ("all_of_pcr_4_missing", Box::new(|log| log.events.retain(|event| event.register != 4)), "tpm-log-incomplete"),
        ("bank_missing", Box::new(|log| log.banks = vec![SHA1, SHA384]), "tpm-log-bank"),
        ("legacy_log_for_sha256", Box::new(|log| log.banks.clear()), "tpm-log-bank"),
        ("register_200", Box::new(|log| log.events[kernel].register = 200), "tpm-log"),
        (
            "locality_9",
            Box::new(|log| log.events.insert(0, Event::new(0, kind::NO_ACTION, b"StartupLocality\0\x09"))),
            "tpm-log",
        ),
    ];
    for (crime, commit, rule) in crimes {
        let mut log = case.log.clone();
        commit(&mut log);
        assert_refused(crime, case.judge_log(&log), rule);
    }
    let mut evidence = case.evidence();
    evidence.log.push(0);
    assert_refused("log_with_a_trailing_byte", case.judge(&evidence), "tpm-log");
    evidence.log.truncate(evidence.log.len() - 2);
    assert_refused("log_truncated", case.judge(&evidence), "tpm-log");
    // The surplus event is named.
    let mut log = case.log.clone();
    log.events.push(Event::new(9, kind::IPL, b"more"));
    let refusal = case.judge_log(&log).unwrap_err();
    let place = format!("event {} (`EV_IPL`, register 9)", log.events.len() - 1);
    assert!(refusal.to_string().contains(&place), "{refusal}");
}

#[test]
fn crimes_on_the_command_line() {
    let case = Case::of(Algorithm::P256);
    let line = |line: &str| Evidence { command_line: line.to_owned(), ..case.evidence() };
    assert_refused(
        "command_line_of_another_manifest",
        case.judge(&line(&COMMAND_LINE.replacen("42", "43", 1))),
        "tpm-command-line-digest",
    );
    assert_refused(
        "command_line_without_a_log",
        case.judge(&Evidence { log: vec![], ..case.evidence() }),
        "tpm-command-line",
    );
    let absent = case.judge(&line("")).unwrap();
    assert_eq!(absent.claims().manifest, None, "without the line there is no manifest");
    let silent = case.judge(&Evidence { log: vec![], ..line("") }).unwrap();
    let Platform::Tpm(claims) = &silent.claims().platform else { panic!() };
    assert_eq!(claims.quote.log, None);
    // A boot loader before the stub, or another system that extends PCR 9 with a line of its own.
    let boots: [(&str, On<'_>); 2] = [
        (
            "boot_loader_extends_pcr_9_first",
            Box::new(|log| {
                let stub = log.events.iter().position(|event| event.register == 9).unwrap();
                log.events.insert(stub, Event::of(9, kind::IPL, b"a file", b"/boot/grub.cfg\0"));
            }),
        ),
        ("line_not_quoted", Box::new(|log| log.events.retain(|event| event.register != 9))),
    ];
    for (crime, commit) in boots {
        let mut log = case.log.clone();
        commit(&mut log);
        let quote = Quote::of(&log, SHA256, SHA256);
        assert_refused(crime, case.judge(&Evidence::of(&case.tpm, &quote, &log)), "tpm-command-line");
    }
    let mut later = case.log.clone();
    let stub = later.events.iter().position(|event| event.register == 9).unwrap();
    later.events[stub] = Event::load_options("quiet");
    later.events.push(Event::load_options(COMMAND_LINE));
    let quote = Quote::of(&later, SHA256, SHA256);
    let outcome = case.judge(&Evidence::of(&case.tpm, &quote, &later));
    assert_refused("line_measured_again_by_the_system", outcome, "tpm-command-line-digest");
    // Two manifests are none, nor is one that only SHA-1 proves.
    let twice = format!("{COMMAND_LINE} {COMMAND_LINE}");
    let log = Log::boot(&[SHA256], &twice);
    let quote = Quote::of(&log, SHA256, SHA256);
    let evidence = Evidence { command_line: twice, ..Evidence::of(&case.tpm, &quote, &log) };
    assert_eq!(case.judge(&evidence).unwrap().claims().manifest, None);
    let quote = Quote::of(&case.log, SHA1, SHA256);
    assert_eq!(case.judge_quote(&quote).unwrap().claims().manifest, None);
}

#[test]
fn crimes_on_the_layout() {
    let case = Case::of(Algorithm::P256);
    let bytes = case.evidence().encode();
    for (crime, bytes) in [
        ("empty", vec![]),
        ("trailing_byte", [bytes.as_slice(), &[0]].concat()),
        ("truncated", bytes[..bytes.len() - 1].to_vec()),
        ("seven_elements", [&[0x87], &bytes[1..], &[0x40]].concat()),
        ("indefinite_length", [&[0x9f], &bytes[1..], &[0xff]].concat()),
        ("a_map", [&[0xa3], &bytes[1..]].concat()),
        ("length_not_shortest", [&bytes[..1], &[0x59, 0, bytes[2]], &bytes[3..]].concat()),
    ] {
        assert_refused(crime, unbound(Format::Tpm, &bytes, &case.endorsements, NOW), "tpm-layout");
    }
    let many = Evidence { certificates: vec![vec![0x30, 0]; 9], ..case.evidence() };
    assert_refused("nine_certificates", case.judge(&many), "tpm-layout");
    let long = Evidence { command_line: "x".repeat(4097), ..case.evidence() };
    assert_refused("command_line_too_long", case.judge(&long), "tpm-layout");
}

#[test]
fn quotes_of_several_banks_are_compared_in_each() {
    let case = Case::of(Algorithm::P384);
    let (one, other) = (Quote::of(&case.log, SHA1, SHA384), Quote::of(&case.log, SHA384, SHA384));
    let both = Quote {
        selection: [one.selection.clone(), other.selection.clone()].concat(),
        pcrs: [one.pcrs, other.pcrs].concat(),
        ..other
    };
    let authentic = case.judge_quote(&both).unwrap();
    assert_eq!(authentic.claims().manifest, Some(Digest::from_bytes([0x42; 32])));
    let mut wrong = both.clone();
    wrong.pcrs[4].2[0] ^= 1;
    assert_refused("one_bank_wrong", case.judge_quote(&wrong), "tpm-log-diverges");
}
