//! Where in a TOML text a key stands, for problems that the parser reports by bytes alone.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::problem::Path;

/// The path of the key at `span`: the table header above it, the key of the inline table around it, its own name.
pub(crate) fn path_at(text: &str, span: &Range<usize>) -> Path {
    let before = text.get(..span.start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |end| end.saturating_add(1));
    let line = text.get(line_start..span.end).unwrap_or_default().trim_start();
    let steps = match line.strip_prefix('[') {
        Some(header) => keys(header.trim_start_matches('[').trim_end_matches(']')),
        None => {
            let own = keys(text.get(span.clone()).unwrap_or_default());
            let outer = line.split_once('=').map(|(outer, _)| keys(outer)).unwrap_or_default();
            [header_above(text.get(..line_start).unwrap_or_default()), outer, own].concat()
        }
    };
    Path::of(&steps.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The keys of the last table header in `text`. A line within a text that spans lines can pass for one; no contract
/// that has such a line comes out right or wrong by it, only the name of a place.
fn header_above(text: &str) -> Vec<String> {
    let header = text.lines().rev().find_map(|line| line.trim().strip_prefix('[')?.split_once(']'));
    header.map(|(header, _)| keys(header)).unwrap_or_default()
}

/// The parts of a dotted key.
fn keys(dotted: &str) -> Vec<String> {
    let line = format!("{} = 0", dotted.trim());
    let Ok(document) = DeTable::parse(&line) else { return Vec::new() };
    let (mut steps, mut table) = (Vec::new(), document.get_ref());
    while let Some((key, value)) = table.iter().next() {
        steps.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_with_everything_around_them() {
        let text = "[a.\"b c\"]\nx = 1\nx = 2\n[a.\"b c\"]\n[t]\nin = { k = 1, k = 2 }\ny.z = 1\ny.z = 2\n";
        for (key, nth, path) in [("x", 1, "a.b c.x"), ("\"b c\"", 1, "a.b c"), ("k", 1, "t.in.k"), ("y.z", 1, "t.y.z")]
        {
            let start = text.match_indices(key).nth(nth).unwrap().0;
            assert_eq!(path_at(text, &(start..start + key.len())).to_string(), path, "{key}");
        }
    }
}
