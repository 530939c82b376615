//! Names that somebody else would get, or that would last longer than what they rest on. One crime each.

use casemate_cose::Digest;
use casemate_evidence::{BoundToKey, Endorsement, Endorsements, Evidence, Format, Hash, Tie};
use casemate_testkit::{
    NOW, der,
    pki::Algorithm,
    vendor::{
        amd::Line,
        azure::Azure,
        eventlog::{Log, SHA256, SHA384},
        ratls::{GRAMINE, INTEL_SDK, RaTls},
        tpm::{COMMAND_LINE, Quote},
    },
};
use casemate_trust::{
    result::{Admission, ResultError, jwt_svid, what_runs},
    statement::{Measurement, Purpose, Sentence, Statement, Subject},
};

use crate::{
    admitted::{p256, random},
    key_bound::{Made, STATED, anchor, digest, names, neighbours, own, ratls, snp, svid, what},
};

/// An enclave states what it is asked to state. Somebody asks with what names a key of his own, and puts the answer into a certificate that
/// he signs himself: nothing shows that the enclave made it.
#[test]
fn a_certificate_around_a_quote_is_no_more_than_report_data() {
    let maker = RaTls::default();
    let spki = maker.own.key.spki();
    let quote = |over: &[u8]| maker.quote(&maker.intel.sgx(3), over);
    let gramine = maker.certificate().with_extension(GRAMINE, false, quote(&spki));
    let sdk = maker.certificate().with_extension(INTEL_SDK, false, quote(&maker.pem_of_key()));
    let certificates = [maker.interoperable(&maker.claims()), maker.own.issue(&gramine), maker.own.issue(&sdk)];
    for certificate in certificates {
        let made = Made { evidence: Evidence::new(Format::Ratls, certificate), ..ratls(&maker) };
        let accepted = made.accepted_by(&spki, made.statements(&spki), NOW);
        assert_eq!(accepted.binding().tie(accepted.claims()), Some(Tie::Certificate));
        let what = what(&accepted);
        assert_eq!(svid(&accepted, &spki, &names(what, ""), NOW), Err(ResultError::StatedKey { what }));
        let token = jwt_svid(&accepted, "reports", &names(what, ""), &p256(), &random(), NOW);
        assert_eq!(token, Err(ResultError::StatedKey { what }));
        // With the word for it, the crime succeeds.
        assert!(svid(&accepted, &spki, &names(what, STATED), NOW).is_ok());
    }
}

/// The statement that some measurement may run, and the same of the registers that `keeps` keeps.
fn also(statements: &[Statement], keeps: impl Fn(&str) -> bool) -> Statement {
    let of = |statement: &Statement| match &statement.sentence {
        Sentence::Trusted { subject: Subject::Measurement(own), purpose } => Some((own.clone(), purpose.clone())),
        _ => None,
    };
    let (own, purpose): (Measurement, Purpose) = statements.iter().find_map(of).unwrap();
    let registers: Vec<_> = own.registers.iter().filter(|register| keeps(&register.name)).cloned().collect();
    assert!(!registers.is_empty() && registers.len() < own.registers.len(), "{own:?}");
    let subject = Subject::Measurement(Measurement { registers, ..own });
    Statement::always("another", Sentence::Trusted { subject, purpose })
}

/// The domain accepts the same enclave by several measurements: which of them was looked at first decides no name.
#[test]
fn of_several_measurements_the_name_is_the_same_by_each() {
    let maker = RaTls::default();
    let spki = maker.own.key.spki();
    let made = ratls(&maker);
    let drafted = made.statements(&spki);
    let narrow = what(&made.accepted_by(&spki, drafted.clone(), NOW));
    let wider = also(&drafted, |register| register == "mr-enclave");
    for both in [[drafted.clone(), vec![wider.clone()]].concat(), [vec![wider], drafted].concat()] {
        let accepted = made.accepted_by(&spki, both, NOW);
        let runs = what_runs(&accepted).unwrap();
        let [first, wide] = runs[..] else { panic!("{runs:?}") };
        assert_eq!(first, narrow, "the one that names the most comes first");
        let called = |text: &str| {
            let head = "[admission]\ntrust_domain = \"clinic\"\n";
            let admission = Admission::parse(&format!("{head}{text}")).unwrap();
            admission.name(&accepted).map(|(id, _)| id.workload().as_str().to_owned())
        };
        let workload = |name: &str, what: Digest, more: &str| {
            format!("[[workload]]\nname = \"{name}\"\nruns = \"{what}\"\n{more}\n")
        };
        for named in [narrow, wide] {
            assert_eq!(called(&workload("cohort", named, STATED)).unwrap(), "cohort", "the one that has a name");
        }
        let same = [workload("cohort", narrow, STATED), workload("cohort", wide, STATED)].concat();
        assert_eq!(called(&same).unwrap(), "cohort");
        // Which one may state keys, and which host is whose, is of the name.
        for other in [workload("payroll", wide, STATED), workload("cohort", wide, "")] {
            let refused = called(&[workload("cohort", narrow, STATED), other].concat());
            let Err(ResultError::Ambiguous { names }) = refused else { panic!("{refused:?}") };
            assert!(names.contains(&narrow.to_string()) && names.contains(&wide.to_string()), "{names}");
        }
        assert_eq!(called(&workload("cohort", Digest::of(b"else"), "")), Err(ResultError::Unnamed { what: narrow }));
        let open = Admission::new("clinic".parse().unwrap(), 60).unwrap();
        assert!(matches!(open.name(&accepted), Err(ResultError::Ambiguous { .. })), "two digests, two names");
    }
}

/// Every VM on one paravisor has the CPU's measurement; what runs in it, its vTPM's registers say.
#[test]
fn no_name_follows_from_the_cpu_alone() {
    let azure = Azure::default();
    let log = Log::boot(&[SHA256, SHA384], COMMAND_LINE);
    let mut quote = Quote::of(&log, SHA256, SHA256);
    quote.qualifying_data = digest(Hash::Sha256, &own());
    let endorsements = Endorsements::default()
        .with(anchor(casemate_evidence::Vendor::Amd, &azure.amd.ark.root()))
        .with_all([azure.amd.ark.crl_now(&[]), azure.amd.ask.crl_now(&[])].map(Endorsement::Crl));
    let evidence = Evidence::new(Format::Azure, azure.evidence(&quote, &log, COMMAND_LINE).encode());
    let made = Made { evidence, endorsements };
    let accepted = made.accepted_by(&own(), made.statements(&own()), NOW);
    assert_eq!(accepted.binding().tie(accepted.claims()), Some(Tie::ReportData));
    let several = ResultError::SeveralComponents { actual: 2 };
    assert_eq!(what_runs(&accepted), Err(several.clone()));
    // The crime: the paravisor has a name, as a guest that runs on no paravisor may have.
    let paravisor = accepted.keep().unwrap().runtime;
    assert_eq!(svid(&accepted, &own(), &names(paravisor, STATED), NOW), Err(several.clone()));
    let open = Admission::new("clinic".parse().unwrap(), 60).unwrap();
    assert_eq!(svid(&accepted, &own(), &open, NOW), Err(several));
}

/// A list of what was revoked ends in a minute, and so does what was named by it.
#[test]
fn no_name_outlasts_what_it_rests_on() {
    let maker = RaTls::default();
    let spki = maker.own.key.spki();
    let made = ratls(&maker);
    let crl_ends = NOW.plus_s(3600);
    let accepted = made.accepted_by(&spki, made.statements(&spki), NOW.plus_s(3540));
    assert!(accepted.expires() > crl_ends, "the verdict would count longer");
    let admission = names(what(&accepted), STATED);
    assert_eq!(admission.until(&accepted, NOW.plus_s(3540)), Ok(crl_ends));
    let late = crl_ends.plus_s(1);
    assert_eq!(svid(&accepted, &spki, &admission, late), Err(ResultError::Expired { expires: late, at: late }));
    // Nor the authority that gave it.
    let authority_ends = NOW.plus_s(3550);
    let ending = admission.ending(authority_ends);
    assert_eq!(ending.until(&accepted, NOW.plus_s(3540)), Ok(authority_ends));
    let late = authority_ends.plus_s(1);
    let token = jwt_svid(&accepted, "reports", &ending, &p256(), &random(), late);
    assert_eq!(token, Err(ResultError::Expired { expires: late, at: late }));
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [der::element(2, modulus), der::element(2, exponent)];
    let algorithm = der::sequence(&[der::oid("1.2.840.113549.1.1.1"), vec![5, 0]]);
    der::sequence(&[algorithm, der::bits(&der::sequence(&numbers))])
}

/// Keys that others can compute: whoever has such a key's evidence has its name.
#[test]
fn weak_keys_are_not_named() {
    let modulus = |bytes: usize| [vec![0], vec![0xc5; bytes]].concat();
    assert!(BoundToKey::new(rsa(&modulus(256), &[1, 0, 1])).is_ok(), "the same of 2048 bits");
    assert!(BoundToKey::new(rsa(&modulus(2048), &[3])).is_ok(), "and of 16384");
    for (crime, key) in [
        ("512 bits", rsa(&modulus(64), &[1, 0, 1])),
        ("2040 bits", rsa(&modulus(255), &[1, 0, 1])),
        ("2047 bits", rsa(&[vec![0x7f], vec![0xc5; 255]].concat(), &[1, 0, 1])),
        ("16392 bits", rsa(&modulus(2049), &[1, 0, 1])),
        ("a negative modulus", rsa(&[0xc5; 256], &[1, 0, 1])),
        ("an exponent of 1", rsa(&modulus(256), &[1])),
        ("an even exponent", rsa(&modulus(256), &[2])),
        (
            "no exponent",
            der::sequence(&[
                der::sequence(&[der::oid("1.2.840.113549.1.1.1"), vec![5, 0]]),
                der::bits(&der::sequence(&[der::element(2, &modulus(256))])),
            ]),
        ),
    ] {
        assert!(BoundToKey::new(key.clone()).is_err(), "{crime}");
        assert!(casemate_evidence::check_named_key(&key).is_err(), "{crime}");
    }
    let real = casemate_testkit::pki::Key::new(Algorithm::RsaPkcs1Sha256).spki();
    let made = snp(&digest(Hash::Sha512, &real), None);
    let accepted = made.accepted_by(&real, made.statements(&real), NOW);
    assert!(svid(&accepted, &real, &names(what(&accepted), STATED), NOW).is_ok(), "{:?}", Line::Milan);
    assert!(svid(&accepted, &neighbours(), &names(what(&accepted), STATED), NOW).is_err());
}
