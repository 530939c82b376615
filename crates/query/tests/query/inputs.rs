//! Views that programs read: whole rows are allowed there; what isn't in the view, or isn't pure, is not.

use std::io::Cursor;

use arrow::ipc::reader::StreamReader;
use casemate_query::{Form, Input, Limits, QueryRefusal, check_input, prepare_inputs};

use crate::fixture::{LIMITS, PATIENTS, block_on, sealed_tables, tables};

const JOINED: &str =
    "SELECT c.id, r.diagnosis, c.radius, c.seen FROM clinic c JOIN registry r ON c.id = r.id ORDER BY c.id";

fn prepare(sql: &str, form: Form, limits: Limits) -> Result<Vec<u8>, QueryRefusal> {
    let inputs = [Input { sql: sql.to_owned(), form }];
    let mut files = block_on(prepare_inputs(&inputs, sealed_tables(), limits))?;
    assert_eq!(files.len(), 1);
    Ok(files.remove(0))
}

#[test]
fn rows_of_a_join_as_csv() {
    let csv = String::from_utf8(prepare(JOINED, Form::Csv, LIMITS).unwrap()).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), usize::try_from(PATIENTS).unwrap() + 1);
    assert_eq!(lines[..3], ["id,diagnosis,radius,seen", "0,M,10.0,2022-01-08", "1,B,10.5,2023-01-08"]);
}

#[test]
fn rows_of_a_join_as_arrow() {
    let ipc = prepare(JOINED, Form::Arrow, LIMITS).unwrap();
    let reader = StreamReader::try_new(Cursor::new(ipc), None).unwrap();
    let names: Vec<String> = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["id", "diagnosis", "radius", "seen"]);
    let rows: usize = reader.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, usize::try_from(PATIENTS).unwrap());
}

#[test]
fn a_view_without_rows_has_its_header() {
    let csv = prepare("SELECT id, site FROM clinic WHERE age > 1000", Form::Csv, LIMITS).unwrap();
    assert_eq!(csv, b"id,site\n");
}

#[test]
fn several_views_of_one_table_open_it_once() {
    let inputs = [
        Input { sql: "SELECT count(*) AS n FROM clinic".into(), form: Form::Csv },
        Input { sql: "SELECT upper(site) AS site FROM clinic WHERE id = 37".into(), form: Form::Csv },
        Input {
            sql: "SELECT ward, max(amount) AS most FROM visits GROUP BY ward ORDER BY ward".into(),
            form: Form::Csv,
        },
    ];
    let files = block_on(prepare_inputs(&inputs, sealed_tables(), LIMITS)).unwrap();
    let texts: Vec<String> = files.into_iter().map(|file| String::from_utf8(file).unwrap()).collect();
    assert_eq!(texts, ["n\n200\n", "site\nSOUTH\n", "ward,most\nburns,9.9\neyes,49.9\n"]);
}

#[test]
fn what_a_view_would_give_is_known_without_data() {
    let columns = block_on(check_input(JOINED, &tables())).unwrap();
    let expected = [("id", "Int64"), ("diagnosis", "Utf8"), ("radius", "Float64"), ("seen", "Date32")]
        .map(|(n, t)| (n.into(), t.into()));
    assert_eq!(columns, expected);
}

#[rustfmt::skip]
#[test]
fn what_no_view_may_do() {
    for (crime, sql, rule) in [
        ("a column that the view leaves out", "SELECT name FROM clinic", "unknown-column"),
        ("a table that isn't there", "SELECT * FROM information_schema.tables", "unknown-table"),
        ("a file of the host", "SELECT * FROM '/etc/passwd'", "unknown-table"),
        ("a table function", "SELECT * FROM read_csv('/etc/passwd')", "unknown-table"),
        ("writing a file", "COPY (SELECT * FROM clinic) TO '/tmp/out.csv'", "statement-not-listed"),
        ("a table of its own", "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc'", "statement-not-listed"),
        ("the clock", "SELECT id, now() AS t FROM clinic", "function-not-listed"),
        ("randomness", "SELECT id, random() AS r FROM clinic", "function-not-listed"),
        ("a fresh identifier", "SELECT id, uuid() AS u FROM clinic", "function-not-listed"),
        ("a window", "SELECT id, row_number() OVER (ORDER BY id) FROM clinic", "node-not-listed"),
        ("a subquery in an expression", "SELECT id FROM clinic WHERE id IN (SELECT id FROM registry)", "expression-not-listed"),
        ("a join on nothing", "SELECT c.id FROM clinic c CROSS JOIN visits v", "physical-not-listed"),
        ("rows from nowhere", "SELECT * FROM (VALUES (1), (2)) t", "node-not-listed"),
        ("two statements", "SELECT id FROM clinic; SELECT id FROM clinic", "one-statement"),
        ("a name of Casemate's own", "SELECT id AS __casemate_id FROM clinic", "reserved-name"),
    ] {
        let refusals = block_on(check_input(sql, &tables())).expect_err(crime);
        assert_eq!(refusals[0].reason().0, rule, "{crime}: {refusals:?}");
        assert_eq!(prepare(sql, Form::Csv, LIMITS).expect_err(crime).reason().0, rule, "{crime}");
    }
}

#[test]
fn inputs_have_at_most_a_quarter_of_the_memory() {
    let refusal = prepare(JOINED, Form::Csv, Limits { memory_bytes: 8 << 10, threads: 1 }).unwrap_err();
    assert_eq!(refusal.reason().0, "memory-limit");
}
