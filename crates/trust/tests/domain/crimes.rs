//! One crime each: a domain of all words with one thing wrong, the place that is marked, what is said and what to do.

use casemate_trust::{Domain, DomainError};

use crate::{full, long};

/// What is replaced in the full domain, by what, what is marked, a part of the message, a part of the remedy.
type Crime<'t> = (&'t str, &'t str, &'t str, &'t str, &'t str);

/// What limits the full domain's delegate.
const LIMIT: &str = "releases = [\"casemate\"]\n";

#[track_caller]
fn commit((good, bad, marked, message, remedy): Crime<'_>) -> DomainError {
    let text = full();
    let (good, bad, marked) = (&long(good), &long(bad), &long(marked));
    assert_eq!(text.matches(good).count(), 1, "`{good}` is in the domain once");
    let text = text.replace(good, bad);
    let error = match Domain::parse(&text) {
        Ok(_) => panic!("accepted: {bad}"),
        Err(error) => error,
    };
    let span = error.span().unwrap_or_else(|| panic!("no place for `{bad}`: {error}"));
    assert_eq!(text[span], **marked, "`{bad}`: {error}");
    assert!(error.to_string().contains(message), "`{bad}`: `{error}` does not contain `{message}`");
    assert!(error.help().contains(remedy), "`{bad}`: `{}` does not contain `{remedy}`", error.help());
    error
}

#[test]
fn the_full_domain_is_innocent() {
    let domain = Domain::parse(&full()).unwrap();
    assert_eq!(domain.sequence(), 0);
    assert!(domain.own().count() > 20);
}

#[test]
fn words_that_nobody_knows() {
    for crime in [
        ("[process]", "[processes]", "processes", "is no word of a domain", "`process`"),
        ("owner = \"clinic\"", "onwer = \"clinic\"", "onwer", "is no word of [domain]", "`owner`"),
        ("[[floor]]", "[[flor]]", "flor", "is no word of a domain", "known are: `floor`"),
        ("accept_lacks", "accepts_lacks", "accepts_lacks", "is no word of [process]", "`accept_lacks`"),
        ("mr-td = ", "mrtd = ", "mrtd", "is no register of tdx", "known are: `mr-td`"),
        ("rtmr-1 = ", "rtmr1 = ", "rtmr1", "is no register of tdx", "`rtmr-1`"),
        ("snp = { measurement", "spn = { measurement", "spn", "is no word of [[runtime]]", "`snp`"),
        ("kind = \"snp\"", "kind = \"sev\"", "\"sev\"", "is no kind of platform", "`snp`"),
        ("allow = [\"migratable\"]", "allow = [\"migrateable\"]", "\"migrateable\"", "is no allowance", "`migratable`"),
        (
            "allow = [\"migratable\"]",
            "allow = [\"service-domain\"]",
            "\"service-domain\"",
            "is no danger that snp has",
            "`migratable`",
        ),
        ("\"secret-plaintext\"", "\"secret_plaintext\"", "\"secret_plaintext\"", "is no lack", "`secret-plaintext`"),
        (
            "\"reported-tcb.microcode\"",
            "\"reported-tbc.microcode\"",
            "\"reported-tbc.microcode\"",
            "is no property of snp",
            "known are: `reported-tcb.microcode`",
        ),
        ("product = [", "tcb-status = [", "tcb-status", "is no property of snp", ""),
        (
            "may_publish = [\"measurements\"]",
            "may_publish = [\"runtimes\"]",
            "\"runtimes\"",
            "is no topic",
            "`measurements`",
        ),
        (
            "trusted_for = [\"authentication\"]",
            "trusted_for = [\"everything\"]",
            "\"everything\"",
            "is no purpose",
            "`authentication`",
        ),
        ("vendor = \"amd\"", "vendor = \"AMD\"", "\"AMD\"", "is no vendor", "`amd`"),
        ("at_least = 0xdb", "atleast = 0xdb", "atleast", "is no word of `reported-tcb.microcode`", "`at_least`"),
        ("chips = { snp = ", "chips = { nitro = ", "nitro", "is no word of `chips`", "`snp`"),
        ("depth = 0", "deep = 0", "deep", "is no word of [[delegate]]", "`depth`"),
        ("until = 2027-03-31", "til = 2027-03-31", "til", "is no word of [[delegate]]", "`until`"),
    ] {
        assert!(matches!(commit(crime), DomainError::Unknown { .. }), "{crime:?}");
    }
}

#[test]
fn values_of_another_type() {
    for crime in [
        (
            "owner = \"clinic\"",
            "owner = 7",
            "7",
            "`owner` is a text in quotes, and this is the number 7",
            "a text in quotes",
        ),
        ("version = 3", "version = \"3\"", "\"3\"", "whole number", "whole number"),
        ("version = 3", "version = -3", "-3", "whole number", ""),
        ("version = 3", "version = 3.5", "3.5", "this is a float", ""),
        ("version = 3", "version = 9223372036854775808", "9223372036854775808", "whole number", ""),
        ("any_genuine_chip = true", "any_genuine_chip = \"yes\"", "\"yes\"", "true or false", "true or false"),
        ("chips = [\"c0ffee\"]", "chips = \"c0ffee\"", "\"c0ffee\"", "a list in brackets", ""),
        ("chips = [\"c0ffee\"]", "chips = [\"C0FFEE\"]", "\"C0FFEE\"", "lower-case hex", ""),
        ("chips = [\"c0ffee\"]", "chips = [\"c0ffe\"]", "\"c0ffe\"", "two digits each", ""),
        ("chips = [\"c0ffee\"]", "chips = [\"\"]", "\"\"", "lower-case hex", ""),
        ("mr-td = \"91eb\"", "mr-td = 91", "91", "`mr-td` is a text", ""),
        ("tdx = { mr-td = \"91eb\", rtmr-1 = \"0084\" }", "tdx = \"91eb\"", "\"91eb\"", "a table of registers", ""),
        ("at_least = 0xdb", "at_least = \"0xdb\"", "\"0xdb\"", "whole number", ""),
        ("platform-info.smt-en = false", "platform-info.smt-en = 0", "0", "true or false", ""),
        ("product = [\"Milan\", \"Genoa\"]", "product = [\"Milan\", 7]", "7", "a text in quotes", ""),
        ("product = [\"Milan\", \"Genoa\"]", "product = {}", "{}", "a test", ""),
        ("tcb-advisories = { only = [] }", "tcb-advisories = []", "[]", "`{ only = [\"…\"] }`", ""),
        ("at_least = 2025-01-01", "at_least = 2025", "2025", "a date such as", ""),
        ("until = 2027-03-31", "until = \"2027-03-31\"", "\"2027-03-31\"", "a date such as", ""),
        ("until = 2027-03-31", "until = 2027-03-31T00:00:00", "2027-03-31T00:00:00", "with its zone", ""),
        ("until = 2027-03-31", "until = 1969-03-31", "1969-03-31", "from 1970", ""),
        ("depth = 0", "depth = 1025", "1025", "at most 1024", "at most 1024"),
        ("[process]", "[[process]]", "[[process]]", "a table, [process]", ""),
        ("[[floor]]", "[floor]", "[floor]", "a list of tables", "each headed `[[floor]]`"),
        ("kind = \"snp\"", "kind = [\"snp\"]", "[\"snp\"]", "a text in quotes", ""),
        (
            "may_publish = [\"measurements\"]",
            "may_publish = \"measurements\"",
            "\"measurements\"",
            "a list in brackets",
            "",
        ),
    ] {
        assert!(matches!(commit(crime), DomainError::Value { .. }), "{crime:?}");
    }
}

#[test]
fn values_that_no_evidence_has() {
    let product = "product = [\"Milan\", \"Genoa\"]";
    for crime in [
        (product, "product = \"Milann\"", "\"Milann\"", "is no `product` that snp can have", "did you mean `Milan`?"),
        (product, "product = [\"Milan\", \"Rome\"]", "\"Rome\"", "is no `product`", "`Genoa`, `Milan`, `Turin`"),
        (product, "product = { not = \"milan\" }", "\"milan\"", "is no `product`", "did you mean `Milan`?"),
        (product, "signed-by = \"VCEKK\"", "\"VCEKK\"", "is no `signed-by`", "`VCEK`, `VLEK`"),
        ("\"UpToDate\"", "\"UptoDate\"", "\"UptoDate\"", "is no `tcb-status`", "did you mean `UpToDate`?"),
        // It would admit what it was to keep out.
        ("\"UpToDate\"", "{ not = \"outofdate\" }", "\"outofdate\"", "is no `tcb-status`", "did you mean `OutOfDate`?"),
        ("\"UpToDate\"", "\"fine\"", "\"fine\"", "is no `tcb-status`", "known are: "),
    ] {
        assert!(matches!(commit(crime), DomainError::Unknown { .. }), "{crime:?}");
    }
    let chip = "chips = [\"c0ffee\"]";
    for crime in [
        (product, "vmpl = 9", "9", "`vmpl` is a number of at most 3", ""),
        ("0xdb", "0x1ff", "0x1ff", "a number of at most 255, 0xff, and this is the number", ""),
        ("at_least = 0xdb", "not = 256", "256", "`reported-tcb.microcode` is a number of at most 255", ""),
        ("at_least = 0xdb", "one_of = [1, 256]", "256", "at most 255", ""),
        (
            product,
            "id-key-digest = \"aa\"",
            "\"aa\"",
            "`id-key-digest` is 48 bytes, 96 hex digits, and this is 1 bytes",
            "",
        ),
        (
            chip,
            "chips = [\"c0ffeec0ffeec0ff\"]",
            "\"c0ffeec0ffeec0ff\"",
            "`chips` is 64 bytes, 128 hex digits, and this is 8",
            "",
        ),
        ("mr-td = \"91eb\"", "mr-td = \"91eb91eb\"", "\"91eb91eb\"", "`mr-td` is 48 bytes", ""),
        ("pcr.sha256.7 = \"b5\"", "pcr.sha384.7 = \"b5\"", "\"b5\"", "48 bytes, 96 hex digits, and this is 32", ""),
        ("pcr0 = \"00\"", "pcr0 = \"aa\"", "\"aa\"", "32, 48 or 64 bytes, 64, 96 or 128 hex digits", ""),
        ("chips = { snp = [\"c0ffee\"]", "chips = { snp = [\"c0\"]", "\"c0\"", "`snp` is 64 bytes", ""),
    ] {
        assert!(matches!(commit(crime), DomainError::Value { .. }), "{crime:?}");
    }
}

#[test]
fn what_only_refused_evidence_has_can_never_match() {
    let smt = "platform-info.smt-en = false";
    for (bad, marked, danger) in [
        ("policy.debug = true", "true", "debug"),
        ("policy.debug = { not = false }", "{ not = false }", "debug"),
        ("vmpl = 2", "2", "vmpl-above-zero"),
        ("vmpl = { at_least = 1 }", "{ at_least = 1 }", "vmpl-above-zero"),
        ("vmpl = [1, 2]", "[1, 2]", "vmpl-above-zero"),
        ("policy = 0xb0000", "0xb0000", "debug"),
    ] {
        let remedy = format!("allow = [\"{danger}\"]");
        let error = commit((smt, bad, marked, "can never match", &remedy));
        assert!(matches!(error, DomainError::Never { .. }), "{bad}");
        let allowed = full().replace("allow = [\"migratable\"]", &remedy).replace(smt, bad);
        assert!(Domain::parse(&allowed).is_ok(), "{bad} is for those who allow it");
    }
    // Here `migratable` is allowed.
    let migrated = full().replace(smt, "policy.migrate-ma = true");
    assert!(Domain::parse(&migrated).is_ok());
    let stays = migrated.replace("allow = [\"migratable\"]", "allow = [\"debug\"]");
    assert!(Domain::parse(&stays).unwrap_err().to_string().contains("refused as `migratable`"));
    for good in ["vmpl = 0", "vmpl = { at_most = 3 }", "vmpl = { not = 3 }", "policy.debug = false"] {
        assert!(Domain::parse(&full().replace(smt, good)).is_ok(), "{good}");
    }
    for (bad, marked) in [
        (
            "vmpl = { at_least = 1, at_most = 2, not = 1 }\n\"policy.smt\" = { equals = true, not = true }",
            "{ equals = true, not = true }",
        ),
        ("\"policy.smt\" = { one_of = [true], not = true }", "{ one_of = [true], not = true }"),
    ] {
        let text = full().replace("allow = [\"migratable\"]", "allow = [\"vmpl-above-zero\"]").replace(smt, bad);
        let error = Domain::parse(&text).unwrap_err();
        assert!(matches!(error, DomainError::Contradiction { .. }), "{bad}: {error}");
        assert_eq!(&text[error.span().unwrap()], marked);
    }
}

#[test]
fn a_region_that_nobody_says_is_marked_where_it_is_demanded() {
    let error = commit(("region = \"EU\"", "region = \"US\"", "region", "nobody says", "add a `[[region]]`"));
    assert!(matches!(error, DomainError::Never { .. }), "{error}");
}

#[test]
fn keys_and_digests_that_are_none() {
    for crime in [
        (
            "key = \"ed25519:fd",
            "key = \"fd",
            "\"fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618\"",
            "is not `ed25519:`",
            "copy it whole",
        ),
        ("key = \"p256:", "key = \"p384:", "", "is not `ed25519:`, `p256:` or `p384:`", "copy it whole"),
        ("key = \"p256:60fe", "key = \"p256:60ff", "", "is not `ed25519:`, `p256:` or `p384:`", "copy it whole"),
    ] {
        let text = full().replace(crime.0, crime.1);
        let error = Domain::parse(&text).unwrap_err();
        assert!(matches!(error, DomainError::Key { .. }), "{error}");
        assert!(error.to_string().contains(crime.3) && error.help().contains(crime.4), "{error}");
        assert!(text[error.span().unwrap()].contains(crime.2));
    }
    for crime in [
        ("\"sha256:0606", "\"sha256:606", "", "64 lower-case hex digits", "compare it"),
        ("statement = \"sha256:", "statement = \"sha512:", "", "64 lower-case hex digits", "compare it"),
    ] {
        let error = Domain::parse(&full().replacen(crime.0, crime.1, 1)).unwrap_err();
        assert!(matches!(error, DomainError::Digest { .. }) && error.span().is_some(), "{error}");
    }
}

#[test]
fn words_that_are_missing() {
    for crime in [
        ("owner = \"clinic\"\n", "", "[domain]", "[domain] has no `owner`", "add `owner"),
        ("kind = \"snp\"\n", "", "[[platform]]", "[[platform]] has no `kind`", "add `kind"),
        ("name = \"EU\"\n", "", "[[region]]", "[[region]] has no `name`", "add `name"),
        ("may_publish = [\"measurements\"]\n", "", "[[delegate]]", "[[delegate]] has no `may_publish`", ""),
        ("any_genuine_chip = true\n", "", "[[platform]]", "has no `chips` or `any_genuine_chip`", ""),
        (
            "any_genuine_chip = true\n",
            "any_genuine_chip = false\n",
            "[[platform]]",
            "has no `chips` or `any_genuine_chip`",
            "",
        ),
        ("version = 3\n", "", "[[runtime]]", "[[runtime]] has no `version`", ""),
        ("version = 2\n", "", "[[floor]]", "[[floor]] has no `version`", ""),
        (
            "attesters = [\"sha256:aaaa",
            "allow = []\n# [\"sha256:aaaa",
            "[[platform]]",
            "[[platform]] has no `attesters`",
            "",
        ),
        ("vendor = \"amd\"\n", "", "[[vendor]]", "[[vendor]] has no `vendor`", ""),
        ("trusted_for = [\"authentication\"]\n", "", "[[key]]", "[[key]] has no `trusted_for`", ""),
        ("for = \"sha256:", "# \"sha256:", "[[speaks]]", "[[speaks]] has no `for`", ""),
    ] {
        assert!(matches!(commit(crime), DomainError::Missing { .. }), "{crime:?}");
    }
}

#[test]
fn tests_that_a_type_does_not_have() {
    for crime in [
        (
            "product = [\"Milan\", \"Genoa\"]",
            "product = { at_least = \"Milan\" }",
            "\"Milan\"",
            "`at_least` asks what no text has an order: only numbers and times do, and `product` is a text",
            "write `product = \"Genoa\"`, or a list",
        ),
        (
            "product = [\"Milan\", \"Genoa\"]",
            "product = { only = [\"Milan\"] }",
            "[\"Milan\"]",
            "only sets do, and `product` is a text",
            "write `product = \"Genoa\"`",
        ),
        (
            "product = [\"Milan\", \"Genoa\"]",
            "\"policy.smt\" = { at_most = true }",
            "true",
            "and `policy.smt` is a bool",
            "write `\"policy.smt\" = true`",
        ),
    ] {
        assert!(matches!(commit(crime), DomainError::Contradiction { .. }), "{crime:?}");
    }
}

#[test]
fn contradictions() {
    for crime in [
        (
            "chips = [\"c0ffee\"]",
            "chips = [\"c0ffee\"]\nany_genuine_chip = true",
            "true",
            "`chips` says which chips, and `any_genuine_chip` says any",
            "remove one",
        ),
        (
            "at_least = 0xdb",
            "at_least = 0xdb, at_most = 0xda",
            "{ at_least = 0xdb, at_most = 0xda }",
            "no value of `reported-tcb.microcode` meets all of this",
            "remove one",
        ),
        (
            "at_least = 0xdb",
            "at_least = 5, at_most = 5, not = 5",
            "{ at_least = 5, at_most = 5, not = 5 }",
            "no value of",
            "",
        ),
        ("at_least = 0xdb", "equals = 3, not = 3", "{ equals = 3, not = 3 }", "no value of", ""),
        ("at_least = 0xdb", "one_of = [1, 2], at_least = 3", "{ one_of = [1, 2], at_least = 3 }", "no value of", ""),
        (
            "until = 2027-03-31",
            "from = 2027-04-01\nuntil = 2027-03-31",
            "2027-03-31",
            "ends, 2027-03-31T23:59:59Z, before it begins, 2027-04-01T00:00:00Z",
            "no earlier",
        ),
        (
            "kind = \"nitro\"",
            "kind = \"nitro\"\nchips = [\"aa\"]",
            "[\"aa\"]",
            "evidence of nitro does not say which chip",
            "remove `chips`",
        ),
        (
            "kind = \"nitro\"",
            "kind = \"nitro\"\nany_genuine_chip = true",
            "true",
            "evidence of nitro does not say which chip",
            "remove `any_genuine_chip`",
        ),
        ("kind = \"nitro\"", "kind = \"software\"", "\"software\"", "no platform of their own", "[process]"),
        (
            "snp = { measurement",
            "software = { runtime = \"00\" }\nsnp = { measurement",
            "{ runtime = \"00\" }",
            "by `digest` and again by `software`",
            "remove one",
        ),
    ] {
        assert!(matches!(commit(crime), DomainError::Contradiction { .. }), "{crime:?}");
    }
}

#[test]
fn lacks_are_accepted_in_one_place() {
    let text = full().replace("[process]\n", "[process]\nrequire = { lacks = { only = [] } }\n");
    let error = Domain::parse(&text).unwrap_err();
    assert!(matches!(error, DomainError::Contradiction { .. }), "{error}");
    assert_eq!(&text[error.span().unwrap()], "lacks");
    let other = full().replace("[process]\n", "[process]\nrequire = { secret-bytes = { at_least = 4096 } }\n");
    let domain = Domain::parse(&other).unwrap();
    assert_eq!(Domain::parse(&domain.to_toml()).unwrap(), domain);
    assert!(domain.to_toml().contains("[process.require]"), "{}", domain.to_toml());
}

#[test]
fn what_appears_twice() {
    for crime in [
        ("chips = [\"c0ffee\"]", "chips = [\"c0ffee\", \"c0ffee\"]", "\"c0ffee\"", "appears twice", "remove one"),
        ("name = \"Intel\"", "name = \"AMD Milan, patched\"", "\"AMD Milan, patched\"", "appears twice", ""),
        (
            "allow = [\"migratable\"]",
            "allow = [\"migratable\", \"migratable\"]",
            "\"migratable\"",
            "`migratable` appears twice",
            "",
        ),
        (
            "product = [\"Milan\", \"Genoa\"]",
            "product = [\"Milan\", \"Milan\"]",
            "\"Milan\"",
            "`Milan` appears twice",
            "",
        ),
        (
            "platform-info.smt-en = false",
            "platform-info.smt-en = false\n\"platform-info.smt-en\" = true",
            "\"platform-info.smt-en\"",
            "appears twice",
            "",
        ),
        (
            "[[floor]]",
            "[[floor]]\nrelease = \"casemate\"\nversion = 1\n[[floor]]",
            "\"casemate\"",
            "`casemate` appears twice",
            "",
        ),
        (
            "[[signer]]",
            "[[signer]]\nname = \"registry\"\nkey = \"sha256:abababababababababababababababababababababababababababababababab\"\n[[signer]]",
            "\"registry\"",
            "`registry` appears twice",
            "",
        ),
        (
            "may_publish = [\"measurements\"]",
            "may_publish = [\"measurements\", \"measurements\"]",
            "\"measurements\"",
            "appears twice",
            "",
        ),
    ] {
        assert!(matches!(commit(crime), DomainError::Twice { .. }), "{crime:?}");
    }
}

#[test]
fn what_can_never_count() {
    let no_runtime_delegate =
        |text: String| text.replace("may_publish = [\"measurements\"]", "may_publish = [\"programs\"]");
    for (crime, error) in [
        ("chips = [\"c0ffee\"]", "chips = []"),
        ("may_publish = [\"measurements\"]", "may_publish = []"),
        ("trusted_for = [\"authentication\"]", "trusted_for = []"),
        ("product = [\"Milan\", \"Genoa\"]", "product = []"),
        ("tdx = { mr-td = \"91eb\", rtmr-1 = \"0084\" }", "tdx = {}"),
        ("region = \"EU\"", "region = \"US\""),
        ("chips = { snp = [\"c0ffee\"] }", "chips = {}"),
        ("version = 3\n", "version = 1\n"),
    ] {
        let remaining = if crime.starts_with("chips = {") { ("hosts = ", "# ") } else { ("", "") };
        let mut text = full().replace(&long(crime), error);
        if !remaining.0.is_empty() {
            text = text.replace(remaining.0, remaining.1);
        }
        let found = Domain::parse(&text).unwrap_err();
        assert!(matches!(found, DomainError::Never { .. }), "{error}: {found:?}");
        assert!(found.span().is_some() && !found.help().is_empty());
    }
    for (good, bad, message) in [
        ("[process]\naccept_lacks = [\"secret-plaintext\"]\n", "", "[process]"),
        ("nitro = { pcr0 = \"00\" }\n", "", "no `[[runtime]]` has registers of nitro"),
        (
            "[[platform]]\nname = \"Intel\"\nkind = \"tdx\"\nany_genuine_chip = true\n[platform.require]\ntcb-status = \"UpToDate\"\ntcb-date = { at_least = 2025-01-01 }\ntcb-advisories = { only = [] }\n",
            "",
            "no `[[platform]]` of that kind",
        ),
        (
            "release = \"casemate\"\nversion = 2",
            "release = \"casement\"\nversion = 2",
            "no runtime or program is of the release `casement`",
        ),
    ] {
        let (text, good) = (full(), &long(good));
        assert_eq!(text.matches(good).count(), 1, "{good}");
        let text = no_runtime_delegate(text.replace(good, bad));
        // Who may publish programs may publish floors.
        let text = if bad.contains("casement") {
            text.replace("\"programs\"", "\"properties\"").replace(LIMIT, "")
        } else {
            text
        };
        let found = Domain::parse(&text).unwrap_err();
        assert!(matches!(found, DomainError::Never { .. }), "{bad}: {found:?}");
        assert!(found.to_string().contains(message), "{found}");
        assert!(found.span().is_some() && !found.help().is_empty());
    }
}

#[test]
fn what_a_delegate_may_publish_may_make_an_entry_count() {
    let text = full().replace(&long("nitro = { pcr0 = \"00\" }\n"), "");
    assert!(Domain::parse(&text).is_ok(), "the release team may publish measurements of nitro enclaves");
    let text = full()
        .replace("region = \"EU\"", "region = \"US\"")
        .replace("may_publish = [\"measurements\"]", "may_publish = [\"measurements\", \"properties\"]")
        .replace(LIMIT, "");
    assert!(Domain::parse(&text).is_ok(), "the release team may publish regions");
}

#[test]
fn a_domain_that_revokes_what_it_says_contradicts_itself() {
    let domain = Domain::parse(&full()).unwrap();
    let signer = domain.own().find(|said| said.statement().label == "registry").unwrap().digest();
    let text = full() + &format!("[[revoke]]\nstatement = \"{signer}\"\n");
    let error = Domain::parse(&text).unwrap_err();
    assert!(matches!(&error, DomainError::Contradiction { .. }), "{error}");
    assert!(error.to_string().contains("revokes `registry`, which this very domain says"));
    let later = full() + &format!("[[revoke]]\nstatement = \"{signer}\"\nfrom = 2027-01-01\n");
    assert!(Domain::parse(&later).is_ok(), "a revocation that begins later ends what counts until then");
}

#[test]
fn signed_statements_that_are_none_are_marked() {
    let honest = full() + &crate::signed_entry(&crate::published());
    assert_eq!(Domain::parse(&honest).unwrap().signed().len(), 1);
    let text = full() + "[[signed]]\nstatement = \"AAAA\"\n";
    let error = Domain::parse(&text).unwrap_err();
    assert!(matches!(error, DomainError::Signed { .. }), "{error}");
    assert_eq!(&text[error.span().unwrap()], "\"AAAA\"");
    let text = full() + "[[signed]]\nstatement = \"no base64!\"\n";
    assert!(matches!(Domain::parse(&text), Err(DomainError::Value { .. })));
    // A signature of one bit less.
    let mut object = crate::published().object().to_vec();
    *object.last_mut().unwrap() ^= 1;
    let text = full() + &crate::entry_of(&object);
    assert!(matches!(Domain::parse(&text), Err(DomainError::Signed { .. })));
    let text = honest.clone() + &crate::signed_entry(&crate::published());
    assert!(matches!(Domain::parse(&text), Err(DomainError::Twice { .. })));
}
