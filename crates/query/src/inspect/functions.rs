//! The lists. What isn't here doesn't run.

/// Aggregates of one column. Each moves a little with every entity and shows none: no extremes, no medians, no collections.
const AGGREGATES: [&str; 7] = ["avg", "count", "stddev", "stddev_pop", "sum", "var", "var_pop"];

/// Functions of rows, in WHERE and GROUP BY. They can't fail on a value.
const ROW_FUNCTIONS: [&str; 2] = ["coalesce", "date_part"];

/// Functions of results that passed the gate.
const OUTPUT_FUNCTIONS: [&str; 5] = ["coalesce", "date_part", "greatest", "least", "nullif"];

pub(super) fn is_listed_aggregate(name: &str) -> bool {
    AGGREGATES.contains(&name)
}

pub(super) fn is_row_function(name: &str) -> bool {
    ROW_FUNCTIONS.contains(&name)
}

pub(super) fn is_output_function(name: &str) -> bool {
    OUTPUT_FUNCTIONS.contains(&name)
}
