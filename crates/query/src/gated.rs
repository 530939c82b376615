//! Puts the gates into an inspected, optimised plan.
//!
//! Entity columns are carried from the scans up to the aggregate, through projections and joins; the aggregate also computes
//! `at_least_distinct` for each table's gate; a [`GateCheck`] goes right above it and ends the hidden columns there. The rest of
//! the plan stays as the optimiser left it, so nothing that was pushed down comes up again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use datafusion::{
    common::Column,
    error::{DataFusionError, Result},
    logical_expr::{
        Aggregate, AggregateUDF, Expr, Extension, Filter, Join, JoinType, LogicalPlan, Projection, SubqueryAlias,
        TableScan, TableScanBuilder,
    },
};

use crate::{
    Table,
    distinct::AtLeastDistinct,
    gate_check::{GateCheck, Minimum},
    inspect::{Findings, Mask},
    table::RESERVED_PREFIX,
};

/// What the rewrite needs to know.
pub(crate) struct Gating<'a> {
    pub(crate) tables: &'a [Table],
    pub(crate) findings: &'a Findings,
    /// For each table the columns that hold no NULL.
    pub(crate) never_null: &'a BTreeMap<String, BTreeSet<String>>,
}

/// An entity column on its way up.
#[derive(Clone, Debug)]
struct Carried {
    column: Column,
    minimum: Minimum,
}

impl Gating<'_> {
    /// The plan with its gates.
    pub(crate) fn gated(&self, plan: &LogicalPlan) -> Result<LogicalPlan> {
        if let LogicalPlan::Aggregate(aggregate) = plan {
            return self.aggregate(aggregate);
        }
        let inputs = plan.inputs().into_iter().map(|input| self.gated(input)).collect::<Result<_>>()?;
        plan.with_new_exprs(plan.expressions(), inputs)
    }

    fn aggregate(&self, aggregate: &Aggregate) -> Result<LogicalPlan> {
        let (input, carried) = self.carry(&aggregate.input)?;
        let masks: Vec<&Mask> = self.findings.masks.iter().filter(|mask| self.may_be_null(mask)).collect();
        let mut expressions = aggregate.aggr_expr.clone();
        let mut minima = Vec::new();
        let mut add = |arguments: Vec<Expr>, minimum: &Minimum| {
            let function = Arc::new(AggregateUDF::new_from_impl(AtLeastDistinct::new(minimum.min_entities)));
            let name = format!("{RESERVED_PREFIX}_gate_{}", minima.len());
            expressions.push(function.call(arguments).alias(name));
            minima.push(minimum.clone());
        };
        for Carried { column, minimum } in &carried {
            let entity = Expr::Column(column.clone());
            if masks.is_empty() {
                add(vec![entity], minimum);
                continue;
            }
            // Counting the rows of each column's values covers counting all rows: those are at least as many.
            for mask in &masks {
                add(vec![entity.clone(), Expr::Column(mask.column.clone())], minimum);
            }
        }
        if minima.is_empty() {
            return Err(DataFusionError::Internal("an aggregate without a gate".to_owned()));
        }
        let counted = Aggregate::try_new(Arc::new(input), aggregate.group_expr.clone(), expressions)?;
        let check = GateCheck { input: LogicalPlan::Aggregate(counted), minima, schema: Arc::clone(&aggregate.schema) };
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(check) }))
    }

    fn may_be_null(&self, mask: &Mask) -> bool {
        mask.outer || !self.never_null.get(&mask.table).is_some_and(|columns| columns.contains(&mask.source))
    }

    /// `plan` with the entity columns of its scans among its columns.
    fn carry(&self, plan: &LogicalPlan) -> Result<(LogicalPlan, Vec<Carried>)> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::Filter(filter) => {
                let (input, carried) = self.carry(&filter.input)?;
                let filter = Filter::try_new(filter.predicate.clone(), Arc::new(input))?;
                Ok((LogicalPlan::Filter(filter), carried))
            }
            LogicalPlan::Projection(projection) => {
                let (input, carried) = self.carry(&projection.input)?;
                project(projection.expr.clone(), input, carried)
            }
            LogicalPlan::SubqueryAlias(alias) => {
                // Under one qualifier two tables' columns may share a name: give the carried ones names of their own first.
                let (input, carried) = self.carry(&alias.input)?;
                let visible = alias.input.schema().columns().into_iter().map(Expr::Column).collect();
                let (input, carried) = project(visible, input, carried)?;
                let requalified = carried
                    .into_iter()
                    .map(|c| Carried { column: Column::new(Some(alias.alias.clone()), c.column.name), ..c })
                    .collect();
                let alias = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?;
                Ok((LogicalPlan::SubqueryAlias(alias), requalified))
            }
            LogicalPlan::Join(join) => self.join(join),
            _ => Err(DataFusionError::Internal("a node that inspection doesn't list".to_owned())),
        }
    }

    fn scan(&self, scan: &TableScan) -> Result<(LogicalPlan, Vec<Carried>)> {
        let unknown = || DataFusionError::Internal("a table that inspection doesn't know".to_owned());
        let name = scan.table_name.table();
        let table = self.tables.iter().find(|table| table.name == name).ok_or_else(unknown)?;
        let entity = scan.source.schema().index_of(&table.entity)?;
        let projection = scan.projection.clone().map(|mut columns| {
            if !columns.contains(&entity) {
                columns.push(entity);
            }
            columns
        });
        let scan = TableScanBuilder::new(scan.table_name.clone(), Arc::clone(&scan.source))
            .with_projection(projection)
            .with_filters(scan.filters.clone())
            .build()?;
        let carried = Carried {
            column: Column::new(Some(scan.table_name.clone()), table.entity.clone()),
            minimum: Minimum { table: table.name.clone(), min_entities: table.gate.min_entities },
        };
        Ok((LogicalPlan::TableScan(scan), vec![carried]))
    }

    fn join(&self, join: &Join) -> Result<(LogicalPlan, Vec<Carried>)> {
        let (left, left_carried) = self.carry(&join.left)?;
        let (right, right_carried) = self.carry(&join.right)?;
        let (left_schema, right_schema) = (Arc::clone(left.schema()), Arc::clone(right.schema()));
        let joined = Join::try_new(
            Arc::new(left),
            Arc::new(right),
            join.on.clone(),
            join.filter.clone(),
            join.join_type,
            join.join_constraint,
            join.null_equality,
            join.null_aware,
        )?;
        let same = |a: &Column, b: &Column| {
            join.join_type == JoinType::Inner
                && join.on.iter().any(|(l, r)| {
                    matches!((l, r), (Expr::Column(l), Expr::Column(r))
                        if left_schema.maybe_index_of_column(l) == left_schema.maybe_index_of_column(a)
                            && right_schema.maybe_index_of_column(r) == right_schema.maybe_index_of_column(b))
                })
        };
        let mut carried = left_carried;
        for right in right_carried {
            // An inner join makes two entity columns equal: one count serves both gates, at the higher threshold.
            match carried.iter_mut().find(|left| same(&left.column, &right.column)) {
                Some(left) if right.minimum.min_entities > left.minimum.min_entities => left.minimum = right.minimum,
                Some(_) => {}
                None => carried.push(right),
            }
        }
        Ok((LogicalPlan::Join(joined), carried))
    }
}

/// A projection to `visible` and the carried columns under names of their own.
fn project(mut visible: Vec<Expr>, input: LogicalPlan, carried: Vec<Carried>) -> Result<(LogicalPlan, Vec<Carried>)> {
    let mut renamed = Vec::new();
    for Carried { column, minimum } in carried {
        let name = format!("{RESERVED_PREFIX}_entity_{}", minimum.table);
        visible.push(Expr::Column(column).alias(name.clone()));
        renamed.push(Carried { column: Column::new_unqualified(name), minimum });
    }
    Ok((LogicalPlan::Projection(Projection::try_new(visible, Arc::new(input))?), renamed))
}
