//! Default deny over the logical plan.
//!
//! Twice, because each pass sees what the other can't: [`as_written`] sees what the optimiser would fold away (a function of
//! constants, a subquery that becomes a join), [`optimised`] sees what will run. The second finds where every column comes from
//! and so catches a forbidden use however the query is nested or named.
//!
//! An optimised plan has three parts, top down: output (Projection, Filter = HAVING, Sort, Limit), exactly one Aggregate, rows
//! (Projection, Filter = WHERE, Join, TableScan). SubqueryAlias may stand anywhere.

mod aggregate;
mod expression;
mod functions;
mod output;
mod rows;
mod written;

use datafusion::common::Column;

pub(crate) use self::{
    output::optimised,
    written::{as_written, node_name},
};

/// What inspection found out about an allowed plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    /// Columns of the aggregate's input whose NULLs leave rows out of some aggregate.
    pub(crate) masks: Vec<Mask>,
}

/// An aggregate's column: a number that leaves stands only on the rows where it isn't NULL.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Mask {
    /// The column as the aggregate's input names it.
    pub(crate) column: Column,
    /// The table it comes from.
    pub(crate) table: String,
    /// Its name there.
    pub(crate) source: String,
    /// Whether an outer join may have made it NULL.
    pub(crate) outer: bool,
}
