//! The optimised plan from the top: output nodes down to the one aggregate, then rows.

use datafusion::{
    common::tree_node::{TreeNode, TreeNodeRecursion},
    logical_expr::LogicalPlan,
};

use super::{Findings, aggregate, expression, rows::Rows, written::node_name};
use crate::{QueryRefusal, Table};

/// Judges the optimised plan.
///
/// # Errors
/// Every refusal it earns.
pub(crate) fn optimised(plan: &LogicalPlan, tables: &[Table]) -> Result<Findings, Vec<QueryRefusal>> {
    let mut refusals = Vec::new();
    let findings = output(plan, tables, &mut refusals);
    if refusals.is_empty() { Ok(findings) } else { Err(refusals) }
}

fn output(top: &LogicalPlan, tables: &[Table], refusals: &mut Vec<QueryRefusal>) -> Findings {
    let mut plan = top;
    loop {
        let input = match plan {
            LogicalPlan::Projection(node) => &node.input,
            LogicalPlan::Filter(node) => &node.input,
            LogicalPlan::Sort(node) => &node.input,
            LogicalPlan::Limit(node) => &node.input,
            LogicalPlan::SubqueryAlias(node) => &node.input,
            LogicalPlan::Aggregate(node) => {
                let mut rows = Rows::new(tables);
                let origins = rows.inspect(&node.input);
                refusals.append(&mut rows.refusals);
                return Findings { masks: aggregate::inspect(node, &origins, refusals) };
            }
            other => {
                refusals.push(no_aggregate_here(other));
                return Findings::default();
            }
        };
        for part in plan.expressions() {
            expression::in_output(&part, refusals);
        }
        plan = input;
    }
}

fn no_aggregate_here(plan: &LogicalPlan) -> QueryRefusal {
    let place = if has_aggregate(plan) { "above the aggregate" } else { "in a query" };
    match plan {
        LogicalPlan::TableScan(_) | LogicalPlan::Join(_) if !has_aggregate(plan) => QueryRefusal::NoAggregate,
        other => QueryRefusal::NodeNotListed { node: node_name(other), place: place.to_owned() },
    }
}

fn has_aggregate(plan: &LogicalPlan) -> bool {
    let mut found = false;
    let walked = plan.apply(|node| {
        found |= matches!(node, LogicalPlan::Aggregate(_));
        Ok(TreeNodeRecursion::Continue)
    });
    found || walked.is_err()
}
