//! Arguments of `casemate verify` and `casemate endorsements`, and those that all verbs share that judge evidence.

use std::path::PathBuf;

use casemate_cose::{PublicKey, UnixTime};
use casemate_evidence::{Format, rfc3339};
use clap::{ArgGroup, Args, Subcommand, ValueHint};

/// How `casemate verify` is typed.
pub(crate) const EXAMPLES: &str = "Examples:
  casemate verify report.bin --endorsements certificates/ --report-data 00ff…
  casemate verify quote.hex --endorsements collateral.json --dangerously-unbound --at 2026-06-01T00:00:00Z
  casemate verify token.cbor --trust-key cca:01ff…=platform.pem --nonce 00ff…

Nothing is fetched: what vendors vouch with comes from --endorsements, in the evidence, or is built in (their roots).
Exit codes: 0 authentic, 1 refused (the rule is printed), 2 not understood (or there is no such file), 3 this machine failed.";

/// `casemate verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The evidence: raw, hex, base64, PEM, or the JSON of common tools.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) evidence: PathBuf,
    /// With what it is judged.
    #[command(flatten)]
    pub(crate) endorsed: EndorsedArgs,
    /// What it has to be bound to.
    #[command(flatten)]
    pub(crate) expected: ExpectedArgs,
}

/// With what evidence is judged, and when.
#[derive(Args, Debug)]
pub(crate) struct EndorsedArgs {
    /// A bundle, or files and folders of certificates, revocation lists and collateral as vendors give them. Repeatable.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) endorsements: Vec<PathBuf>,
    /// The time to judge at, such as 2026-06-01T00:00:00Z, a day such as 2026-06-01 (its first second, in UTC), or seconds since
    /// 1970; by default now or, for a proof, the proof's own time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<UnixTime>,
    /// Take the evidence to be of this format instead of recognising it.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Who may pack the bundle. Without it bundles are read that hold nothing but what vendors signed.
    #[arg(long, value_name = "KEY")]
    pub(crate) publisher: Vec<PublicKey>,
    /// Refuse a bundle that was packed before this time; or, given the bundle that you saw last, one in which anything is older
    /// than in that.
    #[arg(long, value_name = "TIME|BUNDLE", value_parser = floor, value_hint = ValueHint::FilePath)]
    pub(crate) not_older_than: Option<Floor>,
    /// Believe a root besides the built-in ones: `tpm=root.pem`, `dice=root.pem`.
    #[arg(long, value_name = "VENDOR=FILE")]
    pub(crate) trust_root: Vec<String>,
    /// Believe a key that no certificate vouches for: `cca:ID=key.pem` and `psa:ID=key.pem` with the instance's id in
    /// hex, `keystone=key.pem`, `tpm=ak.pem`. PEM, DER or JSON Web Key.
    #[arg(long, value_name = "OWNER[:ID]=FILE")]
    pub(crate) trust_key: Vec<String>,
}

/// What evidence has to be bound to.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("binding").required(true).multiple(true).args(["nonce", "report_data", "dangerously_unbound"]))]
pub(crate) struct ExpectedArgs {
    /// The nonce (or challenge, or qualifying data) that you asked for evidence with, in hex; compared whole. Of a Nitro document
    /// it is the nonce, and --report-data the user data: both can be given. Other formats have one such field.
    #[arg(long, value_name = "HEX")]
    pub(crate) nonce: Option<String>,
    /// The same for formats that call it report data or user data.
    #[arg(long, value_name = "HEX")]
    pub(crate) report_data: Option<String>,
    /// Look at evidence whose nonce you don't know: it may be a replay, or another session's.
    #[arg(long, conflicts_with_all = ["nonce", "report_data"])]
    pub(crate) dangerously_unbound: bool,
    /// Accept evidence of a keep that can be looked into.
    #[arg(long)]
    pub(crate) allow_debug: bool,
}

/// `casemate endorsements`.
#[derive(Debug, Subcommand)]
pub(crate) enum EndorsementsVerb {
    /// Show what a bundle, a file or a folder holds, and what expires when.
    #[command(after_help = "Example:\n  casemate endorsements show milan.endorsements")]
    Show(EndorsementsArgs),
    /// Check that everything in it holds at a time and is what its issuer signed; exit code 1 if something does not or is not.
    #[command(after_help = "Example:\n  casemate endorsements check milan.endorsements --for 7d")]
    Check(EndorsementsCheckArgs),
    /// Pack files and folders into one bundle, signed with this party's identity key.
    #[command(
        after_help = "Example:\n  casemate endorsements pack certificates/ --platform milan --out milan.endorsements"
    )]
    Pack(EndorsementsPackArgs),
}

/// `casemate endorsements show`.
#[derive(Args, Debug)]
pub(crate) struct EndorsementsArgs {
    /// Bundles, files and folders.
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// Who may pack a bundle that says whom to believe (roots, keys).
    #[arg(long, value_name = "KEY")]
    pub(crate) publisher: Vec<PublicKey>,
    /// Believe a root besides the built-in ones when signatures are looked at: `tpm=root.pem`.
    #[arg(long, value_name = "VENDOR=FILE")]
    pub(crate) trust_root: Vec<String>,
}

/// `casemate endorsements check`.
#[derive(Args, Debug)]
pub(crate) struct EndorsementsCheckArgs {
    /// What to check.
    #[command(flatten)]
    pub(crate) what: EndorsementsArgs,
    /// The time to check at; now by default.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<UnixTime>,
    /// How long it has to go on holding, such as 12h or 7d.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration_s, default_value = "0d")]
    pub(crate) for_s: u64,
}

/// `casemate endorsements pack`.
#[derive(Args, Debug)]
pub(crate) struct EndorsementsPackArgs {
    /// Files and folders of certificates, revocation lists, collateral and manifests.
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,
    /// A name for the platform that they are for, such as `milan`: newer bundles replace older ones of the same name.
    #[arg(long, value_name = "NAME")]
    pub(crate) platform: String,
    /// The bundle to write.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: PathBuf,
    /// Put a root into it that readers who know this party will believe: `tpm=root.pem`.
    #[arg(long, value_name = "VENDOR=FILE")]
    pub(crate) trust_root: Vec<String>,
    /// Put a key into it: `cca:ID=key.pem`, `tpm=ak.pem`.
    #[arg(long, value_name = "OWNER[:ID]=FILE")]
    pub(crate) trust_key: Vec<String>,
}

/// What no bundle may be older than.
#[derive(Clone, Debug)]
pub(crate) enum Floor {
    /// A bundle that was seen before.
    Seen(PathBuf),
    /// When it was packed.
    Time(UnixTime),
}

/// The least number that is taken as seconds since 1970: 2001-09-09T01:46:40Z. Smaller ones are days without hyphens, or mistakes.
const SECONDS_MIN: u64 = 1_000_000_000;

pub(crate) fn time(text: &str) -> Result<UnixTime, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse() {
            Ok(seconds) if seconds >= SECONDS_MIN => Ok(UnixTime(seconds)),
            Ok(seconds) => {
                let read = UnixTime(seconds);
                Err(format!(
                    "as seconds since 1970 that is {read}: write a day as 2026-06-01, a time as 2026-06-01T00:00:00Z"
                ))
            }
            Err(_) => Err("more seconds than any clock counts: write it as 2026-06-01T00:00:00Z".to_owned()),
        };
    }
    rfc3339(text)
        .or_else(|| rfc3339(&format!("{text}T00:00:00Z")))
        .ok_or_else(|| "write it as 2026-06-01T00:00:00Z, 2026-06-01, or seconds since 1970".to_owned())
}

/// A time, or else the path of a bundle. What consists of digits is a time.
fn floor(text: &str) -> Result<Floor, String> {
    match time(text) {
        Err(error) if text.bytes().all(|byte| byte.is_ascii_digit()) => Err(error),
        Err(_) => Ok(Floor::Seen(PathBuf::from(text))),
        Ok(time) => Ok(Floor::Time(time)),
    }
}

fn duration_s(text: &str) -> Result<u64, String> {
    let refuse = || "write it as 30m, 12h or 7d".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(refuse)?;
    let unit_s = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(refuse()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_s)).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_or_seconds_and_nothing_that_looks_like_both() {
        // 2026-06-01T00:00:00Z.
        const JUNE: UnixTime = UnixTime(1_780_272_000);
        for text in ["2026-06-01", "2026-06-01T00:00:00Z", "1780272000"] {
            assert_eq!(time(text), Ok(JUNE), "{text}");
        }
        assert_eq!(time("1000000000"), Ok(UnixTime(1_000_000_000)));
        let refused = time("20260601").unwrap_err();
        assert!(refused.contains("that is 1970-08-23T11:56:41Z") && refused.contains("2026-06-01"), "{refused}");
        for text in
            ["", "0", "999999999", "99999999999999999999", "2026-06", "2026-6-1", "2026-02-30", "yesterday", "-1"]
        {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_floor_is_a_time_or_a_bundle() {
        assert!(matches!(floor("2026-06-01"), Ok(Floor::Time(UnixTime(1_780_272_000)))));
        let path = floor("milan.endorsements");
        assert!(matches!(path, Ok(Floor::Seen(path)) if path.as_os_str() == "milan.endorsements"));
        assert!(floor("20260601").is_err());
    }
}
