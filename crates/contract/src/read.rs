//! Reads TOML by hand, so that every field knows its bytes and every problem is found, not only the first.
//!
//! A value that can't be read is replaced by a placeholder and its path remembered as broken; findings that look at a
//! broken path are left out, and where anything was broken no contract is made.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    str::FromStr,
};

use casemate_cose::UnixTime;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
    value::{Datetime, Offset},
};

use crate::{
    check::Finding,
    name::visible,
    place::path_at,
    problem::{ContractError, Path, Problem},
};

/// The longest contract in TOML: 1 MiB.
pub const TOML_BYTES_MAX: usize = 1 << 20;

/// A table with the way to it.
pub(crate) struct Table<'t, 'i> {
    pub(crate) path: Path,
    pub(crate) entries: &'t DeTable<'i>,
}

/// What was read, and what went wrong on the way.
#[derive(Default)]
pub(crate) struct Reader {
    problems: Vec<ContractError>,
    spans: BTreeMap<Path, Range<usize>>,
    broken: BTreeSet<Path>,
}

impl Reader {
    /// Parses `text`. Duplicate names and syntax errors are recorded; what could be read is read.
    pub(crate) fn parse<'i>(&mut self, text: &'i str) -> Spanned<DeTable<'i>> {
        if text.len() > TOML_BYTES_MAX {
            let problem = Problem::TooMany { actual: text.len(), max: TOML_BYTES_MAX };
            self.problems.push(ContractError { problem, path: Path::default(), span: Some(0..0) });
            self.broken.insert(Path::default());
            return Spanned::new(0..0, DeTable::new());
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let span = error.span().unwrap_or(text.len()..text.len());
            let mut path = Path::default();
            let problem = match error.message() {
                "duplicate key" => {
                    path = path_at(text, &span);
                    Problem::DuplicateKey
                }
                message => {
                    // After a syntax error it is a guess what the rest means.
                    self.broken.insert(Path::default());
                    Problem::Syntax(message.to_owned())
                }
            };
            self.problems.push(ContractError { problem, path, span: Some(span) });
        }
        table
    }

    /// Remembers where `path` stands.
    pub(crate) fn mark(&mut self, path: Path, span: Range<usize>) {
        self.spans.insert(path, span);
    }

    /// Records a problem and that what stands at `path` is not to be looked at.
    pub(crate) fn broke(&mut self, path: Path, problem: Problem) {
        if !self.is_broken(&path) {
            self.problems.push(ContractError { problem, span: Some(self.span(&path)), path: path.clone() });
        }
        self.broken.insert(path);
    }

    /// Records a problem that leaves everything readable.
    pub(crate) fn note(&mut self, path: Path, problem: Problem) {
        if !self.is_broken(&path) {
            self.problems.push(ContractError { problem, span: Some(self.span(&path)), path });
        }
    }

    fn is_broken(&self, path: &Path) -> bool {
        self.broken.iter().any(|broken| path.is_within(broken))
    }

    /// The bytes of `path`, or of the innermost thing around it that stands in the text.
    fn span(&self, path: &Path) -> Range<usize> {
        let mut path = Some(path.clone());
        while let Some(at) = path {
            if let Some(span) = self.spans.get(&at) {
                return span.clone();
            }
            path = at.outer();
        }
        0..0
    }

    /// Every problem of the text and of `findings`, in the order of the text; none means that all is well.
    pub(crate) fn finish(mut self, findings: Vec<Finding>) -> Vec<ContractError> {
        for Finding { path, because, problem } in findings {
            if because.is_none_or(|because| !self.is_broken(&because)) {
                self.note(path, problem);
            }
        }
        self.problems.sort_by_key(|error| error.span.as_ref().map(|span| span.start));
        self.problems
    }

    /// Refuses every key of `table` that is not among `known`.
    pub(crate) fn only(&mut self, table: &Table, known: &[&str]) {
        for key in table.entries.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let path = table.path.then(key.get_ref());
            self.mark(path.clone(), key.span());
            let known = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            self.note(path, Problem::UnknownKey { key: key.get_ref().to_string(), known });
        }
    }

    /// The value of `key`, if it is there.
    pub(crate) fn optional<'t, 'i>(&mut self, table: &Table<'t, 'i>, key: &str) -> Option<&'t DeValue<'i>> {
        let value = table.entries.get(key)?;
        self.mark(table.path.then(key), value.span());
        Some(value.get_ref())
    }

    /// The value of `key`, which must be there.
    pub(crate) fn required<'t, 'i>(&mut self, table: &Table<'t, 'i>, key: &str) -> Option<&'t DeValue<'i>> {
        let value = self.optional(table, key);
        if value.is_none() {
            self.broke(table.path.then(key), Problem::Missing { key: key.to_owned() });
        }
        value
    }

    /// The table that must stand at `key`.
    pub(crate) fn table<'t, 'i>(&mut self, table: &Table<'t, 'i>, key: &str) -> Option<Table<'t, 'i>> {
        let value = self.required(table, key)?;
        self.as_table(table.path.then(key), value)
    }

    /// `value` as a table.
    pub(crate) fn as_table<'t, 'i>(&mut self, path: Path, value: &'t DeValue<'i>) -> Option<Table<'t, 'i>> {
        match value {
            DeValue::Table(entries) => Some(Table { path, entries }),
            other => {
                self.broke(path, wrong_type(other, "a table"));
                None
            }
        }
    }

    /// The entries of `table`, each with its name where that is a `T`; a name that is none is recorded and left out.
    pub(crate) fn entries<'t, 'i, T: FromStr>(
        &mut self,
        table: &Table<'t, 'i>,
        expected: &str,
    ) -> Vec<(T, Path, &'t Spanned<DeValue<'i>>)> {
        let mut entries = Vec::new();
        for (key, value) in table.entries {
            let path = table.path.then(key.get_ref());
            match key.get_ref().parse() {
                Ok(name) => {
                    self.mark(path.clone(), key.span());
                    entries.push((name, path, value));
                }
                Err(_) => {
                    self.mark(path.clone(), key.span());
                    self.broke(path, bad_value(key.get_ref(), expected));
                }
            }
        }
        entries
    }

    /// The text at `key` as a `T`.
    pub(crate) fn text<T: FromStr>(&mut self, table: &Table, key: &str, expected: &str) -> Option<T> {
        let value = self.required(table, key)?;
        self.as_text(table.path.then(key), value, expected)
    }

    /// The text at `key`, if it is there, as a `T`.
    pub(crate) fn optional_text<T: FromStr>(&mut self, table: &Table, key: &str, expected: &str) -> Option<T> {
        let value = self.optional(table, key)?;
        self.as_text(table.path.then(key), value, expected)
    }

    /// `value` as a text that is a `T`.
    pub(crate) fn as_text<T: FromStr>(&mut self, path: Path, value: &DeValue, expected: &str) -> Option<T> {
        let Some(text) = value.as_str() else {
            self.broke(path, wrong_type(value, expected));
            return None;
        };
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.broke(path, bad_value(text, expected));
        }
        parsed
    }

    /// The list at `key`, each item a text that is a `T`, ascending by how it is written.
    pub(crate) fn set<T: FromStr + ToString>(&mut self, table: &Table, key: &str, expected: &str) -> Vec<T> {
        match self.required(table, key) {
            Some(value) => self.as_set(table.path.then(key), value, expected),
            None => Vec::new(),
        }
    }

    /// `value` as a list of texts that are `T`s.
    pub(crate) fn as_set<T: FromStr + ToString>(&mut self, path: Path, value: &DeValue, expected: &str) -> Vec<T> {
        let DeValue::Array(items) = value else {
            self.broke(path, wrong_type(value, "a list"));
            return Vec::new();
        };
        let mut set: Vec<T> = Vec::new();
        let mut is_whole = true;
        for item in items {
            let item_path = path.then(item.get_ref().as_str().unwrap_or_default());
            self.mark(item_path.clone(), item.span());
            match self.as_text(item_path, item.get_ref(), expected) {
                Some(value) => set.push(value),
                None => is_whole = false,
            }
        }
        if !is_whole {
            // The list is not what was meant: nothing is to be said about its being empty.
            self.broken.insert(path);
        }
        set.sort_by_key(ToString::to_string);
        set
    }

    /// `value` as a list of texts that are `T`s, in the order of the text.
    pub(crate) fn as_list<T: FromStr>(&mut self, path: Path, value: &DeValue, expected: &str) -> Vec<T> {
        let DeValue::Array(items) = value else {
            self.broke(path, wrong_type(value, "a list"));
            return Vec::new();
        };
        let mut list = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let item_path = path.then(&place.to_string());
            self.mark(item_path.clone(), item.span());
            list.extend(self.as_text(item_path, item.get_ref(), expected));
        }
        list
    }

    /// The `true` or `false` at `key`, if it is there.
    pub(crate) fn flag(&mut self, table: &Table, key: &str) -> Option<bool> {
        let value = self.optional(table, key)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.broke(table.path.then(key), wrong_type(value, "`true` or `false`"));
        }
        flag
    }

    /// The whole number at `key`.
    pub(crate) fn number(&mut self, table: &Table, key: &str) -> Option<u64> {
        let value = self.required(table, key)?;
        let DeValue::Integer(integer) = value else {
            self.broke(table.path.then(key), wrong_type(value, "a whole number"));
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok().and_then(|n| u64::try_from(n).ok());
        if number.is_none() {
            self.broke(table.path.then(key), bad_value(integer.as_str(), "a whole number from 0 to 2^63 - 1"));
        }
        number
    }

    /// The time at `key`: a TOML date-time with offset, whole seconds, from 1970 on.
    pub(crate) fn time(&mut self, table: &Table, key: &str) -> Option<UnixTime> {
        const EXPECTED: &str = "a date and time with offset, in whole seconds, like `2027-01-31T00:00:00Z`";
        let value = self.required(table, key)?;
        let DeValue::Datetime(datetime) = value else {
            self.broke(table.path.then(key), wrong_type(value, EXPECTED));
            return None;
        };
        let time = unix_time(datetime);
        if time.is_none() {
            self.broke(table.path.then(key), bad_value(&datetime.to_string(), EXPECTED));
        }
        time
    }
}

fn wrong_type(value: &DeValue, expected: &str) -> Problem {
    let article = if matches!(value, DeValue::Array(_) | DeValue::Integer(_)) { "an" } else { "a" };
    Problem::WrongType { actual: format!("{article} {}", value.type_str()), expected: expected.to_owned() }
}

fn bad_value(text: &str, expected: &str) -> Problem {
    Problem::BadValue { text: visible(text), expected: expected.to_owned() }
}

/// Days-from-civil over the proleptic Gregorian calendar; the inverse of `UnixTime`'s `Display`.
fn unix_time(datetime: &Datetime) -> Option<UnixTime> {
    let (date, time, offset) = (datetime.date?, datetime.time?, datetime.offset?);
    let second = time.second.unwrap_or(0);
    if time.nanosecond.unwrap_or(0) != 0 || second > 59 {
        return None;
    }
    let offset_minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let (month, day) = (i64::from(date.month), i64::from(date.day));
    let year = i64::from(date.year) - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let seconds = days * 86_400 + i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(second);
    u64::try_from(seconds - offset_minutes * 60).ok().map(UnixTime)
}
