//! Three attacks on the study that just ran, each refused before the user's eyes.

use serde_json::{Value, json};

use super::{
    roles::{Roles, describe},
    study::{Run, string, text},
};
use crate::failure::Failure;

/// Tries all three and tells what refused each. An attack that is *not* refused fails the demo.
pub(super) fn run(roles: &mut Roles, run: &Run) -> Result<Vec<Value>, Failure> {
    roles.screen.line("");
    roles.screen.line("Attacks");
    Ok(vec![alter_query(roles, run)?, replay(roles, run)?, isolate(roles, run)?])
}

fn alter_query(roles: &Roles, run: &Run) -> Result<Value, Failure> {
    let outcome = roles.call("researcher", &["attack", "alter-query", &text(&run.receipt), "clinic"])?;
    refused(
        roles,
        1,
        "the query changed by one byte after all had signed, shown to the clinic's broker by a keep whose launcher plays along",
        &outcome,
    )
}

fn replay(roles: &Roles, run: &Run) -> Result<Value, Failure> {
    let outcome = roles.call("researcher", &["attack", "replay", &text(&run.receipt), "clinic"])?;
    refused(roles, 2, "the evidence of the earlier run shown again to the clinic's broker", &outcome)
}

fn isolate(roles: &Roles, run: &Run) -> Result<Value, Failure> {
    let out = text(&roles.folder("researcher").join("attack-3"));
    let outcome = roles.call(
        "researcher",
        &["run", &text(&run.contract), "--computation", "largest-tumour", "--data", ".", "--out", &out],
    )?;
    refused(roles, 3, "a query that isolates one patient, signed by everybody", &outcome)
}

fn refused(roles: &Roles, number: u8, what: &str, outcome: &(i32, Value)) -> Result<Value, Failure> {
    let (code, value) = outcome;
    roles.screen.line(format!("  {number}  {what}"));
    if *code != 1 {
        return Err(Failure::machine(format!(
            "attack {number} was not refused as it has to be: exit code {code}: {}",
            describe(value)
        )));
    }
    let reasons = value.get("reasons").and_then(Value::as_array).cloned().unwrap_or_default();
    if reasons.is_empty() {
        roles.screen.line(format!("     refused: {}", string(value, "message")));
    }
    for reason in reasons.iter().take(2) {
        roles.screen.line(format!("     refused: {}", string(reason, "rule")));
        roles.screen.line(format!("       expected {}", string(reason, "expected")));
        roles.screen.line(format!("       actual   {}", string(reason, "actual")));
    }
    Ok(json!({"attack": what, "message": string(value, "message"), "reasons": reasons}))
}
