//! Ways to get at one person, or out of the query engine. Each is named by its crime and refused by exactly its rule; `Answered`
//! says that plain DataFusion, given the same rows, answers it.

use std::sync::Arc;

use casemate_query::{QueryRefusal, check};
use datafusion::{datasource::MemTable, execution::context::SessionContext};

use crate::fixture::{block_on, clinic, datasets, query, tables};

use Plain::{Answered, Unanswered};

/// What DataFusion without gates does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plain {
    Answered,
    Unanswered,
}

type Crime = (&'static str, &'static str, &'static str, Plain);

/// Refused without data.
#[rustfmt::skip]
const BY_THE_PLAN: &[Crime] = &[
    ("rows_as_they_are", "SELECT radius FROM clinic", "no-aggregate", Answered),
    ("every_row_and_column", "SELECT * FROM clinic", "no-aggregate", Answered),
    ("rows_of_a_join", "SELECT c.radius FROM clinic c JOIN registry r ON c.id = r.id", "no-aggregate", Answered),
    ("one_row_by_limit", "SELECT radius FROM clinic LIMIT 1", "no-aggregate", Answered),
    ("rows_ordered_by_a_hidden_column", "SELECT site FROM clinic ORDER BY radius", "no-aggregate", Answered),

    ("entity_in_select", "SELECT id, count(*) FROM clinic GROUP BY id", "entity-use", Answered),
    ("entity_in_where", "SELECT avg(radius) FROM clinic WHERE id = 37", "entity-use", Answered),
    ("entity_in_list", "SELECT avg(radius) FROM clinic WHERE id IN (36, 37)", "entity-use", Answered),
    ("entity_range", "SELECT avg(radius) FROM clinic WHERE id BETWEEN 37 AND 50", "entity-use", Answered),
    ("entity_not_equal", "SELECT sum(radius) FROM clinic WHERE id <> 37", "entity-use", Answered),
    ("entity_of_other_side", "SELECT avg(c.radius) FROM clinic c JOIN registry r ON c.id = r.id WHERE r.id = 37", "entity-use", Answered),
    ("entity_summed", "SELECT sum(id) FROM clinic", "entity-use", Answered),
    ("entity_averaged_scaled", "SELECT avg(id * 2) FROM clinic", "entity-use", Answered),
    ("entity_counted", "SELECT count(id) FROM clinic", "entity-use", Answered),
    ("entity_grouped_modulo", "SELECT id % 100, count(*) FROM clinic GROUP BY id % 100", "entity-use", Answered),
    ("entity_grouped_by_case", "SELECT count(*) FROM clinic GROUP BY CASE WHEN id = 37 THEN 1 ELSE 0 END", "entity-use", Answered),
    ("entity_renamed_in_subquery", "SELECT count(*) FROM (SELECT id AS x FROM clinic) t WHERE x = 37", "entity-use", Answered),
    ("entity_renamed_in_cte", "WITH t AS (SELECT id AS x, radius FROM clinic) SELECT avg(radius) FROM t WHERE x = 37", "entity-use", Answered),
    ("entity_computed_in_subquery", "SELECT x, count(*) FROM (SELECT id + 1 AS x FROM clinic) t GROUP BY x", "entity-use", Answered),
    ("entity_counted_with_condition", "SELECT count(DISTINCT CASE WHEN age = 37 THEN id END) FROM clinic", "entity-use", Answered),
    ("entity_null_test", "SELECT count(*) FROM clinic WHERE id IS NOT NULL", "entity-use", Answered),

    ("minimum", "SELECT min(radius) FROM clinic", "aggregate-not-listed", Answered),
    ("maximum", "SELECT site, max(radius) FROM clinic GROUP BY site", "aggregate-not-listed", Answered),
    ("median", "SELECT median(radius) FROM clinic", "aggregate-not-listed", Answered),
    ("percentile", "SELECT approx_percentile_cont(0.99) WITHIN GROUP (ORDER BY radius) FROM clinic", "aggregate-not-listed", Answered),
    ("first_value", "SELECT first_value(radius ORDER BY age) FROM clinic", "aggregate-not-listed", Answered),
    ("last_value", "SELECT last_value(radius ORDER BY age) FROM clinic", "aggregate-not-listed", Answered),
    ("nth_value", "SELECT nth_value(radius, 2 ORDER BY age) FROM clinic", "aggregate-not-listed", Answered),
    ("array_agg", "SELECT array_agg(radius) FROM clinic", "aggregate-not-listed", Answered),
    ("string_agg", "SELECT string_agg(postcode, ',') FROM clinic", "aggregate-not-listed", Answered),
    ("bool_or_of_a_rare_condition", "SELECT bool_or(age = 37) FROM clinic", "aggregate-not-listed", Answered),
    ("bit_xor_of_values", "SELECT bit_xor(age) FROM clinic", "aggregate-not-listed", Answered),
    ("correlation_with_a_rare_flag", "SELECT corr(radius, rare) FROM clinic", "aggregate-not-listed", Answered),
    ("covariance_with_a_rare_flag", "SELECT covar_pop(radius, rare) FROM clinic", "aggregate-not-listed", Answered),
    ("average_where_another_column_is_known", "SELECT regr_avgx(texture, radius) FROM clinic", "aggregate-not-listed", Answered),
    ("approximate_distinct", "SELECT approx_distinct(postcode) FROM clinic", "aggregate-not-listed", Answered),
    ("minimum_in_having", "SELECT count(*) FROM clinic GROUP BY site HAVING min(radius) > 1", "aggregate-not-listed", Answered),
    ("maximum_in_order", "SELECT count(*) FROM clinic GROUP BY site ORDER BY max(radius)", "aggregate-not-listed", Answered),

    ("filter_clause", "SELECT sum(radius) FILTER (WHERE age = 37) FROM clinic", "aggregate-modifier", Answered),
    ("sum_distinct", "SELECT sum(DISTINCT age) FROM clinic", "aggregate-modifier", Answered),
    ("count_distinct_values", "SELECT count(DISTINCT postcode) FROM clinic", "aggregate-modifier", Answered),

    ("case_in_sum", "SELECT sum(CASE WHEN age = 37 THEN radius ELSE 0 END) FROM clinic", "aggregate-argument", Answered),
    ("case_in_sum_named_below", "SELECT sum(x) FROM (SELECT CASE WHEN rare = 1 THEN radius END AS x FROM clinic) t", "aggregate-argument", Answered),
    ("count_of_case", "SELECT count(CASE WHEN age = 37 THEN 1 END) FROM clinic", "aggregate-argument", Answered),
    ("comparison_cast_to_number", "SELECT sum(CAST(age = 37 AS BIGINT)) FROM clinic", "aggregate-argument", Answered),
    ("product_with_comparison", "SELECT sum(radius * CAST(age = 37 AS BIGINT)) FROM clinic", "aggregate-argument", Answered),
    ("product_with_a_rare_flag", "SELECT sum(radius * rare) FROM clinic", "aggregate-argument", Answered),
    ("indicator_by_integer_division", "SELECT sum(radius * (1 / (1 + (age - 37) * (age - 37)))) FROM clinic", "aggregate-argument", Answered),
    ("threshold_by_integer_division", "SELECT sum(age / 38) FROM clinic", "aggregate-argument", Answered),
    ("residue", "SELECT sum(age % 38) FROM clinic", "aggregate-argument", Answered),
    ("reciprocal", "SELECT sum(1.0 / radius) FROM clinic", "aggregate-argument", Answered),
    ("nullif_in_sum", "SELECT sum(nullif(age, 37)) FROM clinic", "aggregate-argument", Answered),
    ("coalesce_in_sum", "SELECT sum(coalesce(texture, 0)) FROM clinic", "aggregate-argument", Answered),
    ("nulls_of_another_column", "SELECT sum(radius + texture) FROM clinic", "aggregate-argument", Answered),
    ("nulls_of_another_column_named_below", "SELECT sum(x) FROM (SELECT radius + texture AS x FROM clinic) t", "aggregate-argument", Answered),
    ("rounding_by_a_huge_shift", "SELECT sum(radius + 1e17) FROM clinic", "aggregate-argument", Answered),
    ("rounding_by_shifts_in_turn", "SELECT sum(x * 1e5 + 1e5) FROM (SELECT radius * 1e5 + 3 AS x FROM clinic) t", "aggregate-argument", Answered),
    ("overflow_to_infinity", "SELECT avg(radius * 1e300 * 1e300) FROM clinic", "aggregate-argument", Answered),
    ("sum_of_a_comparison_by_boolean_column", "SELECT sum(CAST(smoker AS BIGINT)) FROM clinic", "aggregate-argument", Answered),
    ("date_part_in_sum", "SELECT sum(date_part('day', seen)) FROM clinic", "aggregate-argument", Answered),

    ("version", "SELECT count(*), version() FROM clinic", "function-not-listed", Answered),
    ("clock", "SELECT count(*) FROM clinic WHERE seen < now()", "function-not-listed", Answered),
    ("type_of", "SELECT count(*) FROM clinic WHERE arrow_typeof(site) = 'Utf8'", "function-not-listed", Answered),
    ("cast_by_function", "SELECT count(*) FROM clinic WHERE arrow_cast(site, 'Int64') = 1", "function-not-listed", Unanswered),

    ("error_oracle_division", "SELECT count(*) FROM clinic WHERE 1 / (age - 37) = 0", "expression-not-listed", Unanswered),
    ("error_oracle_modulo", "SELECT count(*) FROM clinic WHERE 1 % (age - 37) = 0", "expression-not-listed", Unanswered),
    ("error_oracle_in_grouping", "SELECT count(*) FROM clinic GROUP BY 1 / (age - 37)", "expression-not-listed", Unanswered),
    ("error_oracle_cast", "SELECT count(*) FROM clinic WHERE CAST(site AS BIGINT) = 1", "cast-not-listed", Unanswered),
    ("error_oracle_narrowing", "SELECT count(*) FROM clinic GROUP BY CAST(age AS SMALLINT)", "cast-not-listed", Answered),
    ("error_oracle_date_arithmetic", "SELECT count(*) FROM clinic WHERE seen + INTERVAL '1 day' > DATE '2022-01-01'", "expression-not-listed", Answered),
    ("try_cast", "SELECT count(TRY_CAST(site AS BIGINT)) FROM clinic", "expression-not-listed", Answered),
    ("regular_expression", "SELECT count(*) FROM clinic WHERE postcode ~ 'P0[0-9]7'", "expression-not-listed", Answered),
    ("concatenation", "SELECT count(*) FROM clinic GROUP BY site || stage", "expression-not-listed", Answered),

    ("aggregate_of_an_aggregate", "SELECT avg(n) FROM (SELECT site, count(*) AS n FROM clinic GROUP BY site) t", "one-aggregate", Answered),
    ("count_of_distinct_rows", "SELECT count(*) FROM (SELECT DISTINCT postcode FROM clinic) t", "one-aggregate", Answered),
    ("join_of_two_aggregates", "SELECT a.n - b.n FROM (SELECT site, count(*) AS n FROM clinic GROUP BY site) a JOIN (SELECT code, count(*) AS n FROM registry GROUP BY code) b ON a.n = b.n", "node-not-listed", Answered),
    ("aggregate_joined_to_rows", "SELECT c.radius FROM clinic c JOIN (SELECT count(*) AS n FROM registry) t ON c.age = t.n", "node-not-listed", Answered),

    ("scalar_subquery", "SELECT count(*) FROM clinic WHERE radius > (SELECT avg(few) FROM registry)", "expression-not-listed", Answered),
    ("correlated_subquery", "SELECT count(*) FROM clinic c WHERE radius > (SELECT avg(r.partial) FROM registry r WHERE r.id = c.id)", "expression-not-listed", Answered),
    ("in_subquery", "SELECT count(*) FROM clinic WHERE id IN (SELECT id FROM registry WHERE code = 3)", "expression-not-listed", Answered),
    ("not_in_subquery", "SELECT count(*) FROM clinic WHERE id NOT IN (SELECT id FROM registry WHERE code = 3)", "expression-not-listed", Answered),
    ("exists", "SELECT count(*) FROM clinic c WHERE EXISTS (SELECT 1 FROM registry r WHERE r.id = c.id AND r.code = 3)", "expression-not-listed", Answered),

    ("union", "SELECT count(*) FROM clinic UNION ALL SELECT count(*) FROM registry", "node-not-listed", Answered),
    ("union_below", "SELECT count(*) FROM (SELECT id FROM clinic UNION ALL SELECT id FROM registry) t", "node-not-listed", Answered),
    ("intersect", "SELECT count(*) FROM (SELECT id FROM clinic INTERSECT SELECT id FROM registry) t", "one-aggregate", Answered),
    ("intersect_all", "SELECT count(*) FROM (SELECT id FROM clinic INTERSECT ALL SELECT id FROM registry) t", "join-not-listed", Answered),
    ("except", "SELECT count(*) FROM (SELECT id FROM clinic EXCEPT ALL SELECT id FROM registry) t", "join-not-listed", Answered),
    ("window_over_rows", "SELECT sum(radius) OVER (ORDER BY age) FROM clinic", "node-not-listed", Answered),
    ("row_number", "SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY age) AS n FROM clinic) t WHERE n = 1", "node-not-listed", Answered),
    ("values", "SELECT count(*) FROM (VALUES (1), (2)) t(x)", "node-not-listed", Answered),
    ("values_joined_as_a_filter", "SELECT avg(radius) FROM clinic JOIN (VALUES (37)) t(x) ON age = x", "node-not-listed", Answered),
    ("no_table", "SELECT 1", "node-not-listed", Answered),
    ("limit_below", "SELECT avg(radius) FROM (SELECT radius FROM clinic LIMIT 1) t", "node-not-listed", Answered),
    ("top_below", "SELECT avg(radius) FROM (SELECT radius FROM clinic ORDER BY age LIMIT 1) t", "node-not-listed", Answered),
    ("offset_below", "SELECT avg(radius) FROM (SELECT radius FROM clinic OFFSET 199) t", "node-not-listed", Answered),
    ("limit_zero", "SELECT count(*) FROM clinic LIMIT 0", "node-not-listed", Answered),
    ("false_condition", "SELECT count(*) FROM clinic WHERE 1 = 2", "node-not-listed", Answered),
    ("rollup", "SELECT site, count(*) FROM clinic GROUP BY ROLLUP (site)", "expression-not-listed", Answered),
    ("grouping_sets", "SELECT site, stage, count(*) FROM clinic GROUP BY GROUPING SETS ((site), (stage))", "expression-not-listed", Answered),
    ("recursive_cte", "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT count(*) FROM t", "node-not-listed", Answered),

    ("cross_join", "SELECT count(*) FROM clinic CROSS JOIN registry", "join-not-listed", Answered),
    ("comma_join", "SELECT count(*) FROM clinic, registry", "join-not-listed", Answered),
    ("inequality_join", "SELECT count(*) FROM clinic c JOIN registry r ON c.age < r.code", "join-not-listed", Answered),
    ("semi_join", "SELECT avg(radius) FROM clinic c LEFT SEMI JOIN registry r ON c.id = r.id", "join-not-listed", Answered),
    ("anti_join", "SELECT avg(radius) FROM clinic c LEFT ANTI JOIN registry r ON c.age = r.code", "join-not-listed", Answered),
    ("join_on_an_expression", "SELECT count(*) FROM clinic c JOIN registry r ON c.age % 20 = r.code", "join-not-listed", Answered),
    ("join_on_entity_and_condition", "SELECT count(*) FROM clinic c JOIN registry r ON c.id = r.id AND c.id < r.code", "entity-use", Answered),
    ("outer_join_with_a_condition", "SELECT sum(r.partial) FROM clinic c LEFT JOIN registry r ON c.id = r.id AND c.rare = 1", "join-not-listed", Answered),
    ("difference_by_self_join", "SELECT sum(a.radius) - sum(b.radius) FROM clinic a LEFT JOIN (SELECT * FROM clinic WHERE age <> 37) b ON a.id = b.id", "table-read-once", Answered),
    ("self_join_in_cte", "WITH t AS (SELECT * FROM clinic) SELECT count(*) FROM t a JOIN t b ON a.id = b.id", "table-read-once", Answered),

    ("reserved_alias", "SELECT count(*) AS __casemate_gate_0 FROM clinic", "reserved-name", Answered),
    ("reserved_alias_below", "SELECT avg(__casemate_entity_clinic) FROM (SELECT radius AS __casemate_entity_clinic FROM clinic) t", "reserved-name", Answered),
    ("column_outside_the_view", "SELECT count(*) FROM clinic WHERE name = 'patient 37'", "unknown-column", Answered),
    ("column_that_is_not", "SELECT avg(salary) FROM clinic", "unknown-column", Unanswered),
    ("table_outside_the_view", "SELECT count(*) FROM payroll", "unknown-table", Unanswered),
    ("file_as_table", "SELECT count(*) FROM '/etc/passwd'", "unknown-table", Unanswered),
    ("table_function", "SELECT count(*) FROM generate_series(1, 3)", "unknown-table", Answered),
    ("information_schema", "SELECT count(*) FROM information_schema.columns", "unknown-table", Unanswered),
    ("qualified_table", "SELECT count(*) FROM datafusion.public.clinic", "unknown-table", Answered),

    ("explain", "EXPLAIN SELECT count(*) FROM clinic", "statement-not-listed", Answered),
    ("explain_analyze", "EXPLAIN ANALYZE SELECT count(*) FROM clinic", "statement-not-listed", Answered),
    ("set", "SET datafusion.execution.target_partitions = 1", "statement-not-listed", Answered),
    ("show_tables", "SHOW TABLES", "statement-not-listed", Unanswered),
    ("describe", "DESCRIBE clinic", "statement-not-listed", Answered),
    ("copy_to", "COPY clinic TO 's3://bucket/out.csv'", "statement-not-listed", Unanswered),
    ("create_view", "CREATE VIEW v AS SELECT * FROM clinic", "statement-not-listed", Answered),
    ("create_table_as", "CREATE TABLE t AS SELECT * FROM clinic", "statement-not-listed", Answered),
    ("create_external_table", "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 's3://bucket/'", "statement-not-listed", Unanswered),
    ("insert", "INSERT INTO clinic SELECT * FROM clinic", "statement-not-listed", Answered),
    ("delete", "DELETE FROM clinic", "statement-not-listed", Answered),
    ("drop_table", "DROP TABLE clinic", "statement-not-listed", Answered),
    ("prepare", "PREPARE p AS SELECT count(*) FROM clinic", "statement-not-listed", Answered),
    ("two_statements", "SELECT count(*) FROM clinic; SELECT count(*) FROM registry", "one-statement", Unanswered),
    ("no_statement", "", "one-statement", Unanswered),
    ("not_sql", "SELEC count(*) FROM clinic", "syntax", Unanswered),
    ("placeholder", "SELECT count(*) FROM clinic WHERE age = $1", "expression-not-listed", Unanswered),
];

/// Refused when the rows are seen. Every plan is allowed; the gate counts.
#[rustfmt::skip]
const BY_THE_GATE: &[Crime] = &[
    ("where_rare_flag", "SELECT avg(radius) FROM clinic WHERE rare = 1", "min-entities", Answered),
    ("where_rare_value", "SELECT avg(radius) FROM clinic WHERE stage = 'IV'", "min-entities", Answered),
    ("where_like", "SELECT avg(radius) FROM clinic WHERE postcode LIKE 'P037%'", "min-entities", Answered),
    ("where_combination", "SELECT avg(radius) FROM clinic WHERE age = 57 AND site = 'south' AND smoker = false AND radius > 11.5", "min-entities", Answered),
    ("where_nobody", "SELECT count(*) FROM clinic WHERE age > 1000", "min-entities", Answered),
    ("group_with_one_member", "SELECT stage, avg(radius) FROM clinic GROUP BY stage", "min-entities", Answered),
    ("group_by_near_unique_column", "SELECT postcode, avg(radius) FROM clinic GROUP BY postcode", "min-entities", Answered),
    ("group_by_two_columns", "SELECT age, site, avg(radius) FROM clinic GROUP BY age, site", "min-entities", Answered),
    ("group_by_a_condition", "SELECT avg(radius) FROM clinic GROUP BY CASE WHEN rare = 1 THEN 1 ELSE 0 END", "min-entities", Answered),
    ("group_by_a_comparison", "SELECT stage = 'IV', count(*) FROM clinic GROUP BY stage = 'IV'", "min-entities", Answered),
    ("small_group_behind_having", "SELECT stage, avg(radius) FROM clinic GROUP BY stage HAVING count(*) > 50", "min-entities", Answered),
    ("small_group_picked_by_having", "SELECT stage, avg(radius) FROM clinic GROUP BY stage HAVING count(*) < 5", "min-entities", Answered),
    ("small_group_behind_limit", "SELECT stage, avg(radius) FROM clinic GROUP BY stage ORDER BY count(*) DESC LIMIT 2", "min-entities", Answered),
    ("small_group_behind_plain_limit", "SELECT stage, avg(radius) FROM clinic GROUP BY stage LIMIT 1", "min-entities", Answered),
    ("small_group_picked_by_offset", "SELECT stage, avg(radius) FROM clinic GROUP BY stage ORDER BY count(*) DESC OFFSET 2", "min-entities", Answered),
    ("small_group_behind_projection", "SELECT count(*) FROM clinic GROUP BY stage", "min-entities", Answered),
    ("small_group_by_distinct", "SELECT DISTINCT stage FROM clinic", "min-entities", Answered),
    ("column_that_few_have", "SELECT avg(texture) FROM clinic", "min-entities", Answered),
    ("column_that_few_have_counted", "SELECT count(texture) FROM clinic", "min-entities", Answered),
    ("column_that_few_have_beside_a_full_one", "SELECT avg(radius), sum(texture * 2) FROM clinic", "min-entities", Answered),
    ("column_that_few_have_in_a_group", "SELECT r.diagnosis, sum(r.few) FROM clinic c JOIN registry r ON c.id = r.id GROUP BY r.diagnosis", "min-entities", Answered),
    ("other_side_of_outer_join", "SELECT avg(r.code) FROM clinic c LEFT JOIN (SELECT * FROM registry WHERE few > 0) r ON c.id = r.id", "min-entities", Answered),
    ("other_side_of_full_join", "SELECT avg(r.code) FROM clinic c FULL JOIN (SELECT * FROM registry WHERE few > 0) r ON c.id = r.id", "min-entities", Answered),
    ("join_as_a_filter", "SELECT avg(c.radius) FROM clinic c JOIN registry r ON c.id = r.id WHERE r.few > 0", "min-entities", Answered),
    ("many_rows_of_one_person", "SELECT ward, avg(amount) FROM visits GROUP BY ward", "min-entities", Answered),
    ("rows_multiplied_by_a_join", "SELECT avg(c.radius) FROM clinic c JOIN visits v ON c.id = v.person WHERE v.ward = 'burns'", "min-entities", Answered),
    ("entity_joined_to_a_short_list", "SELECT avg(c.radius) FROM clinic c JOIN registry r ON c.id = r.code WHERE r.few > 0", "min-entities", Answered),
    ("day_of_few", "SELECT avg(radius) FROM clinic WHERE date_part('year', seen) = 2023 AND rare = 1", "min-entities", Answered),
];

#[test]
fn refused_by_the_plan_with_its_rule() {
    let mut wrong = Vec::new();
    for (crime, sql, rule, _) in BY_THE_PLAN {
        let found = match block_on(check(sql, &tables())) {
            Ok(explanation) => format!("allowed:\n{}", explanation.plan),
            Err(refusals) => refusals.first().unwrap().reason().0,
        };
        if found != *rule {
            wrong.push(format!("{crime}: {rule} expected, {found} found"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same refusal with data as without, before any of it is read.
#[test]
fn refused_before_data_is_read() {
    let mut wrong = Vec::new();
    for (crime, sql, rule, _) in BY_THE_PLAN {
        match query(sql) {
            Err(refusal) if refusal.reason().0 == *rule && !refusal.depends_on_data() => {}
            other => wrong.push(format!("{crime}: {rule} expected, {other:?} found")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn refused_by_the_gate_with_its_rule_and_no_value() {
    let mut wrong = Vec::new();
    for (crime, sql, rule, _) in BY_THE_GATE {
        if let Err(refusals) = block_on(check(sql, &tables())) {
            wrong.push(format!("{crime}: the plan alone is refused: {refusals:?}"));
        }
        match query(sql) {
            Err(QueryRefusal::BelowMinimum { table, min_entities })
                if *rule == "min-entities" && min_entities == 10 && tables().iter().any(|t| t.name == table) => {}
            other => wrong.push(format!("{crime}: {rule} expected, {other:?} found")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The crimes are real: without gates DataFusion answers, except where the table says otherwise.
#[test]
fn plain_datafusion_answers() {
    let mut wrong = Vec::new();
    for (crime, sql, _, plain) in BY_THE_PLAN.iter().chain(BY_THE_GATE) {
        let context = SessionContext::new();
        for dataset in datasets() {
            let rows = MemTable::try_new(dataset.rows.schema(), vec![vec![dataset.rows]]).unwrap();
            context.register_table(dataset.table.name, Arc::new(rows)).unwrap();
        }
        let answer = block_on(async { context.sql(sql).await?.collect().await });
        let found = if answer.is_ok() { Answered } else { Unanswered };
        if found != *plain {
            wrong.push(format!("{crime}: {plain:?} expected, {answer:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the division trick would tell: one person's radius out of a group of two hundred.
#[test]
fn the_indicator_isolates_in_plain_datafusion() {
    let context = SessionContext::new();
    let rows = clinic().rows;
    context.register_table("clinic", Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]]).unwrap())).unwrap();
    let sql = "SELECT sum(radius * rare) AS x, count(*) AS n FROM clinic";
    let answer = block_on(async { context.sql(sql).await.unwrap().collect().await.unwrap() });
    let text = arrow::util::pretty::pretty_format_batches(&answer).unwrap().to_string();
    assert!(text.contains("| 11.0 | 200 |"), "{text}");
    assert_eq!(query(sql).unwrap_err().reason().0, "aggregate-argument");
}

#[test]
fn every_crime_has_a_name_of_its_own() {
    let mut names: Vec<_> = BY_THE_PLAN.iter().chain(BY_THE_GATE).map(|crime| crime.0).collect();
    names.sort_unstable();
    let before = names.len();
    names.dedup();
    assert_eq!(names.len(), before);
    assert!(before >= 60);
}

#[test]
fn all_broken_rules_are_told_at_once() {
    let sql = "SELECT min(radius), sum(age) FILTER (WHERE rare = 1), version() FROM clinic";
    let refusals = block_on(check(sql, &tables())).unwrap_err();
    let mut rules: Vec<_> = refusals.iter().map(|refusal| refusal.reason().0).collect();
    rules.sort_unstable();
    assert_eq!(rules, ["aggregate-modifier", "aggregate-not-listed", "function-not-listed"]);
}

#[test]
fn refusals_of_execution_quote_nothing() {
    let (rule, expected, actual, remedy) = QueryRefusal::Execution.reason();
    assert_eq!(rule, "execution");
    assert!(![expected, actual, remedy].iter().any(|text| text.contains('{')));
}
