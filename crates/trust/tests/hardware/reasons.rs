//! What a denial says, in which order, and that it always says the same.

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Binding, Bound, Isolation, Role};
use casemate_testkit::{NOW, vendor::amd::at};
use casemate_trust::{
    ACCEPTED_FOR_S, DenyReason, Domain, Hardware, Verdict, appraise,
    component::{self, registry},
    draft, machine_name,
    proof::{Facts, check},
    statement::{
        Demand, Kind, Measurement, Purpose, Register, Release, Sentence, Statement, Subject, Test, Validity, Value,
    },
};

use super::{
    accepted, denied, domain, hasty,
    machines::{composite, snp, snp_for, tdx},
    rules,
};

/// The TCB of a host whose microcode is of 213.
const OLD: &[(usize, &[u8])] = &[(at::REPORTED_TCB, &[4, 0, 0, 0, 0, 0, 24, 0xd5])];

const PATCHED: &str = r#"[domain]
owner = "clinic"

[[runtime]]
name = "casemate 0.1.0"
snp = { measurement = "3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e" }

[[platform]]
name = "AMD Milan, patched"
kind = "snp"
any_genuine_chip = true
[platform.require]
product = ["Milan", "Genoa"]
"reported-tcb.microcode" = { at_least = 0xdb }
"#;

#[test]
fn a_shortfall_says_what_it_takes_and_where() {
    let domain = Domain::parse(PATCHED).unwrap();
    assert!(matches!(appraise(snp(&[]), &domain, NOW), Verdict::Accepted(_)));
    let reasons = denied(snp(OLD), &domain, NOW);
    assert_eq!(reasons.len(), 1);
    assert_eq!(
        reasons[0].to_string(),
        "reported-tcb.microcode 0xd5, domain demands at least 0xdb, by `AMD Milan, patched` (line 14): update the host's firmware, or \
         lower the floor in line 14"
    );
}

#[test]
fn nearest_misses_come_first_and_of_several_rules_the_nearest_counts() {
    let evidence = || snp(OLD);
    let floor = |name: &str, least| Demand { property: name.to_owned(), test: Test::AtLeast(Value::Number(least)) };
    let with = |label: &str, demands: Vec<Demand>| {
        let mut statements = rules(hasty(&evidence()), |rule| rule.demands = demands.clone());
        statements.retain(|one| matches!(&one.sentence, Sentence::Trusted { subject: Subject::Platform(_), .. }));
        statements.iter_mut().for_each(|statement| statement.label = label.to_owned());
        statements
    };
    let far = with("far", vec![floor("reported-tcb.snp", 99), floor("reported-tcb.tee", 9), floor("vmpl", 9)]);
    let near = with("near", vec![floor("reported-tcb.microcode", 0xff), floor("reported-tcb.snp", 25)]);
    let mut rest = hasty(&evidence());
    rest.retain(|one| !matches!(&one.sentence, Sentence::Trusted { subject: Subject::Platform(_), .. }));
    let domain = domain([far, near, rest].concat());
    let late = evidence().claims().at.plus_s(ACCEPTED_FOR_S + 1);
    let reasons = denied(evidence(), &domain, late);
    let told: Vec<_> =
        reasons.iter().map(|reason| (reason.rule(), reason.place().map(|place| place.label.as_str()))).collect();
    // By one, by 42, and a second too late.
    assert_eq!(told, [("domain-property", Some("near")), ("domain-property", Some("near")), ("domain-time", None)]);
    assert!(reasons[0].actual().starts_with("reported-tcb.snp 24"), "{}", reasons[0]);
}

#[test]
fn what_runs_is_told_register_by_register() {
    let other = tdx(2, &[(328, &[1; 48]), (328 + 96, &[2; 48])]);
    let reasons = denied(other, &domain(draft(&tdx(2, &[]), "td").statements), NOW);
    let registers: Vec<_> = reasons
        .iter()
        .map(|reason| match reason {
            DenyReason::Register { register, .. } => register.as_str(),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(registers, ["rtmr-0", "rtmr-2"]);
}

#[test]
fn a_statement_that_no_longer_counts_is_named() {
    let evidence = || snp(&[]);
    let runtime = |statement: &&mut Statement| {
        matches!(&statement.sentence, Sentence::Trusted { subject: Subject::Measurement(_), .. })
    };
    let changed = |change: &dyn Fn(&mut Statement)| {
        let mut statements = hasty(&evidence());
        change(statements.iter_mut().find(runtime).unwrap());
        statements
    };
    let expired = changed(&|own| own.validity = Validity { not_before: UnixTime(0), not_after: UnixTime(NOW.0 - 1) });
    let later = changed(&|own| own.validity = Validity { not_before: NOW.plus_s(1), not_after: UnixTime(u64::MAX) });
    let old = changed(&|own| {
        let Sentence::Trusted { purpose, .. } = &mut own.sentence else { panic!() };
        *purpose = Purpose::Execution(Some(Release { line: "casemate".to_owned(), version: 2 }));
    });
    let floor = Statement::always("floor", Sentence::Floor(Release { line: "casemate".to_owned(), version: 3 }));
    let revoked = hasty(&evidence());
    let digest = revoked
        .iter()
        .find(|own| matches!(&own.sentence, Sentence::Trusted { subject: Subject::Measurement(_), .. }))
        .unwrap()
        .digest();
    let revokes = Statement::always("revoked", Sentence::Revokes(digest));
    for (statements, rule) in [
        (expired, "domain-lapsed"),
        (later, "domain-lapsed"),
        ([old, vec![floor]].concat(), "domain-floor"),
        ([revoked, vec![revokes]].concat(), "domain-revoked"),
    ] {
        let reasons = denied(evidence(), &domain(statements), NOW);
        let rules: Vec<_> = reasons.iter().map(DenyReason::rule).collect();
        assert_eq!(rules, [rule], "{}", reasons[0]);
    }
}

#[test]
fn the_same_input_gives_the_same_bytes_in_every_order() {
    let statements = draft(&composite(), "host").statements;
    let verdict = |statements: Vec<Statement>| accepted(composite(), statements);
    let first = verdict(statements.clone());
    for turn in 1..statements.len() {
        let mut turned = statements.clone();
        turned.rotate_left(turn);
        if turn % 2 == 0 {
            turned.reverse();
        }
        let other = verdict(turned.clone());
        assert_eq!(first.proof().to_bytes(), other.proof().to_bytes());
        assert_eq!(first.components(), other.components());
        assert_eq!((first.domain_digest(), first.believed()), (other.domain_digest(), other.believed()));
        // Denials too: of evidence that meets none of it.
        let reasons = |statements: Vec<Statement>| format!("{:?}", denied(tdx(2, &[]), &domain(statements), NOW));
        assert_eq!(reasons(statements.clone()), reasons(turned));
    }
}

#[test]
fn a_bound_keep_of_hardware_is_accepted_with_what_contracts_need() {
    let binding = Binding {
        role: Role::Keep,
        nonce: [1; 32],
        manifest: Digest::from_bytes([0x40; 32]),
        exporter: [3; 32],
        own_key: Digest::from_bytes([4; 32]),
        peer_key: Digest::from_bytes([5; 32]),
    };
    let data = binding.report_data();
    let evidence = || snp_for(&[(at::REPORT_DATA, &data)], &Bound::new(binding.clone()));
    let statements = draft(&evidence(), "host").statements;
    let verdict = accepted(evidence(), statements.clone());
    let keep = verdict.keep().unwrap();
    let registers = vec![Register { name: "measurement".to_owned(), value: vec![0x3e; 48] }];
    let measurement = Measurement { kind: casemate_trust::statement::Kind::Snp, registers };
    assert_eq!(keep.runtime, Digest::of(&casemate_cose::encode(&measurement)));
    assert_eq!((keep.isolation, keep.manifest), (Isolation::Snp, Some(binding.manifest)));
    assert_eq!((keep.program, keep.launcher, keep.lacks.as_slice()), (None, None, &[][..]));
    assert_eq!(verdict.believed()[0].hardware, Hardware::Listed);
    // The proof is of the session's key, and the checker needs nothing but it, the domain and the evidence.
    let goal = Sentence::Trusted { subject: Subject::Key(binding.own_key), purpose: Purpose::KeyProvision };
    let domain = domain(statements);
    let effective = domain.effective(NOW).unwrap();
    let facts = Facts { components: verdict.components(), key: Some(binding.own_key) };
    assert_eq!(check(verdict.proof(), effective.standing(), facts, NOW), Ok(&goal));
    let stranger = Facts { key: Some(Digest::from_bytes([9; 32])), ..facts };
    assert!(check(verdict.proof(), effective.standing(), stranger, NOW).is_err());
}

#[test]
fn drafts_are_in_order_under_a_comment_and_named_after_the_machine() {
    assert_eq!(machine_name(&snp(&[])), "Milan");
    let evidence = tdx(2, &[]);
    let name = machine_name(&evidence);
    assert!(name.starts_with("TDX ") && name.len() == 16, "{name}");
    let text = domain(draft(&evidence, &name).statements).to_toml();
    let lines: Vec<&str> = text.lines().collect();
    for (place, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with('[')) {
        assert!(lines[place - 1].starts_with("# "), "{line} has no comment above:\n{text}");
    }
    // As the registry has them, numbers by their value.
    let demands = text.lines().skip_while(|line| !line.starts_with("[platform.require]")).skip(1);
    let names: Vec<String> = demands.map_while(|line| Some(line.split_once(" = ")?.0.replace('"', ""))).collect();
    let place = |name: &String| registry::place(Kind::Tdx, name);
    assert!(names.len() > 10 && names.is_sorted_by_key(place), "{names:?}");
    assert!(registry::place(Kind::Tdx, "pck-components.2") < registry::place(Kind::Tdx, "pck-components.10"));
    for useless in ["quote-version", "revocation-checked = false", "at_least = 0 ", "pce-id"] {
        assert!(!text.contains(useless), "`{useless}` says nothing:\n{text}");
    }
    let guest = domain(draft(&snp(&[]), "Milan").statements).to_toml();
    assert!(!guest.contains("cpuid") && !guest.contains("report-version"), "{guest}");
    assert!(guest.contains("name = \"Milan\""), "{guest}");
}

#[test]
fn remedies_fit_what_is_asked() {
    let text = |text: &str| Value::Text(text.to_owned());
    let microcode = "reported-tcb.microcode";
    for (property, test, remedy) in [
        (microcode, Test::AtLeast(Value::Number(0xff)), "update the host's firmware, or lower the floor"),
        (microcode, Test::Equals(Value::Number(0xff)), "update the host's firmware, or change the value"),
        (microcode, Test::Equals(Value::Number(1)), "run where `reported-tcb.microcode` is 0x1, or change the value"),
        (microcode, Test::AtMost(Value::Number(1)), "run where `reported-tcb.microcode` is at most 0x1, or raise"),
        (microcode, Test::NotEquals(Value::Number(0xdb)), "run where `reported-tcb.microcode` is anything but 0xdb"),
        ("product", Test::Equals(text("Genoa")), "run on another host, or change the value"),
    ] {
        let own = snp(&[]);
        let value = component::components(own.claims())[0].property(property).unwrap().clone();
        let test = if matches!(test, Test::NotEquals(_)) { Test::NotEquals(value.clone()) } else { test };
        let statements = rules(hasty(&own), |rule| {
            rule.demands = vec![Demand { property: property.to_owned(), test: test.clone() }];
        });
        let reasons = denied(snp(&[]), &domain(statements), NOW);
        let told = reasons[0].remedy();
        let remedy = remedy.replace("0xdb", &registry::property(Kind::Snp, property).unwrap().show(&value));
        assert!(told.starts_with(&remedy), "{property} {test:?}: {told}");
    }
    for (test, remedy) in [
        (Test::Equals(text("OutOfDate")), "run where `tcb-status` is `OutOfDate`"),
        (Test::NotEquals(text("UpToDate")), "run where `tcb-status` is anything but `UpToDate`"),
    ] {
        let statements = rules(hasty(&tdx(2, &[])), |rule| {
            rule.demands = vec![Demand { property: "tcb-status".to_owned(), test: test.clone() }];
        });
        let reasons = denied(tdx(2, &[]), &domain(statements), NOW);
        assert!(reasons[0].remedy().starts_with(remedy), "{}", reasons[0].remedy());
    }
}

#[test]
fn the_readmes_domain_accepts_its_machine() {
    let readme = include_str!("../../../../README.md");
    let text = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let after = |word: &str| text.split(word).nth(1).unwrap().split('"').nth(1).unwrap();
    let (chip, measurement) = (after("chips = ["), after("measurement = "));
    assert_eq!((chip.len(), measurement.len()), (128, 96));
    // The same machine, but for the names that the test kit gives its chip and guest.
    let own = |text: &str| text.replace(chip, &"c1".repeat(64)).replace(measurement, &"3e".repeat(48));
    let guest = || snp(&[(at::REPORTED_TCB, &[4, 0, 0, 0, 0, 0, 24, 0xdb])]);
    let domain = Domain::parse(&own(text)).unwrap();
    if let Verdict::Denied(reasons) = appraise(guest(), &domain, NOW) {
        panic!("{}", reasons[0]);
    }
    let reasons = denied(guest(), &Domain::parse(text).unwrap(), NOW);
    let told: Vec<_> = reasons.iter().map(DenyReason::rule).collect();
    assert_eq!(told, ["domain-property", "domain-register", "domain-identity"], "another machine");
}
