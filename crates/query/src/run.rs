//! The two entry points: [`check`] without data, [`run`] with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow::{
    array::RecordBatch,
    compute::{cast, concat_batches},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use datafusion::{
    common::tree_node::{TreeNode, TreeNodeRecursion},
    error::DataFusionError,
    execution::SessionState,
    logical_expr::LogicalPlan,
    physical_plan::{ExecutionPlan, displayable, execute_stream},
    physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner},
};
use futures::StreamExt;

use crate::{
    GateOutcome, Output, QueryRefusal, Sealed, Table,
    gate_check::{GateCheck, GatePlanner, Minimum},
    gated::Gating,
    inspect, output, physical, plan,
    sealed::Opened,
    session::session,
};

/// What a query would do, found without data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// Each table read and the columns read from it, its entity column included.
    pub reads: Vec<(String, Vec<String>)>,
    /// The result's columns with their Arrow types.
    pub output: Vec<(String, String)>,
    /// What each gate will demand, in words.
    pub gates: Vec<String>,
    /// The plan that would run, gates included.
    pub plan: String,
}

/// What the query may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Memory for the query's operators, in bytes.
    pub memory_bytes: u64,
    /// Parallel partitions. At least 1.
    pub threads: u32,
}

/// What a query is planned with when it doesn't run.
pub(crate) const PLANNING_LIMITS: Limits = Limits { memory_bytes: 1 << 20, threads: 2 };

/// Judges a query against the view, without data.
///
/// # Errors
/// Every rule that the query breaks, of the first stage that finds any: the view, the text, the plan as written, the optimised
/// plan, the physical plan.
pub async fn check(sql: &str, tables: &[Table]) -> Result<Explanation, Vec<QueryRefusal>> {
    let planned: Vec<_> = tables.iter().map(|table| (table.clone(), None)).collect();
    let prepared = prepare(sql, &planned, PLANNING_LIMITS).await?;
    Ok(prepared.explanation(tables))
}

/// Runs a query over sealed tables and passes the result through every table's gate.
///
/// Must be called in a Tokio runtime; its workers do the work, in `limits.threads` partitions.
///
/// # Errors
/// The first rule broken. Those that depend on data carry no values.
pub async fn run(sql: &str, tables: Vec<(Table, Sealed)>, limits: Limits) -> Result<Output, QueryRefusal> {
    validate(tables.iter().map(|(table, _)| table)).map_err(first)?;
    let mut opened = Vec::with_capacity(tables.len());
    for (table, sealed) in tables {
        let file = Opened::open(&table, sealed)?;
        opened.push((table, Some(file)));
    }
    let prepared = prepare(sql, &opened, limits).await.map_err(first)?;
    let views: Vec<Table> = opened.into_iter().map(|(table, _)| table).collect();
    prepared.execute(&views, limits).await
}

/// A plan that passed inspection, logical and physical.
struct Prepared {
    state: SessionState,
    gated: LogicalPlan,
    minima: Vec<Minimum>,
    physical: Arc<dyn ExecutionPlan>,
}

async fn prepare(sql: &str, tables: &[(Table, Option<Opened>)], limits: Limits) -> Result<Prepared, Vec<QueryRefusal>> {
    validate(tables.iter().map(|(table, _)| table))?;
    let one = |refusal| vec![refusal];
    let state = session(tables, limits).map_err(plan::planning).map_err(one)?;
    let written = plan::as_written(sql, &state).await.map_err(one)?;
    let refusals = inspect::as_written(&written);
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let optimised = plan::optimised(&written, &state).map_err(one)?;
    let views: Vec<Table> = tables.iter().map(|(table, _)| table.clone()).collect();
    let findings = inspect::optimised(&optimised, &views)?;
    let never_null: BTreeMap<String, BTreeSet<String>> = tables
        .iter()
        .filter_map(|(table, file)| file.as_ref().map(|file| (table.name.clone(), file.never_null.clone())))
        .collect();
    let gating = Gating { tables: &views, findings: &findings, never_null: &never_null };
    let gated = gating.gated(&optimised).map_err(plan::planning).map_err(one)?;
    let minima = minima_of(&gated);
    let physical = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(GatePlanner)])
        .create_physical_plan(&gated, &state)
        .await
        .map_err(plan::planning)
        .map_err(one)?;
    physical::inspect(&physical, &minima).map_err(one)?;
    Ok(Prepared { state, gated, minima, physical })
}

pub(crate) fn validate<'a>(tables: impl Iterator<Item = &'a Table>) -> Result<(), Vec<QueryRefusal>> {
    let mut refusals = Vec::new();
    let mut names = BTreeSet::new();
    for table in tables {
        refusals.extend(table.validate().err());
        if !names.insert(&table.name) {
            let faults = "two tables have this name".to_owned();
            refusals.push(QueryRefusal::BadTable { table: table.name.clone(), faults });
        }
    }
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

pub(crate) fn first(refusals: Vec<QueryRefusal>) -> QueryRefusal {
    refusals.into_iter().next().unwrap_or(QueryRefusal::Execution)
}

fn minima_of(plan: &LogicalPlan) -> Vec<Minimum> {
    let mut minima = Vec::new();
    let walked = plan.apply(|node| {
        if let LogicalPlan::Extension(extension) = node
            && let Some(check) = extension.node.as_any().downcast_ref::<GateCheck>()
        {
            minima.extend(check.minima.iter().cloned());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    // An empty list is refused by the physical inspection.
    if walked.is_ok() { minima } else { Vec::new() }
}

impl Prepared {
    fn explanation(&self, tables: &[Table]) -> Explanation {
        let mut gates: Vec<String> = Vec::new();
        for table in tables {
            gates.extend(gates_of(table).map(|gate| format!("{}: {gate}", table.name)));
        }
        let fields = self.gated.schema().fields();
        Explanation {
            reads: reads(&self.gated),
            output: fields.iter().map(|f| (f.name().clone(), canonical_type(f.data_type()).to_string())).collect(),
            gates,
            plan: displayable(self.physical.as_ref()).indent(false).to_string(),
        }
    }

    async fn execute(self, tables: &[Table], limits: Limits) -> Result<Output, QueryRefusal> {
        debug_assert!(!self.minima.is_empty(), "inspected");
        let fail = |error: DataFusionError| execution(&error, limits);
        let schema = canonical_schema(&self.physical.schema());
        let strictest = tables.iter().min_by_key(|table| table.gate.max_rows);
        let mut stream = execute_stream(self.physical, self.state.task_ctx()).map_err(fail)?;
        let (mut batches, mut rows) = (Vec::new(), 0_u64);
        while let Some(batch) = stream.next().await {
            let batch = canonical(&batch.map_err(fail)?, &schema)?;
            rows = rows.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
            if let Some(table) = strictest.filter(|table| rows > table.gate.max_rows) {
                return Err(QueryRefusal::TooManyRows { table: table.name.clone(), max_rows: table.gate.max_rows });
            }
            batches.push(batch);
        }
        let batches = match rows {
            0 => Vec::new(),
            _ => vec![concat_batches(&schema, &batches).map_err(|_| QueryRefusal::Execution)?],
        };
        let ipc = output::to_ipc(&schema, &batches).map_err(|_| QueryRefusal::Execution)?;
        let bytes = u64::try_from(ipc.len()).unwrap_or(u64::MAX);
        if let Some(table) = tables.iter().min_by_key(|table| table.gate.max_bytes)
            && bytes > table.gate.max_bytes
        {
            return Err(QueryRefusal::TooManyBytes { table: table.name.clone(), max_bytes: table.gate.max_bytes });
        }
        let gates = tables.iter().flat_map(|table| {
            gates_of(table).map(|gate| GateOutcome { table: table.name.clone(), gate, passed: true })
        });
        Ok(Output { schema, batches, ipc, gates: gates.collect() })
    }
}

fn gates_of(table: &Table) -> impl Iterator<Item = String> + use<> {
    let gate = table.gate;
    [
        "aggregate-only".to_owned(),
        format!("min-entities {}", gate.min_entities),
        format!("max-rows {}", gate.max_rows),
        format!("max-bytes {}", gate.max_bytes),
    ]
    .into_iter()
}

fn reads(plan: &LogicalPlan) -> Vec<(String, Vec<String>)> {
    let mut reads = Vec::new();
    let walked = plan.apply(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let columns = scan.projected_schema.fields().iter().map(|field| field.name().clone()).collect();
            reads.push((scan.table_name.table().to_owned(), columns));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    debug_assert!(walked.is_ok(), "the closure doesn't fail");
    reads
}

/// An error while data was read. Only Casemate's own refusals keep their text: any other may quote values.
pub(crate) fn execution(error: &DataFusionError, limits: Limits) -> QueryRefusal {
    let root = error.find_root();
    match root {
        DataFusionError::External(source) => match source.downcast_ref::<QueryRefusal>() {
            Some(refusal) => refusal.clone(),
            None => QueryRefusal::Execution,
        },
        DataFusionError::ResourcesExhausted(_) => QueryRefusal::MemoryLimit { memory_bytes: limits.memory_bytes },
        _ => QueryRefusal::Execution,
    }
}

/// Text leaves as plain UTF-8, whatever it was while the query ran.
fn canonical_type(kind: &DataType) -> DataType {
    match kind {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        other => other.clone(),
    }
}

pub(crate) fn canonical_schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> =
        schema.fields().iter().map(|f| Field::new(f.name(), canonical_type(f.data_type()), f.is_nullable())).collect();
    Arc::new(Schema::new(fields))
}

pub(crate) fn canonical(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, QueryRefusal> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    columns
        .collect::<Result<Vec<_>, _>>()
        .and_then(|columns| RecordBatch::try_new(Arc::clone(schema), columns))
        .map_err(|_| QueryRefusal::Execution)
}

/// The physical plan and its gates, for tests of what inspects it.
#[cfg(test)]
pub(crate) async fn plan_without_data(
    sql: &str,
    tables: &[Table],
    limits: Limits,
) -> Result<(Arc<dyn ExecutionPlan>, Vec<Minimum>), Vec<QueryRefusal>> {
    let planned: Vec<_> = tables.iter().map(|table| (table.clone(), None)).collect();
    let prepared = prepare(sql, &planned, limits).await?;
    Ok((prepared.physical, prepared.minima))
}

/// What would run if the rewrite were left out.
#[cfg(test)]
pub(crate) async fn plan_without_gates(sql: &str, tables: &[Table]) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let planned: Vec<_> = tables.iter().map(|table| (table.clone(), None)).collect();
    let state = session(&planned, PLANNING_LIMITS)?;
    let written = plan::as_written(sql, &state).await.map_err(|e| DataFusionError::External(Box::new(e)))?;
    let optimised = state.optimize(&written)?;
    DefaultPhysicalPlanner::default().create_physical_plan(&optimised, &state).await
}
