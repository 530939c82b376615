//! Claims as rows, for people and for machines.

/// One claim.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fact {
    /// Its name, kebab-case; `.` separates a component's name from it.
    pub name: String,
    /// Its value: hex for bytes, decimal for numbers, RFC 3339 for times.
    pub value: String,
}

/// Rows in the order in which they are shown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Facts(Vec<Fact>);

impl Facts {
    pub(crate) fn add(&mut self, name: &str, value: impl std::fmt::Display) {
        self.0.push(Fact { name: name.to_owned(), value: value.to_string() });
    }

    pub(crate) fn hex(&mut self, name: &str, bytes: &[u8]) {
        self.add(name, hex::encode(bytes));
    }

    /// Takes over the rows of a component, their names prefixed by its name.
    pub(crate) fn component(&mut self, component: &str, facts: &Self) {
        for fact in &facts.0 {
            self.add(&format!("{component}.{}", fact.name), &fact.value);
        }
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[Fact] {
        &self.0
    }
}
