//! Text of other parties on a person's screen.

/// Replaces what would move a terminal's cursor, recolour it, or reorder the line.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|character| if hides_or_moves(character) { char::REPLACEMENT_CHARACTER } else { character })
        .collect()
}

/// Control characters, line and paragraph separators, and the directional marks of Unicode's bidirectional algorithm.
pub(crate) fn hides_or_moves(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
