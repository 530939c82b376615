//! Crimes on certificates: each one mutation of an honest one, signed again by its key, refused by exactly one rule.

use super::*;

/// The honest parts: the crimes replace one.
struct Parts {
    quote: Vec<u8>,
    claims: Vec<u8>,
    tag: u64,
    more: Vec<(&'static str, bool, Vec<u8>)>,
}

fn parts(maker: &RaTls) -> Parts {
    let claims = maker.claims().encode();
    Parts { quote: maker.quote(&maker.intel.sgx(3), &claims), claims, tag: QUOTE_TAG, more: Vec::new() }
}

impl Parts {
    fn certificate(&self, maker: &RaTls) -> Certificate {
        let wrapped = wrapped(self.tag, &self.quote, &self.claims);
        let certificate = maker.certificate().with_extension(WRAPPER, false, wrapped);
        self.more.iter().fold(certificate, |certificate, (name, is_critical, value)| {
            certificate.with_extension(name, *is_critical, value.clone())
        })
    }

    fn issue(&self, maker: &RaTls) -> Vec<u8> {
        maker.own.issue(&self.certificate(maker))
    }
}

#[test]
fn crimes_on_the_key() {
    let (maker, other) = (RaTls::default(), RaTls::default());
    let honest = parts(&maker);
    assert!(judge(&maker, &honest.issue(&maker)).is_ok());
    // The relay's first step: this enclave's quote in a certificate of a key of the thief's.
    let stolen = other.own.issue(&Certificate { spki: other.own.key.spki(), ..honest.certificate(&maker) });
    assert_refused("quote_in_the_certificate_of_another_key", judge(&maker, &stolen), "ratls-key-binding");
    let spki = maker.own.key.spki();
    let of_claims = |claims: cbor::Map| {
        let claims = claims.encode();
        Parts { quote: maker.quote(&maker.intel.sgx(3), &claims), claims, ..parts(&maker) }.issue(&maker)
    };
    let sha256 = Digest::of(&spki);
    let point = Digest::of(&maker.own.key.public());
    let mut no_key = maker.claims();
    no_key.remove(&cbor::text("pubkey-hash"));
    let mut twice = maker.claims();
    twice.push(&cbor::text("pubkey-hash"), cbor::bytes(&[0x82, 1, 0x40]));
    let mut no_array = maker.claims();
    no_array.set(&cbor::text("pubkey-hash"), cbor::bytes(sha256.as_bytes()));
    let mut trailing = maker.claims();
    let entry = cbor::array(&[cbor::head(0, 1), cbor::bytes(sha256.as_bytes())]);
    trailing.set(&cbor::text("pubkey-hash"), cbor::bytes(&[entry.as_slice(), &[0]].concat()));
    let mut long = maker.claims();
    long.set(&cbor::text("nonce"), cbor::bytes(&[0; 1025]));
    for (crime, claims, rule) in [
        ("hash_of_another_key", claims(1, &[7; 32]), "ratls-key-binding"),
        ("hash_of_the_bare_point", claims(1, point.as_bytes()), "ratls-key-binding"),
        ("hash_cut", claims(1, &sha256.as_bytes()[..31]), "ratls-key-binding"),
        ("hash_empty", claims(1, &[]), "ratls-key-binding"),
        ("hash_said_to_be_of_another_function", claims(7, sha256.as_bytes()), "ratls-key-binding"),
        ("hash_of_an_unknown_function", claims(6, &sha256.as_bytes()[..4]), "ratls-hash-algorithm"),
        ("no_key_hash", no_key, "ratls-no-key-hash"),
        ("key_hash_twice", twice, "ratls-claims"),
        ("key_hash_without_a_function", no_array, "ratls-claims"),
        ("bytes_after_the_key_hash", trailing, "ratls-claims"),
        ("nonce_too_long", long, "ratls-claims"),
    ] {
        assert_refused(crime, judge(&maker, &of_claims(claims)), rule);
    }
    let indefinite = maker.claims().encode_indefinite();
    let quote = maker.quote(&maker.intel.sgx(3), &indefinite);
    let bytes = Parts { quote, claims: indefinite, ..parts(&maker) }.issue(&maker);
    assert_refused("claims_of_indefinite_length", judge(&maker, &bytes), "ratls-claims");
}

#[test]
fn crimes_on_quote_and_claims() {
    let maker = RaTls::default();
    let honest = parts(&maker);
    let sgx = maker.intel.sgx(3);
    let with = |commit: &dyn Fn(&mut Parts)| {
        let mut parts = parts(&maker);
        commit(&mut parts);
        judge(&maker, &parts.issue(&maker))
    };
    let mut fresh = maker.claims();
    fresh.set(&cbor::text("nonce"), cbor::bytes(b"challenge"));
    let fresh = fresh.encode();
    let mut tail = [0; 64];
    tail[..32].copy_from_slice(Digest::of(&honest.claims).as_bytes());
    tail[63] = 1;
    let tail = maker.quote_stating(&sgx, &tail);
    let over_key = maker.quote(&sgx, &maker.own.key.spki());
    for (crime, commit, rule) in [
        (
            "claims_changed_after_the_quote",
            &(|it: &mut Parts| it.claims = fresh.clone()) as &dyn Fn(&mut Parts),
            "ratls-claims-digest",
        ),
        ("quote_over_the_key_itself", &|it| it.quote = over_key.clone(), "ratls-claims-digest"),
        ("second_half_in_use", &|it| it.quote = tail.clone(), "ratls-report-data-tail"),
        ("quote_truncated", &|it| it.quote.truncate(it.quote.len() - 1), "dcap-layout"),
        ("bytes_after_the_quote", &|it| it.quote.push(0), "ratls-quote-trailing"),
        ("quote_empty", &|it| it.quote.clear(), "dcap-layout"),
        ("quote_s_signature_changed", &|it| it.quote[440] ^= 1, "dcap-signature"),
        ("enclave_of_another_measurement", &|it| it.quote[48 + 64] ^= 1, "dcap-signature"),
        ("tag_of_a_local_report", &|it| it.tag = 60_001, "ratls-tag"),
        ("tag_of_cose", &|it| it.tag = 18, "ratls-tag"),
    ] {
        assert_refused(crime, with(commit), rule);
    }
    let header = [&[3_u8, 0, 0, 0][..], &[0; 24], &honest.quote].concat();
    assert_refused(
        "quote_in_open_enclave_s_header",
        with(&|it| it.quote = header.clone()),
        "dcap-attestation-key-type",
    );
    let extension =
        |value: Vec<u8>| judge(&maker, &maker.own.issue(&maker.certificate().with_extension(WRAPPER, false, value)));
    let good = wrapped(QUOTE_TAG, &honest.quote, &honest.claims);
    for (crime, value, rule) in [
        ("bytes_after_the_evidence", [good.as_slice(), &[0]].concat(), "ratls-evidence"),
        ("evidence_truncated", good[..good.len() - 1].to_vec(), "ratls-evidence"),
        ("no_tag", good[3..].to_vec(), "ratls-tag"),
        (
            "three_elements",
            cbor::tag(
                QUOTE_TAG,
                &cbor::array(&[cbor::bytes(&honest.quote), cbor::bytes(&honest.claims), cbor::null()]),
            ),
            "ratls-evidence",
        ),
        (
            "quote_as_text",
            cbor::tag(QUOTE_TAG, &cbor::array(&[cbor::text("quote"), cbor::bytes(&honest.claims)])),
            "ratls-evidence",
        ),
        ("empty", vec![], "ratls-evidence"),
    ] {
        assert_refused(crime, extension(value), rule);
    }
}

#[test]
fn crimes_on_the_certificate() {
    let (maker, other) = (RaTls::default(), RaTls::default());
    let honest = parts(&maker);
    let with = |name: &'static str, is_critical: bool, value: Vec<u8>| {
        Parts { more: vec![(name, is_critical, value)], ..parts(&maker) }.issue(&maker)
    };
    let wrapped = wrapped(QUOTE_TAG, &honest.quote, &honest.claims);
    let sgx = maker.intel.sgx(3);
    let mut elsewhere = sgx.clone();
    elsewhere.body[64] ^= 1;
    let of_another_enclave = maker.quote(&elsewhere, &maker.own.key.spki());
    let of_another_key = maker.quote(&sgx, &other.own.key.spki());
    let two_older = Parts {
        more: vec![
            (GRAMINE, false, maker.quote(&sgx, &maker.own.key.spki())),
            (INTEL_SDK, false, honest.quote.clone()),
        ],
        ..parts(&maker)
    };
    let bytes = honest.issue(&maker);
    let mut broken = bytes.clone();
    let last = broken.len() - 1;
    broken[last] ^= 1;
    let none = maker.own.issue(&maker.certificate());
    let sgx_extension = casemate_testkit::vendor::intel::Sgx::default().to_der();
    let pck = maker.own.issue(&maker.certificate().with_extension(INTEL_SDK, false, sgx_extension));
    for (crime, bytes, rule) in [
        ("extension_twice", with(WRAPPER, false, wrapped), "ratls-layout"),
        ("older_quote_of_another_enclave", with(GRAMINE, false, of_another_enclave), "ratls-two-quotes"),
        ("older_quote_for_another_key", with(GRAMINE, false, of_another_key), "ratls-key-binding"),
        ("older_quote_unreadable", with(GRAMINE, false, vec![3, 0, 2, 0]), "dcap-layout"),
        ("older_quotes_of_two_schemes", two_older.issue(&maker), "ratls-two-quotes"),
        ("critical_unknown_extension", with("1.2.3.4", true, vec![5, 0]), "ratls-certificate"),
        ("no_quote", none.clone(), "ratls-no-quote"),
        ("pck_certificate", pck.clone(), "ratls-no-quote"),
        ("signature_changed", broken, "ratls-signature"),
        ("signed_by_another_key_under_its_own_name", other.own.issue(&honest.certificate(&maker)), "ratls-signature"),
        ("bytes_after_the_certificate", [bytes.as_slice(), &[0]].concat(), "ratls-layout"),
        ("truncated", bytes[..bytes.len() - 1].to_vec(), "ratls-layout"),
        ("two_certificates", bytes.repeat(2), "ratls-layout"),
        ("a_quote_alone", honest.quote.clone(), "ratls-layout"),
    ] {
        assert_refused(crime, judge(&maker, &bytes), rule);
    }
    assert!(recognise(&none).is_err() && recognise(&pck).is_err(), "certificates without quotes are no evidence");
    let mut debug = sgx;
    debug.body[48] |= 2;
    let debug = Parts { quote: maker.quote(&debug, &honest.claims), ..parts(&maker) }.issue(&maker);
    assert_refused("debug_enclave", judge(&maker, &debug), "evidence-debug");
    let evidence = Evidence::new(Format::Ratls, debug);
    assert!(authenticate(&evidence, &endorsements(&maker), &AllowDebug::new(DangerouslyUnbound), NOW).is_ok());
    assert_refused("another_intel_s", unbound(Format::Ratls, &bytes, &endorsements(&other), NOW), "dcap-pck-chain");
}

#[test]
fn crimes_on_the_dates() {
    let maker = RaTls::default();
    let endorsements = endorsements(&maker);
    // Shorter than anything that vouches for the platform.
    let certificate =
        Certificate { not_before: NOW.0 - 60, not_after: NOW.0 + 60, ..parts(&maker).certificate(&maker) };
    let bytes = maker.own.issue(&certificate);
    let [first, last] = edges(&certificate);
    for at in [first, last] {
        let authentic = unbound(Format::Ratls, &bytes, &endorsements, at).unwrap();
        assert_eq!((authentic.support().window.not_before, authentic.support().window.not_after), (first, last));
    }
    for (crime, at) in [("a_second_early", UnixTime(first.0 - 1)), ("a_second_late", UnixTime(last.0 + 1))] {
        assert_refused(crime, unbound(Format::Ratls, &bytes, &endorsements, at), "ratls-certificate");
    }
}
