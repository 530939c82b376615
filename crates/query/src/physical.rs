//! Default deny over the physical plan, the one that runs.
//!
//! 1. Every node and every expression is listed.
//! 2. Every scan is a sealed table's.
//! 3. There is one check, and right under it (but for merging partitions) the final aggregate with one hidden
//!    `at_least_distinct` of the right threshold for each gate.
//! 4. Below the check there is that aggregate and at most its own partial half; above it there is none.

use std::sync::Arc;

use datafusion::{
    common::tree_node::TreeNodeRecursion,
    datasource::{
        physical_plan::{FileScanConfig, ParquetSource},
        source::DataSourceExec,
    },
    logical_expr::Volatility,
    physical_expr::{
        PhysicalExpr, ScalarFunctionExpr,
        expressions::{
            BinaryExpr, CaseExpr, CastExpr, Column, DynamicFilterPhysicalExpr, InListExpr, IsNotNullExpr, IsNullExpr,
            LikeExpr, Literal, NegativeExpr, NotExpr,
        },
    },
    physical_plan::{
        ExecutionPlan,
        aggregates::{AggregateExec, AggregateMode},
        coalesce_partitions::CoalescePartitionsExec,
        coop::CooperativeExec,
        filter::FilterExec,
        joins::HashJoinExec,
        limit::{GlobalLimitExec, LocalLimitExec},
        projection::ProjectionExec,
        repartition::RepartitionExec,
        sorts::{sort::SortExec, sort_preserving_merge::SortPreservingMergeExec},
        union::UnionExec,
    },
};

use crate::{
    QueryRefusal,
    distinct::AtLeastDistinct,
    gate_check::{GateCheckExec, Minimum},
};

/// Judges the plan that will run. `minima` are the gates that the rewrite put in.
pub(crate) fn inspect(plan: &Arc<dyn ExecutionPlan>, minima: &[Minimum]) -> Result<(), QueryRefusal> {
    GATED.check(plan)?;
    let missing = |why: &str| QueryRefusal::PhysicalGateMissing { why: why.to_owned() };
    let mut checks: Vec<&GateCheckExec> = Vec::new();
    collect(plan, &mut checks);
    let [check] = checks.as_slice() else { return Err(missing("there isn't exactly one check")) };
    if check.minima() != minima || minima.is_empty() {
        return Err(missing("the check has other gates"));
    }
    let mut below = check.input();
    while let Some(merge) = below.downcast_ref::<CoalescePartitionsExec>() {
        if merge.fetch().is_some() {
            return Err(missing("groups are dropped before the check"));
        }
        below = merge.input();
    }
    let Some(last) = below.downcast_ref::<AggregateExec>() else {
        return Err(missing("the check isn't right above the aggregate"));
    };
    check_gates(last, minima)?;
    let mut aggregates: Vec<&AggregateExec> = Vec::new();
    collect(plan, &mut aggregates);
    match (last.mode(), aggregates.as_slice()) {
        (AggregateMode::Single | AggregateMode::SinglePartitioned, [_]) => Ok(()),
        (AggregateMode::Final | AggregateMode::FinalPartitioned, [_, partial])
            if *partial.mode() == AggregateMode::Partial =>
        {
            check_gates(partial, minima)
        }
        _ => Err(missing("there is an aggregate that no check covers")),
    }
}

/// Judges the plan of a program's view, which no gate sits on: listed nodes over sealed scans, pure functions.
pub(crate) fn inspect_view(plan: &Arc<dyn ExecutionPlan>) -> Result<(), QueryRefusal> {
    let rules = Rules {
        node: |plan| is_listed_node(plan) || plan.is::<UnionExec>() || sealed_scan(plan).is_some(),
        function: |call| call.fun().signature().volatility == Volatility::Immutable,
    };
    rules.check(plan)
}

/// Every node of type `T`, top down.
fn collect<'a, T: ExecutionPlan>(plan: &'a Arc<dyn ExecutionPlan>, found: &mut Vec<&'a T>) {
    found.extend(plan.downcast_ref::<T>());
    for child in plan.children() {
        collect(child, found);
    }
}

fn check_gates(aggregate: &AggregateExec, minima: &[Minimum]) -> Result<(), QueryRefusal> {
    let missing = |why: &str| QueryRefusal::PhysicalGateMissing { why: why.to_owned() };
    if aggregate.limit_options().is_some() {
        return Err(missing("the aggregate stops before it has seen every row"));
    }
    if aggregate.filter_expr().iter().any(Option::is_some) {
        return Err(missing("the aggregate leaves out rows"));
    }
    let functions = aggregate.aggr_expr();
    let hidden = functions.len().checked_sub(minima.len()).and_then(|at| functions.get(at..)).unwrap_or_default();
    let thresholds = hidden.iter().map(|function| threshold(function.fun().inner().as_ref()));
    if thresholds.eq(minima.iter().map(|minimum| Some(minimum.min_entities))) {
        return Ok(());
    }
    Err(missing("the aggregate doesn't count entities"))
}

fn threshold(function: &dyn datafusion::logical_expr::AggregateUDFImpl) -> Option<u32> {
    (function as &dyn std::any::Any).downcast_ref::<AtLeastDistinct>().map(AtLeastDistinct::k)
}

/// What may stand in a plan.
#[derive(Clone, Copy)]
struct Rules {
    node: fn(&Arc<dyn ExecutionPlan>) -> bool,
    function: fn(&ScalarFunctionExpr) -> bool,
}

/// Under a gate. Which function may stand where, the logical plan's inspection decided; here no other can have come in.
const GATED: Rules = Rules {
    node: |plan| {
        let is_whole_scan = sealed_scan(plan).is_some_and(|config| config.limit.is_none());
        is_listed_node(plan) || plan.is::<GateCheckExec>() || is_whole_scan
    },
    function: |call| ["coalesce", "date_part", "greatest", "least", "nullif"].contains(&call.name()),
};

impl Rules {
    fn check(self, plan: &Arc<dyn ExecutionPlan>) -> Result<(), QueryRefusal> {
        let refuse = |node: &str| QueryRefusal::PhysicalNotListed { node: node.to_owned() };
        if !(self.node)(plan) {
            return Err(refuse(plan.name()));
        }
        let mut unlisted = None;
        let walked = plan.apply_expressions(&mut |expression| {
            unlisted = unlisted.take().or_else(|| self.first_unlisted(expression));
            Ok(TreeNodeRecursion::Continue)
        });
        if walked.is_err() {
            return Err(refuse(plan.name()));
        }
        if let Some(expression) = unlisted {
            return Err(refuse(&expression));
        }
        plan.children().into_iter().try_for_each(|child| self.check(child))
    }

    fn first_unlisted(self, expression: &Arc<dyn PhysicalExpr>) -> Option<String> {
        let call = expression.downcast_ref::<ScalarFunctionExpr>();
        if !is_listed_expression(expression) && !call.is_some_and(self.function) {
            return Some(expression.to_string());
        }
        expression.children().into_iter().find_map(|child| self.first_unlisted(child))
    }
}

fn is_listed_node(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<AggregateExec>()
        || plan.is::<CoalescePartitionsExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<FilterExec>()
        || plan.is::<GlobalLimitExec>()
        || plan.is::<HashJoinExec>()
        || plan.is::<LocalLimitExec>()
        || plan.is::<ProjectionExec>()
        || plan.is::<RepartitionExec>()
        || plan.is::<SortExec>()
        || plan.is::<SortPreservingMergeExec>()
}

/// The configuration of a scan whose bytes come from sealed files.
fn sealed_scan(plan: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    let scan = plan.downcast_ref::<DataSourceExec>()?;
    let (config, source) = scan.downcast_to_file_source::<ParquetSource>()?;
    source.parquet_file_reader_factory().is_some().then_some(config)
}

fn is_listed_expression(expression: &Arc<dyn PhysicalExpr>) -> bool {
    expression.is::<BinaryExpr>()
        || expression.is::<CaseExpr>()
        || expression.is::<CastExpr>()
        || expression.is::<Column>()
        || expression.is::<DynamicFilterPhysicalExpr>()
        || expression.is::<InListExpr>()
        || expression.is::<IsNotNullExpr>()
        || expression.is::<IsNullExpr>()
        || expression.is::<LikeExpr>()
        || expression.is::<Literal>()
        || expression.is::<NegativeExpr>()
        || expression.is::<NotExpr>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ColumnType, Gate, Limits, Table,
        run::{plan_without_data, plan_without_gates},
    };

    const SQL: &str = "SELECT site, avg(radius) FROM clinic GROUP BY site HAVING count(*) > 3 ORDER BY site LIMIT 5";

    fn tables() -> Vec<Table> {
        vec![Table {
            name: "clinic".into(),
            entity: "id".into(),
            columns: vec![
                ("id".into(), ColumnType::Int64),
                ("site".into(), ColumnType::Utf8),
                ("radius".into(), ColumnType::Float64),
            ],
            gate: Gate { min_entities: 5, max_rows: 10, max_bytes: 1000 },
        }]
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn planned(threads: u32) -> (Arc<dyn ExecutionPlan>, Vec<Minimum>) {
        block_on(plan_without_data(SQL, &tables(), Limits { memory_bytes: 1 << 20, threads })).unwrap()
    }

    fn rule(plan: &Arc<dyn ExecutionPlan>, minima: &[Minimum]) -> String {
        inspect(plan, minima).map_or_else(|refusal| refusal.reason().0, |()| "passed".into())
    }

    /// The first node of type `T`, down the first children.
    fn find<T: ExecutionPlan>(plan: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        if plan.is::<T>() { Arc::clone(plan) } else { find::<T>(plan.children()[0]) }
    }

    #[test]
    fn the_gated_plan_passes() {
        for threads in [1, 2, 8] {
            let (plan, minima) = planned(threads);
            assert_eq!(rule(&plan, &minima), "passed");
        }
    }

    #[test]
    fn a_plan_without_gates_is_refused() {
        let plan = block_on(plan_without_gates(SQL, &tables())).unwrap();
        let (_, minima) = planned(2);
        assert_eq!(rule(&plan, &minima), "physical-gate");
        assert_eq!(rule(&plan, &[]), "physical-gate");
    }

    #[test]
    fn a_removed_check_is_missed() {
        let (plan, minima) = planned(2);
        let bare = find::<GateCheckExec>(&plan).children()[0].clone();
        assert_eq!(rule(&bare, &minima), "physical-gate");
    }

    #[test]
    fn a_check_with_other_gates_is_refused() {
        let (plan, minima) = planned(2);
        let lower: Vec<_> = minima.iter().map(|m| Minimum { min_entities: m.min_entities - 1, ..m.clone() }).collect();
        assert_eq!(rule(&plan, &lower), "physical-gate");
        assert_eq!(rule(&plan, &[minima.clone(), minima].concat()), "physical-gate");
    }

    #[test]
    fn two_checks_are_refused() {
        let (plan, minima) = planned(2);
        let check = find::<GateCheckExec>(&plan);
        let twice = GateCheckExec::try_new(check, minima.clone());
        assert!(twice.is_err() || rule(&(Arc::new(twice.unwrap()) as _), &minima) == "physical-gate");
    }

    #[test]
    fn a_check_over_something_else_is_refused() {
        let (plan, minima) = planned(2);
        let aggregate = find::<AggregateExec>(&plan);
        let partial = Arc::clone(find::<RepartitionExec>(&aggregate).children()[0]);
        let misplaced = Arc::new(GateCheckExec::try_new(partial, minima.clone()).unwrap()) as _;
        assert_eq!(rule(&misplaced, &minima), "physical-gate");
        let limited: Arc<dyn ExecutionPlan> =
            Arc::new(GlobalLimitExec::new(Arc::new(CoalescePartitionsExec::new(aggregate)), 0, Some(1)));
        let below_a_limit = Arc::new(GateCheckExec::try_new(limited, minima.clone()).unwrap()) as _;
        assert_eq!(rule(&below_a_limit, &minima), "physical-gate");
    }

    #[test]
    fn an_unlisted_node_is_refused() {
        let (plan, minima) = planned(2);
        let buffered = Arc::new(datafusion::physical_plan::buffer::BufferExec::new(plan, 10)) as _;
        assert_eq!(rule(&buffered, &minima), "physical-not-listed");
    }

    #[test]
    fn an_unlisted_expression_is_refused() {
        let (plan, minima) = planned(1);
        let site = Arc::new(Column::new("site", 0));
        let unlisted = datafusion::physical_expr::expressions::TryCastExpr::new(site, arrow::datatypes::DataType::Utf8);
        let columns = vec![(Arc::new(unlisted) as Arc<dyn PhysicalExpr>, "x".to_owned())];
        let projected = ProjectionExec::try_new(columns, plan).unwrap();
        assert_eq!(rule(&(Arc::new(projected) as _), &minima), "physical-not-listed");
    }

    #[test]
    fn a_scan_of_anything_else_is_refused() {
        let (plan, minima) = planned(2);
        let empty = datafusion::physical_plan::empty::EmptyExec::new(plan.schema());
        assert_eq!(rule(&(Arc::new(empty) as _), &minima), "physical-not-listed");
        let memory =
            datafusion::catalog::memory::MemorySourceConfig::try_new_exec(&[vec![]], plan.schema(), None).unwrap();
        assert_eq!(rule(&(memory as _), &minima), "physical-not-listed");
    }
}
