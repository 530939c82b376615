//! Rights to publish within limits, and things that are revoked: in text and back, compiled, told, and kept when a domain is replaced.

use std::collections::BTreeSet;

use casemate_cose::UnixTime;
use casemate_trust::{
    Domain, DomainError,
    statement::{Limits, Purpose, Sentence, Statement},
};

const KEY: &str = "sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";
const PROGRAM: &str = "sha256:0707070707070707070707070707070707070707070707070707070707070707";

fn domain(entries: &str) -> Result<Domain, DomainError> {
    Domain::parse(&format!("[domain]\nowner = \"clinic\"\nsequence = 1\n{entries}"))
}

fn delegate(topics: &str, words: &str) -> String {
    format!("[[delegate]]\nname = \"team\"\nkey = \"{KEY}\"\nmay_publish = [{topics}]\nuntil = 2027-03-31\n{words}\n")
}

fn limits(domain: &Domain) -> Option<Limits> {
    domain.own().find_map(|said| match &said.statement().sentence {
        Sentence::Trusted { purpose: Purpose::Publishing { limits, .. }, .. } => limits.as_deref().cloned(),
        _ => None,
    })
}

#[test]
fn limits_are_read_compiled_told_and_written_back() {
    for (topics, words, told) in [
        ("\"measurements\"", "releases = [\"casemate\"]", "may publish measurements of release `casemate` until 2027"),
        ("\"measurements\"", "kinds = [\"snp\", \"tdx\"]", "may publish measurements of kind snp, tdx until"),
        (
            "\"measurements\"",
            "releases = [\"b\", \"a\"]\nkinds = [\"snp\"]\ndepth = 1",
            "may publish measurements of release `a`, `b` and of kind snp, and let one other key until",
        ),
        ("\"measurements\", \"programs\"", "releases = [\"casemate\"]", "may publish programs of release `casemate`"),
        ("\"properties\"", "properties = [\"region\"]", "may publish properties called `region`"),
        ("\"keys\"", "kinds = [\"tpm\"]", "may publish keys of kind tpm"),
    ] {
        let domain = domain(&delegate(topics, words)).unwrap_or_else(|error| panic!("{words}: {error}"));
        assert!(limits(&domain).is_some());
        let all: Vec<String> = domain.own().map(|said| said.statement().to_string()).collect();
        assert!(all.iter().any(|one| one.contains(told)), "{all:?}");
        let text = domain.to_toml();
        assert!(!text.contains("[[statement]]"), "{text}");
        assert_eq!(Domain::parse(&text).unwrap(), domain, "{text}");
        assert_eq!(Domain::from_bytes(&domain.to_bytes()).unwrap(), domain);
    }
}

/// What was compiled before there were limits has the bytes that it had.
#[test]
fn without_limits_nothing_changes() {
    let domain = domain(&delegate("\"measurements\"", "")).unwrap();
    assert_eq!(limits(&domain), None);
    let digest = domain.own().next().unwrap().digest().to_string();
    assert_eq!(digest, WITHOUT_LIMITS);
}

/// Computed by another implementation, in Python.
const WITHOUT_LIMITS: &str = "sha256:40fa6d3488a1df4865aa7ca34b3a8a4b448a84cdfaa088da278aca0776b8d6cf";

#[test]
fn limits_that_say_nothing_are_marked() {
    for (topics, words, message) in [
        ("\"measurements\"", "releases = []", "an empty list lets nothing count"),
        ("\"measurements\"", "kinds = []", "an empty list"),
        ("\"measurements\"", "kinds = [\"sev\"]", "is no kind of platform"),
        ("\"measurements\"", "properties = [\"region\"]", "statements about measurements name no properties"),
        ("\"measurements\", \"keys\"", "releases = [\"casemate\"]", "statements about keys name no releases"),
        ("\"programs\"", "kinds = [\"snp\"]", "statements about programs name no kinds"),
        ("\"revocations\"", "kinds = [\"snp\"]", "statements about revocations name no kinds"),
        ("\"properties\"", "properties = [\"Region\"]", "a name of lower-case letters"),
        ("\"measurements\"", "releases = [\"a\", \"a\"]", "appears twice"),
    ] {
        let error = domain(&delegate(topics, words)).unwrap_err();
        assert!(error.to_string().contains(message), "{words}: {error}");
        assert!(error.span().is_some() && !error.help().is_empty());
    }
}

#[test]
fn a_limited_delegate_makes_only_that_count_which_it_may_publish() {
    let platform = "[[platform]]\nname = \"AMD\"\nkind = \"snp\"\nany_genuine_chip = true\n";
    let parse = |words: &str| domain(&(delegate("\"measurements\"", words) + platform));
    assert!(parse("").is_ok() && parse("kinds = [\"snp\"]").is_ok() && parse("releases = [\"x\"]").is_ok());
    let error = parse("kinds = [\"tdx\"]").unwrap_err();
    assert!(error.to_string().contains("no `[[runtime]]` has registers of snp"), "{error}");
    let floor = "[[floor]]\nrelease = \"casemate\"\nversion = 2\n";
    let first = |words: &str| {
        let text = format!("[domain]\nowner = \"clinic\"\n{}{floor}", delegate("\"measurements\"", words));
        Domain::parse(&text)
    };
    assert!(first("releases = [\"casemate\"]").is_ok());
    assert!(
        first("releases = [\"other\"]").unwrap_err().to_string().contains("no runtime or program is of the release")
    );
    let here = format!(
        "{platform}[platform.require]\nregion = \"EU\"\n[[runtime]]\nname = \"r\"\nsnp = {{ measurement = \"{}\" }}\n",
        "07".repeat(48)
    );
    let region = |words: &str| domain(&(delegate("\"properties\"", words) + &here));
    assert!(region("properties = [\"region\"]").is_ok() && region("kinds = [\"snp\"]").is_ok());
    assert!(region("properties = [\"operator\"]").is_err() && region("kinds = [\"tdx\"]").is_err());
}

#[test]
fn what_a_delegate_signs_beside_its_limits_is_suspicious() {
    let key = crate::published().speaker().to_string();
    let warned = |topics: &str, words: &str| {
        let text = delegate(topics, words).replace(KEY, &key) + &crate::signed_entry(&crate::published());
        let warnings = domain(&text).unwrap().warnings().into_iter().map(|warning| warning.what);
        // That no platform is there is told as well.
        warnings.filter(|what| !what.contains("is limited to what nothing asks for")).collect::<Vec<_>>()
    };
    let honest = [
        ("\"measurements\"", ""),
        ("\"measurements\"", "releases = [\"casemate\"]"),
        ("\"measurements\"", "kinds = [\"snp\"]"),
    ];
    for (topics, words) in honest {
        assert_eq!(warned(topics, words), [""; 0]);
    }
    for (topics, words, only) in [
        ("\"measurements\"", "releases = [\"other\"]", "only measurements of release `other`"),
        ("\"measurements\"", "kinds = [\"tdx\"]", "only measurements of kind tdx"),
        ("\"programs\"", "", "only programs"),
    ] {
        let warnings = warned(topics, words);
        assert!(
            warnings.len() == 1 && warnings[0].ends_with(only) && warnings[0].contains("does not count"),
            "{warnings:?}"
        );
    }
}

fn revoke(words: &str) -> String {
    format!("[[revoke]]\n{words}\n")
}

#[test]
fn things_are_revoked_in_text_and_back() {
    let measurement = format!("snp = {{ measurement = \"{}\" }}", "07".repeat(48));
    for (words, told) in [
        (format!("key = \"{KEY}\""), "counts no more: nothing that it says, and no trust in it"),
        (format!("program = \"{PROGRAM}\""), "is trusted no more, whoever says so"),
        (format!("runtime = \"{PROGRAM}\""), "what runs on `software` with `runtime` 0707"),
        (measurement, "what runs on `snp` with `measurement` 0707"),
    ] {
        let domain = domain(&revoke(&words)).unwrap();
        let said = domain.own().next().unwrap().statement();
        assert!(matches!(said.sentence, Sentence::Distrusts(_)) && said.label == "revoked");
        assert!(said.to_string().contains(told), "{said}");
        let text = domain.to_toml();
        assert!(text.contains(&words) && !text.contains("[[statement]]"), "{text}");
        assert_eq!(Domain::parse(&text).unwrap(), domain);
        assert_eq!(Domain::from_bytes(&domain.to_bytes()).unwrap(), domain);
        assert!(domain.warnings_at(UnixTime(u64::MAX)).is_empty(), "it never ends");
    }
    for (words, message) in [
        (String::new(), "statement"),
        (format!("key = \"{KEY}\"\nprogram = \"{PROGRAM}\""), "revokes `key` and `program`"),
        ("snp = { mr-td = \"07\" }".to_owned(), "is no register of snp"),
    ] {
        let error = domain(&revoke(&words)).unwrap_err();
        assert!(error.to_string().contains(message) && error.span().is_some(), "{error}");
    }
}

#[test]
fn a_domain_that_revokes_what_it_trusts_contradicts_itself() {
    for (entry, revoked) in [
        (format!("[[signer]]\nname = \"mine\"\nkey = \"{KEY}\"\n"), format!("key = \"{KEY}\"")),
        (format!("[[program]]\nname = \"mine\"\ndigest = \"{PROGRAM}\"\n"), format!("program = \"{PROGRAM}\"")),
        (
            format!("[process]\n[[runtime]]\nname = \"mine\"\ndigest = \"{PROGRAM}\"\n"),
            format!("runtime = \"{PROGRAM}\""),
        ),
    ] {
        let error = domain(&(entry.clone() + &revoke(&revoked))).unwrap_err();
        assert!(matches!(error, DomainError::Contradiction { .. }), "{error}");
        assert!(error.to_string().contains("it revokes `mine`, which this very domain says") && error.span().is_some());
        // What ends what counts until then is no contradiction.
        domain(&(entry + &revoke(&(revoked + "\nfrom = 2027-01-01")))).unwrap();
    }
}

#[test]
fn what_is_revoked_signs_nothing_and_does_not_run_also_where_anybody_may() {
    let digest = |text: &str| text.parse().unwrap();
    let (open, at) = (domain("").unwrap(), UnixTime(0));
    assert!(open.accepts_signer(digest(KEY), at).unwrap() && open.accepts_program(digest(PROGRAM), at).unwrap());
    let gone = domain(&(revoke(&format!("key = \"{KEY}\"")) + &revoke(&format!("program = \"{PROGRAM}\"")))).unwrap();
    assert!(!gone.accepts_signer(digest(KEY), at).unwrap() && !gone.accepts_program(digest(PROGRAM), at).unwrap());
    assert!(gone.accepts_signer(digest(PROGRAM), at).unwrap());
}

#[test]
fn a_domain_that_takes_anothers_place_revokes_what_that_did() {
    let key = format!("key = \"{KEY}\"");
    let old = domain(&(revoke(&key) + &revoke(&format!("program = \"{PROGRAM}\"")))).unwrap();
    let next =
        |entries: &str| Domain::parse(&format!("[domain]\nowner = \"clinic\"\nsequence = 2\n{entries}")).unwrap();
    let both = revoke(&key) + &revoke(&format!("program = \"{PROGRAM}\""));
    next(&both).supersedes(&old).unwrap();
    let less = next(&revoke(&key));
    let error = less.supersedes(&old).unwrap_err();
    assert!(error.to_string().contains("was revoked, and now is not"), "{error}");
    assert!(error.help().contains(&format!("--drop {PROGRAM}")), "{}", error.help());
    less.supersedes_dropping(&old, &BTreeSet::from([PROGRAM.to_owned()])).unwrap();
    let later = next(&both.replace(&key, &format!("{key}\nfrom = 2030-01-01")));
    assert!(later.supersedes(&old).is_err());
}

/// A statement that limits a right in a way that can't be said is refused, also where it was compiled.
#[test]
fn limits_have_one_form() {
    let delegated = domain(&delegate("\"measurements\"", "releases = [\"a\", \"b\"]")).unwrap();
    let honest = delegated.own().next().unwrap().statement().clone();
    let with = |limits: Limits| {
        let mut statement = honest.clone();
        let Sentence::Trusted { purpose: Purpose::Publishing { limits: own, .. }, .. } = &mut statement.sentence else {
            panic!("another")
        };
        *own = Some(Box::new(limits));
        Statement::from_bytes(&statement.to_bytes())
    };
    let lines = |names: &[&str]| Limits {
        releases: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..Limits::default()
    };
    with(lines(&["a", "b"])).unwrap();
    for refused in [
        Limits::default(),
        lines(&[]),
        lines(&["b", "a"]),
        lines(&["a", "a"]),
        lines(&[""]),
        Limits { kinds: Some(vec![]), ..lines(&["a"]) },
        Limits { properties: Some(vec!["region".into()]), ..Limits::default() },
        lines(
            &(0..65)
                .map(|number| format!("{number:02}"))
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        ),
    ] {
        assert!(with(refused.clone()).is_err(), "{refused:?}");
    }
}
