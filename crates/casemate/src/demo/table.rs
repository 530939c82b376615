//! A result's table on the terminal.

use serde_json::Value;

use crate::screen::Screen;

/// Prints `{"columns": [...], "rows": [[...]]}` with aligned columns.
pub(super) fn print(screen: Screen, table: Option<&Value>) {
    let Some(table) = table else { return };
    let cells = |value: &Value| match value {
        Value::Number(number) if number.is_f64() => format!("{:.3}", number.as_f64().unwrap_or_default()),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let mut lines = vec![list(table.get("columns")).iter().map(cells).collect::<Vec<_>>()];
    for row in list(table.get("rows")) {
        lines.push(list(Some(&row)).iter().map(cells).collect());
    }
    aligned(screen, &lines);
}

/// Prints the first `rows` rows of a CSV whose cells hold no commas.
pub(super) fn print_csv(screen: Screen, csv: &str, rows: usize) {
    let cell = |text: &str| match text.parse::<f64>() {
        Ok(number) if text.contains('.') => format!("{number:.3}"),
        _ => text.to_owned(),
    };
    let lines: Vec<Vec<_>> = csv.lines().map(|line| line.split(',').map(cell).collect()).collect();
    let shown = lines.len().min(rows.saturating_add(1));
    aligned(screen, lines.get(..shown).unwrap_or_default());
    if shown < lines.len() {
        screen.line(format!("  … and {} rows more", lines.len() - shown));
    }
}

fn aligned(screen: Screen, lines: &[Vec<String>]) {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    for line in lines {
        let padded: Vec<_> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        screen.line(format!("  {}", padded.join("  ")));
    }
}
