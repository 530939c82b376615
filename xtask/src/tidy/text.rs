//! Rules for any text: nothing left to do, no words from a workplace, no characters that hide.

use super::Breach;

/// Characters beyond ASCII that the project's texts use. Others are written escaped: they can pass for Latin, or hide.
const CHARACTERS: &str = "–—…‖§→←↔↓↑≤≥≠≈×÷±µ°·•⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂√∘∈∞“”„‘’†éèüöäß│├└─┌┐┘┤┬┴┼▶◀▼▲✓✗";

/// What marks a thing left undone. Written in two halves here, so that this file does not break its own rule.
const UNDONE: [&str; 4] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX"), concat!("HA", "CK")];

/// Words of a workplace: the repository speaks of Casemate alone. Also in halves.
const WORKPLACE: [&str; 14] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("iss", "ue #"),
    concat!("iss", "ues show"),
    concat!("this iss", "ue"),
    concat!("next iss", "ue"),
    concat!("previous ses", "sion"),
    concat!("next ses", "sion"),
    concat!("col", "league"),
    concat!("the le", "ad engineer"),
    concat!("lang", "uage model"),
    concat!("Anth", "ropic"),
    concat!("Cla", "ude"),
    concat!("C", "EO"),
];

pub(super) fn check(content: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (number, line) in (1..).zip(content.lines()) {
        if let Some(word) = UNDONE.iter().find(|word| has_word(line, word)) {
            breaches.push(Breach::new("undone", number, format!("`{word}`"), "do it, or plan it elsewhere"));
        }
        if let Some(word) = workplace(line) {
            breaches.push(Breach::new("workplace", number, format!("`{word}`"), "speak of Casemate alone"));
        }
        if let Some(character) = line.chars().find(|c| !is_expected(*c)) {
            let what = format!("U+{:04X}", u32::from(character));
            let remedy = "write it in ASCII or escaped, or add it to the list in xtask/src/tidy/text.rs";
            breaches.push(Breach::new("character", number, what, remedy));
        }
        if line.ends_with([' ', '\t']) {
            breaches.push(Breach::new("trailing-space", number, "ends in white space", "take it off"));
        }
    }
    if !content.is_empty() && !content.ends_with('\n') {
        breaches.push(Breach::new("last-line", 0, "the last line does not end", "end it with a line feed"));
    }
    breaches
}

fn is_expected(character: char) -> bool {
    // CJK ideographs do neither.
    let is_ideograph = ('\u{4e00}'..='\u{9fff}').contains(&character);
    is_ideograph || character == '\t' || (' '..='~').contains(&character) || CHARACTERS.contains(character)
}

fn workplace(line: &str) -> Option<String> {
    if let Some(word) = WORKPLACE.iter().find(|word| has_word(line, word)) {
        return Some((*word).to_owned());
    }
    // The word for a tracker's entry, followed by a number.
    let word = concat!("iss", "ue ");
    let numbered = line.match_indices(word).find(|(at, _)| {
        let number = line.get(at + word.len()..).unwrap_or_default();
        number.starts_with(|c: char| c.is_ascii_digit()) && !line.get(..*at).unwrap_or_default().ends_with('t')
    });
    numbered.map(|_| format!("{word}and a number"))
}

/// Whether `word` is there and, where it begins or ends in a letter, no letter goes on.
fn has_word(line: &str, word: &str) -> bool {
    let continues = |word_side: Option<char>, line_side: Option<char>| {
        word_side.is_some_and(char::is_alphabetic) && line_side.is_some_and(|c| c.is_alphanumeric() || c == '_')
    };
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|after| after.chars().next());
        !continues(word.chars().next(), before) && !continues(word.chars().next_back(), after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(content: &str) -> Vec<&'static str> {
        check(content).into_iter().map(|breach| breach.rule).collect()
    }

    #[test]
    fn one_crime_each() {
        for (crime, rule) in [
            (format!("// {}: later\n", UNDONE[0]), "undone"),
            (format!("see {}main/notes\n", WORKPLACE[0]), "workplace"),
            (format!("as {}12 says\n", WORKPLACE[2]), "workplace"),
            (format!("as {} 2 says\n", "issue"), "workplace"),
            ("a\u{202e}b\n".to_owned(), "character"),
            ("a\u{200b}b\n".to_owned(), "character"),
            ("a\u{a0}b\n".to_owned(), "character"),
            ("a\r\n".to_owned() + "b\u{7}\n", "character"),
            ("a \n".to_owned(), "trailing-space"),
            ("a".to_owned(), "last-line"),
        ] {
            assert_eq!(rules(&crime), [rule], "{crime:?}");
        }
    }

    #[test]
    fn what_only_looks_like_a_crime() {
        for fine in [
            "one TLS session, never the session before\n",
            "SessionContext::new()\n",
            "let framework = \"networking\";\n",
            "certificates that we issue and tissue 2\n",
            "a → b ≤ c § 4\n",
            "const TODOS: u8 = 1;\n",
        ] {
            assert_eq!(rules(fine), [""; 0], "{fine}");
        }
    }
}
