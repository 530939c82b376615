//! What platforms have to be: properties and tests.
//!
//! ```text
//! name = VALUE                                     exactly this
//! name = [VALUE, …]                                one of these
//! name = { at_least = VALUE, at_most = VALUE }     numbers and times
//! name = { not = VALUE }
//! name = { only = [TEXT, …] }                      a set, with no other members than these
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use toml::de::DeValue;

use super::{
    Demanded,
    date::Edge,
    table::{Table, Word, alike_first},
    toml_words::{quoted, value_at},
};
use crate::{
    component::{
        fit::{self, Misfit, Never},
        registry::{self, Property, Type},
    },
    domain::DomainError,
    statement::{Allowance, Demand, Kind, Test, Value},
};

/// The property that `[[region]]` gives.
pub(super) const REGION: &str = "region";

/// The words of a test.
pub(super) const TESTS: &[&str] = &["at_least", "at_most", "equals", "not", "one_of", "only"];

/// The properties that statements give to hardware and keys, and their types.
#[derive(Default)]
pub(super) struct Said(BTreeMap<String, Option<Type>>);

impl Said {
    pub(super) fn add(&mut self, property: &str, value: &Value) {
        let of = Some(Type::of(value));
        self.0.entry(property.to_owned()).and_modify(|known| *known = known.filter(|_| *known == of)).or_insert(of);
    }

    /// What values of a property are; `None` for one that neither evidence nor statements have, or that some statements give as one type
    /// and some as another.
    pub(super) fn type_of(&self, kind: Kind, property: &str) -> Option<Type> {
        match (registry::property(kind, property), self.0.get(property)) {
            (Some(property), _) => Some(property.of),
            (None, Some(said)) => *said,
            (None, None) => (property == REGION).then_some(Type::Text),
        }
    }
}

/// The name of a property, whoever says it.
pub(super) fn name(word: &Word<'_>) -> Result<String, DomainError> {
    let name = word.text()?;
    if !is_name(name) {
        return Err(word.refuse("a name of lower-case letters, digits, `-` and `.`"));
    }
    Ok(name.to_owned())
}

/// Whether a property may be called so.
pub(super) fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.split('.').all(|part| !part.is_empty() && part.bytes().all(fits))
}

/// The table's words; those of tables in it that are no tests under both names, with a dot between. A name that is known, and
/// whose table has no name that is, was meant to have a test.
pub(super) fn flat<'a>(
    word: &Word<'a>,
    expected: &'static str,
    is_known: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Range<usize>, Word<'a>)>, DomainError> {
    let mut rows: Vec<(String, Range<usize>, Word<'a>)> = Vec::new();
    let mut open = vec![(String::new(), word.clone())];
    while let Some((prefix, word)) = open.pop() {
        let Some(table) = word.value().get_ref().as_table() else { return Err(word.refuse(expected)) };
        let words = table.iter().map(|(key, value)| Word::new(key.get_ref().as_ref(), key.span(), value));
        for (span, word) in words.collect::<Vec<_>>() {
            let name = format!("{prefix}{}", word.name());
            let has = |fits: &dyn Fn(&str) -> bool| {
                let table = word.value().get_ref().as_table();
                table.is_some_and(|table| table.keys().any(|key| fits(key.get_ref().as_ref())))
            };
            let is_whole = is_known(&name) && !has(&|key| is_known(&format!("{name}.{key}")));
            if has(&|_| true) && !is_whole && !has(&|key| TESTS.contains(&key)) {
                open.push((format!("{name}."), word));
            } else {
                rows.push((name, span, word));
            }
        }
    }
    rows.sort_by_key(|(name, span, _)| (name.clone(), span.start));
    match rows.iter().zip(rows.iter().skip(1)).find(|(one, two)| one.0 == two.0) {
        Some((_, (name, span, _))) => Err(DomainError::Twice { actual: name.clone(), span: Some(span.clone()) }),
        None => Ok(rows),
    }
}

/// A property of which something is asked.
#[derive(Clone, Copy)]
struct Asked<'a> {
    kind: Kind,
    name: &'a str,
    of: Type,
    /// Where evidence says it.
    row: Option<&'static Property>,
}

/// What the table `require` of a rule for platforms of `kind` demands, ascending, where no more than `allow` is admitted; `places` is
/// told where.
pub(super) fn demands(
    kind: Kind,
    word: &Word<'_>,
    said: &Said,
    allow: &BTreeSet<Allowance>,
    places: &mut Vec<Demanded>,
) -> Result<Vec<Demand>, DomainError> {
    let mut demands = Vec::new();
    let is_known = |name: &str| said.type_of(kind, name).is_some();
    for (property, span, word) in flat(word, "a table of properties, such as { product = \"Milan\" }", is_known)? {
        let Some(of) = said.type_of(kind, &property) else {
            let mut known: Vec<_> = registry::properties(kind).iter().map(|property| property.name).collect();
            known.extend(said.0.keys().map(String::as_str));
            let (what, known) = (format!("property of {kind}"), alike_first(&property, &known));
            return Err(DomainError::Unknown { what, actual: property, known, span: Some(span) });
        };
        places.push(Demanded { property: property.clone(), place: span });
        let asked = Asked { kind, name: &property, of, row: registry::property(kind, &property) };
        let tests = tests(asked, &word)?;
        contradiction(&property, &tests, &word)?;
        can_match(asked, &tests, allow, &word)?;
        demands.extend(tests.into_iter().map(|test| Demand { property: property.clone(), test }));
    }
    demands.sort();
    Ok(demands)
}

fn tests(asked: Asked<'_>, word: &Word<'_>) -> Result<Vec<Test>, DomainError> {
    let Asked { name, of, .. } = asked;
    match word.value().get_ref() {
        DeValue::Table(_) => {}
        DeValue::Array(_) if of == Type::Set => {
            return Err(word.refuse("a set: `{ only = [\"…\"] }` for no others than these, or `{ equals = [\"…\"] }`"));
        }
        DeValue::Array(_) => return Ok(vec![one_of(asked, word)?]),
        _ => return Ok(vec![Test::Equals(value(asked, word, Edge::First)?)]),
    }
    let table = Table::new(format!("`{name}`"), word.value(), TESTS)?;
    let mut tests = Vec::new();
    for (_, word) in table.words() {
        tests.push(match word.name() {
            "at_least" | "at_most" if !of.is_ordered() => {
                return Err(wrong_test(asked, &word, "has an order: only numbers and times do"));
            }
            "at_least" => Test::AtLeast(value(asked, &word, Edge::First)?),
            "at_most" => Test::AtMost(value(asked, &word, Edge::Last)?),
            "equals" => Test::Equals(value(asked, &word, Edge::First)?),
            "not" if asked.row.is_none() => {
                return Err(DomainError::Contradiction {
                    what: format!("`{name}` is what others say, and no proof shows what nobody says"),
                    remedy: format!("list the values that will do: {name} = [\"…\"]"),
                    span: Some(word.span()),
                });
            }
            "not" => Test::NotEquals(value(asked, &word, Edge::First)?),
            "one_of" => one_of(asked, &word)?,
            _ if of == Type::Set => Test::SubsetOf(names(asked.row.map(|row| (asked, row)), &word)?),
            _ => return Err(wrong_test(asked, &word, "has members: only sets do")),
        });
    }
    if tests.is_empty() { Err(word.refuse("a test, such as `{ at_least = 3 }`")) } else { Ok(tests) }
}

/// A test that the property's type doesn't have, and one that it has.
fn wrong_test(asked: Asked<'_>, word: &Word<'_>, what: &str) -> DomainError {
    let Asked { name, of, .. } = asked;
    let example = match (of, asked.row.map(|row| row.bound)) {
        (Type::Bool, _) => "true".to_owned(),
        (Type::Text, Some(registry::Bound::Names([one, ..]))) => format!("\"{one}\""),
        (Type::Number, _) => "{ at_least = 3 }".to_owned(),
        (Type::Time, _) => "{ at_least = 2027-03-31 }".to_owned(),
        (Type::Set, _) => "{ only = [\"…\"] }".to_owned(),
        (Type::Bytes | Type::Text, _) => "\"…\"".to_owned(),
    };
    let list = if of == Type::Text { ", or a list in brackets of all that will do" } else { "" };
    DomainError::Contradiction {
        what: format!("`{}` asks what no {of} {what}, and `{name}` is a {of}", word.name()),
        remedy: format!("write `{} = {example}`{list}", super::toml_words::key(name)),
        span: Some(word.span()),
    }
}

fn one_of(asked: Asked<'_>, word: &Word<'_>) -> Result<Test, DomainError> {
    let values = word.set(|word| value(asked, word, Edge::First))?;
    if values.is_empty() {
        let what = format!("no `{}` is one of none", asked.name);
        let remedy = "name the values that will do, or remove the line".to_owned();
        return Err(DomainError::Never { what, remedy, span: Some(word.span()) });
    }
    Ok(Test::OneOf(values.into_iter().collect()))
}

/// The members of a set; where evidence says it, only those that there can be.
fn names(known: Option<(Asked<'_>, &Property)>, word: &Word<'_>) -> Result<Vec<String>, DomainError> {
    let name = |word: &Word<'_>| {
        let text = word.text()?;
        match known.and_then(|(asked, row)| Some((asked, row.misfit_of_name(text)?))) {
            Some((asked, misfit)) => Err(misfits(asked, misfit, word)),
            None => Ok(text.to_owned()),
        }
    };
    Ok(word.set(name)?.into_iter().collect())
}

/// A value that evidence can have, where evidence says it.
fn value(asked: Asked<'_>, word: &Word<'_>, edge: Edge) -> Result<Value, DomainError> {
    let value = match asked.of {
        Type::Set => Value::Set(names(asked.row.map(|row| (asked, row)), word)?),
        of => typed(of, word, edge)?,
    };
    match asked.row.and_then(|row| row.misfit(&value)) {
        Some(misfit) => Err(misfits(asked, misfit, word)),
        None => Ok(value),
    }
}

/// No evidence says this.
fn misfits(asked: Asked<'_>, misfit: Misfit, word: &Word<'_>) -> DomainError {
    let Asked { kind, name, .. } = asked;
    let span = Some(word.span());
    match misfit {
        Misfit::Length { actual, known } => super::table::wrong_length(name, actual, known, word),
        Misfit::Most { most, .. } => word.named_after(name).refuse(format!("a number of at most {most}, 0x{most:x}")),
        Misfit::Name { actual, known } => {
            let known = alike_first(&actual, known);
            DomainError::Unknown { what: format!("`{name}` that {kind} can have"), actual, known, span }
        }
        Misfit::Type { known, .. } => word.refuse(format!("a {known}")),
    }
}

fn typed(of: Type, word: &Word<'_>, edge: Edge) -> Result<Value, DomainError> {
    match of {
        Type::Bool => word.flag().map(Value::Bool),
        Type::Bytes => word.hex().map(Value::Bytes),
        Type::Number => word.number().map(Value::Number),
        Type::Set => names(None, word).map(Value::Set),
        Type::Text => word.text().map(|text| Value::Text(text.to_owned())),
        Type::Time => word.time(edge).map(Value::Time),
    }
}

/// Refuses tests that only evidence meets which the rule refuses, or none.
fn can_match(
    asked: Asked<'_>,
    tests: &[Test],
    allow: &BTreeSet<Allowance>,
    word: &Word<'_>,
) -> Result<(), DomainError> {
    let tests: Vec<&Test> = tests.iter().collect();
    let Some(never) = fit::never(asked.kind, asked.name, &tests, allow) else { return Ok(()) };
    let (what, span) = (never.words(asked.name), Some(word.span()));
    Err(match never {
        Never::NoValue => DomainError::Contradiction { what, remedy: "remove one of the tests".to_owned(), span },
        Never::Refused(danger) => {
            let remedy = format!("add `allow = [\"{danger}\"]` if that is meant, or remove the line");
            DomainError::Never { what, remedy, span }
        }
    })
}

/// A value whose type is that of the text.
pub(super) fn plain(word: &Word<'_>) -> Result<Value, DomainError> {
    let of = match word.value().get_ref() {
        DeValue::Boolean(_) => Type::Bool,
        DeValue::Integer(_) => Type::Number,
        DeValue::String(_) => Type::Text,
        DeValue::Datetime(_) => Type::Time,
        DeValue::Array(_) => Type::Set,
        _ => return Err(word.refuse("true, false, a number, a text, a time, or a list of texts")),
    };
    typed(of, word, Edge::First)
}

/// A test as a word and its value; `of` is the property's type. `None` where there are no words for it.
pub(super) fn write(test: &Test, of: Type) -> Option<(&'static str, String)> {
    let one = |value: &Value, edge| match value {
        value if Type::of(value) != of => None,
        Value::Bytes(bytes) => (!bytes.is_empty()).then(|| quoted(&registry::hex(bytes))),
        value => value_at(value, edge),
    };
    Some(match test {
        Test::AtLeast(value) => ("at_least", one(value, Edge::First)?),
        Test::AtMost(value) => ("at_most", one(value, Edge::Last)?),
        Test::Equals(value) => ("equals", one(value, Edge::First)?),
        Test::NotEquals(value) => ("not", one(value, Edge::First)?),
        Test::OneOf(values) => {
            let values = values.iter().map(|value| one(value, Edge::First)).collect::<Option<Vec<_>>>()?;
            ("one_of", format!("[{}]", values.join(", ")))
        }
        Test::SubsetOf(_) if of != Type::Set => return None,
        Test::SubsetOf(names) => {
            let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
            ("only", format!("[{}]", names.join(", ")))
        }
    })
}

/// Refuses tests that no value meets.
fn contradiction(property: &str, tests: &[Test], word: &Word<'_>) -> Result<(), DomainError> {
    let meets_all = |value: &Value| tests.iter().all(|test| test.is_met_by(value));
    // Each of a list is one of the list: asked of long lists, that would take the square of their length.
    let meets_others =
        |value: &Value| tests.iter().filter(|test| !matches!(test, Test::OneOf(_))).all(|test| test.is_met_by(value));
    let equal = tests.iter().find_map(|test| if let Test::Equals(value) = test { Some(value) } else { None });
    let listed = tests.iter().find_map(|test| if let Test::OneOf(values) = test { Some(values) } else { None });
    let can_be = match (equal, listed) {
        (Some(value), _) => meets_all(value),
        (None, Some(values)) => values.iter().any(meets_others),
        (None, None) => {
            let least = tests.iter().find_map(|test| if let Test::AtLeast(value) = test { Some(value) } else { None });
            let most = tests.iter().find_map(|test| if let Test::AtMost(value) = test { Some(value) } else { None });
            least.zip(most).is_none_or(|(least, most)| least <= most && (least != most || meets_all(least)))
        }
    };
    if can_be {
        return Ok(());
    }
    let what = format!("no value of `{property}` meets all of this");
    Err(DomainError::Contradiction { what, remedy: "remove one of the tests".to_owned(), span: Some(word.span()) })
}
