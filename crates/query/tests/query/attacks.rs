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

/// Name, SQL, rule, what DataFusion without gates does.
#[derive(Clone, Copy)]
struct Crime(&'static str, &'static str, &'static str, Plain);

/// Refused without data.
#[rustfmt::skip]
const BY_THE_PLAN: &[Crime] = &[
    Crime("rows_as_they_are", "SELECT radius FROM clinic", "no-aggregate", Answered),
    Crime("every_row_and_column", "SELECT * FROM clinic", "no-aggregate", Answered),
    Crime("rows_of_a_join", "SELECT c.radius FROM clinic c JOIN registry r ON c.id = r.id", "no-aggregate", Answered),
    Crime("one_row_by_limit", "SELECT radius FROM clinic LIMIT 1", "no-aggregate", Answered),
    Crime("rows_ordered_by_a_hidden_column", "SELECT site FROM clinic ORDER BY radius", "no-aggregate", Answered),

    Crime("entity_in_select", "SELECT id, count(*) FROM clinic GROUP BY id", "entity-use", Answered),
    Crime("entity_in_where", "SELECT avg(radius) FROM clinic WHERE id = 37", "entity-use", Answered),
    Crime("entity_in_list", "SELECT avg(radius) FROM clinic WHERE id IN (36, 37)", "entity-use", Answered),
    Crime("entity_range", "SELECT avg(radius) FROM clinic WHERE id BETWEEN 37 AND 50", "entity-use", Answered),
    Crime("entity_not_equal", "SELECT sum(radius) FROM clinic WHERE id <> 37", "entity-use", Answered),
    Crime("entity_of_other_side", "SELECT avg(c.radius) FROM clinic c JOIN registry r ON c.id = r.id WHERE r.id = 37", "entity-use", Answered),
    Crime("entity_summed", "SELECT sum(id) FROM clinic", "entity-use", Answered),
    Crime("entity_averaged_scaled", "SELECT avg(id * 2) FROM clinic", "entity-use", Answered),
    Crime("entity_counted", "SELECT count(id) FROM clinic", "entity-use", Answered),
    Crime("entity_grouped_modulo", "SELECT id % 100, count(*) FROM clinic GROUP BY id % 100", "entity-use", Answered),
    Crime("entity_grouped_by_case", "SELECT count(*) FROM clinic GROUP BY CASE WHEN id = 37 THEN 1 ELSE 0 END", "entity-use", Answered),
    Crime("entity_renamed_in_subquery", "SELECT count(*) FROM (SELECT id AS x FROM clinic) t WHERE x = 37", "entity-use", Answered),
    Crime("entity_renamed_in_cte", "WITH t AS (SELECT id AS x, radius FROM clinic) SELECT avg(radius) FROM t WHERE x = 37", "entity-use", Answered),
    Crime("entity_computed_in_subquery", "SELECT x, count(*) FROM (SELECT id + 1 AS x FROM clinic) t GROUP BY x", "entity-use", Answered),
    Crime("entity_counted_with_condition", "SELECT count(DISTINCT CASE WHEN age = 37 THEN id END) FROM clinic", "entity-use", Answered),
    Crime("entity_null_test", "SELECT count(*) FROM clinic WHERE id IS NOT NULL", "entity-use", Answered),

    Crime("minimum", "SELECT min(radius) FROM clinic", "aggregate-not-listed", Answered),
    Crime("maximum", "SELECT site, max(radius) FROM clinic GROUP BY site", "aggregate-not-listed", Answered),
    Crime("median", "SELECT median(radius) FROM clinic", "aggregate-not-listed", Answered),
    Crime("percentile", "SELECT approx_percentile_cont(0.99) WITHIN GROUP (ORDER BY radius) FROM clinic", "aggregate-not-listed", Answered),
    Crime("first_value", "SELECT first_value(radius ORDER BY age) FROM clinic", "aggregate-not-listed", Answered),
    Crime("last_value", "SELECT last_value(radius ORDER BY age) FROM clinic", "aggregate-not-listed", Answered),
    Crime("nth_value", "SELECT nth_value(radius, 2 ORDER BY age) FROM clinic", "aggregate-not-listed", Answered),
    Crime("array_agg", "SELECT array_agg(radius) FROM clinic", "aggregate-not-listed", Answered),
    Crime("string_agg", "SELECT string_agg(postcode, ',') FROM clinic", "aggregate-not-listed", Answered),
    Crime("bool_or_of_a_rare_condition", "SELECT bool_or(age = 37) FROM clinic", "aggregate-not-listed", Answered),
    Crime("bit_xor_of_values", "SELECT bit_xor(age) FROM clinic", "aggregate-not-listed", Answered),
    Crime("correlation_with_a_rare_flag", "SELECT corr(radius, rare) FROM clinic", "aggregate-not-listed", Answered),
    Crime("covariance_with_a_rare_flag", "SELECT covar_pop(radius, rare) FROM clinic", "aggregate-not-listed", Answered),
    Crime("average_where_another_column_is_known", "SELECT regr_avgx(texture, radius) FROM clinic", "aggregate-not-listed", Answered),
    Crime("approximate_distinct", "SELECT approx_distinct(postcode) FROM clinic", "aggregate-not-listed", Answered),
    Crime("minimum_in_having", "SELECT count(*) FROM clinic GROUP BY site HAVING min(radius) > 1", "aggregate-not-listed", Answered),
    Crime("maximum_in_order", "SELECT count(*) FROM clinic GROUP BY site ORDER BY max(radius)", "aggregate-not-listed", Answered),

    Crime("filter_clause", "SELECT sum(radius) FILTER (WHERE age = 37) FROM clinic", "aggregate-modifier", Answered),
    Crime("sum_distinct", "SELECT sum(DISTINCT age) FROM clinic", "aggregate-modifier", Answered),
    Crime("count_distinct_values", "SELECT count(DISTINCT postcode) FROM clinic", "aggregate-modifier", Answered),

    Crime("case_in_sum", "SELECT sum(CASE WHEN age = 37 THEN radius ELSE 0 END) FROM clinic", "aggregate-argument", Answered),
    Crime("case_in_sum_named_below", "SELECT sum(x) FROM (SELECT CASE WHEN rare = 1 THEN radius END AS x FROM clinic) t", "aggregate-argument", Answered),
    Crime("count_of_case", "SELECT count(CASE WHEN age = 37 THEN 1 END) FROM clinic", "aggregate-argument", Answered),
    Crime("comparison_cast_to_number", "SELECT sum(CAST(age = 37 AS BIGINT)) FROM clinic", "aggregate-argument", Answered),
    Crime("product_with_comparison", "SELECT sum(radius * CAST(age = 37 AS BIGINT)) FROM clinic", "aggregate-argument", Answered),
    Crime("product_with_a_rare_flag", "SELECT sum(radius * rare) FROM clinic", "aggregate-argument", Answered),
    Crime("indicator_by_integer_division", "SELECT sum(radius * (1 / (1 + (age - 37) * (age - 37)))) FROM clinic", "aggregate-argument", Answered),
    Crime("threshold_by_integer_division", "SELECT sum(age / 38) FROM clinic", "aggregate-argument", Answered),
    Crime("residue", "SELECT sum(age % 38) FROM clinic", "aggregate-argument", Answered),
    Crime("reciprocal", "SELECT sum(1.0 / radius) FROM clinic", "aggregate-argument", Answered),
    Crime("nullif_in_sum", "SELECT sum(nullif(age, 37)) FROM clinic", "aggregate-argument", Answered),
    Crime("coalesce_in_sum", "SELECT sum(coalesce(texture, 0)) FROM clinic", "aggregate-argument", Answered),
    Crime("nulls_of_another_column", "SELECT sum(radius + texture) FROM clinic", "aggregate-argument", Answered),
    Crime("nulls_of_another_column_named_below", "SELECT sum(x) FROM (SELECT radius + texture AS x FROM clinic) t", "aggregate-argument", Answered),
    Crime("rounding_by_a_huge_shift", "SELECT sum(radius + 1e17) FROM clinic", "aggregate-argument", Answered),
    Crime("rounding_by_shifts_in_turn", "SELECT sum(x * 1e5 + 1e5) FROM (SELECT radius * 1e5 + 3 AS x FROM clinic) t", "aggregate-argument", Answered),
    Crime("overflow_to_infinity", "SELECT avg(radius * 1e300 * 1e300) FROM clinic", "aggregate-argument", Answered),
    Crime("sum_of_a_comparison_by_boolean_column", "SELECT sum(CAST(smoker AS BIGINT)) FROM clinic", "aggregate-argument", Answered),
    Crime("date_part_in_sum", "SELECT sum(date_part('day', seen)) FROM clinic", "aggregate-argument", Answered),

    Crime("version", "SELECT count(*), version() FROM clinic", "function-not-listed", Answered),
    Crime("clock", "SELECT count(*) FROM clinic WHERE seen < now()", "function-not-listed", Answered),
    Crime("type_of", "SELECT count(*) FROM clinic WHERE arrow_typeof(site) = 'Utf8'", "function-not-listed", Answered),
    Crime("cast_by_function", "SELECT count(*) FROM clinic WHERE arrow_cast(site, 'Int64') = 1", "function-not-listed", Unanswered),

    Crime("error_oracle_division", "SELECT count(*) FROM clinic WHERE 1 / (age - 37) = 0", "expression-not-listed", Unanswered),
    Crime("error_oracle_modulo", "SELECT count(*) FROM clinic WHERE 1 % (age - 37) = 0", "expression-not-listed", Unanswered),
    Crime("error_oracle_in_grouping", "SELECT count(*) FROM clinic GROUP BY 1 / (age - 37)", "expression-not-listed", Unanswered),
    Crime("error_oracle_cast", "SELECT count(*) FROM clinic WHERE CAST(site AS BIGINT) = 1", "cast-not-listed", Unanswered),
    Crime("error_oracle_narrowing", "SELECT count(*) FROM clinic GROUP BY CAST(age AS SMALLINT)", "cast-not-listed", Answered),
    Crime("error_oracle_date_arithmetic", "SELECT count(*) FROM clinic WHERE seen + INTERVAL '1 day' > DATE '2022-01-01'", "expression-not-listed", Answered),
    Crime("try_cast", "SELECT count(TRY_CAST(site AS BIGINT)) FROM clinic", "expression-not-listed", Answered),
    Crime("regular_expression", "SELECT count(*) FROM clinic WHERE postcode ~ 'P0[0-9]7'", "expression-not-listed", Answered),
    Crime("concatenation", "SELECT count(*) FROM clinic GROUP BY site || stage", "expression-not-listed", Answered),

    Crime("aggregate_of_an_aggregate", "SELECT avg(n) FROM (SELECT site, count(*) AS n FROM clinic GROUP BY site) t", "one-aggregate", Answered),
    Crime("count_of_distinct_rows", "SELECT count(*) FROM (SELECT DISTINCT postcode FROM clinic) t", "one-aggregate", Answered),
    Crime("join_of_two_aggregates", "SELECT a.n - b.n FROM (SELECT site, count(*) AS n FROM clinic GROUP BY site) a JOIN (SELECT code, count(*) AS n FROM registry GROUP BY code) b ON a.n = b.n", "node-not-listed", Answered),
    Crime("aggregate_joined_to_rows", "SELECT c.radius FROM clinic c JOIN (SELECT count(*) AS n FROM registry) t ON c.age = t.n", "node-not-listed", Answered),

    Crime("scalar_subquery", "SELECT count(*) FROM clinic WHERE radius > (SELECT avg(few) FROM registry)", "expression-not-listed", Answered),
    Crime("correlated_subquery", "SELECT count(*) FROM clinic c WHERE radius > (SELECT avg(r.partial) FROM registry r WHERE r.id = c.id)", "expression-not-listed", Answered),
    Crime("in_subquery", "SELECT count(*) FROM clinic WHERE id IN (SELECT id FROM registry WHERE code = 3)", "expression-not-listed", Answered),
    Crime("not_in_subquery", "SELECT count(*) FROM clinic WHERE id NOT IN (SELECT id FROM registry WHERE code = 3)", "expression-not-listed", Answered),
    Crime("exists", "SELECT count(*) FROM clinic c WHERE EXISTS (SELECT 1 FROM registry r WHERE r.id = c.id AND r.code = 3)", "expression-not-listed", Answered),

    Crime("union", "SELECT count(*) FROM clinic UNION ALL SELECT count(*) FROM registry", "node-not-listed", Answered),
    Crime("union_below", "SELECT count(*) FROM (SELECT id FROM clinic UNION ALL SELECT id FROM registry) t", "node-not-listed", Answered),
    Crime("intersect", "SELECT count(*) FROM (SELECT id FROM clinic INTERSECT SELECT id FROM registry) t", "one-aggregate", Answered),
    Crime("intersect_all", "SELECT count(*) FROM (SELECT id FROM clinic INTERSECT ALL SELECT id FROM registry) t", "join-not-listed", Answered),
    Crime("except", "SELECT count(*) FROM (SELECT id FROM clinic EXCEPT ALL SELECT id FROM registry) t", "join-not-listed", Answered),
    Crime("window_over_rows", "SELECT sum(radius) OVER (ORDER BY age) FROM clinic", "node-not-listed", Answered),
    Crime("row_number", "SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY age) AS n FROM clinic) t WHERE n = 1", "node-not-listed", Answered),
    Crime("values", "SELECT count(*) FROM (VALUES (1), (2)) t(x)", "node-not-listed", Answered),
    Crime("values_joined_as_a_filter", "SELECT avg(radius) FROM clinic JOIN (VALUES (37)) t(x) ON age = x", "node-not-listed", Answered),
    Crime("no_table", "SELECT 1", "node-not-listed", Answered),
    Crime("limit_below", "SELECT avg(radius) FROM (SELECT radius FROM clinic LIMIT 1) t", "node-not-listed", Answered),
    Crime("top_below", "SELECT avg(radius) FROM (SELECT radius FROM clinic ORDER BY age LIMIT 1) t", "node-not-listed", Answered),
    Crime("offset_below", "SELECT avg(radius) FROM (SELECT radius FROM clinic OFFSET 199) t", "node-not-listed", Answered),
    Crime("limit_zero", "SELECT count(*) FROM clinic LIMIT 0", "node-not-listed", Answered),
    Crime("false_condition", "SELECT count(*) FROM clinic WHERE 1 = 2", "node-not-listed", Answered),
    Crime("rollup", "SELECT site, count(*) FROM clinic GROUP BY ROLLUP (site)", "expression-not-listed", Answered),
    Crime("grouping_sets", "SELECT site, stage, count(*) FROM clinic GROUP BY GROUPING SETS ((site), (stage))", "expression-not-listed", Answered),
    Crime("recursive_cte", "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT count(*) FROM t", "node-not-listed", Answered),

    Crime("cross_join", "SELECT count(*) FROM clinic CROSS JOIN registry", "join-not-listed", Answered),
    Crime("comma_join", "SELECT count(*) FROM clinic, registry", "join-not-listed", Answered),
    Crime("inequality_join", "SELECT count(*) FROM clinic c JOIN registry r ON c.age < r.code", "join-not-listed", Answered),
    Crime("semi_join", "SELECT avg(radius) FROM clinic c LEFT SEMI JOIN registry r ON c.id = r.id", "join-not-listed", Answered),
    Crime("anti_join", "SELECT avg(radius) FROM clinic c LEFT ANTI JOIN registry r ON c.age = r.code", "join-not-listed", Answered),
    Crime("join_on_an_expression", "SELECT count(*) FROM clinic c JOIN registry r ON c.age % 20 = r.code", "join-not-listed", Answered),
    Crime("join_on_entity_and_condition", "SELECT count(*) FROM clinic c JOIN registry r ON c.id = r.id AND c.id < r.code", "entity-use", Answered),
    Crime("outer_join_with_a_condition", "SELECT sum(r.partial) FROM clinic c LEFT JOIN registry r ON c.id = r.id AND c.rare = 1", "join-not-listed", Answered),
    Crime("difference_by_self_join", "SELECT sum(a.radius) - sum(b.radius) FROM clinic a LEFT JOIN (SELECT * FROM clinic WHERE age <> 37) b ON a.id = b.id", "table-read-once", Answered),
    Crime("self_join_in_cte", "WITH t AS (SELECT * FROM clinic) SELECT count(*) FROM t a JOIN t b ON a.id = b.id", "table-read-once", Answered),

    Crime("reserved_alias", "SELECT count(*) AS __casemate_gate_0 FROM clinic", "reserved-name", Answered),
    Crime("reserved_alias_below", "SELECT avg(__casemate_entity_clinic) FROM (SELECT radius AS __casemate_entity_clinic FROM clinic) t", "reserved-name", Answered),
    Crime("column_outside_the_view", "SELECT count(*) FROM clinic WHERE name = 'patient 37'", "unknown-column", Answered),
    Crime("column_that_is_not", "SELECT avg(salary) FROM clinic", "unknown-column", Unanswered),
    Crime("table_outside_the_view", "SELECT count(*) FROM payroll", "unknown-table", Unanswered),
    Crime("file_as_table", "SELECT count(*) FROM '/etc/passwd'", "unknown-table", Unanswered),
    Crime("table_function", "SELECT count(*) FROM generate_series(1, 3)", "unknown-table", Answered),
    Crime("information_schema", "SELECT count(*) FROM information_schema.columns", "unknown-table", Unanswered),
    Crime("qualified_table", "SELECT count(*) FROM datafusion.public.clinic", "unknown-table", Answered),

    Crime("explain", "EXPLAIN SELECT count(*) FROM clinic", "statement-not-listed", Answered),
    Crime("explain_analyze", "EXPLAIN ANALYZE SELECT count(*) FROM clinic", "statement-not-listed", Answered),
    Crime("set", "SET datafusion.execution.target_partitions = 1", "statement-not-listed", Answered),
    Crime("show_tables", "SHOW TABLES", "statement-not-listed", Unanswered),
    Crime("describe", "DESCRIBE clinic", "statement-not-listed", Answered),
    Crime("copy_to", "COPY clinic TO 's3://bucket/out.csv'", "statement-not-listed", Unanswered),
    Crime("create_view", "CREATE VIEW v AS SELECT * FROM clinic", "statement-not-listed", Answered),
    Crime("create_table_as", "CREATE TABLE t AS SELECT * FROM clinic", "statement-not-listed", Answered),
    Crime("create_external_table", "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 's3://bucket/'", "statement-not-listed", Unanswered),
    Crime("insert", "INSERT INTO clinic SELECT * FROM clinic", "statement-not-listed", Answered),
    Crime("delete", "DELETE FROM clinic", "statement-not-listed", Answered),
    Crime("drop_table", "DROP TABLE clinic", "statement-not-listed", Answered),
    Crime("prepare", "PREPARE p AS SELECT count(*) FROM clinic", "statement-not-listed", Answered),
    Crime("two_statements", "SELECT count(*) FROM clinic; SELECT count(*) FROM registry", "one-statement", Unanswered),
    Crime("no_statement", "", "one-statement", Unanswered),
    Crime("not_sql", "SELEC count(*) FROM clinic", "syntax", Unanswered),
    Crime("placeholder", "SELECT count(*) FROM clinic WHERE age = $1", "expression-not-listed", Unanswered),
];

/// Refused when the rows are seen. Every plan is allowed; the gate counts.
#[rustfmt::skip]
const BY_THE_GATE: &[Crime] = &[
    Crime("where_rare_flag", "SELECT avg(radius) FROM clinic WHERE rare = 1", "min-entities", Answered),
    Crime("where_rare_value", "SELECT avg(radius) FROM clinic WHERE stage = 'IV'", "min-entities", Answered),
    Crime("where_like", "SELECT avg(radius) FROM clinic WHERE postcode LIKE 'P037%'", "min-entities", Answered),
    Crime("where_combination", "SELECT avg(radius) FROM clinic WHERE age = 57 AND site = 'south' AND smoker = false AND radius > 11.5", "min-entities", Answered),
    Crime("where_nobody", "SELECT count(*) FROM clinic WHERE age > 1000", "min-entities", Answered),
    Crime("group_with_one_member", "SELECT stage, avg(radius) FROM clinic GROUP BY stage", "min-entities", Answered),
    Crime("group_by_near_unique_column", "SELECT postcode, avg(radius) FROM clinic GROUP BY postcode", "min-entities", Answered),
    Crime("group_by_two_columns", "SELECT age, site, avg(radius) FROM clinic GROUP BY age, site", "min-entities", Answered),
    Crime("group_by_a_condition", "SELECT avg(radius) FROM clinic GROUP BY CASE WHEN rare = 1 THEN 1 ELSE 0 END", "min-entities", Answered),
    Crime("group_by_a_comparison", "SELECT stage = 'IV', count(*) FROM clinic GROUP BY stage = 'IV'", "min-entities", Answered),
    Crime("small_group_behind_having", "SELECT stage, avg(radius) FROM clinic GROUP BY stage HAVING count(*) > 50", "min-entities", Answered),
    Crime("small_group_picked_by_having", "SELECT stage, avg(radius) FROM clinic GROUP BY stage HAVING count(*) < 5", "min-entities", Answered),
    Crime("small_group_behind_limit", "SELECT stage, avg(radius) FROM clinic GROUP BY stage ORDER BY count(*) DESC LIMIT 2", "min-entities", Answered),
    Crime("small_group_behind_plain_limit", "SELECT stage, avg(radius) FROM clinic GROUP BY stage LIMIT 1", "min-entities", Answered),
    Crime("small_group_picked_by_offset", "SELECT stage, avg(radius) FROM clinic GROUP BY stage ORDER BY count(*) DESC OFFSET 2", "min-entities", Answered),
    Crime("small_group_behind_projection", "SELECT count(*) FROM clinic GROUP BY stage", "min-entities", Answered),
    Crime("small_group_by_distinct", "SELECT DISTINCT stage FROM clinic", "min-entities", Answered),
    Crime("column_that_few_have", "SELECT avg(texture) FROM clinic", "min-entities", Answered),
    Crime("column_that_few_have_counted", "SELECT count(texture) FROM clinic", "min-entities", Answered),
    Crime("column_that_few_have_beside_a_full_one", "SELECT avg(radius), sum(texture * 2) FROM clinic", "min-entities", Answered),
    Crime("column_that_few_have_in_a_group", "SELECT r.diagnosis, sum(r.few) FROM clinic c JOIN registry r ON c.id = r.id GROUP BY r.diagnosis", "min-entities", Answered),
    Crime("other_side_of_outer_join", "SELECT avg(r.code) FROM clinic c LEFT JOIN (SELECT * FROM registry WHERE few > 0) r ON c.id = r.id", "min-entities", Answered),
    Crime("other_side_of_full_join", "SELECT avg(r.code) FROM clinic c FULL JOIN (SELECT * FROM registry WHERE few > 0) r ON c.id = r.id", "min-entities", Answered),
    Crime("join_as_a_filter", "SELECT avg(c.radius) FROM clinic c JOIN registry r ON c.id = r.id WHERE r.few > 0", "min-entities", Answered),
    Crime("many_rows_of_one_person", "SELECT ward, avg(amount) FROM visits GROUP BY ward", "min-entities", Answered),
    Crime("rows_multiplied_by_a_join", "SELECT avg(c.radius) FROM clinic c JOIN visits v ON c.id = v.person WHERE v.ward = 'burns'", "min-entities", Answered),
    Crime("entity_joined_to_a_short_list", "SELECT avg(c.radius) FROM clinic c JOIN registry r ON c.id = r.code WHERE r.few > 0", "min-entities", Answered),
    Crime("day_of_few", "SELECT avg(radius) FROM clinic WHERE date_part('year', seen) = 2023 AND rare = 1", "min-entities", Answered),
];

#[test]
fn refused_by_the_plan_with_its_rule() {
    let mut wrong = Vec::new();
    for Crime(crime, sql, rule, _) in BY_THE_PLAN {
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
    for Crime(crime, sql, rule, _) in BY_THE_PLAN {
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
    for Crime(crime, sql, rule, _) in BY_THE_GATE {
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
    for Crime(crime, sql, _, plain) in BY_THE_PLAN.iter().chain(BY_THE_GATE) {
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
