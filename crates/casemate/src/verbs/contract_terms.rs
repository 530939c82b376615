//! What a signature agrees to, on one screen: who, over what, computing what, for whom, until when.

use casemate_contract::{
    Code, Compiled, Computation, Contract, Dataset, FREE_FORM, Party, PartyName, Program, WasmProgram,
};
use casemate_store::KnownParty;

use crate::screen::Screen;

/// Shows the terms to the party that is to sign them.
pub(crate) fn show(compiled: &Compiled, own: &PartyName, known: &[KnownParty], screen: Screen) {
    for line in terms(compiled, own, known) {
        screen.line(line);
    }
}

fn terms(compiled: &Compiled, own: &PartyName, known: &[KnownParty]) -> Vec<String> {
    let contract = compiled.contract();
    let study = contract.study();
    let mut lines = vec![
        format!("What {own} would agree to: study {}, sequence {}", study.id, study.sequence),
        format!("  digest       {}", compiled.digest()),
        format!("  purpose      {}", study.purpose),
        format!("  legal basis  {}", study.legal_basis),
        format!("  expires      {}", study.expires),
        format!("  isolations   {}", list(&study.isolations)),
        format!("  may lack     {}", list(&study.accept_lacks)),
        String::new(),
        "Parties".to_owned(),
    ];
    lines.extend(contract.parties().iter().map(|other| party(other, own, known)));
    lines.extend([String::new(), "Datasets".to_owned()]);
    for agreed in contract.datasets() {
        lines.extend(dataset(agreed, own));
    }
    lines.extend([String::new(), "Computations".to_owned()]);
    for agreed in contract.computations() {
        lines.extend(computation(contract, agreed));
    }
    lines.push(String::new());
    lines
}

fn party(party: &Party, own: &PartyName, known: &[KnownParty]) -> String {
    let standing = match known.iter().find(|known| known.key == party.key) {
        _ if party.name == *own => "this is you".to_owned(),
        Some(known) if party.launchers.iter().any(|key| known.launcher.is_some_and(|card| card != *key)) => {
            format!("known since {}; runs on a host that is not on its card", known.added_at)
        }
        Some(known) => format!("known since {}", known.added_at),
        None => "a stranger".to_owned(),
    };
    format!("  {:<12} {}   {standing}", party.name.as_str(), party.key)
}

fn dataset(dataset: &Dataset, own: &PartyName) -> Vec<String> {
    let owner = if dataset.owner == *own { "you".to_owned() } else { dataset.owner.to_string() };
    let columns: Vec<_> = dataset.columns().iter().map(|column| &column.name).collect();
    let gate: Vec<_> = dataset.gate.rules().iter().map(ToString::to_string).collect();
    let entity = dataset.entity().map(|entity| format!("; entity {entity}")).unwrap_or_default();
    vec![
        format!("  {:<12} of {owner}{entity}", dataset.name.as_str()),
        format!("    columns    {}", list(&columns)),
        format!("    leaves     {}", gate.join("; ")),
    ]
}

fn computation(contract: &Contract, computation: &Computation) -> Vec<String> {
    let mut lines = vec![
        format!("  {:<12} run by {}", computation.name.as_str(), list(&computation.runners)),
        format!("    result for {}", list(&computation.recipients)),
    ];
    for read in &computation.reads {
        lines.push(format!("    reads      {} ({})", read.dataset, list(&read.columns)));
    }
    match &computation.program {
        Program::Sql { text } => lines.extend(text.as_str().trim().lines().map(|line| format!("      {line}"))),
        Program::Wasm(program) => lines.extend(wasm(contract, computation, program)),
    }
    lines
}

/// What a Wasm program may see and leave; the page of `contract show` has the rest.
fn wasm(contract: &Contract, computation: &Computation, program: &WasmProgram) -> Vec<String> {
    let digest = contract.program_digest(computation).map_or_else(String::new, |digest| digest.to_string());
    let mut lines = vec![format!("    WARNING    {FREE_FORM}")];
    lines.push(match &program.code {
        Code::Open { .. } => format!("    program    {digest}, in WebAssembly"),
        Code::Sealed { dataset } => {
            format!("    program    sealed as {dataset}, {digest}: only its author knows its code")
        }
    });
    if !program.arguments.is_empty() {
        lines.push(format!("    arguments  {:?}", program.arguments));
    }
    for input in &program.inputs {
        lines.push(format!("    input      {}, without a gate:", input.name));
        lines.extend(input.sql.as_str().trim().lines().map(|line| format!("      {line}")));
    }
    let outputs: Vec<_> = program.outputs.iter().map(|output| &output.name).collect();
    lines.push(format!("    leaves     {} of at most {} bytes together", list(&outputs), program.max_output_bytes));
    lines
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    if items.is_empty() { "nothing".to_owned() } else { items.join(", ") }
}
