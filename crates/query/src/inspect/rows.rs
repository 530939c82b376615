//! The part below the aggregate: which column of which table every column is, however it is renamed on the way.

use datafusion::{
    common::{Column, DFSchema, JoinType, NullEquality},
    logical_expr::{Expr, Join, LogicalPlan, TableScan},
};

use super::{
    aggregate::{self, Affine},
    expression,
    written::node_name,
};
use crate::{QueryRefusal, Table};

/// Where a column of the row level comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Origin {
    /// By a condition, a function, or from more than one column.
    Computed,
    /// Says whose row it is.
    Entity { table: String },
    /// One column, scaled and shifted; `outer` if an outer join may have made it NULL.
    Value { table: String, column: String, outer: bool, affine: Affine },
}

/// A schema and where its columns come from.
pub(super) struct Scope<'a> {
    pub(super) schema: &'a DFSchema,
    pub(super) origins: &'a [Origin],
}

impl Scope<'_> {
    pub(super) fn origin(&self, column: &Column) -> Option<&Origin> {
        self.origins.get(self.schema.maybe_index_of_column(column)?)
    }
}

/// The walk over the row level.
pub(super) struct Rows<'a> {
    tables: &'a [Table],
    read: Vec<&'a str>,
    pub(super) refusals: Vec<QueryRefusal>,
}

impl<'a> Rows<'a> {
    pub(super) const fn new(tables: &'a [Table]) -> Self {
        Self { tables, read: Vec::new(), refusals: Vec::new() }
    }

    /// The origin of each column of `plan`'s schema, in its order.
    pub(super) fn inspect(&mut self, plan: &LogicalPlan) -> Vec<Origin> {
        match plan {
            LogicalPlan::Projection(node) => {
                let origins = self.inspect(&node.input);
                let scope = Scope { schema: node.input.schema(), origins: &origins };
                node.expr.iter().map(|part| self.project(part, &scope)).collect()
            }
            LogicalPlan::Filter(node) => {
                let origins = self.inspect(&node.input);
                let scope = Scope { schema: node.input.schema(), origins: &origins };
                expression::in_rows(&node.predicate, &scope, "WHERE", &mut self.refusals);
                origins
            }
            LogicalPlan::SubqueryAlias(node) => self.inspect(&node.input),
            LogicalPlan::Join(node) => self.join(node),
            LogicalPlan::TableScan(node) => self.scan(node),
            LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => {
                self.refusals.push(QueryRefusal::SecondAggregate);
                unknown(plan)
            }
            other => {
                self.refusals.push(QueryRefusal::NodeNotListed {
                    node: node_name(other),
                    place: "below the aggregate".to_owned(),
                });
                unknown(plan)
            }
        }
    }

    fn project(&mut self, part: &Expr, scope: &Scope<'_>) -> Origin {
        if let Expr::Column(column) = part.clone().unalias_nested().data {
            return scope.origin(&column).cloned().unwrap_or(Origin::Computed);
        }
        expression::in_rows(part, scope, "an expression over rows", &mut self.refusals);
        aggregate::of_one_column(part, scope).map_or(Origin::Computed, |(_, origin)| origin)
    }

    fn scan(&mut self, scan: &TableScan) -> Vec<Origin> {
        let name = scan.table_name.table();
        let Some(table) = self.tables.iter().find(|table| table.name == name) else {
            self.refusals.push(QueryRefusal::UnknownTable { table: name.to_owned() });
            return unknown_columns(&scan.projected_schema);
        };
        if self.read.contains(&table.name.as_str()) {
            self.refusals.push(QueryRefusal::TableReadTwice { table: table.name.clone() });
        }
        self.read.push(&table.name);
        if scan.fetch.is_some() {
            self.refusals.push(QueryRefusal::NodeNotListed {
                node: "Limit".to_owned(),
                place: "below the aggregate".to_owned(),
            });
        }
        // Filters pushed into the scan see all of the table's columns.
        let whole = unprojected(scan);
        let whole_origins = origins_of(table, &whole);
        let scope = Scope { schema: &whole, origins: &whole_origins };
        for filter in &scan.filters {
            expression::in_rows(filter, &scope, "WHERE", &mut self.refusals);
        }
        origins_of(table, &scan.projected_schema)
    }

    fn join(&mut self, join: &Join) -> Vec<Origin> {
        let mut left = self.inspect(&join.left);
        let mut right = self.inspect(&join.right);
        let refusals = &mut self.refusals;
        let mut refuse = |why: &str| refusals.push(QueryRefusal::JoinNotListed { why: why.to_owned() });
        let (left_outer, right_outer) = match join.join_type {
            JoinType::Inner => (false, false),
            JoinType::Left => (false, true),
            JoinType::Right => (true, false),
            JoinType::Full => (true, true),
            _ => {
                refuse("it only asks whether the other side has a row");
                return unknown_columns(&join.schema);
            }
        };
        if join.on.is_empty() {
            refuse("it joins on no equal columns");
        }
        if join.on.iter().any(|(l, r)| !matches!((l, r), (Expr::Column(_), Expr::Column(_)))) {
            refuse("it joins on something other than plain columns of one type");
        }
        if join.null_equality != NullEquality::NullEqualsNothing || join.null_aware {
            refuse("it joins NULL to NULL");
        }
        if join.filter.is_some() && join.join_type != JoinType::Inner {
            refuse("an outer join has a condition other than equal columns");
        }
        mark_outer(&mut left, left_outer);
        mark_outer(&mut right, right_outer);
        left.append(&mut right);
        if let Some(filter) = &join.filter
            && join.join_type == JoinType::Inner
        {
            let scope = Scope { schema: &join.schema, origins: &left };
            expression::in_rows(filter, &scope, "a join condition other than equality", refusals);
        }
        left
    }
}

fn mark_outer(origins: &mut [Origin], is_outer: bool) {
    for origin in origins {
        if let Origin::Value { outer, .. } = origin {
            *outer |= is_outer;
        }
    }
}

fn origins_of(table: &Table, schema: &DFSchema) -> Vec<Origin> {
    let origin = |name: &String| {
        if *name == table.entity {
            return Origin::Entity { table: table.name.clone() };
        }
        Origin::Value { table: table.name.clone(), column: name.clone(), outer: false, affine: Affine::IDENTITY }
    };
    schema.fields().iter().map(|field| origin(field.name())).collect()
}

fn unprojected(scan: &TableScan) -> DFSchema {
    DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())
        .unwrap_or_else(|_| scan.projected_schema.as_ref().clone())
}

fn unknown(plan: &LogicalPlan) -> Vec<Origin> {
    unknown_columns(plan.schema())
}

fn unknown_columns(schema: &DFSchema) -> Vec<Origin> {
    vec![Origin::Computed; schema.fields().len()]
}
