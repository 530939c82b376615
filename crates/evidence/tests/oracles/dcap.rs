//! `dcap-qvl` on SGX and TDX quotes.

use std::{collections::BTreeMap, path::Path};

use casemate_cose::UnixTime;
use casemate_evidence::{
    AllowDebug, DangerouslyUnbound, Endorsements, Evidence, Format, Platform, authenticate, dcap::collateral::of_json,
    rfc3339,
};
use casemate_testkit::{DAY_S, skip, vectors};
use dcap_qvl::{QuoteCollateralV3, configs::RingConfig, verify::QuoteVerifier};

use crate::{package, read};

/// 2023-07-01, 2025-06-20, 2026-03-01, 2026-03-20.
const TIMES: [UnixTime; 4] =
    [UnixTime(1_688_169_600), UnixTime(1_750_377_600), UnixTime(1_772_323_200), UnixTime(1_773_964_800)];

/// Status and advisories, or why it was refused.
type Verdict = Result<(String, Vec<String>), String>;

fn ours(quote: &[u8], collateral: &QuoteCollateralV3, at: UnixTime) -> Verdict {
    let items = of_json(&serde_json::to_string(collateral).unwrap()).unwrap();
    let endorsements = Endorsements::of_vendors().with_all(items);
    let evidence = Evidence::new(Format::Dcap, quote.to_vec());
    let outcome = authenticate(&evidence, &endorsements, &AllowDebug::new(DangerouslyUnbound), at);
    let authentic = outcome.map_err(|refusal| format!("{}: {refusal}", refusal.rule()))?;
    let Platform::Dcap(claims) = &authentic.claims().platform else { panic!("no dcap claims") };
    Ok((claims.tcb.status.to_string(), sorted(&claims.tcb.advisories)))
}

fn theirs(quote: &[u8], collateral: &QuoteCollateralV3, at: UnixTime) -> Verdict {
    let verifier = QuoteVerifier::new_prod().with_config::<RingConfig>().allow_debug(true).allow_service_td(true);
    let report = verifier.verify(quote, collateral, at.0).map_err(|error| format!("{error:#}"))?;
    Ok((report.status, sorted(&report.advisory_ids)))
}

fn sorted(list: &[String]) -> Vec<String> {
    let mut list = list.to_vec();
    list.sort();
    list
}

/// Quotes and collateral by name.
struct Recorded {
    quotes: Vec<(String, Vec<u8>)>,
    collateral: Vec<(String, QuoteCollateralV3)>,
}

impl Recorded {
    /// The package's own samples, and recorded ones if there are any.
    fn all(test: &str) -> Option<Self> {
        let Some(package) = package("dcap-qvl-0.") else {
            skip(test, "the package `dcap-qvl` is not in Cargo's registry", "run it by `cargo test`, which fetches it");
            return None;
        };
        let mut recorded = Self { quotes: Vec::new(), collateral: Vec::new() };
        let sample = package.join("sample");
        for name in ["sgx_quote", "tdx_quote", "tdx_quote_outdated", "tdx_quote_td15ex"] {
            recorded.quotes.push((name.to_owned(), read(&sample.join(name))));
            let file = read(&sample.join(format!("{name}_collateral.json")));
            // A chain beside the collateral goes before the quote's own in `dcap-qvl`; here the quote's own counts. All of
            // these quotes carry theirs.
            let collateral =
                QuoteCollateralV3 { pck_certificate_chain: None, ..serde_json::from_slice(&file).unwrap() };
            recorded.collateral.push((name.to_owned(), collateral));
        }
        for name in ["quote-from-tappd.hex", "tdx-quote.hex"] {
            let text = String::from_utf8(read(&sample.join(name))).unwrap();
            recorded.quotes.push((name.to_owned(), hex::decode(text.trim().trim_start_matches("0x")).unwrap()));
        }
        if let Some(vectors) = vectors(test) {
            recorded.add(&vectors.join("dcap"));
        }
        Some(recorded)
    }

    fn add(&mut self, folder: &Path) {
        for name in [
            "google/quote_v5_sample.dat",
            "google/tdx_prod_quote_SPR_E4.dat",
            "misc/tdx-v4-debug.quote",
            "misc/tdx-v5-below-lowest.quote",
        ] {
            self.quotes.push((name.to_owned(), read(&folder.join(name))));
        }
        let text = |name: &str| String::from_utf8(read(&folder.join("collateral-a").join(name))).unwrap();
        let (qe_identity, qe_identity_signature) = parts(&text("td_qe_identity.json"));
        let issuers =
            self.collateral.iter().find(|(name, _)| name == "tdx_quote").unwrap().1.pck_crl_issuer_chain.clone();
        for fmspc in ["50806f", "90c06f"] {
            let (tcb_info, tcb_info_signature) = parts(&text(&format!("tcb_info_{fmspc}000000.json")));
            let collateral = QuoteCollateralV3 {
                pck_crl_issuer_chain: issuers.clone(),
                root_ca_crl: read(&folder.join("collateral-a/root_ca_crl.der")),
                pck_crl: read(&folder.join("collateral-a/pck_crl_platform.der")),
                tcb_info_issuer_chain: text("tcb_signing_chain.pem"),
                tcb_info,
                tcb_info_signature,
                qe_identity_issuer_chain: text("qe_identity_signing_chain.pem"),
                qe_identity: qe_identity.clone(),
                qe_identity_signature: qe_identity_signature.clone(),
                pck_certificate_chain: None,
            };
            self.collateral.push((format!("a-{fmspc}"), collateral));
        }
    }
}

/// The signed text and the signature in an answer of Intel's service.
fn parts(answer: &str) -> (String, Vec<u8>) {
    let (body, signature) = answer.rsplit_once(",\"signature\":\"").unwrap();
    let (_, body) = body.split_once(':').unwrap();
    (body.to_owned(), hex::decode(signature.trim_end().trim_end_matches("\"}")).unwrap())
}

/// Below the lowest level is a status here and an error there: it says how the platform stands, and appraisal is to judge it.
const NO_LEVEL: &str = "No matching TCB level found";

/// Every quote with every collateral, at several times and while that collateral holds.
#[test]
fn every_quote_with_every_collateral() {
    let Some(recorded) = Recorded::all("oracles::dcap::every_quote_with_every_collateral") else { return };
    let mut statuses = BTreeMap::new();
    for (name, quote) in &recorded.quotes {
        for (of, collateral) in &recorded.collateral {
            for at in TIMES.into_iter().chain([day_after_issue(collateral)]) {
                let case = format!("{name} with the collateral of {of} at {at}");
                let (ours, theirs) = (ours(quote, collateral, at), theirs(quote, collateral, at));
                match (&ours, &theirs) {
                    (Ok((status, _)), Err(error)) if status == "BelowLowest" => assert_eq!(error, NO_LEVEL, "{case}"),
                    (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{case}"),
                    (Err(_), Err(_)) => {}
                    (ours, theirs) => panic!("{case}: {ours:?}, {theirs:?}"),
                }
                if let Ok((status, _)) = ours {
                    *statuses.entry(status).or_insert(0) += 1;
                }
            }
        }
    }
    for status in ["BelowLowest", "ConfigurationAndSWHardeningNeeded", "UpToDate"] {
        assert!(statuses.contains_key(status), "{statuses:?}");
    }
}

fn day_after_issue(collateral: &QuoteCollateralV3) -> UnixTime {
    let (_, rest) = collateral.tcb_info.split_once("\"issueDate\":\"").unwrap();
    let issued = rfc3339(rest.split('"').next().unwrap()).unwrap();
    UnixTime(issued.0 + DAY_S)
}

/// A quote of which one bit is another, anywhere. `dcap-qvl` passes over the root's own certificate at the end of the chain, which
/// is pinned; here it has to be the pinned one, or not there.
#[test]
fn damaged_quotes() {
    let Some(recorded) = Recorded::all("oracles::dcap::damaged_quotes") else { return };
    let collateral = &recorded.collateral.iter().find(|(name, _)| name == "tdx_quote").unwrap().1;
    let honest = &recorded.quotes.iter().find(|(name, _)| name == "tdx_quote").unwrap().1;
    let root = honest.windows(11).rposition(|window| window == b"-----BEGIN ").unwrap();
    for bit in (0..honest.len() * 8).step_by(397) {
        let mut quote = honest.clone();
        quote[bit / 8] ^= 1 << (bit % 8);
        match (ours(&quote, collateral, TIMES[1]), theirs(&quote, collateral, TIMES[1])) {
            (Err(_), Ok(_)) => assert!(bit / 8 >= root, "bit {bit}"),
            (ours, theirs) => assert_eq!(ours.ok(), theirs.ok(), "bit {bit}"),
        }
    }
}
