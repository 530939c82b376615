//! What a domain says and nothing ever asks for, what ends that never ends, what looks like something else, and who counts for nothing
//! behind delegates that hand on.

use aws_lc_rs::rand::SystemRandom;
use casemate_cose::{Digest, Signer, SigningKey, UnixTime};
use casemate_trust::{
    Domain,
    statement::{
        Kind, Limits, Measurement, Purpose, Register, Release, Sentence, Signed, Statement, Subject, Topic, Validity,
    },
};

use crate::signed_entry;

const PLATFORM: &str = "[[platform]]\nname = \"p\"\nkind = \"snp\"\nchips = [\"CHIP\"]\n\
    [platform.require]\nproduct = \"Milan\"\n\n[[runtime]]\nname = \"g\"\nrelease = \"guest\"\nversion = 3\n\
    snp = { measurement = \"RUNS\" }\n\n";

fn warned(entries: &str) -> Vec<String> {
    let platform = PLATFORM.replace("CHIP", &"c3".repeat(64)).replace("RUNS", &"a1".repeat(48));
    let text = format!("[domain]\nowner = \"clinic\"\nsequence = 1\n\n{platform}{entries}");
    let domain = Domain::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    domain.warnings().iter().map(ToString::to_string).collect()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn digest(seed: u8) -> Digest {
    key(seed).public().spki_digest()
}

fn delegate(seed: u8, words: &str) -> String {
    format!("[[delegate]]\nname = \"d{seed}\"\nkey = \"{}\"\nuntil = 2027-03-31\n{words}\n\n", digest(seed))
}

fn signed(seed: u8, label: &str, sentence: Sentence) -> String {
    let statement = Statement::always(label, sentence);
    signed_entry(&Signed::sign(&statement, &Signer::Ed25519(key(seed)), &SystemRandom::new()).unwrap())
}

fn hands_on(to: u8, depth: u16, releases: Option<&[&str]>) -> Sentence {
    let releases = releases.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect());
    let limits = releases.map(|lines| Box::new(Limits { releases: Some(lines), ..Limits::default() }));
    let purpose = Purpose::Publishing { topic: Topic::Measurements, depth, limits };
    Sentence::Trusted { subject: Subject::Key(digest(to)), purpose }
}

fn guest(line: &str) -> Sentence {
    let register = Register { name: "measurement".to_owned(), value: vec![0xb2; 48] };
    let subject = Subject::Measurement(Measurement { kind: Kind::Snp, registers: vec![register] });
    Sentence::Trusted { subject, purpose: Purpose::Execution(Some(Release { line: line.to_owned(), version: 4 })) }
}

#[test]
fn what_nothing_asks_for_is_told() {
    let honest = warned("");
    let revoked = format!("[[revoke]]\nkey = \"{}\"\n", digest(7));
    let chip = "c3".repeat(64);
    for (crime, bad, good, what) in [
        (
            "a floor of another line",
            "[[floor]]\nrelease = \"gest\"\nversion = 9\n".to_owned(),
            "[[floor]]\nrelease = \"guest\"\nversion = 2\n".to_owned(),
            "no runtime or program is of the release `gest`, whose floor this is; is `guest` meant?",
        ),
        (
            "a property that nothing demands",
            delegate(1, "may_publish = [\"properties\"]\nproperties = [\"produkt\"]"),
            delegate(1, "may_publish = [\"measurements\"]\nreleases = [\"guest\"]"),
            "`d1` is limited to what nothing asks for: no `[[platform]]` demands `produkt`; is `product` meant?",
        ),
        (
            "a misspelt region, where none is demanded",
            delegate(1, "may_publish = [\"properties\"]\nproperties = [\"regoin\"]"),
            delegate(1, "may_publish = [\"properties\", \"platforms\"]").replace("\n\n", "\n") + "\n",
            "no `[[platform]]` demands `regoin`; is `region` meant?",
        ),
        (
            "a property that only evidence says",
            delegate(1, "may_publish = [\"properties\"]\nproperties = [\"product\"]"),
            delegate(1, "may_publish = [\"platforms\", \"keys\"]\nkinds = [\"snp\"]"),
            "only evidence says the `product` of snp",
        ),
        (
            "a kind of which no platform is",
            delegate(1, "may_publish = [\"measurements\"]\nkinds = [\"tdx\"]"),
            delegate(1, "may_publish = [\"measurements\"]\nkinds = [\"snp\"]"),
            "no `[[platform]]` of kind tdx is accepted",
        ),
        (
            "the owner's word for what only evidence says",
            format!(
                "[[property]]\nname = \"x\"\nproperty = \"product\"\nvalue = \"Milan\"\nchips.snp = [\"{chip}\"]\n"
            ),
            format!("[[property]]\nname = \"x\"\nproperty = \"rack\"\nvalue = \"Milan\"\nchips.snp = [\"{chip}\"]\n"),
            "`x` says what nothing asks for: only evidence says the `product` of snp",
        ),
        (
            "who speaks for a revoked key",
            format!("{revoked}[[speaks]]\nname = \"t\"\nkey = \"{}\"\nfor = \"{}\"\n", digest(8), digest(7)),
            format!("{revoked}[[speaks]]\nname = \"t\"\nkey = \"{}\"\nfor = \"{}\"\n", digest(8), digest(9)),
            "`t` never counts: key",
        ),
        (
            "a letter of another alphabet",
            delegate(1, "may_publish = [\"measurements\"]\nreleases = [\"gu\u{435}st\"]"),
            delegate(1, "may_publish = [\"measurements\"]\nreleases = [\"guest\"]"),
            "`gu\u{435}st` has letters of several scripts, Latin and Cyrillic: `gu\\u{435}st`",
        ),
    ] {
        let warnings = warned(&bad);
        assert!(warnings.iter().any(|warning| warning.contains(what)), "{crime}: {warnings:#?}");
        for text in [&honest, &warned(&good)] {
            assert!(!text.iter().any(|warning| warning.contains(what)), "{crime}: {text:#?}");
        }
    }
    let text = "[domain]\nowner = \"cl\u{456}nic\"\n";
    let warnings = Domain::parse(text).unwrap().warnings();
    assert!(warnings[0].what.contains("`cl\\u{456}nic`"), "{warnings:?}");
}

#[test]
fn what_never_ends_is_given_no_end() {
    for entry in [
        format!("[[revoke]]\nkey = \"{}\"\nuntil = 2027-01-01\n", digest(7)),
        format!("[[revoke]]\nname = \"x\"\nstatement = \"{}\"\nfrom = 2026-01-01\nuntil = 2027-01-01\n", digest(7)),
        "[[floor]]\nrelease = \"guest\"\nversion = 2\nuntil = 2020-01-01\n".to_owned(),
    ] {
        let text = format!("[domain]\nowner = \"clinic\"\nsequence = 1\n{entry}");
        let error = Domain::parse(&text).unwrap_err();
        assert!(error.to_string().contains("never ends"), "{error}");
        assert_eq!(text[error.span().unwrap()].len(), "2027-01-01".len(), "the date is marked: {error:?}");
        assert!(Domain::statements_of(&entry).is_err(), "nor does anybody sign one");
        let endless = text.lines().filter(|line| !line.starts_with("until")).collect::<Vec<_>>().join("\n");
        assert!(Domain::parse(&endless).is_ok(), "{endless}");
    }
    // What is compiled is read as ever, shown without the end, and told.
    let validity = Validity { not_before: UnixTime(0), not_after: UnixTime(1_800_000_000) };
    let sentence = Sentence::Distrusts(Subject::Program(digest(7)));
    let statement = Statement { label: "x".to_owned(), sentence, validity };
    assert!(!statement.to_string().contains("until"), "{statement}");
    let domain = Domain::of("clinic", 1, vec![statement], vec![], vec![]).unwrap();
    let warnings = domain.warnings();
    assert!(warnings.iter().any(|warning| warning.what.contains("never end")), "{warnings:?}");
    assert_eq!(Domain::parse(&domain.to_toml()).unwrap(), domain, "{}", domain.to_toml());
}

#[test]
fn behind_delegates_that_hand_on_strangers_are_strangers() {
    let open = delegate(9, "may_publish = [\"programs\"]\ndepth = 1");
    let d1 = delegate(1, "may_publish = [\"measurements\"]\nreleases = [\"a\", \"guest\"]\ndepth = 1");
    let handed = |releases: Option<&[&str]>| {
        d1.clone() + &signed(1, "m", hands_on(2, 0, releases)) + &signed(2, "g", guest("guest"))
    };
    let stranger = "nothing makes what key";
    for (crime, entries, what) in [
        ("a stranger beside an open delegate", open.clone() + &signed(2, "g", guest("guest")), stranger),
        (
            "beside its limits, and an open delegate",
            d1.clone() + &open + &signed(1, "g", guest("b")),
            "`a`, `guest`, 1 deep",
        ),
        ("handed on without limits", handed(None), "\"m\" (so called by key"),
        ("handed on beside the limits", handed(Some(&["b", "guest"])), "may publish only measurements of release"),
        ("to whom nothing was handed on", handed(None), stranger),
        ("handed on too deep", d1.clone() + &signed(1, "m", hands_on(2, 1, Some(&["guest"]))), "1 deep"),
        ("of another line than was handed on", handed(Some(&["a"])), "may publish only measurements of release `a`"),
    ] {
        let warnings = warned(&entries);
        assert!(warnings.iter().any(|warning| warning.contains(what)), "{crime}: {warnings:#?}");
    }
    let warnings = warned(&handed(Some(&["guest"])));
    assert!(!warnings.iter().any(|warning| warning.contains("count")), "{warnings:#?}");
}

#[test]
fn an_error_repeats_no_more_than_a_line() {
    let long = "x".repeat(1 << 20);
    for text in [
        format!("[domain]\nowner = \"{long}\"\n"),
        format!("[domain]\nowner = \"clinic\"\n{long} = 1\n"),
        format!("[domain]\nowner = \"clinic\"\n[[program]]\nname = \"x\"\ndigest = \"{long}\"\n"),
        format!("[domain]\nowner = \"clinic\"\n[[vendor]]\nname = \"x\"\nvendor = \"{long}\"\n"),
    ] {
        let error = Domain::parse(&text).unwrap_err();
        let told = format!("{error}; {}", error.help());
        assert!(told.len() < 2000, "{} bytes: {}", told.len(), &told[..400]);
        assert!(told.contains("(1048576 bytes)"), "{told}");
    }
}
