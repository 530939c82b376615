//! Which remedy fits what is asked: an update helps only where something later is.

use casemate_evidence::dcap::TcbStatus;

use crate::statement::{Test, Value};

/// Whether what is demanded is better than what was found: later, or nearer to what the vendor calls up to date.
pub(super) fn is_for_better(actual: Option<&Value>, demanded: &Test) -> bool {
    let is_better = |demanded: &Value| match (actual, demanded) {
        (Some(Value::Number(actual)), Value::Number(demanded)) => actual < demanded,
        (Some(Value::Time(actual)), Value::Time(demanded)) => actual < demanded,
        (Some(Value::Set(actual)), Value::Set(demanded)) => demanded.iter().all(|name| actual.contains(name)),
        (_, Value::Bool(demanded)) => *demanded,
        (_, Value::Text(demanded)) => demanded == TcbStatus::UpToDate.as_str(),
        (found, _) => found.is_none(),
    };
    match demanded {
        Test::AtLeast(_) | Test::SubsetOf(_) => true,
        Test::AtMost(_) => actual.is_none(),
        Test::Equals(value) => is_better(value),
        Test::NotEquals(Value::Text(refused)) => refused != TcbStatus::UpToDate.as_str(),
        Test::NotEquals(value) => matches!(value, Value::Bool(false)) || actual.is_none(),
        Test::OneOf(values) => values.iter().any(is_better),
    }
}

/// What to do in the domain instead.
pub(super) const fn relax(demanded: &Test) -> &'static str {
    match demanded {
        Test::AtLeast(_) => "lower the floor",
        Test::AtMost(_) => "raise the ceiling",
        Test::Equals(_) => "change the value",
        Test::NotEquals(_) => "drop the exclusion",
        Test::OneOf(_) | Test::SubsetOf(_) => "add it to the list",
    }
}
