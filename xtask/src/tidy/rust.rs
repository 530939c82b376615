//! Rules for Rust files: an opening comment, small rooms, telling names, argued exceptions, `unsafe` where it belongs.

use std::path::Path;

use super::{Breach, masked};

/// The most lines of a file.
const FILE_LINES_MAX: usize = 600;
/// The most lines of a function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
/// Names that say nothing about what is in the file.
const EMPTY_NAMES: [&str; 4] = ["common", "helpers", "types", "util"];
/// Where `unsafe` may stand: the crates that talk to the kernel.
const UNSAFE_FOLDERS: [&str; 4] = ["crates/attester/", "crates/keep/", "crates/launch/", "crates/pkcs11/"];
/// How far above an `unsafe` its argument may begin, in lines.
const SAFETY_LINES_MAX: usize = 8;

pub(super) fn check(path: &str, content: &str) -> Vec<Breach> {
    let code = masked(content);
    let mut breaches = shape(path, content);
    breaches.extend(functions(&code));
    breaches.extend(attributes(&code));
    breaches.extend(unsafety(path, content, &code));
    breaches
}

fn shape(path: &str, content: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if !content.starts_with("//! ") {
        let remedy = "say in a `//!` comment what the file is, which specification, which invariants";
        breaches.push(Breach::new("opening", 1, "does not begin with `//!`", remedy));
    }
    let lines = content.lines().count();
    if lines > FILE_LINES_MAX {
        let what = format!("{lines} lines, {FILE_LINES_MAX} at most");
        breaches.push(Breach::new("file-length", 0, what, "it is usually two ideas: split it"));
    }
    let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) || EMPTY_NAMES.contains(&stem.trim_end_matches('s')) {
        breaches.push(Breach::new("file-name", 0, format!("`{stem}`"), "name it after what is in it"));
    }
    breaches
}

fn functions(code: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code.get(..at).is_some_and(|before| before.ends_with(|c: char| c.is_alphanumeric() || c == '_')) {
            continue;
        }
        let rest = code.get(at + 3..).unwrap_or_default();
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        if name.is_empty() {
            continue;
        }
        let line = line_of(code, at);
        if name.starts_with("get_") && !implements_trait(code.get(..at).unwrap_or_default()) {
            let what = format!("`{name}`");
            breaches.push(Breach::new("get", line, what, "name it after what it returns"));
        }
        let lines = lines_to_end(rest);
        if lines > FUNCTION_LINES_MAX {
            let what = format!("`{name}` has {lines} lines, {FUNCTION_LINES_MAX} at most");
            breaches.push(Breach::new("function-length", line, what, "name its steps as functions"));
        }
    }
    breaches
}

/// Whether what follows this text lies in an `impl Trait for Type`, where names are the trait's.
fn implements_trait(before: &str) -> bool {
    let block = before.rfind("\nimpl").and_then(|at| before.get(at + 1..)).unwrap_or_default();
    let header = block.split('{').next().unwrap_or_default();
    !block.contains("\n}") && header.split_whitespace().any(|word| word == "for")
}

/// The lines of a function whose text begins behind `fn `; 1 for a declaration without a body.
fn lines_to_end(text: &str) -> usize {
    let (mut round, mut curly, mut lines) = (0_i64, 0_i64, 1);
    for character in text.chars() {
        match character {
            '\n' => lines += 1,
            '(' | '[' => round += 1,
            ')' | ']' => round -= 1,
            ';' if round == 0 && curly == 0 => return 1,
            '{' => curly += 1,
            '}' => {
                curly -= 1;
                if curly == 0 && round == 0 {
                    return lines;
                }
            }
            _ => {}
        }
    }
    lines
}

fn attributes(code: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (at, _) in code.match_indices("#[").chain(code.match_indices("#![")) {
        let attribute = bracketed(code.get(at..).unwrap_or_default());
        let silences = ["allow(", "expect("].iter().any(|word| {
            attribute.match_indices(word).any(|(at, _)| {
                !attribute.get(..at).is_some_and(|before| before.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
            })
        });
        if silences && !attribute.contains("reason") {
            let remedy = "write `reason = \"…\"`, one that a reviewer can check";
            breaches.push(Breach::new("reason", line_of(code, at), "silences a lint without a reason", remedy));
        }
    }
    breaches
}

/// The text from its start to the bracket that closes its first one.
fn bracketed(text: &str) -> &str {
    let mut depth = 0_i64;
    for (at, character) in text.char_indices() {
        match character {
            '[' => depth += 1,
            ']' => {
                depth -= 1;
                if depth == 0 {
                    return text.get(..at).unwrap_or(text);
                }
            }
            _ => {}
        }
    }
    text
}

fn unsafety(path: &str, content: &str, code: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let lines: Vec<&str> = content.lines().collect();
    for (index, line) in code.lines().enumerate() {
        if !line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe") {
            continue;
        }
        if !UNSAFE_FOLDERS.iter().any(|folder| path.starts_with(folder)) {
            let remedy = "move it to a crate that talks to the kernel, or do it safely";
            breaches.push(Breach::new("unsafe", index + 1, "`unsafe` outside the crates that may", remedy));
        }
        let above = lines.get(index.saturating_sub(SAFETY_LINES_MAX)..=index).unwrap_or_default();
        if !above.iter().any(|line| line.contains("SAFETY:") || line.contains("# Safety")) {
            let remedy = "argue above it, in a comment `SAFETY: …` (or `# Safety`), what makes it sound";
            breaches.push(Breach::new("safety", index + 1, "`unsafe` without its argument", remedy));
        }
    }
    breaches
}

fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).map_or(1, |before| before.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, content: &str) -> Vec<&'static str> {
        check(path, &format!("//! A file.\n{content}")).into_iter().map(|breach| breach.rule).collect()
    }

    #[test]
    fn one_crime_each() {
        let long = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines));
        for (path, content, rule) in [
            ("a.rs", long(69), "function-length"),
            ("a.rs", "struct A;\n".repeat(600), "file-length"),
            ("src/util.rs", String::new(), "file-name"),
            ("src/utils.rs", String::new(), "file-name"),
            ("src/types.rs", String::new(), "file-name"),
            ("a.rs", "pub fn get_key() {}\n".to_owned(), "get"),
            ("a.rs", "impl A {\n    fn get_key() {}\n}\n".to_owned(), "get"),
            ("a.rs", "impl A for B {\n}\nfn get_key() {}\n".to_owned(), "get"),
            ("a.rs", "#[allow(dead_code)]\nfn f() {}\n".to_owned(), "reason"),
            ("a.rs", "#![expect(\n    dead_code\n)]\n".to_owned(), "reason"),
            ("a.rs", "#[cfg_attr(test, allow(dead_code))]\nfn f() {}\n".to_owned(), "reason"),
            ("crates/seal/a.rs", "// SAFETY: not here\nunsafe { f() }\n".to_owned(), "unsafe"),
            ("crates/keep/a.rs", "unsafe { f() }\n".to_owned(), "safety"),
        ] {
            assert_eq!(rules(path, &content), [rule], "{path}: {content}");
        }
        assert_eq!(check("a.rs", "fn f() {}\n").len(), 1);
    }

    #[test]
    fn what_only_looks_like_a_crime() {
        for (path, content) in [
            ("a.rs", format!("fn f() {{\n{}}}\n", "    g();\n".repeat(68))),
            ("a.rs", format!("trait T {{ fn f(&self); }}\nconst A: &str = \"{}\";\n", "fn get_x() {\n".repeat(80))),
            ("a.rs", "#![forbid(unsafe_code)] // unsafe\nconst A: &str = \"unsafe\";\n".to_owned()),
            ("a.rs", "#[expect(dead_code, reason = \"because\")]\nfn f() { x.expect(\"y\"); }\n".to_owned()),
            ("crates/keep/a.rs", "// SAFETY: the pointer is ours.\nunsafe { f() }\n".to_owned()),
            ("crates/keep/a.rs", "/// # Safety\n/// None.\nunsafe fn f() {}\n".to_owned()),
            ("a.rs", "impl<T>\n    A<T> for B\n{\n    fn get_key() {}\n}\n".to_owned()),
            ("src/type_name.rs", String::new()),
            ("src/common_name.rs", "type F = fn (u8) -> u8;\n".to_owned()),
        ] {
            assert_eq!(rules(path, &content), [""; 0], "{path}: {content}");
        }
    }
}
