//! Tables of the text and their words, each with its place.

use std::{borrow::Cow, collections::BTreeSet, ops::Range, str::FromStr};

use casemate_cose::{Digest, UnixTime, VerifyingKey};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::date;
use crate::{
    component::fit,
    domain::{DomainError, NAME_BYTES_MAX, check_name},
    statement::Validity,
};

/// The most names that are shown of those that are known.
const SHOWN_MAX: usize = 12;
/// The most values of one list.
const VALUES_MAX: usize = 4096;

/// A table of which every word is known.
pub(super) struct Table<'a> {
    /// How a person calls it: `[[runtime]]`.
    name: Cow<'static, str>,
    words: &'a DeTable<'a>,
    span: Range<usize>,
}

/// A word and its value.
#[derive(Clone)]
pub(super) struct Word<'a> {
    name: Cow<'a, str>,
    value: &'a Spanned<DeValue<'a>>,
}

/// How keys are written where any kind of key will do, or its digest.
const ANY_KEY: &str = "`ed25519:`, `p256:` or `p384:` and the key in lower-case hex, or `sha256:` and the digest of its SubjectPublicKeyInfo";
/// How launchers' keys are written.
const ED25519: &str = "`ed25519:` followed by 64 lower-case hex digits";

impl<'a> Table<'a> {
    /// Takes the table `value`, of which only `known` words may be there.
    pub(super) fn new(
        name: impl Into<Cow<'static, str>>,
        value: &'a Spanned<DeValue<'a>>,
        known: &[&str],
    ) -> Result<Self, DomainError> {
        let name = name.into();
        let Some(words) = value.get_ref().as_table() else {
            let expected = format!("a table, {name}");
            return Err(Word { name: name.trim_matches(['[', ']']).to_owned().into(), value }.refuse(expected));
        };
        let table = Self { name, words, span: value.span() };
        table.check_words(known)?;
        Ok(table)
    }

    /// The whole file.
    pub(super) fn of_file(file: &'a Spanned<DeTable<'a>>, known: &[&str]) -> Result<Self, DomainError> {
        let table = Self { name: "a domain".into(), words: file.get_ref(), span: file.span() };
        table.check_words(known)?;
        Ok(table)
    }

    fn check_words(&self, known: &[&str]) -> Result<(), DomainError> {
        // A table is in the order of its words; the first in the text is marked.
        let unknown = self.words.keys().filter(|word| !known.contains(&word.get_ref().as_ref()));
        let Some(word) = unknown.min_by_key(|word| word.span().start) else { return Ok(()) };
        let actual = word.get_ref().to_string();
        let what = format!("word of {}", self.name);
        Err(DomainError::Unknown { what, known: alike_first(&actual, known), actual, span: Some(word.span()) })
    }

    /// How a person calls it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// All words, in the order of their names.
    pub(super) fn words(&self) -> impl Iterator<Item = (Range<usize>, Word<'a>)> {
        let words = self.words;
        words.iter().map(|(key, value)| Word::new(key.get_ref().as_ref(), key.span(), value))
    }

    pub(super) fn word(&self, name: &'static str) -> Option<Word<'a>> {
        self.words.get(name).map(|value| Word { name: name.into(), value })
    }

    pub(super) fn need(&self, name: &'static str) -> Result<Word<'a>, DomainError> {
        self.word(name).ok_or_else(|| self.missing(name))
    }

    pub(super) fn missing(&self, word: &str) -> DomainError {
        DomainError::Missing { table: self.name.clone(), word: word.to_owned(), span: Some(self.span()) }
    }

    /// The tables of the list `name`, each called `[[name]]`; none where there is none.
    pub(super) fn entries(&self, name: &'static str, known: &[&str]) -> Result<Vec<Self>, DomainError> {
        let Some(word) = self.word(name) else { return Ok(Vec::new()) };
        let Some(list) = word.value.get_ref().as_array() else {
            return Err(word.refuse(format!("a list of tables, each headed `[[{name}]]`")));
        };
        list.iter().map(|entry| Self::new(format!("[[{name}]]"), entry, known)).collect()
    }

    /// The table `[name]`, if it is there.
    pub(super) fn table(&self, name: &'static str, known: &[&str]) -> Result<Option<Self>, DomainError> {
        self.words.get(name).map(|value| Self::new(format!("[{name}]"), value, known)).transpose()
    }

    /// What `from` and `until` say.
    pub(super) fn validity(&self) -> Result<Validity, DomainError> {
        let from = self.word("from").map(|word| word.time(date::Edge::First)).transpose()?;
        let until = self.word("until").map(|word| word.time(date::Edge::Last)).transpose()?;
        let validity = Validity {
            not_before: from.unwrap_or(Validity::ALWAYS.not_before),
            not_after: until.unwrap_or(Validity::ALWAYS.not_after),
        };
        if validity.not_before > validity.not_after {
            let what = format!("it ends, {}, before it begins, {}", validity.not_after, validity.not_before);
            let remedy = "let `until` be no earlier than `from`".to_owned();
            return Err(DomainError::Contradiction { what, remedy, span: self.word("until").map(|word| word.span()) });
        }
        Ok(validity)
    }
}

impl<'a> Word<'a> {
    /// A word with its place, of a table whose words are anybody's.
    pub(super) fn new(name: &'a str, key: Range<usize>, value: &'a Spanned<DeValue<'a>>) -> (Range<usize>, Self) {
        (key, Self { name: Cow::Borrowed(name), value })
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.value.span()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn value(&self) -> &'a Spanned<DeValue<'a>> {
        self.value
    }

    pub(super) fn refuse(&self, expected: impl Into<String>) -> DomainError {
        let actual = match self.value.get_ref() {
            DeValue::String(text) => {
                format!("the text `{}`", text.chars().take(80).collect::<String>().escape_default())
            }
            DeValue::Integer(number) => format!("the number {number}"),
            DeValue::Boolean(flag) => format!("{flag}"),
            DeValue::Datetime(time) => format!("the time {time}"),
            DeValue::Array(list) if list.is_empty() => "an empty list".to_owned(),
            other => match other.type_str() {
                "array" => "a list".to_owned(),
                other => format!("a {other}"),
            },
        };
        DomainError::Value { word: self.name.to_string(), expected: expected.into(), actual, span: Some(self.span()) }
    }

    pub(super) fn text(&self) -> Result<&'a str, DomainError> {
        self.value.get_ref().as_str().ok_or_else(|| self.refuse("a text in quotes"))
    }

    /// A name that a person gives.
    pub(super) fn label(&self) -> Result<String, DomainError> {
        let text = self.text()?;
        check_name(text).map_err(|error| error.at(Some(self.span())))?;
        Ok(text.to_owned())
    }

    pub(super) fn flag(&self) -> Result<bool, DomainError> {
        self.value.get_ref().as_bool().ok_or_else(|| self.refuse("true or false"))
    }

    pub(super) fn number(&self) -> Result<u64, DomainError> {
        let refuse = || self.refuse("a whole number from 0 to 9223372036854775807");
        let number = self.value.get_ref().as_integer().ok_or_else(refuse)?;
        let digits = number.as_str().trim_start_matches('+');
        // TOML's numbers have 64 bits with a sign; text that is written back has to be TOML as well.
        let number = u64::from_str_radix(digits, number.radix()).map_err(|_| refuse())?;
        i64::try_from(number).map(|_| number).map_err(|_| refuse())
    }

    pub(super) fn time(&self, edge: date::Edge) -> Result<UnixTime, DomainError> {
        let expected =
            "a date such as 2027-03-31, or a time with its zone such as 2027-03-31T12:00:00Z, from 1970 to 9999";
        let time = self.value.get_ref().as_datetime().and_then(|time| date::read(time, edge));
        time.ok_or_else(|| self.refuse(expected))
    }

    /// Bytes as hex digits; at least one byte.
    pub(super) fn hex(&self) -> Result<Vec<u8>, DomainError> {
        let text = self.text()?;
        let lower = !text.is_empty() && !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let bytes = if lower { hex_bytes(text) } else { None };
        bytes.ok_or_else(|| self.refuse("bytes in lower-case hex, two digits each"))
    }

    /// Bytes as hex digits, of one of these lengths; of any where none are listed.
    pub(super) fn hex_of(&self, known: &'static [usize]) -> Result<Vec<u8>, DomainError> {
        let bytes = self.hex()?;
        match fit::misfit_of_length(&bytes, known) {
            Some(_) => Err(wrong_length(&self.name, bytes.len(), known, self)),
            None => Ok(bytes),
        }
    }

    /// The same value, under another word.
    pub(super) fn named_after(&self, name: &str) -> Word<'a> {
        Word { name: name.to_owned().into(), value: self.value }
    }

    pub(super) fn base64(&self) -> Result<Vec<u8>, DomainError> {
        use base64::Engine as _;
        let text = self.text()?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty());
        bytes.ok_or_else(|| self.refuse("bytes in base64, with its padding"))
    }

    pub(super) fn digest(&self) -> Result<Digest, DomainError> {
        let text = self.text()?;
        text.parse().map_err(|_| DomainError::Digest { actual: text.to_owned(), span: Some(self.span()) })
    }

    /// A launcher's key.
    pub(super) fn ed25519(&self) -> Result<VerifyingKey, DomainError> {
        let key = self.text()?.parse().ok().filter(|key| matches!(key, VerifyingKey::Ed25519(_)));
        key.ok_or_else(|| self.no_key(ED25519))
    }

    /// A key in full, or the digest of one.
    pub(super) fn key(&self) -> Result<(Digest, Option<VerifyingKey>), DomainError> {
        let text = self.text()?;
        if text.starts_with("sha256:") {
            return self.digest().map(|digest| (digest, None));
        }
        let key = text.parse::<VerifyingKey>().map_err(|_| self.no_key(ANY_KEY))?;
        Ok((key.spki_digest(), Some(key)))
    }

    fn no_key(&self, expected: &'static str) -> DomainError {
        let actual = self.value.get_ref().as_str().unwrap_or_default().chars().take(200).collect();
        DomainError::Key { expected, actual, span: Some(self.span()) }
    }

    /// One of a closed list of names.
    pub(super) fn named<T: FromStr + ToString>(&self, what: &'static str, all: &[T]) -> Result<T, DomainError> {
        let text = self.text()?;
        text.parse().map_err(|_| {
            let known: Vec<_> = all.iter().map(ToString::to_string).collect();
            let known: Vec<_> = known.iter().map(String::as_str).collect();
            let (actual, span) = (text.to_owned(), Some(self.span()));
            DomainError::Unknown { what: what.to_owned(), known: alike_first(text, &known), actual, span }
        })
    }

    /// The values of a list, each under the list's word.
    pub(super) fn list(&self) -> Result<Vec<Self>, DomainError> {
        let list = self.value.get_ref().as_array().ok_or_else(|| self.refuse("a list in brackets"))?;
        if list.len() > VALUES_MAX {
            return Err(DomainError::TooMany { actual: list.len(), max: VALUES_MAX });
        }
        Ok(list.iter().map(|value| Word { name: self.name.clone(), value }).collect())
    }

    /// The values of a list as `read` reads them; none may be there twice.
    pub(super) fn set<T: Ord>(
        &self,
        read: impl Fn(&Self) -> Result<T, DomainError>,
    ) -> Result<BTreeSet<T>, DomainError> {
        let mut set = BTreeSet::new();
        for word in self.list()? {
            if !set.insert(read(&word)?) {
                return Err(word.twice());
            }
        }
        Ok(set)
    }

    pub(super) fn twice(&self) -> DomainError {
        let actual = match self.value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.to_string(),
            _ => self.name.to_string(),
        };
        DomainError::Twice { actual, span: Some(self.span()) }
    }
}

/// Bytes of a length that there isn't.
pub(super) fn wrong_length(name: &str, actual: usize, known: &[usize], word: &Word<'_>) -> DomainError {
    let digits: Vec<usize> = known.iter().map(|length| length.saturating_mul(2)).collect();
    DomainError::Value {
        word: name.to_owned(),
        expected: format!("{} bytes, {} hex digits", fit::lengths(known), fit::lengths(&digits)),
        actual: format!("{actual} bytes"),
        span: Some(word.span()),
    }
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().map(|byte| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()));
    let digits = digits.collect::<Option<Vec<u8>>>()?;
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    pairs.collect()
}

/// The names that are known, the most alike first; of many, the first.
pub(super) fn alike_first(actual: &str, known: &[&str]) -> String {
    let lower = actual.to_lowercase();
    let far = |name: &str| (distance(&lower, &name.to_lowercase()), distance(actual, name));
    let mut names: Vec<_> = known.iter().map(|name| (far(name), *name)).collect();
    names.sort_unstable();
    let shown: Vec<_> = names.iter().take(SHOWN_MAX).map(|(_, name)| format!("`{name}`")).collect();
    match names.len().saturating_sub(SHOWN_MAX) {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}

/// The first of these names, each in backquotes, if it is so alike that it may have been meant.
pub(in crate::domain) fn meant<'k>(actual: &str, known: &'k str) -> Option<&'k str> {
    let first = known.strip_prefix('`')?.split('`').next()?;
    let letters = actual.chars().count().max(first.chars().count());
    (distance(&actual.to_lowercase(), &first.to_lowercase()).saturating_mul(3) <= letters).then_some(first)
}

/// How many letters have to be added, removed or replaced to make one name of the other [Levenshtein 1966]; names that are
/// longer than any known one are as far from all of them.
fn distance(one: &str, other: &str) -> usize {
    if one.len() > NAME_BYTES_MAX {
        return usize::MAX;
    }
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (place, letter) in one.chars().enumerate() {
        let mut left = place.saturating_add(1);
        let mut next = vec![left];
        for ((above_left, above), there) in row.iter().zip(row.iter().skip(1)).zip(&other) {
            let replaced = above_left.saturating_add(usize::from(letter != *there));
            left = replaced.min(above.saturating_add(1)).min(left.saturating_add(1));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
