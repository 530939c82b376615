//! Whether a domain with what is imported accepts more than either of them.
//!
//! What runs and what it runs on are trusted apart: in one domain, each measurement counts on each platform of its kind. So what a document
//! says of what runs would count on platforms that the domain has, and what the domain says of what runs on the document's platforms.
//! Where both have platforms of a kind,
//!
//! 1. a measurement that is new to the domain, or counts there no more, asks that each of its platforms of the kind is within one of the document's;
//! 2. a measurement that the document lacks asks that each of the document's platforms of the kind is within one of the domain's that
//!    counts now;
//! 3. who is newly believed to attest the kind would vouch for the domain's measurements on its platforms, as only others could before. Who is
//!    believed already may be for longer: reference values that end are renewed so.
//!
//! A rule is within another if the other accepts all that it accepts: it knows no hardware besides, admits nothing besides, and each demand of the
//! other follows from one of its own.

use std::fmt;

use casemate_cose::UnixTime;

use crate::{
    Domain,
    proof::{Effective, ProofError, State},
    statement::{
        Demand, Identities, Kind, PlatformRule, Purpose, Said, Sentence, Statement, Subject, Test, Validity, Value,
    },
};

/// Why an import would make a domain accept more than it and the document do alone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Widening {
    /// Somebody is believed to attest this kind who was not.
    Attester {
        /// What is attested.
        kind: Kind,
        /// What the document's statement is called.
        label: String,
    },
    /// What the document says runs would run on a platform of the domain's with less than the document demands.
    DomainsPlatform {
        /// What the platform is called.
        label: String,
        /// What the document demands and it does not.
        lacks: String,
    },
    /// What the domain says runs would run on a platform of the document's with less than the domain demands.
    DocumentsPlatform {
        /// What the platform is called.
        label: String,
        /// What the domain demands and it does not.
        lacks: String,
    },
}

impl fmt::Display for Widening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attester { kind, label } => {
                write!(
                    f,
                    "`{label}` would vouch for what the domain lets run on `{kind}`, as only others may until now"
                )
            }
            Self::DomainsPlatform { label, lacks } => {
                write!(
                    f,
                    "what it lets run would run on the domain's platform `{label}` with less than it demands: {lacks}"
                )
            }
            Self::DocumentsPlatform { label, lacks } => {
                write!(
                    f,
                    "what the domain lets run would run on its platform `{label}` with less than the domain demands: {lacks}"
                )
            }
        }
    }
}

/// Why `imported` would make `domain` accept more than either does at this time; `None` if it doesn't.
///
/// # Errors
/// [`ProofError`]: what follows from the domain can't be computed.
pub fn widening(domain: &Domain, imported: &[Statement], at: UnixTime) -> Result<Option<Widening>, ProofError> {
    let effective = domain.effective(at)?;
    let before: Vec<&Statement> = domain.statements().said().iter().map(|said| said.statement()).collect();
    let believed: Vec<&Statement> =
        domain.own().filter(|said| has_counted(&effective, said)).map(Said::statement).collect();
    let imported: Vec<&Statement> = imported.iter().collect();
    Ok(Kind::ALL.iter().find_map(|kind| {
        let counting: Vec<&Statement> = effective.platform_rules(*kind).map(|(_, said)| said.statement()).collect();
        let running: Vec<&Statement> = effective.all_measurements(*kind).map(|(_, said, _)| said.statement()).collect();
        let before = Before { all: &before, believed: &believed, counting: &counting, running: &running };
        of_kind(*kind, &before, &imported)
    }))
}

/// What a domain says before the import.
struct Before<'a> {
    /// Whoever says it, whether or not it counts.
    all: &'a [&'a Statement],
    /// The owner's that have begun and are not revoked. What has ended may be renewed.
    believed: &'a [&'a Statement],
    /// The rules for platforms that count now.
    counting: &'a [&'a Statement],
    /// The measurements that count now.
    running: &'a [&'a Statement],
}

fn has_counted(effective: &Effective, said: &Said) -> bool {
    !matches!(effective.standing().state(said.digest()), State::NotYet | State::Revoked(_))
}

fn of_kind(kind: Kind, before: &Before<'_>, imported: &[&Statement]) -> Option<Widening> {
    let Before { all: before, believed, counting, running } = before;
    let (own, theirs) = (platforms(kind, before), platforms(kind, imported));
    // 3
    let is_believed = |statement: &Statement| believed.iter().any(|other| other.sentence == statement.sentence);
    let newly = imported.iter().find(|statement| attests(kind, statement) && !is_believed(statement));
    if let Some(statement) = newly.filter(|_| !own.is_empty() && runs(kind, before).next().is_some()) {
        return Some(Widening::Attester { kind, label: statement.label.clone() });
    }
    if own.is_empty() || theirs.is_empty() {
        return None;
    }
    // 1
    if runs(kind, imported).any(|statement| !is_among(statement, believed) && !is_among(statement, running))
        && let Some((label, lacks)) = outside(&own, &theirs)
    {
        return Some(Widening::DomainsPlatform { label, lacks });
    }
    // 2
    if runs(kind, before).any(|statement| !is_among(statement, imported))
        && let Some((label, lacks)) = outside(&theirs, &platforms(kind, counting))
    {
        return Some(Widening::DocumentsPlatform { label, lacks });
    }
    None
}

/// A rule for platforms, and what it is called.
struct Called<'a> {
    label: &'a str,
    rule: &'a PlatformRule,
}

fn platforms<'a>(kind: Kind, statements: &[&'a Statement]) -> Vec<Called<'a>> {
    let rules = statements.iter().filter_map(|statement| match statement.sentence.unnested().1 {
        Sentence::Trusted { subject: Subject::Platform(rule), .. } if rule.kind == kind => {
            Some(Called { label: &statement.label, rule })
        }
        _ => None,
    });
    rules.collect()
}

/// What says that something may run on this kind.
fn runs<'a>(kind: Kind, statements: &'a [&'a Statement]) -> impl Iterator<Item = &'a Statement> {
    statements.iter().copied().filter(move |statement| {
        matches!(
            statement.sentence.unnested().1,
            Sentence::Trusted { subject: Subject::Measurement(measured), .. } if measured.kind == kind
        )
    })
}

fn attests(kind: Kind, statement: &Statement) -> bool {
    let Sentence::Trusted { subject: Subject::Key(_) | Subject::Vendor(_), purpose: Purpose::Attestation(of) } =
        statement.sentence.unnested().1
    else {
        return false;
    };
    of.map_or(kind != Kind::Software, |of| of == kind)
}

/// Whether one of them says the same, for at least as long.
fn is_among(statement: &Statement, others: &[&Statement]) -> bool {
    let Validity { not_before, not_after } = statement.validity;
    others.iter().any(|other| {
        other.sentence == statement.sentence
            && other.validity.not_before <= not_before
            && other.validity.not_after >= not_after
    })
}

/// The first of the rules that is within none of the others, and what it lacks of the one that it comes nearest to. Where there are no
/// others, that is one that counts.
fn outside(rules: &[Called<'_>], others: &[Called<'_>]) -> Option<(String, String)> {
    rules.iter().find_map(|one| {
        let lacks: Vec<Vec<String>> = others.iter().map(|other| lacks(one.rule, other.rule)).collect();
        let nearest =
            lacks.into_iter().min_by_key(Vec::len).unwrap_or_else(|| vec!["a rule that counts now".to_owned()]);
        (!nearest.is_empty()).then(|| (one.label.to_owned(), nearest.join(", ")))
    })
}

/// What keeps a rule from being within another: nothing, if it is.
fn lacks(rule: &PlatformRule, other: &PlatformRule) -> Vec<String> {
    let mut lacks = Vec::new();
    let is_listed = match (&rule.identities, &other.identities) {
        (_, Identities::AnyGenuineChip) => true,
        (Identities::AnyGenuineChip, Identities::Listed(_)) => false,
        (Identities::Listed(own), Identities::Listed(others)) => own.is_subset(others),
    };
    if !is_listed {
        lacks.push("hardware that is listed".to_owned());
    }
    lacks.extend(rule.allow.difference(&other.allow).map(|allowance| format!("no `{allowance}`")));
    let follows = |demand: &&Demand| {
        rule.demands.iter().any(|own| own.property == demand.property && implies(&own.test, &demand.test))
    };
    let demands = other.demands.iter().filter(|demand| !follows(demand));
    lacks.extend(demands.map(|demand| format!("`{}` {}", demand.property, demand.words(other.kind))));
    lacks
}

/// Whether all that meets one test meets the other. Where it isn't plain, no.
fn implies(test: &Test, other: &Test) -> bool {
    match (test, other) {
        (Test::Equals(value), _) => other.is_met_by(value),
        (Test::OneOf(values), _) => !values.is_empty() && values.iter().all(|value| other.is_met_by(value)),
        (Test::AtLeast(Value::Number(own)), Test::AtLeast(Value::Number(least))) => own >= least,
        (Test::AtLeast(Value::Time(own)), Test::AtLeast(Value::Time(least))) => own >= least,
        (Test::AtMost(Value::Number(own)), Test::AtMost(Value::Number(most))) => own <= most,
        (Test::AtMost(Value::Time(own)), Test::AtMost(Value::Time(most))) => own <= most,
        (Test::SubsetOf(own), Test::SubsetOf(others)) => own.iter().all(|member| others.contains(member)),
        _ => test == other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::statement::Allowance;

    const NOW: UnixTime = UnixTime(1_795_312_496);
    const HEAD: &str = "[domain]\nowner = \"clinic\"\n";

    fn runtime(name: &str, digit: &str) -> String {
        format!("[[runtime]]\nname = \"{name}\"\nsnp = {{ measurement = \"{}\" }}\n", digit.repeat(96))
    }

    fn platform(name: &str, rest: &str) -> String {
        format!("[[platform]]\nname = \"{name}\"\nkind = \"snp\"\n{rest}\n")
    }

    fn found(before: &str, imported: &str) -> Option<String> {
        let domain = Domain::parse(&format!("{HEAD}{before}")).unwrap();
        let imported = Domain::statements_of(imported).unwrap();
        widening(&domain, &imported, NOW).unwrap().map(|widening| widening.to_string())
    }

    const ANY: &str = "any_genuine_chip = true\n";
    const PATCHED: &str = "any_genuine_chip = true\nrequire = { \"reported-tcb.microcode\" = { at_least = 115 } }\n";

    #[test]
    fn what_runs_is_not_let_onto_weaker_platforms() {
        let document = runtime("theirs", "a") + &platform("patched", PATCHED);
        let own = |rest: &str| runtime("mine", "c") + &platform("hosts", rest);
        for (rest, part) in [
            (ANY, "`reported-tcb.microcode` at least 0x73"),
            (
                "any_genuine_chip = true\nallow = [\"migratable\"]\nrequire = { \"reported-tcb.microcode\" = { at_least = 200 } }",
                "no `migratable`",
            ),
            ("any_genuine_chip = true\nrequire = { \"reported-tcb.microcode\" = { at_least = 114 } }", "0x73"),
        ] {
            let told = found(&own(rest), &document).unwrap();
            assert!(told.contains("domain's platform `hosts`") && told.contains(part), "{told}");
        }
        // The other way round: what the domain lets run, on the document's platforms.
        let strict = own("any_genuine_chip = true\nrequire = { \"reported-tcb.microcode\" = { at_least = 200 } }");
        let told = found(&strict, &document).unwrap();
        assert!(told.contains("its platform `patched`") && told.contains("0xc8"), "{told}");
        let listed = own(&format!(
            "chips = [\"{}\"]\nrequire = {{ \"reported-tcb.microcode\" = {{ at_least = 115 }} }}",
            "1f".repeat(64)
        ));
        let told = found(&listed, &document).unwrap();
        assert!(told.contains("hardware that is listed"), "{told}");
    }

    #[test]
    fn what_widens_nothing_is_let_in() {
        let document = runtime("theirs", "a") + &platform("patched", PATCHED);
        let own = runtime("mine", "c") + &platform("hosts", PATCHED);
        assert_eq!(found(&own, &document), None, "both demand the same");
        assert_eq!(found("", &document), None);
        // A document that says nothing of platforms of its kind leaves them to the domain.
        assert_eq!(found(&own, &runtime("theirs", "a")), None);
        // All of it is there already.
        assert_eq!(found(&document, &document), None);
        // What is there for shorter is not.
        let shorter = document.replace("[[platform]]", "until = 2027-01-01T00:00:00Z\n[[platform]]");
        assert_eq!(found(&(shorter.clone() + &platform("weak", ANY)), &shorter), None);
        assert!(found(&(shorter + &platform("weak", ANY)), &document).is_some());
    }

    #[test]
    fn a_platform_that_counts_for_nothing_covers_none() {
        let document = runtime("theirs", "a") + &platform("any", ANY);
        let strict = "any_genuine_chip = true\nrequire = { \"reported-tcb.microcode\" = { at_least = 200 } }\n";
        let own = runtime("mine", "c") + &platform("hosts", strict);
        let old = platform("old", ANY);
        assert_eq!(found(&(own.clone() + &old), &document), None);
        let digest = {
            let domain = Domain::parse(&format!("{HEAD}{own}{old}")).unwrap();
            let is_old = |said: &&Said| platforms(Kind::Snp, &[said.statement()]).iter().any(|one| one.label == "old");
            domain.own().find(is_old).unwrap().digest()
        };
        for dead in [
            format!("{old}until = 2026-11-20\n"),
            format!("{old}from = 2027-01-01\n"),
            format!("{old}[[revoke]]\nstatement = \"{digest}\"\nfrom = 2026-01-01\n"),
        ] {
            let told = found(&(own.clone() + &dead), &document).unwrap();
            assert!(told.contains("its platform `any`") && told.contains("0xc8"), "{told}");
            let told = found(&(runtime("mine", "c") + &dead), &document).unwrap();
            // What has not begun leaves its attester to be believed anew, too.
            assert!(
                told.contains("its platform `any`") && told.contains("a rule that counts now")
                    || told.contains("`any` would vouch"),
                "{told}"
            );
        }
    }

    #[test]
    fn a_measurement_that_was_revoked_is_new() {
        let own = runtime("mine", "c") + &platform("weak", ANY) + &runtime("theirs", "a");
        let document = runtime("theirs", "a") + "until = 2027-01-01\n" + &platform("patched", PATCHED);
        assert_eq!(found(&own, &document), None);
        let domain = Domain::parse(&format!("{HEAD}{own}")).unwrap();
        let digest = domain.own().find(|said| said.statement().label == "theirs").unwrap().digest();
        let revoked = own + &format!("[[revoke]]\nstatement = \"{digest}\"\nfrom = 2026-01-01\n");
        let told = found(&revoked, &document).unwrap();
        assert!(told.contains("domain's platform `weak`") && told.contains("0x73"), "{told}");
    }

    #[test]
    fn whoever_newly_attests_is_told() {
        let own = runtime("mine", "c") + &platform("hosts", ANY);
        let digest = format!("sha256:{}", "ab".repeat(32));
        let key = |word: &str| format!("[[key]]\nname = \"k\"\nkey = \"{digest}\"\ntrusted_for = [\"{word}\"]\n");
        for word in ["attestation", "attestation:snp"] {
            assert!(found(&own, &key(word)).unwrap().contains("`k` would vouch for what the domain lets run on `snp`"));
        }
        for word in ["attestation:tdx", "authentication"] {
            assert_eq!(found(&own, &key(word)), None);
        }
        // Who was believed until then may be again, but not who is revoked.
        let named = own + &key("attestation");
        let ended = format!("{named}until = 2026-11-20\n");
        assert_eq!(found(&ended, &key("attestation")), None);
        let begins = format!("{named}from = 2027-01-01\n");
        assert!(found(&begins, &key("attestation")).is_some());
        let revoked = format!("{named}[[revoke]]\nkey = \"{digest}\"\nfrom = 2026-01-01\n");
        assert!(found(&revoked, &key("attestation")).is_some());
    }

    #[test]
    fn tests_follow_from_tests() {
        let number = Value::Number;
        let any = [
            Test::AtLeast(number(2)),
            Test::AtLeast(number(4)),
            Test::AtMost(number(2)),
            Test::AtMost(number(4)),
            Test::Equals(number(3)),
            Test::Equals(number(4)),
            Test::NotEquals(number(3)),
            Test::NotEquals(number(9)),
            Test::OneOf(vec![number(3), number(4)]),
            Test::OneOf(vec![number(1), number(9)]),
            Test::OneOf(Vec::new()),
        ];
        for one in &any {
            for other in &any {
                if implies(one, other) {
                    let broken = (0..12).map(number).find(|value| one.is_met_by(value) && !other.is_met_by(value));
                    assert_eq!(broken, None, "{one:?} and {other:?}");
                }
            }
            assert!(implies(one, one) || *one == Test::OneOf(Vec::new()));
        }
        let rule = PlatformRule {
            kind: Kind::Snp,
            identities: Identities::AnyGenuineChip,
            demands: Vec::new(),
            allow: BTreeSet::from([Allowance::Debug]),
        };
        assert_eq!(lacks(&rule, &rule), Vec::<String>::new());
    }
}
