//! Judges the SQL of a contract's computations before anyone signs, with the very rules of the keep and without data.

use casemate_contract::{Computation, Contract, Program};
use casemate_query::{Explanation, QueryRefusal, views};
use casemate_trust::Reason;

/// What is wrong with one computation's query.
pub(crate) struct SqlProblem {
    pub(crate) computation: String,
    pub(crate) reason: Reason,
}

/// Every problem of every query.
pub(crate) async fn check(contract: &Contract) -> Vec<SqlProblem> {
    let mut problems = Vec::new();
    for computation in contract.computations() {
        if let Err(refusals) = explain(contract, computation).await {
            let computation = computation.name.to_string();
            problems.extend(refusals.iter().map(|refusal| {
                let (rule, expected, actual, remedy) = refusal.reason();
                SqlProblem { computation: computation.clone(), reason: Reason { rule, expected, actual, remedy } }
            }));
        }
    }
    problems
}

/// What one computation would do, or why it is refused: a query by the gates, a program's views by the rules of views.
pub(crate) async fn explain(contract: &Contract, computation: &Computation) -> Result<Explained, Vec<QueryRefusal>> {
    let views = views(contract, computation);
    match &computation.program {
        Program::Sql { text } => {
            let Explanation { reads, gates, .. } = casemate_query::check(text.as_str(), &views).await?;
            Ok(Explained { reads, gates })
        }
        Program::Wasm(program) => {
            let mut reads = Vec::new();
            for input in &program.inputs {
                let columns = casemate_query::check_input(input.sql.as_str(), &views).await?;
                reads.push((format!("/in/{}", input.name), columns.into_iter().map(|(name, _)| name).collect()));
            }
            Ok(Explained { reads, gates: vec![casemate_contract::FREE_FORM.to_owned()] })
        }
    }
}

/// What one computation would do.
pub(crate) struct Explained {
    /// Tables or input files with the columns read.
    pub(crate) reads: Vec<(String, Vec<String>)>,
    /// What its output has to pass.
    pub(crate) gates: Vec<String>,
}
