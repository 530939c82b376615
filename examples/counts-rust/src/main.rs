//! Counts rows by what stands in one column, as a program for a keep:
//!
//! ```text
//! counts --column NAME [--least K]
//! ```
//!
//! Reads `/in/table.csv` (a header, plain fields without quotes), writes `/out/counts.csv`: `value,rows`, in the order of
//! the values. Values with fewer than K rows (10 unless told) are left out: no gate reads what a program writes, so the
//! program has to know what not to tell. For the same reason an error here never quotes a cell.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    process::ExitCode,
};

const INPUT: &str = "/in/table.csv";
const OUTPUT: &str = "/out/counts.csv";
const USAGE: &str = "usage: counts --column NAME [--least K]";
/// The most different values: a column with more is no category.
const VALUES_MAX: usize = 10_000;

struct Options {
    column: String,
    least: u64,
}

fn main() -> ExitCode {
    let counted = options(env::args().skip(1)).and_then(|options| {
        let counts = File::open(INPUT)
            .map_err(|_| "cannot read /in/table.csv")
            .and_then(|file| count(BufReader::new(file), &options.column))?;
        fs::write(OUTPUT, to_csv(&counts, options.least)).map_err(|_| "cannot write to /out")
    });
    match counted {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("counts: {why}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, &'static str> {
    let mut options = Options { column: String::new(), least: 10 };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match name.as_str() {
            "--column" => options.column = value,
            "--least" => options.least = value.parse().map_err(|_| USAGE)?,
            _ => return Err(USAGE),
        }
    }
    if options.column.is_empty() { Err(USAGE) } else { Ok(options) }
}

/// How many rows have each value of the column.
fn count(table: impl BufRead, column: &str) -> Result<BTreeMap<String, u64>, &'static str> {
    let mut lines = table.lines().map(|line| {
        let line = line.map_err(|_| "the table is no UTF-8 text")?;
        if line.contains('"') { Err("the table holds a quote: fields have to be plain") } else { Ok(line) }
    });
    let header = lines.next().ok_or("the table is empty")??;
    let place = header.split(',').position(|name| name == column).ok_or("the table has no such column")?;
    let mut counts = BTreeMap::new();
    for line in lines {
        let line = line?;
        let value = line.split(',').nth(place).ok_or("a row has fewer fields than the header")?;
        *counts.entry(value.to_owned()).or_default() += 1;
        if counts.len() > VALUES_MAX {
            return Err("the column has more than 10,000 values");
        }
    }
    Ok(counts)
}

fn to_csv(counts: &BTreeMap<String, u64>, least: u64) -> String {
    let told = counts.iter().filter(|(_, rows)| **rows >= least);
    told.fold("value,rows\n".to_owned(), |text, (value, rows)| format!("{text}{value},{rows}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_groups_are_left_out() {
        let counts = count("id,site\n1,north\n2,south\n3,north\n".as_bytes(), "site").unwrap();
        assert_eq!(to_csv(&counts, 2), "value,rows\nnorth,2\n");
        assert_eq!(to_csv(&counts, 1), "value,rows\nnorth,2\nsouth,1\n");
    }

    #[test]
    fn bad_tables_are_refused() {
        for bad in ["", "id\n1\n", "id,site\n1\n", "id,site\n1,\"a,b\"\n"] {
            assert!(count(bad.as_bytes(), "site").is_err(), "{bad}");
        }
    }
}
