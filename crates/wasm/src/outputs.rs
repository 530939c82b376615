//! What a program left, against what the contract declares: exactly these files, of these forms.

use std::collections::BTreeMap;

use crate::{
    OutputFile, OutputRules, WasmRefusal,
    job::{Column, ColumnType, FileRule},
    refusal::OutputFault,
};

/// Lets the files through, or says which declared one has which fault. No value, row or undeclared name is in the answer.
pub(crate) fn check(rules: &OutputRules, mut files: BTreeMap<String, Vec<u8>>) -> Result<Vec<OutputFile>, WasmRefusal> {
    let mut outputs = Vec::with_capacity(rules.files.len());
    for (name, rule) in &rules.files {
        let refuse = |fault| WasmRefusal::Output { file: name.clone(), fault };
        let bytes = files.remove(name).ok_or_else(|| refuse(OutputFault::Missing))?;
        check_file(rule, &bytes).map_err(refuse)?;
        outputs.push(OutputFile { name: name.clone(), bytes });
    }
    if files.is_empty() { Ok(outputs) } else { Err(WasmRefusal::OutputUndeclared) }
}

fn check_file(rule: &FileRule, bytes: &[u8]) -> Result<(), OutputFault> {
    let text = std::str::from_utf8(bytes).map_err(|_| OutputFault::Utf8)?;
    if text.chars().any(|character| character.is_control() && !matches!(character, '\t' | '\n' | '\r')) {
        return Err(OutputFault::ControlCharacter);
    }
    match rule {
        FileRule::Csv(columns) => check_csv(columns, text),
        FileRule::Text => Ok(()),
    }
}

fn check_csv(columns: &[Column], text: &str) -> Result<(), OutputFault> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut rows = reader.records();
    let header = rows.next().and_then(Result::ok).ok_or(OutputFault::Header)?;
    if !header.iter().eq(columns.iter().map(|column| column.name.as_str())) {
        return Err(OutputFault::Header);
    }
    for row in rows {
        let row = row.map_err(|_| OutputFault::Shape)?;
        if row.len() != columns.len() {
            return Err(OutputFault::Shape);
        }
        let wrong = columns.iter().zip(&row).find(|(column, value)| !value.is_empty() && !fits(column.kind, value));
        if let Some((column, _)) = wrong {
            return Err(OutputFault::Column(column.name.clone()));
        }
    }
    Ok(())
}

fn fits(kind: ColumnType, value: &str) -> bool {
    match kind {
        ColumnType::Boolean => matches!(value, "true" | "false"),
        ColumnType::Date32 => is_date(value),
        ColumnType::Float64 => value.len() <= NUMBER_MAX && value.parse::<f64>().is_ok(),
        ColumnType::Int64 => value.len() <= NUMBER_MAX && value.parse::<i64>().is_ok(),
        ColumnType::Timestamp => is_timestamp(value),
        ColumnType::Utf8 => true,
    }
}

/// Characters of a number: enough for every double, too few to hide a text in zeros.
const NUMBER_MAX: usize = 32;

/// `YYYY-MM-DD`, of the Gregorian calendar.
fn is_date(value: &str) -> bool {
    let mut parts = value.splitn(3, '-');
    let (Some(year), Some(month), Some(day)) =
        (digits(parts.next(), 4), digits(parts.next(), 2), digits(parts.next(), 2))
    else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1..=12).contains(&month) && (1..=days).contains(&day)
}

/// `YYYY-MM-DDThh:mm:ss`, up to six decimals, no zone or `Z`.
fn is_timestamp(value: &str) -> bool {
    let Some((date, time)) = value.split_once(['T', ' ']) else { return false };
    let time = time.strip_suffix('Z').unwrap_or(time);
    let (time, decimals) = time.split_once('.').map_or((time, None), |(time, decimals)| (time, Some(decimals)));
    let mut parts = time.splitn(3, ':');
    let (Some(hour), Some(minute), Some(second)) =
        (digits(parts.next(), 2), digits(parts.next(), 2), digits(parts.next(), 2))
    else {
        return false;
    };
    let decimals_fit =
        decimals.is_none_or(|decimals| decimals.len() <= 6 && digits(Some(decimals), decimals.len()).is_some());
    is_date(date) && hour < 24 && minute < 60 && second < 60 && decimals_fit
}

/// A number of exactly so many decimal digits, at least one.
fn digits(text: Option<&str>, length: usize) -> Option<u32> {
    let text = text.filter(|text| !text.is_empty() && text.len() == length)?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests;
