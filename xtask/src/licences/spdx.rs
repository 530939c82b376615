//! SPDX licence expressions [SPDX 2.3, annex D], with crates.io's old `/` for `OR`.
//!
//! `or := and ("OR" and)*`, `and := atom ("AND" atom)*`, `atom := id ["WITH" exception] | "(" or ")"`.

/// Whether the licences that are allowed satisfy the expression; `None` if it is not one.
pub(super) fn satisfied(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut parser = Parser { tokens: spaced.split_whitespace().collect(), position: 0, allowed };
    let satisfied = parser.or()?;
    (parser.position == parser.tokens.len()).then_some(satisfied)
}

struct Parser<'a> {
    tokens: Vec<&'a str>,
    position: usize,
    allowed: &'a dyn Fn(&str) -> bool,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Option<bool> {
        let mut satisfied = self.and()?;
        while self.take("OR") {
            satisfied |= self.and()?;
        }
        Some(satisfied)
    }

    fn and(&mut self) -> Option<bool> {
        let mut satisfied = self.atom()?;
        while self.take("AND") {
            satisfied &= self.atom()?;
        }
        Some(satisfied)
    }

    fn atom(&mut self) -> Option<bool> {
        if self.take("(") {
            let satisfied = self.or()?;
            return self.take(")").then_some(satisfied);
        }
        let licence = self.word()?;
        if self.take("WITH") {
            let exception = self.word()?;
            return Some((self.allowed)(&format!("{licence} WITH {exception}")));
        }
        Some((self.allowed)(licence))
    }

    fn take(&mut self, token: &str) -> bool {
        let taken = self.tokens.get(self.position) == Some(&token);
        self.position += usize::from(taken);
        taken
    }

    fn word(&mut self) -> Option<&'a str> {
        let word = self.tokens.get(self.position).copied()?;
        self.position += 1;
        (!["OR", "AND", "WITH", "(", ")"].contains(&word)).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighs_expressions() {
        let allowed = |licence: &str| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&licence);
        for (expression, expected) in [
            ("MIT", Some(true)),
            ("GPL-2.0-only", Some(false)),
            ("GPL-2.0-only OR MIT", Some(true)),
            ("GPL-2.0-only AND MIT", Some(false)),
            ("GPL-2.0-only/MIT", Some(true)),
            ("ISC AND (Apache-2.0 OR ISC)", Some(true)),
            ("Apache-2.0 OR MIT AND GPL-2.0-only", Some(false)),
            ("(Apache-2.0 OR MIT) AND ISC", Some(true)),
            ("Apache-2.0 WITH LLVM-exception", Some(true)),
            ("Apache-2.0", Some(false)),
            ("", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT ISC", None),
            ("AND MIT", None),
        ] {
            assert_eq!(satisfied(expression, &allowed), expected, "{expression}");
        }
    }
}
