//! What a contract lets a computation see, as tables: the same view for whoever checks a query and for the keep that runs it.

use casemate_contract::{Computation, Content, Contract};

use crate::{ColumnType, Gate, Table};

/// The tables that `computation` reads, ascending by dataset: only the columns that exist for it, with their owners' gates.
#[must_use]
pub fn views(contract: &Contract, computation: &Computation) -> Vec<Table> {
    let tables = contract.reads(computation).filter_map(|(dataset, columns)| {
        let Content::Table { entity, .. } = &dataset.content else { return None };
        let listed = columns.iter().filter_map(|name| dataset.column(name));
        Some(Table {
            name: dataset.name.to_string(),
            entity: entity.to_string(),
            columns: listed.map(|column| (column.name.to_string(), column.kind.into())).collect(),
            gate: Gate {
                // A contract can't ask for as many; if it could, nothing would pass.
                min_entities: u32::try_from(dataset.gate.min_entities).unwrap_or(u32::MAX),
                max_rows: dataset.gate.max_rows,
                max_bytes: dataset.gate.max_bytes,
            },
        })
    });
    tables.collect()
}

impl From<casemate_contract::ColumnType> for ColumnType {
    fn from(kind: casemate_contract::ColumnType) -> Self {
        use casemate_contract::ColumnType as Agreed;
        match kind {
            Agreed::Boolean => Self::Boolean,
            Agreed::Date32 => Self::Date32,
            Agreed::Float64 => Self::Float64,
            Agreed::Int64 => Self::Int64,
            Agreed::Timestamp => Self::TimestampMicros,
            Agreed::Utf8 => Self::Utf8,
        }
    }
}
