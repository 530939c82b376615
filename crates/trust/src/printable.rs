//! Text of other parties on a person's screen.

/// Replaces what would move a terminal's cursor, recolour it, or reorder the line.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|character| if hides_or_moves(character) { char::REPLACEMENT_CHARACTER } else { character })
        .collect()
}

/// An owner's name for something, in backquotes, which none of its own ends.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", escaped(text, '`'))
}

/// What somebody else calls something, in quotes, which none of its own ends. No backquotes are in it, so that nothing of it can be
/// taken for a name.
pub(crate) fn called(text: &str) -> String {
    format!("\"{}\"", escaped(text, '"').replace('`', "'"))
}

fn escaped(text: &str, quote: char) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in printable(text).chars() {
        if character == quote || character == '\\' {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Control characters, line and paragraph separators, the directional marks of Unicode's bidirectional algorithm, and what is not seen at
/// all: soft hyphens, characters of no width, annotations, tags.
pub(crate) fn hides_or_moves(character: char) -> bool {
    let hides = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    hides || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_ends_no_quotes() {
        assert_eq!(quoted("clinic` says, line 3: `x"), "`clinic\\` says, line 3: \\`x`");
        assert_eq!(quoted("x\\"), "`x\\\\`");
        assert_eq!(called("v1\" (line 3), `clinic` says"), "\"v1\\\" (line 3), 'clinic' says\"");
        assert_eq!(quoted("researcher's \"host\""), "`researcher's \"host\"`");
    }

    #[test]
    fn what_is_not_seen_is_shown() {
        for hidden in ['\u{7}', '\n', '\u{ad}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{fff9}', '\u{e0041}']
        {
            assert_eq!(printable(&format!("a{hidden}b")), "a\u{fffd}b", "{}", hidden.escape_unicode());
        }
        for seen in ["Zürich", "日本", "a b", "\u{1f44d}", "\u{5e9}\u{5dc}"] {
            assert_eq!(printable(seen), seen);
        }
    }
}
