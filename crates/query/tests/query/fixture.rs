//! Three owners' tables with people to be protected in them, sealed into temporary files.

use std::{fs::File, io::Write, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray},
    datatypes::{Field, Schema},
};
use casemate_query::{ColumnType, Gate, Limits, Output, QueryRefusal, Sealed, Table, run};
use parquet::{
    arrow::ArrowWriter,
    encryption::encrypt::FileEncryptionProperties,
    file::properties::{WriterProperties, WriterPropertiesBuilder},
};

pub(crate) const PATIENTS: i64 = 200;
pub(crate) const MIN_ENTITIES: u32 = 10;
pub(crate) const KEY: [u8; 32] = [7; 32];
pub(crate) const AAD_PREFIX: [u8; 32] = [9; 32];
pub(crate) const LIMITS: Limits = Limits { memory_bytes: 256 << 20, threads: 2 };

/// A table's view, and its rows with columns that the view may leave out.
pub(crate) struct Dataset {
    pub(crate) table: Table,
    pub(crate) rows: RecordBatch,
}

pub(crate) fn gate() -> Gate {
    Gate { min_entities: MIN_ENTITIES, max_rows: 40, max_bytes: 64 << 10 }
}

/// 200 patients. 37 alone is `rare`, alone in stage `IV`; `texture` is known of three; every postcode is somebody's own.
pub(crate) fn clinic() -> Dataset {
    let ids: Vec<i64> = (0..PATIENTS).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(ids.clone()))),
        ("age", int(&ids, |id| 20 + id % 50)),
        ("radius", float(&ids, |id| Some(10.0 + (id % 7) as f64 / 2.0))),
        ("texture", float(&ids, |id| (id < 3).then_some(id as f64))),
        ("rare", int(&ids, |id| i64::from(id == 37))),
        ("site", text(&ids, |id| if id % 2 == 0 { "north".into() } else { "south".into() })),
        (
            "stage",
            text(&ids, |id| {
                if id == 37 {
                    "IV".into()
                } else if id % 2 == 0 {
                    "I".into()
                } else {
                    "II".into()
                }
            }),
        ),
        ("postcode", text(&ids, |id| format!("P{id:03}"))),
        ("seen", Arc::new(Date32Array::from_iter_values(ids.iter().map(|id| 19_000 + (id % 3) as i32 * 365)))),
        ("smoker", Arc::new(ids.iter().map(|id| Some(id % 4 == 0)).collect::<BooleanArray>())),
        ("name", text(&ids, |id| format!("patient {id}"))),
    ];
    dataset("clinic", "id", columns, &["name"])
}

/// The same 200 patients' diagnoses. `partial` is known of 150, `few` of patients 0 to 3.
pub(crate) fn registry() -> Dataset {
    let ids: Vec<i64> = (0..PATIENTS).rev().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(ids.clone()))),
        ("diagnosis", text(&ids, |id| if id % 3 == 0 { "M".into() } else { "B".into() })),
        ("code", int(&ids, |id| id % 20)),
        ("partial", float(&ids, |id| (id < 150).then_some(id as f64))),
        ("few", float(&ids, |id| (id < 4).then_some(1.0))),
    ];
    dataset("registry", "id", columns, &[])
}

/// 500 visits. Ward `burns` saw 100 visits of patient 5 alone, ward `eyes` everybody's.
pub(crate) fn visits() -> Dataset {
    let rows: Vec<i64> = (0..500).collect();
    let person = |row: i64| if row < 100 { 5 } else { row % PATIENTS };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("person", int(&rows, person)),
        ("ward", text(&rows, |row| if row < 100 { "burns".into() } else { "eyes".into() })),
        ("amount", float(&rows, |row| Some(row as f64 / 10.0))),
    ];
    dataset("visits", "person", columns, &[])
}

pub(crate) fn datasets() -> Vec<Dataset> {
    vec![clinic(), registry(), visits()]
}

pub(crate) fn tables() -> Vec<Table> {
    datasets().into_iter().map(|dataset| dataset.table).collect()
}

fn int(of: &[i64], value: impl Fn(i64) -> i64) -> ArrayRef {
    Arc::new(of.iter().map(|id| Some(value(*id))).collect::<Int64Array>())
}

fn float(of: &[i64], value: impl Fn(i64) -> Option<f64>) -> ArrayRef {
    Arc::new(of.iter().map(|id| value(*id)).collect::<Float64Array>())
}

fn text(of: &[i64], value: impl Fn(i64) -> String) -> ArrayRef {
    Arc::new(of.iter().map(|id| Some(value(*id))).collect::<StringArray>())
}

fn dataset(name: &str, entity: &str, columns: Vec<(&str, ArrayRef)>, hidden: &[&str]) -> Dataset {
    let kind =
        |array: &ArrayRef| ColumnType::ALL.into_iter().find(|kind| kind.in_file() == *array.data_type()).unwrap();
    let visible = columns.iter().filter(|(column, _)| !hidden.contains(column));
    let table = Table {
        name: name.into(),
        entity: entity.into(),
        columns: visible.map(|(column, array)| ((*column).to_owned(), kind(array))).collect(),
        gate: gate(),
    };
    let fields: Vec<Field> = columns.iter().map(|(n, a)| Field::new(*n, a.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    Dataset { table, rows: RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap() }
}

/// As `casemate dataset seal` writes: one key, encrypted footer, AAD prefix not stored; small row groups, so that there are several.
pub(crate) fn sealing() -> WriterPropertiesBuilder {
    let encryption = FileEncryptionProperties::builder(KEY.to_vec())
        .with_aad_prefix(AAD_PREFIX.to_vec())
        .with_aad_prefix_storage(false)
        .build()
        .unwrap();
    WriterProperties::builder().with_file_encryption_properties(encryption).set_max_row_group_row_count(Some(64))
}

pub(crate) fn parquet(rows: &RecordBatch, properties: WriterProperties) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), Some(properties)).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
    bytes
}

pub(crate) fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

pub(crate) fn sealed(bytes: &[u8]) -> Sealed {
    Sealed { file: file(bytes), key: Box::new(KEY), aad_prefix: AAD_PREFIX }
}

pub(crate) fn sealed_tables() -> Vec<(Table, Sealed)> {
    datasets()
        .into_iter()
        .map(|dataset| {
            let bytes = parquet(&dataset.rows, sealing().build());
            (dataset.table, sealed(&bytes))
        })
        .collect()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap().block_on(future)
}

pub(crate) fn query(sql: &str) -> Result<Output, QueryRefusal> {
    block_on(run(sql, sealed_tables(), LIMITS))
}
