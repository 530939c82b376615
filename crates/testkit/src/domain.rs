//! A domain of all words, for what reads domains.

/// The second example of docs/formats/domain.md, its chips and registers cut short.
const ALL_WORDS: &str = r#"[domain]
owner = "clinic"

[[launcher]]
name = "researcher's host"
key = "ed25519:fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618"

[[runtime]]
name = "casemate 0.1.0"
digest = "sha256:0606060606060606060606060606060606060606060606060606060606060606"
snp = { measurement = "aa01" }
tdx = { mr-td = "91eb", rtmr-1 = "0084" }
nitro = { pcr0 = "00" }
tpm = { pcr.sha256.7 = "b5" }
release = "casemate"
version = 3

[[floor]]
release = "casemate"
version = 2

[process]
accept_lacks = ["secret-plaintext"]

[[platform]]
name = "AMD Milan, patched"
kind = "snp"
chips = ["c0ffee"]
allow = ["migratable"]
[platform.require]
"reported-tcb.microcode" = { at_least = 0xdb }
product = ["Milan", "Genoa"]
platform-info.smt-en = false
region = "EU"

[[platform]]
name = "Intel"
kind = "tdx"
any_genuine_chip = true
[platform.require]
tcb-status = "UpToDate"
tcb-date = { at_least = 2025-01-01 }
tcb-advisories = { only = [] }

[[platform]]
name = "Nitro"
kind = "nitro"

[[platform]]
name = "our own vTPMs"
kind = "tpm"
chips = ["7b1d", "7b1e"]
attesters = ["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]

[[vendor]]
name = "AMD's chips under vTPMs"
vendor = "amd"

[[program]]
name = "survival"
digest = "sha256:0707070707070707070707070707070707070707070707070707070707070707"

[[delegate]]
name = "release team"
key = "p256:60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
may_publish = ["measurements"]
releases = ["casemate"]
depth = 0
until = 2027-03-31

[[signer]]
name = "registry"
key = "ed25519:8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"

[[key]]
name = "partner's gateway"
key = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
trusted_for = ["authentication"]

[[speaks]]
name = "deputy of the release team"
key = "sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
for = "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

[[region]]
name = "EU"
chips = { snp = ["c0ffee"] }
hosts = ["sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"]

[[property]]
name = "of the university"
property = "operator"
value = "university"
hosts = ["ed25519:fd1724385aa0c75b64fb78cd602fa1d991fdebf76b13c58ed702eac835e9f618"]

[[revoke]]
name = "the old release team"
statement = "sha256:0101010101010101010101010101010101010101010101010101010101010101"

[[revoke]]
name = "a stolen key"
key = "sha256:acacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacac"
"#;

/// The second example of docs/formats/domain.md.
#[must_use]
pub fn full() -> String {
    long(ALL_WORDS)
}

/// The same text with the chips and registers of the example at their full length.
#[must_use]
pub fn long(text: &str) -> String {
    let cut =
        [("c0ffee", 64), ("aa01", 48), ("91eb", 48), ("0084", 48), ("00", 48), ("b5", 32), ("7b1d", 32), ("7b1e", 32)];
    cut.into_iter().fold(text.to_owned(), |text, (start, length)| {
        text.replace(&format!("\"{start}\""), &format!("\"{start}{}\"", "11".repeat(length - start.len() / 2)))
    })
}
