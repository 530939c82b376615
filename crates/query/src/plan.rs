//! SQL text → the logical plan as written → the optimised logical plan. No data is touched.

use datafusion::{
    common::{DataFusionError, SchemaError, TableReference},
    execution::SessionState,
    logical_expr::LogicalPlan,
    sql::{
        parser::{DFParserBuilder, Statement},
        sqlparser::{ast, dialect::GenericDialect},
    },
};

use crate::QueryRefusal;

/// Longest query, in bytes of SQL.
const SQL_BYTES_MAX: usize = 64 * 1024;

/// Parses exactly one SELECT and plans it over the session's tables.
pub(crate) async fn as_written(sql: &str, state: &SessionState) -> Result<LogicalPlan, QueryRefusal> {
    let statement = one_select(sql)?;
    for table in state.resolve_table_references(&statement).map_err(planning)? {
        if !exists(state, &table) {
            return Err(QueryRefusal::UnknownTable { table: table.to_string() });
        }
    }
    state.statement_to_plan(statement).await.map_err(planning)
}

/// The optimised plan. What it refuses, it refuses without data.
pub(crate) fn optimised(written: &LogicalPlan, state: &SessionState) -> Result<LogicalPlan, QueryRefusal> {
    state.optimize(written).map_err(planning)
}

/// A planning error as a refusal. Planning sees no data, so the message may be shown.
#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
pub(crate) fn planning(error: DataFusionError) -> QueryRefusal {
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, .. } => QueryRefusal::UnknownColumn { column: field.flat_name() },
            other => QueryRefusal::Unplannable { message: other.to_string() },
        },
        other => QueryRefusal::Unplannable { message: first_line(&other.strip_backtrace()) },
    }
}

fn one_select(sql: &str) -> Result<Statement, QueryRefusal> {
    if sql.len() > SQL_BYTES_MAX {
        return Err(QueryRefusal::Syntax { message: format!("it is longer than {SQL_BYTES_MAX} bytes") });
    }
    let syntax = |e: DataFusionError| QueryRefusal::Syntax { message: first_line(&e.strip_backtrace()) };
    let mut statements = DFParserBuilder::new(sql)
        .with_dialect(&GenericDialect {})
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(syntax)?;
    let found = statements.len();
    match (statements.pop_front(), found) {
        (Some(statement), 1) if is_select(&statement) => Ok(statement),
        (Some(statement), 1) => Err(QueryRefusal::StatementNotListed { statement: first_word(&statement.to_string()) }),
        _ => Err(QueryRefusal::NotOneStatement { found }),
    }
}

fn is_select(statement: &Statement) -> bool {
    matches!(statement, Statement::Statement(inner) if matches!(inner.as_ref(), ast::Statement::Query(_)))
}

fn exists(state: &SessionState, table: &TableReference) -> bool {
    // A view's table has a bare name. Anything qualified asks for what isn't there, like `information_schema.tables`.
    let TableReference::Bare { table: name } = table else { return false };
    state.schema_for_ref(table.clone()).is_ok_and(|schema| schema.table_exist(name))
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or("nothing").to_uppercase()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
