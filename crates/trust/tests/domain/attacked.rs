//! What a domain once let pass: programs that nothing asked for, places that contradict each other, refusals dropped in silence, and
//! registers that say nothing.

use std::collections::BTreeSet;

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Digest, Signer, SigningKey, UnixTime};
use casemate_trust::{
    Domain, DomainError,
    statement::{Purpose, Release, Sentence, Signed, Statement, Subject},
};

use crate::{entry_of, full, long, signed_entry};

const AT: UnixTime = UnixTime(1_795_305_600);

fn parse(text: &str) -> Domain {
    Domain::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn head(sequence: u64) -> String {
    format!("[domain]\nowner = \"clinic\"\nsequence = {sequence}\n")
}

fn program(byte: u8, words: &str) -> String {
    format!("[[program]]\nname = \"p{byte}\"\ndigest = \"{}\"\n{words}\n", Digest::from_bytes([byte; 32]))
}

#[test]
fn where_programs_are_named_no_others_are_accepted() {
    let may =
        |text: &str, byte: u8| parse(&(head(1) + text)).accepts_program(Digest::from_bytes([byte; 32]), AT).unwrap();
    assert!(may("", 1), "a domain that names none leaves them to the contract");
    assert!(may(&program(1, ""), 1) && !may(&program(1, ""), 2));
    assert!(may(&program(1, "release = \"p\"\nversion = 2"), 1));
    for words in ["until = 2026-01-01", "from = 2027-01-01"] {
        assert!(!may(&program(1, words), 1), "{words}");
    }
    let team = SigningKey::from_seed(&[5; 32]);
    let delegate = format!(
        "[[delegate]]\nname = \"team\"\nkey = \"{}\"\nmay_publish = [\"programs\"]\nuntil = 2027-01-01\n",
        team.public()
    );
    assert!(!may(&delegate, 1), "whom it lets publish programs has published none");
    let trusted =
        Sentence::Trusted { subject: Subject::Program(Digest::from_bytes([1; 32])), purpose: Purpose::Execution(None) };
    let published =
        Signed::sign(&Statement::always("p1", trusted), &Signer::Ed25519(team), &SystemRandom::new()).unwrap();
    let text = delegate + &signed_entry(&published);
    assert!(may(&text, 1) && !may(&text, 2));
    assert!(may(&signed_entry(&published), 2), "what a stranger says of programs changes nothing");
}

#[test]
fn a_chip_in_two_places_is_a_contradiction() {
    let region = |name: &str, words: &str| {
        format!("[[region]]\nname = \"{name}\"\nchips = {{ snp = [\"{}\"] }}\n{words}\n", "c1".repeat(64))
    };
    let error = Domain::parse(&(head(1) + &region("cn", "") + &region("eu", ""))).unwrap_err();
    assert!(matches!(&error, DomainError::Contradiction { .. }), "{error}");
    assert!(error.to_string().contains("has the `region` `eu` here, and `cn` in `cn`"), "{error}");
    // It moved.
    parse(&(head(1) + &region("cn", "until = 2026-01-01") + &region("eu", "from = 2026-01-02")));
}

#[test]
fn what_others_say_is_not_excluded_by_what_they_do_not_say() {
    let text = full().replace("region = \"EU\"", "region = { not = \"CN\" }");
    let error = Domain::parse(&text).unwrap_err();
    assert_eq!(&text[error.span().unwrap()], "\"CN\"");
    assert!(
        error.to_string().contains("`region` is what others say") && error.help().contains("list the values"),
        "{error}"
    );
}

#[test]
fn what_was_refused_is_not_dropped_in_silence() {
    let (team, other) = (SigningKey::from_seed(&[5; 32]), SigningKey::from_seed(&[6; 32]).public());
    let public = team.public();
    let floor = Statement::always("floor", Sentence::Floor(Release { line: "c".to_owned(), version: 7 }));
    let floor = Signed::sign(&floor, &Signer::Ed25519(team), &SystemRandom::new()).unwrap();
    let gone = Digest::from_bytes([9; 32]);
    let base = format!(
        "[[delegate]]\nname = \"team\"\nkey = \"{}\"\nmay_publish = [\"measurements\"]\nuntil = 2027-01-01\n",
        public
    );
    let revoke = format!("[[revoke]]\nstatement = \"{gone}\"\n");
    let signer = format!("[[signer]]\nname = \"s\"\nkey = \"{}\"\n", other);
    let parts = [
        (gone.to_string(), revoke),
        ("signers".to_owned(), signer),
        ("programs".to_owned(), program(1, "")),
        (floor.digest().to_string(), entry_of(floor.object())),
    ];
    let all: String = parts.iter().map(|(_, text)| text.as_str()).collect();
    let old = parse(&(head(5) + &base + &all));
    parse(&(head(6) + &base + &all)).supersedes(&old).unwrap();
    for (name, dropped) in &parts {
        let new = parse(&(head(6) + &base + &all.replace(dropped.as_str(), "")));
        let error = new.supersedes(&old).unwrap_err();
        assert!(
            matches!(error, DomainError::Rollback { .. }) && error.help().contains(&format!("--drop {name}")),
            "{error}"
        );
        let wrong = BTreeSet::from(["something else".to_owned()]);
        assert!(new.supersedes_dropping(&old, &wrong).is_err());
        new.supersedes_dropping(&old, &BTreeSet::from([name.clone()])).unwrap();
    }
    // The owner's own floor stands in for a delegate's, and a revocation comes no later.
    let own = parts[0].1.clone() + &parts[1].1 + &parts[2].1;
    let risen = "[[floor]]\nrelease = \"c\"\nversion = 8\n";
    parse(&(head(6) + &base + &own + risen)).supersedes(&old).unwrap();
    let later = all.replace(&format!("\"{gone}\"\n"), &format!("\"{gone}\"\nfrom = 2030-01-01\n"));
    assert!(parse(&(head(6) + &base + &later)).supersedes(&old).is_err());
}

#[test]
fn registers_that_say_nothing_and_purposes_that_nobody_asks_for_are_suspicious() {
    let machine = |kind: &str, registers: &str, words: &str| {
        let vendor = if kind == "tpm" { "attesters = [\"tpm\"]\n" } else { "" };
        format!(
            "[[platform]]\nname = \"m-{kind}\"\nkind = \"{kind}\"\nany_genuine_chip = true\n{vendor}{words}\n[[runtime]]\nname = \"r\"\n{kind} = {registers}\n"
        )
    };
    let zeros = |bytes: usize| "00".repeat(bytes);
    let ones = |bytes: usize| "01".repeat(bytes);
    let tdx = |register: &str, value: String| {
        machine("tdx", &format!("{{ {register} = \"{value}\" }}"), "require = { tcb-status = \"UpToDate\" }")
    };
    let tpm = |pcr: u8, value: String| machine("tpm", &format!("{{ \"pcr.sha256.{pcr}\" = \"{value}\" }}"), "");
    let warned =
        |text: &str| parse(&(head(0) + text)).warnings().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for (text, what) in [
        (tdx("rtmr-3", ones(48)), "names no register of tdx that is measured at the start"),
        (tpm(16, ones(32)), "names no register of tpm that is measured at the start"),
        (tdx("mr-td", zeros(48)), "names registers of tdx that are all zero"),
        (tpm(16, zeros(32)), "names registers of tpm that are all zero"),
        (
            machine(
                "tdx",
                &format!("{{ mr-td = \"{}\" }}", ones(48)),
                "require = { td-attributes = \"0000000010000000\" }",
            ),
            "demands no `tcb-status`",
        ),
        (
            tdx("mr-td", ones(48)) + &tpm(4, ones(32)).replace("name = \"r\"", "name = \"r2\""),
            "with = [\"tpm\"] asks for it",
        ),
        (
            format!(
                "[[key]]\nname = \"k\"\nkey = \"{}\"\ntrusted_for = [\"key-provision\"]\n",
                Digest::from_bytes([1; 32])
            ),
            "which nothing asks of a domain",
        ),
    ] {
        assert!(warned(&text).contains(what), "{what}\n{}", warned(&text));
    }
    for text in [tdx("mr-td", ones(48)), tpm(4, ones(32))] {
        let warned = warned(&text);
        assert!(
            !warned.contains("measured at the start") && !warned.contains("zero") && !warned.contains("tcb-status"),
            "{warned}"
        );
    }
}

#[test]
fn what_could_not_be_read_again_is_told_when_it_is_opened() {
    let never = Statement::always(
        "a",
        Sentence::Trusted {
            subject: Subject::Program(Digest::from_bytes([1; 32])),
            purpose: Purpose::Execution(Some(Release { line: "a".to_owned(), version: 1 })),
        },
    );
    let floor = Statement::always("b", Sentence::Floor(Release { line: "a".to_owned(), version: 2 }));
    let domain = Domain::of("clinic", 0, vec![never, floor], vec![], vec![]).unwrap();
    let opened = Domain::from_bytes(&domain.to_bytes()).unwrap();
    assert!(Domain::parse(&opened.to_toml()).is_err(), "the text would be refused");
    assert!(opened.unwritable().unwrap().contains("is below the floor"), "{:?}", opened.unwritable());
    assert!(opened.warnings().iter().any(|warning| warning.what.starts_with("as `domain.toml` it would be refused")));
    assert_eq!(parse(&full()).unwritable(), None);
    assert_eq!(Domain::from_bytes(&parse(&full()).to_bytes()).unwrap().unwritable(), None);
}

#[test]
fn with_is_read_and_written() {
    let text = |with: &str| {
        long(&format!(
            "{}[[runtime]]\nname = \"r\"\nsnp = {{ measurement = \"aa01\" }}\ntpm = {{ \"pcr.sha256.7\" = \"b5\" }}\n[[platform]]\nname = \"m\"\nkind = \"snp\"\nany_genuine_chip = true\n{with}\n[[platform]]\nname = \"t\"\nkind = \"tpm\"\nany_genuine_chip = true\nattesters = [\"amd\"]\n",
            head(0)
        ))
    };
    let domain = parse(&text("with = [\"tpm\"]"));
    assert!(domain.to_toml().contains("with = [\"tpm\"]\n"), "{}", domain.to_toml());
    assert_eq!(Domain::parse(&domain.to_toml()).unwrap(), domain);
    for (with, what) in [
        ("with = []", "a list of kinds"),
        ("with = [\"gpus\"]", "is no kind of platform"),
        ("with = [\"gpu\"]", "no `[[platform]]` of that kind is accepted"),
        ("require = { \"beside.tpm\" = 1 }", "is said by `with`"),
    ] {
        let error = Domain::parse(&text(with)).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    }
    let many = format!("with = [{}]", vec!["\"tpm\""; 16].join(", "));
    assert!(Domain::parse(&text(&many)).is_err());
}
