//! The plan as written: nodes, functions, aggregates and clauses by name, before optimisation can fold any of them away.

use datafusion::{
    common::tree_node::{TreeNode, TreeNodeRecursion},
    logical_expr::{Distinct, Expr, LogicalPlan, expr::AggregateFunction},
};

use super::functions::{is_listed_aggregate, is_output_function, is_row_function};
use crate::{QueryRefusal, table::RESERVED_PREFIX};

/// Every refusal that the plan as written earns.
pub(crate) fn as_written(plan: &LogicalPlan) -> Vec<QueryRefusal> {
    let mut refusals = Vec::new();
    let walked = plan.apply_with_subqueries(|node| {
        inspect_node(node, &mut refusals);
        Ok(TreeNodeRecursion::Continue)
    });
    if walked.is_err() {
        refusals.push(QueryRefusal::Unplannable { message: "the plan can't be walked".to_owned() });
    }
    let mut seen = Vec::new();
    refusals.retain(|refusal| {
        !seen.contains(refusal) && {
            seen.push(refusal.clone());
            true
        }
    });
    refusals
}

fn inspect_node(node: &LogicalPlan, refusals: &mut Vec<QueryRefusal>) {
    match node {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(Distinct::All(_))
        // The plan of a subquery; the expression that holds it is refused by name.
        | LogicalPlan::Subquery(_) => {}
        other => refusals.push(QueryRefusal::NodeNotListed { node: node_name(other), place: "in a query".to_owned() }),
    }
    for field in node.schema().fields() {
        if field.name().starts_with(RESERVED_PREFIX) {
            refusals.push(QueryRefusal::ReservedName { name: field.name().clone() });
        }
    }
    for expression in node.expressions() {
        let walked = expression.apply(|part| {
            inspect_expression(part, refusals);
            Ok(TreeNodeRecursion::Continue)
        });
        if walked.is_err() {
            refusals.push(QueryRefusal::Unplannable { message: "an expression can't be walked".to_owned() });
        }
    }
}

/// The node's name without its contents.
pub(crate) fn node_name(node: &LogicalPlan) -> String {
    let text = node.display().to_string();
    text.split([':', ' ', '(']).next().unwrap_or("node").to_owned()
}

fn inspect_expression(part: &Expr, refusals: &mut Vec<QueryRefusal>) {
    let not_listed =
        |what: &str| QueryRefusal::ExpressionNotListed { expression: what.to_owned(), place: "a query".to_owned() };
    match part {
        Expr::ScalarFunction(call) if !is_row_function(call.name()) && !is_output_function(call.name()) => {
            refusals.push(QueryRefusal::FunctionNotListed { function: call.name().to_owned() });
        }
        Expr::AggregateFunction(call) => inspect_aggregate(call, refusals),
        Expr::WindowFunction(_) => refusals.push(not_listed("OVER")),
        Expr::Exists(_) => refusals.push(not_listed("EXISTS")),
        Expr::InSubquery(_) => refusals.push(not_listed("IN (SELECT …)")),
        Expr::SetComparison(_) => refusals.push(not_listed("ANY/ALL (SELECT …)")),
        Expr::ScalarSubquery(_) => refusals.push(not_listed("(SELECT …)")),
        Expr::OuterReferenceColumn(..) => refusals.push(not_listed("a column of the outer query")),
        Expr::GroupingSet(_) => refusals.push(not_listed("ROLLUP, CUBE or GROUPING SETS")),
        Expr::TryCast(_) => refusals.push(not_listed("TRY_CAST")),
        Expr::SimilarTo(_) => refusals.push(not_listed("SIMILAR TO")),
        Expr::ScalarVariable(..) => refusals.push(not_listed("a variable")),
        Expr::Placeholder(_) => refusals.push(not_listed("a placeholder")),
        Expr::Unnest(_) => refusals.push(not_listed("UNNEST")),
        Expr::HigherOrderFunction(_) | Expr::Lambda(_) | Expr::LambdaVariable(_) => {
            refusals.push(not_listed("a lambda"))
        }
        _ => {}
    }
}

fn inspect_aggregate(call: &AggregateFunction, refusals: &mut Vec<QueryRefusal>) {
    let function = call.func.name().to_owned();
    if !is_listed_aggregate(&function) {
        refusals.push(QueryRefusal::AggregateNotListed { function });
        return;
    }
    let modifier = if call.params.filter.is_some() {
        "FILTER"
    } else if !call.params.order_by.is_empty() {
        "ORDER BY"
    } else if call.params.null_treatment.is_some() {
        "IGNORE NULLS"
    } else if call.params.distinct && function != "count" {
        "DISTINCT"
    } else {
        return;
    };
    refusals.push(QueryRefusal::AggregateModifier { function, modifier: modifier.to_owned() });
}
