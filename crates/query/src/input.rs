//! Views for programs: what a Wasm program gets to read is prepared here, in SQL that every party signed.
//!
//! No gate sits on them, because nothing of them leaves: the program reads them inside the keep. What holds all the same, by
//! default deny: only the contract's tables and columns exist, every node and function is listed or pure, every scan is a
//! sealed table's, and memory is bounded.

use std::sync::Arc;

use arrow::{array::RecordBatch, csv::WriterBuilder, datatypes::SchemaRef};
use datafusion::{
    common::tree_node::{TreeNode, TreeNodeRecursion},
    error::DataFusionError,
    execution::SessionState,
    logical_expr::{Expr, LogicalPlan, Volatility},
    physical_plan::{ExecutionPlan, execute_stream},
};
use futures::StreamExt;

use crate::{
    Limits, QueryRefusal, Sealed, Table,
    inspect::node_name,
    output, physical, plan,
    run::{PLANNING_LIMITS, canonical, canonical_schema, execution, first, validate},
    sealed::Opened,
    session::session,
    table::RESERVED_PREFIX,
};

/// One file that a program reads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Input {
    /// The view.
    pub sql: String,
    /// How its rows are written. Their order is the query's `ORDER BY`; without one there is none.
    pub form: Form,
}

/// How a view's rows are written for a program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// One Arrow IPC stream.
    Arrow,
    /// RFC 4180, UTF-8, with a header; NULL is the empty field.
    Csv,
}

/// Judges a view without data, and names the columns that a program would get, with their Arrow types.
///
/// # Errors
/// Every rule that it breaks, of the first stage that finds any.
pub async fn check_input(sql: &str, tables: &[Table]) -> Result<Vec<(String, String)>, Vec<QueryRefusal>> {
    validate(tables.iter())?;
    let planned: Vec<_> = tables.iter().map(|table| (table.clone(), None)).collect();
    let state = session(&planned, PLANNING_LIMITS).map_err(|error| vec![plan::planning(error)])?;
    let physical = planned_view(sql, &state).await?;
    let schema = canonical_schema(&physical.schema());
    Ok(schema.fields().iter().map(|field| (field.name().clone(), field.data_type().to_string())).collect())
}

/// Prepares `inputs` over sealed tables: the bytes of each, in their order.
///
/// Must be called in a Tokio runtime. Each sealed file is opened once. All inputs together have at most a quarter of
/// `limits.memory_bytes`.
///
/// # Errors
/// The first rule broken. Those that depend on data carry no values.
pub async fn prepare_inputs(
    inputs: &[Input],
    tables: Vec<(Table, Sealed)>,
    limits: Limits,
) -> Result<Vec<Vec<u8>>, QueryRefusal> {
    validate(tables.iter().map(|(table, _)| table)).map_err(first)?;
    let mut opened = Vec::with_capacity(tables.len());
    for (table, sealed) in tables {
        let file = Opened::open(&table, sealed)?;
        opened.push((table, Some(file)));
    }
    let state = session(&opened, limits).map_err(plan::planning)?;
    let (mut files, mut left) = (Vec::with_capacity(inputs.len()), limits.memory_bytes / 4);
    for input in inputs {
        let file = one(input, &state, limits, left).await?;
        left = left.saturating_sub(u64::try_from(file.len()).unwrap_or(u64::MAX));
        files.push(file);
    }
    Ok(files)
}

async fn one(input: &Input, state: &SessionState, limits: Limits, bytes_max: u64) -> Result<Vec<u8>, QueryRefusal> {
    let too_much = || QueryRefusal::MemoryLimit { memory_bytes: limits.memory_bytes };
    let physical = planned_view(&input.sql, state).await.map_err(first)?;
    let fail = |error: DataFusionError| execution(&error, limits);
    let schema = canonical_schema(&physical.schema());
    let mut stream = execute_stream(physical, state.task_ctx()).map_err(fail)?;
    let (mut batches, mut bytes) = (Vec::new(), 0_usize);
    while let Some(batch) = stream.next().await {
        let batch = canonical(&batch.map_err(fail)?, &schema)?;
        bytes = bytes.saturating_add(batch.get_array_memory_size());
        if u64::try_from(bytes).unwrap_or(u64::MAX) > bytes_max {
            return Err(too_much());
        }
        batches.push(batch);
    }
    let file = match input.form {
        Form::Arrow => output::to_ipc(&schema, &batches).map_err(|_| QueryRefusal::Execution)?,
        Form::Csv => csv(&schema, batches).ok_or(QueryRefusal::Execution)?,
    };
    if u64::try_from(file.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(too_much());
    }
    Ok(file)
}

fn csv(schema: &SchemaRef, mut batches: Vec<RecordBatch>) -> Option<Vec<u8>> {
    if batches.is_empty() {
        // The header is written with the first batch.
        batches.push(RecordBatch::new_empty(Arc::clone(schema)));
    }
    let mut bytes = Vec::new();
    let mut writer = WriterBuilder::new().with_header(true).build(&mut bytes);
    for batch in &batches {
        writer.write(batch).ok()?;
    }
    drop(writer);
    Some(bytes)
}

/// SQL → the physical plan that will run, inspected as written and as planned.
async fn planned_view(sql: &str, state: &SessionState) -> Result<Arc<dyn ExecutionPlan>, Vec<QueryRefusal>> {
    let one = |refusal| vec![refusal];
    let written = plan::as_written(sql, state).await.map_err(one)?;
    let refusals = refusals(&written);
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let optimised = plan::optimised(&written, state).map_err(one)?;
    let physical = state.query_planner().create_physical_plan(&optimised, state).await;
    let physical = physical.map_err(plan::planning).map_err(one)?;
    physical::inspect_view(&physical).map_err(one)?;
    Ok(physical)
}

fn refusals(written: &LogicalPlan) -> Vec<QueryRefusal> {
    let mut refusals = Vec::new();
    let walked = written.apply_with_subqueries(|node| {
        if !is_listed(node) {
            let (node, place) = (node_name(node), "in a program's view".to_owned());
            refusals.push(QueryRefusal::NodeNotListed { node, place });
        }
        for field in node.schema().fields().iter().filter(|field| field.name().starts_with(RESERVED_PREFIX)) {
            refusals.push(QueryRefusal::ReservedName { name: field.name().clone() });
        }
        for expression in node.expressions() {
            expression.apply(|part| {
                refusals.extend(refusal(part));
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    if walked.is_err() {
        refusals.push(QueryRefusal::Unplannable { message: "the plan can't be walked".to_owned() });
    }
    refusals
}

const fn is_listed(node: &LogicalPlan) -> bool {
    matches!(
        node,
        LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::TableScan(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Union(_)
    )
}

/// Functions are let in if they are pure: no clock, no randomness, no configuration.
fn refusal(part: &Expr) -> Option<QueryRefusal> {
    let not_listed = |what: &str| {
        Some(QueryRefusal::ExpressionNotListed { expression: what.to_owned(), place: "a program's view".to_owned() })
    };
    match part {
        Expr::ScalarFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
            Some(QueryRefusal::FunctionNotListed { function: call.name().to_owned() })
        }
        Expr::AggregateFunction(call) if call.func.signature().volatility != Volatility::Immutable => {
            Some(QueryRefusal::AggregateNotListed { function: call.func.name().to_owned() })
        }
        Expr::WindowFunction(_) => not_listed("OVER"),
        Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) | Expr::ScalarSubquery(_) => {
            not_listed("a subquery in an expression")
        }
        Expr::OuterReferenceColumn(..) => not_listed("a column of the outer query"),
        Expr::ScalarVariable(..) => not_listed("a variable"),
        Expr::Placeholder(_) => not_listed("a placeholder"),
        Expr::Unnest(_) => not_listed("UNNEST"),
        Expr::HigherOrderFunction(_) | Expr::Lambda(_) | Expr::LambdaVariable(_) => not_listed("a lambda"),
        _ => None,
    }
}
