//! The check right above the aggregate: lets the groups through if every hidden column says yes, else refuses without values.
//!
//! It reads all groups before it passes on the first, so a LIMIT above can't end the query before a small group is seen. Its
//! output has the aggregate's own columns only: the hidden ones end here.

use std::{cmp::Ordering, fmt, sync::Arc};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{Schema, SchemaRef},
};
use async_trait::async_trait;
use datafusion::{
    catalog::Session,
    common::{DFSchemaRef, internal_err, tree_node::TreeNodeRecursion},
    error::{DataFusionError, Result},
    execution::{SendableRecordBatchStream, TaskContext, memory_pool::MemoryConsumer},
    logical_expr::{
        Expr, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
        physical_planning_context::PhysicalPlanningContext,
    },
    physical_expr::{EquivalenceProperties, PhysicalExpr},
    physical_plan::{
        DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, InputDistributionRequirements, Partitioning,
        PlanProperties, ReplaceChildrenOptions,
        execution_plan::{Boundedness, EmissionType},
        stream::RecordBatchStreamAdapter,
    },
    physical_planner::{ExtensionPlanner, PhysicalPlanner},
};
use futures::{StreamExt, TryStreamExt, stream};

use crate::QueryRefusal;

/// What one hidden column stands for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Minimum {
    pub(crate) table: String,
    pub(crate) min_entities: u32,
}

/// The check in the logical plan. `input` has `schema`'s columns, then one hidden boolean for each of `minima`.
#[derive(Debug, Eq, Hash, PartialEq)]
pub(crate) struct GateCheck {
    pub(crate) input: LogicalPlan,
    pub(crate) minima: Vec<Minimum>,
    pub(crate) schema: DFSchemaRef,
}

impl PartialOrd for GateCheck {
    fn partial_cmp(&self, _: &Self) -> Option<Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for GateCheck {
    fn name(&self) -> &str {
        "GateCheck"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GateCheck: ")?;
        write_minima(f, &self.minima)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let [input] = <[LogicalPlan; 1]>::try_from(inputs)
            .map_err(|_| DataFusionError::Internal("a gate check has one input".to_owned()))?;
        Ok(Self { input, minima: self.minima.clone(), schema: Arc::clone(&self.schema) })
    }
}

fn write_minima(f: &mut fmt::Formatter<'_>, minima: &[Minimum]) -> fmt::Result {
    for (i, minimum) in minima.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        write!(f, "{comma}{} >= {}", minimum.table, minimum.min_entities)?;
    }
    Ok(())
}

/// Makes the physical check of the logical one.
#[derive(Debug)]
pub(crate) struct GatePlanner;

#[async_trait]
impl ExtensionPlanner for GatePlanner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(check) = node.as_any().downcast_ref::<GateCheck>() else { return Ok(None) };
        let [input] = physical_inputs else { return internal_err!("a gate check has one input") };
        Ok(Some(Arc::new(GateCheckExec::try_new(Arc::clone(input), check.minima.clone())?)))
    }
}

/// The check in the physical plan. Single partition in, single partition out.
#[derive(Debug)]
pub(crate) struct GateCheckExec {
    input: Arc<dyn ExecutionPlan>,
    minima: Vec<Minimum>,
    properties: Arc<PlanProperties>,
}

impl GateCheckExec {
    pub(crate) fn try_new(input: Arc<dyn ExecutionPlan>, minima: Vec<Minimum>) -> Result<Self> {
        let all = input.schema();
        let Some(visible) = all.fields().len().checked_sub(minima.len()) else {
            return internal_err!("a gate check without its columns");
        };
        let fields: Vec<_> = all.fields().iter().take(visible).cloned().collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, all.metadata().clone()));
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Ok(Self { input, minima, properties: Arc::new(properties) })
    }

    pub(crate) fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    pub(crate) fn minima(&self) -> &[Minimum] {
        &self.minima
    }
}

impl DisplayAs for GateCheckExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GateCheckExec: ")?;
        write_minima(f, &self.minima)
    }
}

impl ExecutionPlan for GateCheckExec {
    fn name(&self) -> &str {
        "GateCheckExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition])
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = <[Arc<dyn ExecutionPlan>; 1]>::try_from(children)
            .map_err(|_| DataFusionError::Internal("a gate check has one input".to_owned()))?;
        Ok(Arc::new(Self::try_new(input, self.minima.clone())?))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = <[Arc<dyn ExecutionPlan>; 1]>::try_from(children)
            .map_err(|_| DataFusionError::Internal("a gate check has one input".to_owned()))?;
        Ok(Arc::new(Self::try_new(input, self.minima.clone())?))
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("a gate check has one partition");
        }
        let schema = self.schema();
        let checked =
            all_groups(self.input.execute(0, Arc::clone(&context))?, self.minima.clone(), Arc::clone(&schema), context);
        let batches = stream::once(checked).map_ok(|batches| stream::iter(batches).map(Ok)).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

/// Reads every group; all pass, or none.
async fn all_groups(
    mut input: SendableRecordBatchStream,
    minima: Vec<Minimum>,
    schema: SchemaRef,
    context: Arc<TaskContext>,
) -> Result<Vec<RecordBatch>> {
    let reservation = MemoryConsumer::new("gate check").register(context.memory_pool());
    let mut batches = Vec::new();
    let mut refused: Option<usize> = None;
    while let Some(batch) = input.next().await {
        let batch = batch?;
        reservation.try_grow(batch.get_array_memory_size())?;
        let hidden = batch.columns().iter().skip(schema.fields().len()).collect::<Vec<_>>();
        if hidden.len() != minima.len() {
            return internal_err!("a gate check without its columns");
        }
        let failing = hidden.iter().position(|column| !all_true(column.as_ref()));
        // The first gate in the view's order, whichever group or partition came first.
        refused = match (refused, failing) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let visible = batch.columns().iter().take(schema.fields().len()).cloned().collect();
        batches.push(RecordBatch::try_new(Arc::clone(&schema), visible)?);
    }
    match refused.and_then(|i| minima.get(i)) {
        None => Ok(batches),
        Some(minimum) => Err(DataFusionError::External(Box::new(QueryRefusal::BelowMinimum {
            table: minimum.table.clone(),
            min_entities: minimum.min_entities,
        }))),
    }
}

fn all_true(column: &dyn Array) -> bool {
    column.as_boolean_opt().is_some_and(|answers| answers.null_count() == 0 && answers.true_count() == answers.len())
}
