//! `casemate endorsements`: what vendors vouch with, from bundles, files and folders; and packing it into one bundle.
//!
//! Signatures and dates are looked at; whether any of it fits some evidence is judged when evidence is.

use casemate_cose::{Digest, UnixTime};
use casemate_evidence::{Bundle, DatedItem, Signature};
use casemate_trust::Reason;
use serde_json::{Value, json};

use crate::{
    cli::{
        Global,
        verify::{EndorsementsArgs, EndorsementsCheckArgs, EndorsementsPackArgs, EndorsementsVerb},
    },
    clock,
    failure::{Failure, Outcome, reason_json},
    gathered::{Gathered, PassedOver, count, trust},
    output::{self, Written},
    screen::Screen,
    state::State,
};

use super::verify::{plain, until};

/// Dispatches `casemate endorsements`.
pub(crate) async fn endorsements(verb: &EndorsementsVerb, global: &Global, screen: Screen) -> Outcome {
    match verb {
        EndorsementsVerb::Show(args) => show(args, screen),
        EndorsementsVerb::Check(args) => check(args, screen),
        EndorsementsVerb::Pack(args) => pack(args, global, screen).await,
    }
}

fn gather(args: &EndorsementsArgs) -> Result<Gathered, Failure> {
    let mut gathered = Gathered::of_paths(&args.paths, &args.publisher, None)?;
    trust(&mut gathered, &args.trust_root, &[])?;
    Ok(gathered)
}

fn show(args: &EndorsementsArgs, screen: Screen) -> Outcome {
    let gathered = gather(args)?;
    let judged = gathered.judged();
    print(&gathered, &judged, clock::now(), screen);
    screen.object(&json!({
        "bundles": bundles(&gathered), "items": items(&judged), "passed_over": passed_over(&gathered),
        "notes": gathered.notes(),
    }));
    Ok(())
}

fn check(args: &EndorsementsCheckArgs, screen: Screen) -> Outcome {
    let at = args.at.unwrap_or_else(clock::now);
    let until_at = at.plus_s(args.for_s);
    let period = if at == until_at { format!("at {at}") } else { format!("from {at} to {until_at}") };
    let gathered = gather(&args.what)?.checkable()?;
    let judged = gathered.judged();
    print(&gathered, &judged, at, screen);
    let is_late = |item: &DatedItem| !item.window.contains(at) || !item.window.contains(until_at);
    let late: Vec<String> = judged.iter().filter(|(item, _)| is_late(item)).map(|(item, _)| name(item)).collect();
    let wrong = wrong(&judged);
    let holds = late.is_empty() && wrong.is_empty();
    screen.object(&json!({
        "at": at.0, "until": until_at.0, "holds": holds, "failing": late,
        "reasons": reasons(&wrong).iter().map(reason_json).collect::<Vec<_>>(), "bundles": bundles(&gathered),
        "items": items(&judged), "passed_over": passed_over(&gathered), "notes": gathered.notes(),
    }));
    if holds {
        screen.line(format!("\nall of it holds {period}, by its dates; {}", signed(&judged)));
        return Ok(());
    }
    let late_message = (!late.is_empty())
        .then(|| format!("{} of {} do not hold {period}: {}", late.len(), judged.len(), late.join(", ")));
    let wrong_message =
        (!wrong.is_empty()).then(|| format!("{} of {} are not what their issuers signed", wrong.len(), judged.len()));
    let message: Vec<String> = late_message.into_iter().chain(wrong_message).collect();
    Err(Failure::refused(message.join("; "), reasons(&wrong))
        .help("fetch them again from their vendor, and pack a new bundle")
        .in_object())
}

async fn pack(args: &EndorsementsPackArgs, global: &Global, screen: Screen) -> Outcome {
    output::check(&args.out, Written::Bundle)?;
    let mut gathered = Gathered::of_paths(&args.paths, &[], None)?;
    trust(&mut gathered, &args.trust_root, &args.trust_key)?;
    if gathered.items().is_empty() {
        return Err(Failure::input("there is nothing to pack: no file there endorses anything")
            .help("give certificates, revocation lists, collateral or manifests as their vendor publishes them"));
    }
    let judged = gathered.judged();
    let wrong = wrong(&judged);
    if !wrong.is_empty() {
        let message =
            format!("{} of {} are not what their issuers signed: no bundle was packed", wrong.len(), judged.len());
        return Err(Failure::refused(message, reasons(&wrong)));
    }
    let (keys, _store) = State::open(global)?.unlock().await?;
    let made = clock::now();
    let bytes = Bundle::pack(&args.platform, made, gathered.items(), keys.identity())
        .map_err(|error| Failure::input(format!("no bundle was packed: {error}")))?;
    output::write(&args.out, Written::Bundle, &bytes)?;
    let digest = Digest::of(&bytes);
    let publisher = keys.identity().public();
    print(&gathered, &judged, made, screen);
    screen.line(format!(
        "\nwrote {}: {} for `{}`; {}\n  {digest}\nits readers name you: --publisher {publisher}",
        args.out.display(),
        count(gathered.items()),
        plain(&args.platform),
        signed(&judged)
    ));
    screen.object(&json!({
        "file": args.out.display().to_string(), "platform": args.platform, "digest": digest.to_string(), "publisher": publisher.to_string(),
        "made": made.0, "items": items(&judged), "passed_over": passed_over(&gathered), "notes": gathered.notes(),
    }));
    Ok(())
}

fn print(gathered: &Gathered, judged: &[(DatedItem, Signature)], at: UnixTime, screen: Screen) {
    for bundle in gathered.bundles() {
        screen.line(format!(
            "bundle for `{}`, packed at {} by {}",
            plain(bundle.platform()),
            bundle.made(),
            bundle.publisher()
        ));
        screen.line(format!("  {}", bundle.digest()));
    }
    let mut rows: Vec<&(DatedItem, Signature)> = judged.iter().collect();
    rows.sort_by_key(|(row, _)| row.window.not_after);
    for (row, signature) in rows {
        let state = if signature.is_wrong() {
            "WRONG  "
        } else if at < row.window.not_before {
            "not yet"
        } else if at > row.window.not_after {
            "EXPIRED"
        } else {
            "holds  "
        };
        let (name, signature) = (plain(&row.name), plain(&signature.to_string()));
        screen.line(format!("  {state}  {:26}  {:11}  {name}; {signature}", until(row.window.not_after), row.kind));
    }
    for PassedOver { path, why } in gathered.passed_over() {
        if why.is_none() {
            screen.line(format!("passed over {}: it endorses nothing", plain(&path.display().to_string())));
        }
    }
    for note in gathered.notes() {
        screen.line(format!("note: {note}"));
    }
}

fn name(item: &DatedItem) -> String {
    format!("{} `{}`", item.kind, plain(&item.name))
}

/// Items that are not what their issuers signed, and what is wrong with each.
fn wrong(judged: &[(DatedItem, Signature)]) -> Vec<(String, String)> {
    let wrong = judged.iter().filter(|(_, signature)| signature.is_wrong());
    wrong.map(|(item, signature)| (name(item), signature.to_string())).collect()
}

fn reasons(wrong: &[(String, String)]) -> Vec<Reason> {
    let reason = |(name, actual): &(String, String)| Reason {
        rule: "endorsement-signature".to_owned(),
        expected: format!("{name} as its issuer signed it"),
        actual: plain(actual),
        remedy: "fetch it again from its vendor, or leave it out".to_owned(),
    };
    wrong.iter().map(reason).collect()
}

/// How far signatures could be looked at, where none is wrong.
fn signed(judged: &[(DatedItem, Signature)]) -> String {
    let right = judged.iter().filter(|(_, signature)| matches!(signature, Signature::Right { .. })).count();
    let unsigned = judged.iter().filter(|(_, signature)| *signature == Signature::Unsigned).count();
    let open = judged.len() - right - unsigned;
    let said = format!("{right} of {} signatures are right", judged.len() - unsigned);
    if open == 0 { said } else { format!("{said}, the issuers of the others are not here") }
}

fn passed_over(gathered: &Gathered) -> Vec<String> {
    gathered.passed_over().iter().map(|passed| passed.path.display().to_string()).collect()
}

fn bundles(gathered: &Gathered) -> Vec<Value> {
    let row = |bundle: &Bundle| {
        json!({
            "platform": bundle.platform(), "made": bundle.made().0, "publisher": bundle.publisher().to_string(),
            "digest": bundle.digest().to_string(),
        })
    };
    gathered.bundles().iter().map(row).collect()
}

fn items(judged: &[(DatedItem, Signature)]) -> Vec<Value> {
    let row = |(item, signature): &(DatedItem, Signature)| {
        let outcome = match signature {
            Signature::Right { .. } => "right",
            Signature::Unanchored { .. } => "no root",
            Signature::IssuerAbsent { .. } => "issuer not here",
            Signature::Wrong { .. } => "wrong",
            Signature::Unsigned => "unsigned",
        };
        json!({
            "kind": item.kind, "name": item.name, "digest": item.digest.to_string(),
            "not_before": item.window.not_before.0, "not_after": item.window.not_after.0,
            "signature": outcome, "said": signature.to_string(),
        })
    };
    judged.iter().map(row).collect()
}
