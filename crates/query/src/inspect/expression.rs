//! Which expressions may stand where. Rows: nothing that can fail on a value, nothing of the entity. Output: a little more, as
//! everything there has passed the gate.

use arrow::datatypes::DataType;
use datafusion::{
    common::{
        DFSchema, ScalarValue,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable, Operator},
};

use super::{
    functions::{is_output_function, is_row_function},
    rows::{Origin, Scope},
};
use crate::QueryRefusal;

/// An expression of WHERE, GROUP BY or a projection of rows.
pub(super) fn in_rows(expression: &Expr, scope: &Scope<'_>, place: &str, refusals: &mut Vec<QueryRefusal>) {
    let walked = expression.apply(|part| {
        if let Some(refusal) = row_part(part, scope, place) {
            refusals.push(refusal);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    if walked.is_err() {
        refusals.push(not_listed("an expression that can't be walked", place));
    }
}

fn row_part(part: &Expr, scope: &Scope<'_>, place: &str) -> Option<QueryRefusal> {
    match part {
        Expr::Column(column) => match scope.origin(column) {
            Some(Origin::Entity { .. }) => {
                Some(QueryRefusal::EntityUse { column: column.flat_name(), place: place.to_owned() })
            }
            Some(_) => None,
            None => Some(QueryRefusal::UnknownColumn { column: column.flat_name() }),
        },
        Expr::BinaryExpr(binary) => row_binary(binary, scope.schema, place),
        Expr::Cast(cast) => row_cast(cast, scope.schema),
        Expr::ScalarFunction(call) if !is_row_function(call.name()) => {
            Some(QueryRefusal::FunctionNotListed { function: call.name().to_owned() })
        }
        other if is_plain(other) => None,
        other => Some(not_listed(other.variant_name(), place)),
    }
}

/// An expression over an aggregate's results.
pub(super) fn in_output(expression: &Expr, refusals: &mut Vec<QueryRefusal>) {
    const PLACE: &str = "the output";
    let walked = expression.apply(|part| {
        match part {
            Expr::Column(_) | Expr::Cast(_) => {}
            Expr::BinaryExpr(binary) if is_arithmetic(binary.op) || is_condition(binary.op) => {}
            Expr::BinaryExpr(binary) => refusals.push(not_listed(&binary.op.to_string(), PLACE)),
            Expr::ScalarFunction(call) if !is_output_function(call.name()) => {
                refusals.push(QueryRefusal::FunctionNotListed { function: call.name().to_owned() });
            }
            other if is_plain(other) => {}
            other => refusals.push(not_listed(other.variant_name(), PLACE)),
        }
        Ok(TreeNodeRecursion::Continue)
    });
    if walked.is_err() {
        refusals.push(not_listed("an expression that can't be walked", PLACE));
    }
}

fn not_listed(expression: &str, place: &str) -> QueryRefusal {
    QueryRefusal::ExpressionNotListed { expression: expression.to_owned(), place: place.to_owned() }
}

/// What may stand anywhere.
fn is_plain(part: &Expr) -> bool {
    match part {
        Expr::Alias(_)
        | Expr::Between(_)
        | Expr::Case(_)
        | Expr::InList(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsNotNull(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsNull(_)
        | Expr::IsTrue(_)
        | Expr::IsUnknown(_)
        | Expr::Literal(..)
        | Expr::Negative(_)
        | Expr::Not(_)
        | Expr::ScalarFunction(_) => true,
        // `\` at a pattern's end fails; so does another escape character. Neither depends on data, but neither is needed.
        Expr::Like(like) => like.escape_char.is_none(),
        _ => false,
    }
}

const fn is_arithmetic(op: Operator) -> bool {
    matches!(op, Operator::Divide | Operator::Minus | Operator::Modulo | Operator::Multiply | Operator::Plus)
}

const fn is_condition(op: Operator) -> bool {
    matches!(
        op,
        Operator::And
            | Operator::Eq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
            | Operator::Lt
            | Operator::LtEq
            | Operator::NotEq
            | Operator::Or
    )
}

/// Division of integers fails on zero, and on the least integer by -1: only by a positive constant. Dates and intervals overflow.
fn row_binary(binary: &BinaryExpr, schema: &DFSchema, place: &str) -> Option<QueryRefusal> {
    if is_condition(binary.op) {
        return None;
    }
    let numbers = [&binary.left, &binary.right]
        .iter()
        .all(|side| matches!(side.get_type(schema), Ok(DataType::Int64 | DataType::Float64)));
    let float = matches!(binary.left.get_type(schema), Ok(DataType::Float64));
    let allowed = match binary.op {
        Operator::Minus | Operator::Multiply | Operator::Plus => numbers,
        Operator::Divide => numbers && (float || is_positive_integer(&binary.right)),
        Operator::Modulo => numbers && is_positive_integer(&binary.right),
        _ => false,
    };
    (!allowed).then(|| not_listed(&binary.op.to_string(), place))
}

fn is_positive_integer(part: &Expr) -> bool {
    matches!(part, Expr::Literal(ScalarValue::Int64(Some(value)), _) if *value > 0)
}

/// Only casts that can't fail on any value.
fn row_cast(cast: &Cast, schema: &DFSchema) -> Option<QueryRefusal> {
    let to = cast.field.data_type();
    let from = cast.expr.get_type(schema);
    let allowed = match &from {
        Ok(from) => from == to || is_safe_cast(from, to),
        Err(_) => false,
    };
    (!allowed).then(|| QueryRefusal::CastNotListed {
        from: from.map_or_else(|_| "?".to_owned(), |from| from.to_string()),
        to: to.to_string(),
    })
}

fn is_safe_cast(from: &DataType, to: &DataType) -> bool {
    let text = |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8);
    match (from, to) {
        (DataType::Int32 | DataType::Int64, DataType::Float64) | (DataType::Int32, DataType::Int64) => true,
        (from, to) => text(from) && text(to),
    }
}
