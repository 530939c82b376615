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

/// What one computation would do, or why the gates refuse it.
pub(crate) async fn explain(contract: &Contract, computation: &Computation) -> Result<Explanation, Vec<QueryRefusal>> {
    let Program::Sql { text } = &computation.program;
    casemate_query::check(text.as_str(), &views(contract, computation)).await
}
