//! Judges the SQL of a contract's computations before anyone signs, with the very rules of the keep and without data.

use casemate_contract::{ColumnType, Computation, Content, Contract, Program};
use casemate_query::{Explanation, Gate, QueryRefusal, Table};
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

fn views(contract: &Contract, computation: &Computation) -> Vec<Table> {
    let tables = contract.reads(computation).filter_map(|(dataset, columns)| {
        let Content::Table { entity, .. } = &dataset.content else { return None };
        let listed = columns.iter().filter_map(|name| dataset.column(name));
        Some(Table {
            name: dataset.name.to_string(),
            entity: entity.to_string(),
            columns: listed.map(|column| (column.name.to_string(), column_type(column.kind))).collect(),
            gate: Gate {
                min_entities: u32::try_from(dataset.gate.min_entities).unwrap_or(u32::MAX),
                max_rows: dataset.gate.max_rows,
                max_bytes: dataset.gate.max_bytes,
            },
        })
    });
    tables.collect()
}

const fn column_type(kind: ColumnType) -> casemate_query::ColumnType {
    match kind {
        ColumnType::Boolean => casemate_query::ColumnType::Boolean,
        ColumnType::Date32 => casemate_query::ColumnType::Date32,
        ColumnType::Float64 => casemate_query::ColumnType::Float64,
        ColumnType::Int64 => casemate_query::ColumnType::Int64,
        ColumnType::Timestamp => casemate_query::ColumnType::TimestampMicros,
        ColumnType::Utf8 => casemate_query::ColumnType::Utf8,
    }
}
