//! Names in letters of several scripts: `guest` whose `e` is Cyrillic looks like another name, and is none.

use crate::printable::quoted;

/// Scripts whose letters are taken for one another's. What is in none of them is told apart by eye, or is shared by all.
const SCRIPTS: &[(&str, &[(u32, u32)])] = &[
    ("Latin", &[(0x41, 0x5a), (0x61, 0x7a), (0xc0, 0x24f), (0x1e00, 0x1eff)]),
    ("Greek", &[(0x370, 0x3ff), (0x1f00, 0x1fff)]),
    ("Cyrillic", &[(0x400, 0x52f), (0x1c80, 0x1c8f), (0x2de0, 0x2dff), (0xa640, 0xa69f)]),
    ("Armenian", &[(0x530, 0x58f)]),
    ("Cherokee", &[(0x13a0, 0x13ff), (0xab70, 0xabbf)]),
    ("full-width", &[(0xff21, 0xff3a), (0xff41, 0xff5a)]),
    ("mathematical", &[(0x2100, 0x214f), (0x1d400, 0x1d7ff)]),
];

/// Of a name whose letters are of several scripts, which, and the name with each letter that is not ASCII's written out; `None` for one
/// of a single script.
pub(crate) fn mixed(name: &str) -> Option<String> {
    let script = |character: char| {
        let is_in = |(_, ranges): &&(&str, &[(u32, u32)])| {
            ranges.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(character)))
        };
        SCRIPTS.iter().find(is_in).map(|(script, _)| *script)
    };
    let mut found: Vec<&str> = Vec::new();
    for script in name.chars().filter_map(script) {
        if !found.contains(&script) {
            found.push(script);
        }
    }
    if found.len() < 2 {
        return None;
    }
    let shown: String = name
        .chars()
        .map(|character| if character.is_ascii() { character.into() } else { character.escape_unicode().to_string() })
        .collect();
    Some(format!("letters of several scripts, {}: `{shown}`", found.join(" and ")))
}

/// A name in backquotes and, where it mixes scripts, that it does.
pub(crate) fn told(name: &str) -> String {
    mixed(name).map_or_else(|| quoted(name), |mixed| format!("{} ({mixed})", quoted(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_foreign_letter_is_told_and_foreign_names_are_not() {
        for (name, scripts) in [
            ("gu\u{435}st", "Latin and Cyrillic: `gu\\u{435}st`"),
            ("\u{410}MD", "Cyrillic and Latin"),
            ("cas\u{3b5}mate", "Latin and Greek"),
            ("clini\u{ff43}", "Latin and full-width"),
            ("\u{1d41a}lpha", "mathematical and Latin"),
        ] {
            assert!(mixed(name).unwrap().contains(scripts), "{name}: {:?}", mixed(name));
        }
        for name in [
            "guest",
            "Zürich",
            "\u{431}\u{43e}\u{43b}\u{44c}\u{43d}\u{438}\u{446}\u{430}",
            "\u{65e5}\u{672c} EU",
            "\u{3bd}\u{3bf}\u{3c3}\u{3bf}\u{3ba}\u{3bf}\u{3bc}\u{3b5}\u{3af}\u{3bf} 2",
            "release 1.2",
            "",
            "S\u{e3}o Paulo",
        ] {
            assert_eq!(mixed(name), None, "{name}");
        }
    }
}
