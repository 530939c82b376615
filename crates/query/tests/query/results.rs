//! Allowed queries: right numbers, whatever the parallelism; caps on what leaves.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type};
use casemate_query::{ColumnType, Gate, Limits, Output, QueryRefusal, Table, check, run, to_csv, to_pretty};

use crate::fixture::{
    LIMITS, PATIENTS, block_on, datasets, gate, parquet, query, sealed, sealed_tables, sealing, tables,
};

const DEMO: &str = "SELECT r.diagnosis, count(*) AS patients, avg(c.radius) AS mean, stddev(c.radius) AS deviation \
     FROM clinic c JOIN registry r ON c.id = r.id GROUP BY r.diagnosis ORDER BY r.diagnosis";

fn only_batch(output: &Output) -> &RecordBatch {
    let [batch] = output.batches.as_slice() else { panic!("{} batches", output.batches.len()) };
    batch
}

fn floats(output: &Output, column: usize) -> Vec<f64> {
    only_batch(output).column(column).as_primitive::<Float64Type>().values().to_vec()
}

fn ints(output: &Output, column: usize) -> Vec<i64> {
    only_batch(output).column(column).as_primitive::<Int64Type>().values().to_vec()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs().max(1.0)
}

fn with_gate(change: impl Fn(&mut Gate)) -> Vec<(Table, casemate_query::Sealed)> {
    let mut tables = sealed_tables();
    tables.iter_mut().for_each(|(table, _)| change(&mut table.gate));
    tables
}

#[test]
fn the_demo_by_hand() {
    let output = query(DEMO).unwrap();
    let diagnoses: Vec<_> = only_batch(&output).column(0).as_string::<i32>().iter().flatten().collect();
    assert_eq!(diagnoses, ["B", "M"]);
    for (row, malignant) in [false, true].into_iter().enumerate() {
        let radii: Vec<f64> =
            (0..PATIENTS).filter(|id| (id % 3 == 0) == malignant).map(|id| 10.0 + (id % 7) as f64 / 2.0).collect();
        let n = radii.len() as f64;
        let mean = radii.iter().sum::<f64>() / n;
        let variance = radii.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
        assert_eq!(ints(&output, 1)[row], radii.len() as i64);
        assert!(close(floats(&output, 2)[row], mean));
        assert!(close(floats(&output, 3)[row], variance.sqrt()));
    }
    let names: Vec<_> = output.schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["diagnosis", "patients", "mean", "deviation"]);
}

#[test]
fn every_gate_is_reported() {
    let output = query(DEMO).unwrap();
    assert_eq!(output.gates.len(), 12);
    assert!(output.gates.iter().all(|gate| gate.passed));
    assert!(output.gates.iter().any(|gate| gate.table == "registry" && gate.gate == "min-entities 10"));
}

#[test]
fn the_same_bytes_whatever_the_parallelism() {
    let once = |threads| block_on(run(DEMO, sealed_tables(), Limits { threads, ..LIMITS })).unwrap();
    let (one, many) = (once(1), once(5));
    assert_eq!(ints(&one, 1), ints(&many, 1));
    assert!(floats(&one, 2).iter().zip(floats(&many, 2)).all(|(a, b)| close(*a, b)));
}

#[test]
fn allowed_queries_give_the_right_numbers() {
    let sum: f64 = (0..PATIENTS).map(|id| 10.0 + (id % 7) as f64 / 2.0).sum();
    let n = PATIENTS as f64;
    for (what, sql, expected) in [
        ("sum", "SELECT sum(radius) FROM clinic", sum),
        ("scaled", "SELECT sum(radius * 2 + 1) FROM clinic", 2.0 * sum + n),
        (
            "shifted below",
            "SELECT avg(x) FROM (SELECT (radius - 10) / 2 AS x FROM clinic) t",
            (sum - 10.0 * n) / 2.0 / n,
        ),
        ("arithmetic of results", "SELECT sum(radius) / count(*) FROM clinic", sum / n),
        (
            "integer averaged",
            "SELECT avg(age) FROM clinic",
            (0..PATIENTS).map(|id| 20.0 + (id % 50) as f64).sum::<f64>() / n,
        ),
        ("known of most", "SELECT avg(partial) FROM registry", 149.0 / 2.0),
        ("case over results", "SELECT CASE WHEN count(*) > 100 THEN 1.5 ELSE 0.5 END FROM clinic", 1.5),
        ("where", "SELECT avg(age) FROM clinic WHERE age >= 67 OR age = 66", 67.5),
        ("variance", "SELECT var_pop(age) FROM clinic WHERE age IN (20, 22, 24, 26)", 5.0),
        ("left join, all matched", "SELECT avg(r.code) FROM clinic c LEFT JOIN registry r ON c.id = r.id", 9.5),
        ("full join, all matched", "SELECT avg(r.code) FROM clinic c FULL JOIN registry r ON c.id = r.id", 9.5),
        ("using", "SELECT avg(code) FROM clinic JOIN registry USING (id) WHERE site = 'north'", 9.0),
        (
            "three tables",
            "SELECT avg(v.amount) FROM clinic c JOIN registry r ON c.id = r.id JOIN visits v ON v.person = r.id WHERE v.ward = 'eyes'",
            29.95,
        ),
        (
            "nested twice",
            "SELECT s FROM (SELECT sum(radius) AS s FROM (SELECT radius FROM clinic) a) b WHERE s > 1",
            sum,
        ),
    ] {
        let output = query(sql).unwrap_or_else(|refusal| panic!("{what}: {refusal:?}"));
        let found = floats(&output, 0);
        assert!(found.len() == 1 && close(found[0], expected), "{what}: {found:?}, not {expected}");
    }
}

#[test]
fn allowed_counts() {
    for (what, sql, expected) in [
        ("count distinct entities", "SELECT count(DISTINCT person) FROM visits", vec![200]),
        ("count a column", "SELECT count(partial) FROM registry", vec![150]),
        ("group by a boolean", "SELECT count(*) FROM clinic GROUP BY smoker ORDER BY 1", vec![50, 150]),
        (
            "group by a condition",
            "SELECT count(*) FROM clinic GROUP BY CASE WHEN age < 30 THEN 'young' ELSE 'old' END ORDER BY 1",
            vec![40, 160],
        ),
        (
            "group by a year",
            "SELECT count(*) FROM clinic GROUP BY date_part('year', seen) ORDER BY date_part('year', seen)",
            vec![67, 67, 66],
        ),
        ("having", "SELECT count(*) FROM registry GROUP BY diagnosis HAVING count(*) > 100", vec![133]),
        ("limit", "SELECT count(*) AS n FROM registry GROUP BY diagnosis ORDER BY n DESC LIMIT 1", vec![133]),
        ("no group at all", "SELECT site, count(*) FROM clinic WHERE age > 1000 GROUP BY site", vec![]),
        ("extract", "SELECT count(*) FROM clinic WHERE EXTRACT(YEAR FROM seen) = 2022", vec![67]),
    ] {
        let output = query(sql).unwrap_or_else(|refusal| panic!("{what}: {refusal:?}"));
        let column = output.schema.fields().len() - 1;
        let found = if output.batches.is_empty() { vec![] } else { ints(&output, column) };
        assert_eq!(found, expected, "{what}");
    }
}

/// Every table's gate counts, not only the first's or the strictest table's that happens to be grouped.
#[test]
fn each_tables_minimum_is_its_own() {
    for name in ["clinic", "registry"] {
        let strict = || with_gate_of(name, |gate| gate.min_entities = 100);
        let refusal = block_on(run(DEMO, strict(), LIMITS)).unwrap_err();
        assert_eq!(refusal, QueryRefusal::BelowMinimum { table: name.into(), min_entities: 100 });
    }
    // Of 67 and 133 patients the smaller group decides, to the very entity.
    let at = |min| block_on(run(DEMO, with_gate(|gate| gate.min_entities = min), LIMITS));
    assert!(at(67).is_ok());
    assert!(at(68).is_err());
}

fn with_gate_of(name: &str, change: impl Fn(&mut Gate)) -> Vec<(Table, casemate_query::Sealed)> {
    let mut tables = sealed_tables();
    tables.iter_mut().filter(|(table, _)| table.name == name).for_each(|(table, _)| change(&mut table.gate));
    tables
}

#[test]
fn large_minima_count_exactly() {
    let sql = "SELECT count(*) FROM clinic";
    let at = |min| block_on(run(sql, with_gate_of("clinic", |gate| gate.min_entities = min), LIMITS));
    assert!(at(200).is_ok());
    assert_eq!(at(201).unwrap_err(), QueryRefusal::BelowMinimum { table: "clinic".into(), min_entities: 201 });
}

#[test]
fn rows_are_capped() {
    let sql = "SELECT code, count(*) FROM registry GROUP BY code";
    let at = |max_rows| block_on(run(sql, with_gate_of("clinic", |gate| gate.max_rows = max_rows), LIMITS));
    assert!(at(20).is_ok());
    // A table's caps hold for the computation even if this query doesn't read the table.
    assert_eq!(at(19).unwrap_err(), QueryRefusal::TooManyRows { table: "clinic".into(), max_rows: 19 });
}

#[test]
fn bytes_are_capped() {
    let exact = query(DEMO).unwrap().ipc.len() as u64;
    let at = |max_bytes| block_on(run(DEMO, with_gate_of("registry", |gate| gate.max_bytes = max_bytes), LIMITS));
    assert!(at(exact).is_ok());
    let refusal = at(exact - 1).unwrap_err();
    assert_eq!(refusal, QueryRefusal::TooManyBytes { table: "registry".into(), max_bytes: exact - 1 });
}

#[test]
fn memory_is_bounded_and_nothing_spills() {
    let sql = "SELECT code, count(*) FROM registry r JOIN clinic c ON r.id = c.id GROUP BY code ORDER BY code";
    let refusal = block_on(run(sql, sealed_tables(), Limits { memory_bytes: 64, threads: 2 })).unwrap_err();
    assert_eq!(refusal, QueryRefusal::MemoryLimit { memory_bytes: 64 });
}

#[test]
fn a_view_that_contradicts_itself_is_refused() {
    let view = || tables().remove(0);
    struct Change(&'static str, fn(&mut Table));
    let changes = [
        Change("no_minimum", |table| table.gate.min_entities = 0),
        Change("entity_not_listed", |table| table.entity = "name".into()),
        Change("entity_is_a_float", |table| table.entity = "radius".into()),
        Change("name_with_a_dot", |table| table.name = "a.b".into()),
        Change("name_in_capitals", |table| table.name = "Clinic".into()),
        Change("column_twice", |table| table.columns.push(("age".into(), ColumnType::Int64))),
        Change("reserved_column", |table| table.columns.push(("__casemate_gate_0".into(), ColumnType::Boolean))),
        Change("nameless_column", |table| table.columns.push((String::new(), ColumnType::Int64))),
    ];
    for Change(what, change) in changes {
        let mut table = view();
        change(&mut table);
        let refusals = block_on(check("SELECT count(*) FROM clinic", &[table])).unwrap_err();
        assert!(matches!(refusals.as_slice(), [QueryRefusal::BadTable { .. }]), "{what}: {refusals:?}");
    }
    let twice = block_on(check("SELECT count(*) FROM clinic", &[view(), view()])).unwrap_err();
    assert!(matches!(twice.as_slice(), [QueryRefusal::BadTable { .. }]));
}

#[test]
fn check_says_what_would_be_read() {
    let explanation = block_on(check(DEMO, &tables())).unwrap();
    let mut reads = explanation.reads.clone();
    reads.iter_mut().for_each(|(_, columns)| columns.sort_unstable());
    reads.sort_unstable();
    let list = |table: &str, columns: &[&str]| (table.to_owned(), columns.iter().map(|c| (*c).to_owned()).collect());
    assert_eq!(reads, [list("clinic", &["id", "radius"]), list("registry", &["diagnosis", "id"])]);
    assert_eq!(explanation.output[0], ("diagnosis".to_owned(), "Utf8".to_owned()));
    assert!(explanation.plan.contains("GateCheckExec"), "{}", explanation.plan);
    // One count of entities serves both tables: the join makes their ids equal. Two columns' NULLs would need two.
    assert!(explanation.gates.contains(&"clinic: min-entities 10".to_owned()));
}

#[test]
fn results_are_shown_as_tables_and_csv() {
    let output = query("SELECT diagnosis, count(*) AS n FROM registry GROUP BY diagnosis ORDER BY diagnosis").unwrap();
    assert_eq!(to_csv(&output.ipc).unwrap(), "diagnosis,n\nB,133\nM,67\n");
    assert!(to_pretty(&output.ipc).unwrap().contains("| M         | 67  |"));
    let none = query("SELECT site, count(*) AS n FROM clinic WHERE age > 1000 GROUP BY site").unwrap();
    assert_eq!(to_csv(&none.ipc).unwrap(), "site,n\n");
    assert!(to_pretty(b"no stream").is_err());
    assert!(to_csv(&output.ipc[..output.ipc.len() / 2]).is_err());
}

#[test]
fn text_entities_count_too() {
    let mut dataset = datasets().remove(0);
    dataset.table.entity = "postcode".into();
    dataset.table.gate = Gate { min_entities: 100, ..gate() };
    let at = |min| {
        let mut table = dataset.table.clone();
        table.gate.min_entities = min;
        let file = sealed(&parquet(&dataset.rows, sealing().build()));
        block_on(run("SELECT site, avg(radius) FROM clinic GROUP BY site", vec![(table, file)], LIMITS))
    };
    assert!(at(100).is_ok());
    assert!(at(101).is_err());
}
