//! The aggregate: what it groups by and, strictest of all, what it adds up.
//!
//! An argument is one column, scaled and shifted by constants. Anything richer can single a person out inside a large group:
//! a condition does (`sum(CASE WHEN age = 37 THEN pay END)`), a product with a rare 0/1 column does, integer division does
//! (`pay * (1 / (1 + (age - 37) * (age - 37)))`), a second column's NULLs do, and so do constants so large or small that
//! rounding becomes a threshold.

use arrow::datatypes::DataType;
use datafusion::{
    common::{Column, ScalarValue},
    logical_expr::{
        Aggregate, BinaryExpr, Expr, ExprSchemable, Operator,
        expr::{AggregateFunction, AggregateFunctionParams},
    },
};

use super::{
    Mask, expression,
    functions::is_listed_aggregate,
    rows::{Origin, Scope},
};
use crate::QueryRefusal;

/// Deepest nesting of an argument.
const DEPTH_MAX: usize = 16;
/// Largest constant, as it adds up over the argument.
const CONSTANT_MAX: f64 = 1e6;
/// Smallest constant other than a shift by zero.
const CONSTANT_MIN: f64 = 1e-6;

/// `scale · column + shift`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine {
    scale: f64,
    shift: f64,
}

/// Judges grouping and aggregates; returns the columns whose NULLs matter.
pub(super) fn inspect(aggregate: &Aggregate, origins: &[Origin], refusals: &mut Vec<QueryRefusal>) -> Vec<Mask> {
    let scope = Scope { schema: aggregate.input.schema(), origins };
    for group in &aggregate.group_expr {
        expression::in_rows(group, &scope, "GROUP BY", refusals);
    }
    let mut masks = Vec::new();
    for part in &aggregate.aggr_expr {
        match part.clone().unalias_nested().data {
            Expr::AggregateFunction(call) => match argument(&call, &scope) {
                Ok(Some(mask)) if !masks.contains(&mask) => masks.push(mask),
                Ok(_) => {}
                Err(refusal) => refusals.push(refusal),
            },
            other => refusals.push(QueryRefusal::ExpressionNotListed {
                expression: other.variant_name().to_owned(),
                place: "an aggregate".to_owned(),
            }),
        }
    }
    masks
}

/// The column that the aggregate's result stands on, or none for `count(*)` and `count(DISTINCT entity)`.
fn argument(call: &AggregateFunction, scope: &Scope<'_>) -> Result<Option<Mask>, QueryRefusal> {
    let function = call.func.name();
    let AggregateFunctionParams { args, distinct, filter, order_by, null_treatment } = &call.params;
    if !is_listed_aggregate(function) {
        return Err(QueryRefusal::AggregateNotListed { function: function.to_owned() });
    }
    if filter.is_some() || !order_by.is_empty() || null_treatment.is_some() {
        let modifier = if filter.is_some() { "FILTER" } else { "ORDER BY" };
        return Err(QueryRefusal::AggregateModifier { function: function.to_owned(), modifier: modifier.to_owned() });
    }
    let refuse = |why: &str| QueryRefusal::AggregateArgument {
        function: function.to_owned(),
        argument: args.iter().map(|arg| arg.human_display().to_string()).collect::<Vec<_>>().join(", "),
        why: why.to_owned(),
    };
    let [argument] = args.as_slice() else { return Err(refuse("it takes one argument")) };
    let is_entity = |column: &&Column| matches!(scope.origin(column), Some(Origin::Entity { .. }));
    if let Some(column) = argument.column_refs().into_iter().find(is_entity) {
        if *distinct && function == "count" && matches!(argument, Expr::Column(_)) {
            return Ok(None);
        }
        return Err(QueryRefusal::EntityUse { column: column.flat_name(), place: format!("`{function}`") });
    }
    if *distinct {
        return Err(QueryRefusal::AggregateModifier { function: function.to_owned(), modifier: "DISTINCT".to_owned() });
    }
    if let ("count", Expr::Literal(value, _)) = (function, argument) {
        return if value.is_null() { Err(refuse("it counts nothing")) } else { Ok(None) };
    }
    match of_one_column(argument, scope) {
        Ok((column, Origin::Value { table, column: source, outer, .. })) => {
            Ok(Some(Mask { column, table, source, outer }))
        }
        Ok(_) => Err(refuse("it isn't a column of a table")),
        Err(why) => Err(refuse(why)),
    }
}

/// The one column that `part` is made of by scaling and shifting: its name in the scope, and its origin after that.
pub(super) fn of_one_column(part: &Expr, scope: &Scope<'_>) -> Result<(Column, Origin), &'static str> {
    let (column, origin, affine) = scaled(part, scope, DEPTH_MAX)?;
    match origin {
        Origin::Value { table, column: source, outer, affine: _ } => {
            Ok((column, Origin::Value { table, column: source, outer, affine }))
        }
        other => Ok((column, other)),
    }
}

fn scaled(part: &Expr, scope: &Scope<'_>, depth: usize) -> Result<(Column, Origin, Affine), &'static str> {
    let Some(depth) = depth.checked_sub(1) else { return Err("it is nested too deep") };
    match part {
        Expr::Column(column) => match scope.origin(column) {
            Some(origin @ Origin::Value { affine, .. }) => Ok((column.clone(), origin.clone(), *affine)),
            Some(Origin::Entity { .. }) => Err("it is made of the entity column"),
            Some(Origin::Computed) => Err("it is made by a condition or a function, or of several columns"),
            None => Err("it names no column"),
        },
        Expr::Alias(alias) => scaled(&alias.expr, scope, depth),
        Expr::Cast(cast) => match (cast.expr.get_type(scope.schema), cast.field.data_type()) {
            (Ok(DataType::Int32 | DataType::Int64 | DataType::Float64), DataType::Float64) => {
                scaled(&cast.expr, scope, depth)
            }
            _ => Err("it converts to something other than float64"),
        },
        Expr::Negative(inner) => {
            let (column, origin, affine) = scaled(inner, scope, depth)?;
            Ok((column, origin, affine.times(-1.0)?))
        }
        Expr::BinaryExpr(binary) => scaled_binary(binary, scope, depth),
        Expr::Literal(..) => Err("it is a constant"),
        _ => Err("it holds a condition, a comparison or a function"),
    }
}

fn scaled_binary(
    binary: &BinaryExpr,
    scope: &Scope<'_>,
    depth: usize,
) -> Result<(Column, Origin, Affine), &'static str> {
    let (left, right) = (number(&binary.left), number(&binary.right));
    let (inner, constant) = match (left, right) {
        (None, Some(constant)) => (&binary.left, constant),
        (Some(constant), None) if binary.op != Operator::Divide => (&binary.right, constant),
        (Some(_), None) => return Err("it divides by a column"),
        (Some(_), Some(_)) => return Err("it is a constant"),
        (None, None) => return Err("it joins two columns, and either can single out rows of the other"),
    };
    let (column, origin, affine) = scaled(inner, scope, depth)?;
    let affine = match binary.op {
        Operator::Plus => affine.plus(constant)?,
        Operator::Minus if left.is_some() => affine.times(-1.0)?.plus(constant)?,
        Operator::Minus => affine.plus(-constant)?,
        Operator::Multiply => affine.times(constant)?,
        Operator::Divide => {
            if !matches!(inner.get_type(scope.schema), Ok(DataType::Float64)) {
                return Err("it divides integers, which makes thresholds");
            }
            affine.times(1.0 / constant)?
        }
        _ => return Err("it holds a condition, a comparison or a function"),
    };
    Ok((column, origin, affine))
}

fn number(part: &Expr) -> Option<f64> {
    let part = match part {
        Expr::Cast(cast) => &cast.expr,
        other => other,
    };
    match part {
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => Some(*value),
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => {
            i32::try_from(*value).map(f64::from).ok().or(Some(f64::INFINITY))
        }
        _ => None,
    }
}

impl Affine {
    pub(super) const IDENTITY: Self = Self { scale: 1.0, shift: 0.0 };

    fn times(self, factor: f64) -> Result<Self, &'static str> {
        Self { scale: self.scale * factor, shift: self.shift * factor }.in_bounds(factor)
    }

    fn plus(self, term: f64) -> Result<Self, &'static str> {
        Self { scale: self.scale, shift: self.shift + term }.in_bounds(term)
    }

    /// Beyond these bounds rounding becomes a threshold.
    fn in_bounds(self, constant: f64) -> Result<Self, &'static str> {
        let fits = |value: f64| (CONSTANT_MIN..=CONSTANT_MAX).contains(&value.abs());
        let zero_or_fits = |value: f64| value == 0.0 || fits(value);
        if fits(self.scale) && zero_or_fits(self.shift) && zero_or_fits(constant) {
            Ok(self)
        } else {
            Err("its constants are zero, or below a millionth, or beyond a million")
        }
    }
}
