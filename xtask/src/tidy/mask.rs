//! Rust source with comments, strings and characters blanked, so that what is left is code.

/// Replaces the content of comments and of string and character literals with spaces. Lines stay where they are.
pub(crate) fn masked(source: &str) -> String {
    let mut masker = Masker { characters: source.chars().collect(), position: 0, code: String::new() };
    while let Some(character) = masker.peek(0) {
        match (character, masker.peek(1)) {
            ('/', Some('/')) => masker.blank_until(|rest| rest.first() == Some(&'\n')),
            ('/', Some('*')) => masker.block_comment(),
            ('"', _) => masker.string(),
            ('\'', _) => masker.character(),
            ('r', Some('"' | '#')) if masker.is_raw_string() => masker.raw_string(),
            _ => masker.copy(1),
        }
    }
    masker.code
}

struct Masker {
    characters: Vec<char>,
    position: usize,
    code: String,
}

impl Masker {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.position + ahead).copied()
    }

    fn rest(&self) -> &[char] {
        self.characters.get(self.position..).unwrap_or_default()
    }

    fn copy(&mut self, count: usize) {
        self.code.extend(self.rest().iter().take(count).copied().collect::<Vec<_>>());
        self.position += count;
    }

    fn blank(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(character) = self.peek(0) {
                self.code.push(if character == '\n' { '\n' } else { ' ' });
            }
            self.position += 1;
        }
    }

    fn blank_until(&mut self, ends: impl Fn(&[char]) -> bool) {
        while self.position < self.characters.len() && !ends(self.rest()) {
            self.blank(1);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.position < self.characters.len() {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.blank(2);
                }
                (Some('*'), Some('/')) => {
                    depth = depth.saturating_sub(1);
                    self.blank(2);
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.blank(1),
            }
        }
    }

    fn string(&mut self) {
        self.copy(1);
        loop {
            match self.peek(0) {
                None => return,
                Some('"') => return self.copy(1),
                Some('\\') => self.blank(2),
                Some(_) => self.blank(1),
            }
        }
    }

    /// A character literal, or the quote of a lifetime.
    fn character(&mut self) {
        match (self.peek(1), self.peek(2)) {
            (Some('\\'), _) => {
                self.blank(3);
                self.blank_until(|rest| matches!(rest.first(), Some('\'' | '\n')));
                self.blank(1);
            }
            (Some(_), Some('\'')) => self.blank(3),
            _ => self.copy(1),
        }
    }

    /// `r"` or `r#…#"`, not within a word, and not a raw identifier.
    fn is_raw_string(&self) -> bool {
        let before = self.position.checked_sub(1).and_then(|position| self.characters.get(position));
        let within_word = before.is_some_and(|c| (c.is_alphanumeric() && !matches!(c, 'b' | 'c')) || *c == '_');
        let quote = self.rest().iter().skip(1).find(|character| **character != '#');
        !within_word && quote == Some(&'"')
    }

    fn raw_string(&mut self) {
        let hashes = self.rest().iter().skip(1).take_while(|character| **character == '#').count();
        self.copy(hashes + 2);
        self.blank_until(|rest| {
            rest.first() == Some(&'"') && rest.iter().skip(1).take_while(|c| **c == '#').count() >= hashes
        });
        self.copy(hashes + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_only_code() {
        for (source, code) in [
            ("a // {\nb", "a     \nb"),
            ("a /* { /* { */ } */ b", "a                   b"),
            (r#"a("{ \" }") b"#, r#"a("      ") b"#),
            ("r#\"{ \" }\"# b", "r#\"     \"# b"),
            ("br\"{\\\" b", "br\"  \" b"),
            ("let c = '{'; b", "let c =    ; b"),
            (r"let c = '\''; b", "let c =     ; b"),
            (r"let c = '\u{7b}'; b", "let c =         ; b"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("r#type { b", "r#type { b"),
            ("for \"\" b", "for \"\" b"),
            ("\"{\n}\" b", "\" \n \" b"),
            ("\"\u{e9}{\" é", "\"  \" é"),
        ] {
            assert_eq!(masked(source), code, "{source}");
        }
    }
}
