//! Attestations of go-tpm-tools in which a CPU's statement came along: of an AMD, an Intel and a TPM maker of our own.

use casemate_evidence::{
    Anchor, Authenticated, Binding, Bound, DangerouslyUnbound, Endorsement, Endorsements, Evidence, Format, Isolation,
    Platform, Refusal, Role, Stated, Vendor, authenticate,
    composite::{Claims, Tie},
    recognise,
};
use casemate_testkit::{
    NOW,
    pki::Algorithm,
    vendor::{
        amd::{Amd, Line, Report, at},
        eventlog::{Log, SHA1, SHA256, SHA384},
        go_tpm_tools::{Message, attestation, snp, snp_report, td_body, tdx},
        intel::Intel,
        tpm::{self, COMMAND_LINE, Quote, Tpm},
    },
};

use super::assert_refused;

const NONCE: &[u8] = b"a nonce of its own";

struct Case {
    amd: Amd,
    intel: Intel,
    tpm: Tpm,
    endorsements: Endorsements,
}

impl Case {
    fn new() -> Self {
        let (amd, intel, tpm) = (Amd::new(Line::Milan), Intel::default(), Tpm::new(Algorithm::P256));
        let anchor = |vendor, root: Vec<u8>| Endorsement::Anchor(Anchor::of_certificate(vendor, &root).unwrap());
        let made = intel.make(&intel.tdx(4, 2));
        // No certificates of AMD's: they come along.
        let endorsements = Endorsements::default()
            .with_all([
                anchor(Vendor::Amd, amd.ark.root()),
                anchor(Vendor::Intel, made.root),
                anchor(Vendor::Tpm, tpm.root.root()),
                Endorsement::Certificate(made.tcb_signer),
                Endorsement::TcbInfo(made.tcb_info.into_bytes()),
                Endorsement::QeIdentity(made.qe_identity.into_bytes()),
            ])
            .with_all(made.crls.into_iter().map(Endorsement::Crl));
        Self { amd, intel, tpm, endorsements }
    }

    fn quoted(&self, nonce: &[u8]) -> Message {
        let log = Log::boot(&[SHA256], COMMAND_LINE);
        let quote = Quote { qualifying_data: nonce.to_vec(), ..Quote::of(&log, SHA256, SHA256) };
        attestation(&tpm::Evidence::of(&self.tpm, &quote, &log))
    }

    fn report(&self, report_data: &[u8; 64]) -> Message {
        let mut report = Report::of(Line::Milan);
        report.put(at::REPORT_DATA, report_data);
        snp_report(&report.sign(&self.amd.vcek))
    }

    fn snp(&self, report: &Message) -> Message {
        let vcek = self.amd.vcek(&Report::of(Line::Milan)).issue(&self.amd.ask);
        snp(report, [&vcek, &self.amd.ark.issue(&self.amd.ask_certificate()), &self.amd.ark.root()])
    }

    fn td_quote(&self, report_data: &[u8; 64]) -> Vec<u8> {
        let mut case = self.intel.tdx(4, 2);
        case.body[520..].copy_from_slice(report_data);
        self.intel.make(&case).quote
    }

    fn judge(&self, message: &Message) -> Result<Authenticated<DangerouslyUnbound>, Refusal> {
        let found = recognise(&message.encode()).unwrap();
        let endorsements = self.endorsements.clone().with_all(found.carried);
        authenticate(&found.evidence[0], &endorsements, &DangerouslyUnbound, NOW)
    }
}

/// A nonce as go-tpm-tools asks a CPU with it.
fn padded(nonce: &[u8]) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..nonce.len()].copy_from_slice(nonce);
    bytes
}

fn claims(authentic: &Authenticated<DangerouslyUnbound>) -> &Claims {
    let Platform::Composite(claims) = &authentic.claims().platform else { panic!("{authentic:?}") };
    claims
}

#[test]
fn the_cpu_s_statement_is_judged_with_the_quote() {
    let case = Case::new();
    for (what, message, isolation) in [
        (
            "an SEV-SNP report",
            case.quoted(NONCE).bytes(8, &case.snp(&case.report(&padded(NONCE))).encode()),
            Isolation::Snp,
        ),
        (
            "a TDX quote of version 4",
            case.quoted(NONCE).bytes(9, &tdx(&case.td_quote(&padded(NONCE))).encode()),
            Isolation::Tdx,
        ),
    ] {
        let found = recognise(&message.encode()).unwrap();
        assert_eq!(found.what, format!("{what} and a TPM quote of the sha256 bank, as go-tpm-tools writes them"));
        let authentic = case.judge(&message).unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
        assert_eq!(authentic.claims().isolation, Some(isolation));
        // What the user states is all of the CPU's report data.
        assert_eq!(authentic.claims().report_data.bytes, padded(NONCE));
        let claims = claims(&authentic);
        assert_eq!((claims.devices.len(), claims.devices[0].tie), (1, Tie::SameNonce));
        let facts = authentic.claims().facts();
        assert!(facts.rows().iter().any(|fact| fact.name == "device.0.tie" && fact.value == "same-nonce"));
    }
}

/// Put together again, they are the bytes that were signed: of every version of a report, and of a quote.
#[test]
fn statements_are_put_together_as_they_were() {
    let case = Case::new();
    let quote = case.td_quote(&[5; 64]);
    let mut statements = vec![(9, tdx(&quote), quote)];
    for (line, is_old) in [(Line::Milan, true), (Line::Milan, false), (Line::Genoa, false), (Line::Turin, false)] {
        let mut report = Report::of(line);
        report
            .put(at::FLAGS, &[1 << 2])
            .put(at::COMMITTED_BUILD, &[7, 8, 9])
            .put(at::LAUNCH_TCB, &[1, 2, 0, 0, 0, 0, 3, 200]);
        if is_old {
            report.version_2();
        }
        if line == Line::Turin {
            report.put(at::MIT_VECTORS, &[1, 2, 3, 4, 5, 6, 7, 200, 9, 8, 7, 6, 5, 4, 3, 250]);
        }
        let bytes = report.sign(&case.amd.vcek);
        statements.push((8, case.snp(&snp_report(&bytes)), bytes));
    }
    for (number, message, bytes) in statements {
        let whole = case.quoted(NONCE).bytes(number, &message.encode()).encode();
        let cpu = casemate_evidence::tpm::go_tpm_tools::Attestation::parse(&whole).unwrap().cpu().unwrap().unwrap();
        assert_eq!(hex::encode(cpu.evidence.bytes()), hex::encode(bytes));
    }
}

#[test]
fn crimes_on_the_tie() {
    let case = Case::new();
    let with = |nonce: &[u8], report_data: &[u8; 64]| {
        case.judge(&case.quoted(nonce).bytes(8, &case.snp(&case.report(report_data)).encode()))
    };
    let mut tail = padded(NONCE);
    tail[63] = 1;
    let mut off = padded(NONCE);
    off[0] ^= 1;
    for (crime, nonce, report_data) in [
        ("cpu_asked_for_another", NONCE, padded(b"another")),
        ("cpu_s_nonce_one_bit_off", NONCE, off),
        ("something_after_the_nonce", NONCE, tail),
        ("quote_s_nonce_cut", &NONCE[..10], padded(NONCE)),
        ("quote_s_nonce_longer", &[NONCE, b"!"].concat(), padded(NONCE)),
        ("cpu_not_asked_at_all", NONCE, [0; 64]),
    ] {
        assert_refused(crime, with(nonce, &report_data), "composite-nonce");
    }
    assert_refused("quote_not_asked_at_all", with(b"", &[0; 64]), "tpm-qualifying-data-empty");
    // A device that says nothing of its tie is held to the nonce that is made from the report data.
    let message = case.quoted(NONCE).bytes(8, &case.snp(&case.report(&padded(NONCE))).encode());
    let found = recognise(&message.encode()).unwrap();
    let endorsements = case.endorsements.clone().with_all(found.carried);
    let bytes = found.evidence[0].bytes();
    let name = [&[0x6a], b"same-nonce".as_slice()].concat();
    assert!(bytes.ends_with(&name));
    let place = bytes.windows(5).position(|five| five == [0x83, 0x63, b't', b'p', b'm']).unwrap();
    let mut without = bytes[..bytes.len() - name.len()].to_vec();
    without[place] = 0x82;
    let judge = |bytes: Vec<u8>| {
        authenticate(&Evidence::new(Format::Composite, bytes), &endorsements, &DangerouslyUnbound, NOW)
    };
    assert_refused("tie_left_out", judge(without), "composite-nonce");
    for (crime, tie) in [("tie_unknown", b"\x6asame_nonce"), ("tie_that_is_not_written", b"\x65nonce\x65nonc")] {
        let mut other = bytes[..bytes.len() - name.len()].to_vec();
        other.extend(tie);
        assert_refused(crime, judge(other), "composite-layout");
    }
}

#[test]
fn crimes_on_the_cpu_s_statement() {
    let case = Case::new();
    let data = padded(NONCE);
    let judge_snp = |report: &Message| case.judge(&case.quoted(NONCE).bytes(8, &case.snp(report).encode()));
    let honest = case.report(&data);
    let mut debug = Report::of(Line::Milan);
    debug.put(at::REPORT_DATA, &data).put(at::POLICY, &0xb_001f_u64.to_le_bytes());
    for (crime, report, rule) in [
        ("measurement_of_another", honest.clone().without(12).bytes(12, &[1; 48]), "snp-signature"),
        ("policy_of_another", honest.clone().without(3).number(3, 0x3_0000), "snp-signature"),
        ("guest_svn_made_up", honest.clone().number(2, 9), "snp-signature"),
        ("signature_of_zeros", honest.clone().without(28).bytes(28, &[0; 512]), "snp-signature"),
        ("debug_policy", snp_report(&debug.sign(&case.amd.vcek)), "evidence-debug"),
    ] {
        assert_refused(crime, judge_snp(&report), rule);
    }
    let quote = case.td_quote(&data);
    let honest_td = tdx(&quote);
    let mut body = quote[48..632].to_vec();
    body[136] ^= 1;
    let judge_tdx = |message: &Message| case.judge(&case.quoted(NONCE).bytes(9, &message.encode()));
    assert!(judge_tdx(&honest_td).is_ok());
    let other = honest_td.clone().without(2).bytes(2, &td_body(&body).encode());
    assert_refused("td_of_another_measurement", judge_tdx(&other), "dcap-signature");
    // What can't be put together again is no evidence: the quote alone would say less than the file.
    let snp_of = |report: &Message| (8, case.snp(report));
    for (crime, (number, statement)) in [
        ("report_without_a_chip", snp_of(&honest.clone().without(19))),
        ("measurement_cut", snp_of(&honest.clone().without(12).bytes(12, &[1; 47]))),
        ("measurement_twice", snp_of(&honest.clone().bytes(12, &[1; 48]))),
        ("build_of_nine_bits", snp_of(&honest.clone().without(21).number(21, 256))),
        ("version_of_33_bits", snp_of(&honest.clone().without(1).number(1, 1 << 32))),
        ("no_report", (8, case.snp(&honest).without(1))),
        (
            "five_registers",
            (9, honest_td.clone().without(2).bytes(2, &td_body(&quote[48..632]).bytes(11, &[0; 48]).encode())),
        ),
        ("no_header", (9, honest_td.clone().without(1))),
        ("no_signature", (9, honest_td.without(4))),
    ] {
        let message = case.quoted(NONCE).bytes(number, &statement.encode());
        assert!(recognise(&message.encode()).is_err(), "{crime}");
    }
    let both = case.quoted(NONCE).bytes(8, &case.snp(&honest).encode()).bytes(9, &tdx(&quote).encode());
    assert!(recognise(&both.encode()).is_err(), "two CPUs");
    let twice = case.quoted(NONCE).bytes(8, &case.snp(&honest).encode()).bytes(8, &case.snp(&honest).encode());
    assert!(recognise(&twice.encode()).is_err(), "one CPU twice");
}

/// Evidence of one nonce is bound where that nonce is all of the binding: 64 bytes, the CPU's and the TPM's.
#[test]
fn one_nonce_may_be_a_binding() {
    let case = Case::new();
    let binding = Binding {
        role: Role::Keep,
        nonce: [1; 32],
        manifest: casemate_cose::Digest::from_bytes([0x40; 32]),
        exporter: [3; 32],
        own_key: casemate_cose::Digest::from_bytes([4; 32]),
        peer_key: casemate_cose::Digest::from_bytes([5; 32]),
    };
    let data = binding.report_data();
    let judge = |nonce: &[u8], data: &[u8; 64]| {
        let message = case.quoted(nonce).bytes(8, &case.snp(&case.report(data)).encode());
        let found = recognise(&message.encode()).unwrap();
        let endorsements = case.endorsements.clone().with_all(found.carried);
        let stated = authenticate(&found.evidence[0], &endorsements, &Stated::new(data.to_vec()), NOW).map(drop);
        (authenticate(&found.evidence[0], &endorsements, &Bound::new(binding.clone()), NOW), stated)
    };
    assert!(judge(&data, &data).0.is_ok());
    let (bound, stated) = judge(NONCE, &padded(NONCE));
    assert!(stated.is_ok());
    assert_refused("nonce_of_another_protocol", bound, "evidence-binding");
    assert_refused("half_of_the_binding", judge(&data[..32], &data).0, "composite-nonce");
}

/// Each of several quotes is judged: a signed statement in the file that nobody looks at may say anything.
#[test]
fn every_quote_is_judged() {
    let case = Case::new();
    let log = Log::boot(&[SHA1, SHA256, SHA384], COMMAND_LINE);
    let made = |bank: u16, nonce: &[u8]| {
        let quote = Quote { qualifying_data: nonce.to_vec(), ..Quote::of(&log, bank, SHA256) };
        attestation(&tpm::Evidence::of(&case.tpm, &quote, &log))
    };
    let quote = |bank: u16, nonce: &[u8], flipped: Option<usize>| {
        let message = made(bank, nonce);
        let mut field = message.0.into_iter().find(|(number, _)| *number == 2).unwrap();
        if let Some(place) = flipped {
            let place = field.1.windows(4).position(|four| four == b"\xffTCG").unwrap() + place;
            field.1[place] ^= 1;
        }
        field
    };
    let whole = |flipped: Option<usize>, nonce: &[u8]| {
        let mut message = made(SHA256, NONCE);
        message.0.insert(1, quote(SHA1, nonce, flipped));
        message.0.push(quote(SHA384, NONCE, None));
        message
    };
    let judge = |message: &Message, place: usize| {
        let found = recognise(&message.encode()).unwrap();
        let endorsements = case.endorsements.clone().with_all(found.carried);
        let bank = ["sha384", "sha256", "sha1"][place];
        assert_eq!(found.parts[place], format!("the TPM quote of the {bank} bank"));
        let is_alone = found.evidence[place].format() == Format::Tpm;
        let stated = Stated::new(if is_alone { NONCE.to_vec() } else { padded(NONCE).to_vec() });
        authenticate(&found.evidence[place], &endorsements, &stated, NOW)
    };
    let cpu = case.snp(&case.report(&padded(NONCE))).encode();
    for with_cpu in [false, true] {
        let whole = |flipped, nonce: &[u8]| {
            let message = whole(flipped, nonce);
            if with_cpu { message.bytes(8, &cpu) } else { message }
        };
        let honest = whole(None, NONCE);
        let what = recognise(&honest.encode()).unwrap().what;
        assert!(
            what.ends_with("TPM quotes of the sha384, sha256 and sha1 banks, as go-tpm-tools writes them"),
            "{what}"
        );
        for place in 0..3 {
            drop(judge(&honest, place).unwrap_or_else(|refusal| panic!("{place}: {refusal}")));
        }
        // The clock, in the middle of the statement; the type, which isn't signed into sense; another's nonce.
        for (crime, message, rule) in [
            ("clock_of_another", whole(Some(70), NONCE), "tpm-signature"),
            ("no_quote", whole(Some(5), NONCE), "tpm-type"),
        ] {
            assert!(judge(&message, 0).is_ok() && judge(&message, 1).is_ok(), "{crime}");
            assert_refused(crime, judge(&message, 2), rule);
        }
        let rule = if with_cpu { "composite-nonce" } else { "evidence-binding" };
        assert_refused("nonce_of_another", judge(&whole(None, b"another"), 2), rule);
    }
    // One of the same bank is another quote; one of an unknown bank can't be judged.
    let mut twice = made(SHA256, NONCE);
    twice.0.push(quote(SHA256, NONCE, Some(70)));
    assert_eq!(recognise(&twice.encode()).unwrap().evidence.len(), 2);
    let mut unknown = made(SHA256, NONCE);
    unknown.0.push((2, Message::default().bytes(2, &Message::default().bytes(3, &[8, 0x12]).encode()).encode()));
    assert!(recognise(&unknown.encode()).is_err());
}

#[test]
fn nothing_makes_it_panic() {
    let case = Case::new();
    let snp = case.quoted(NONCE).bytes(8, &case.snp(&case.report(&padded(NONCE))).encode()).encode();
    let tdx = case.quoted(NONCE).bytes(9, &tdx(&case.td_quote(&padded(NONCE))).encode()).encode();
    for bytes in [snp, tdx] {
        for length in (0..bytes.len()).step_by(3) {
            let _never_panics = recognise(&bytes[..length]);
        }
        for place in (0..bytes.len()).step_by(5) {
            let mut changed = bytes.clone();
            changed[place] ^= 0x80;
            let _never_panics = recognise(&changed);
        }
    }
}
