//! One CSV cell as text, and as a value of a column's type. An empty cell is a missing value.
//!
//! Reading is strict (no spaces, no time zones, no month names). Inference is stricter still: it calls text a number only
//! if no digit of it would be lost, so `007` and 20-digit identifiers stay text.

use crate::ColumnType;

/// Microseconds in a day.
const DAY_US: i64 = 86_400_000_000;
/// Integers up to here are exact in a float64.
const FLOAT_EXACT_MAX: u64 = 1 << 53;

/// The types in the order in which inference prefers them; text is what remains.
pub(super) const PREFERENCE: [ColumnType; 5] =
    [ColumnType::Boolean, ColumnType::Int64, ColumnType::Float64, ColumnType::Date, ColumnType::Timestamp];

/// Whether inference may give a column that holds `text` the type `kind`.
pub(super) fn suits(kind: ColumnType, text: &str) -> bool {
    match kind {
        ColumnType::Boolean => boolean(text).is_some(),
        ColumnType::Date => date(text).is_some(),
        ColumnType::Float64 => is_canonical_number(text) && float64(text).is_some() && !loses_integer_digits(text),
        ColumnType::Int64 => is_canonical_number(text) && int64(text).is_some(),
        ColumnType::Timestamp => timestamp(text).is_some(),
        ColumnType::Utf8 => true,
    }
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

pub(super) fn int64(text: &str) -> Option<i64> {
    text.parse().ok()
}

pub(super) fn float64(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// `YYYY-MM-DD` as days since 1970-01-01.
pub(super) fn date(text: &str) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() else { return None };
    let (year, month, day) = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day < 1 || day > month_days {
        return None;
    }
    // Days from civil, with the year beginning in March so that the leap day is its last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// `YYYY-MM-DD`, `T` or a space, `HH:MM[:SS[.f]]` with at most six decimals and no zone, as microseconds since 1970.
pub(super) fn timestamp(text: &str) -> Option<i64> {
    let (day, time) = text.split_at_checked(10)?;
    let time = time.strip_prefix(['T', ' '])?;
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let (hour, minute, second) = match *whole.as_bytes() {
        [h1, h2, b':', m1, m2] if whole.len() == time.len() => (number(&[h1, h2])?, number(&[m1, m2])?, 0),
        [h1, h2, b':', m1, m2, b':', s1, s2] => (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?),
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 || fraction.is_empty() || fraction.len() > 6 {
        return None;
    }
    let micros = number(format!("{fraction:0<6}").as_bytes())?;
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Some(i64::from(date(day)?) * DAY_US + seconds * 1_000_000 + i64::from(micros))
}

/// Up to nine ASCII digits and nothing else.
fn number(digits: &[u8]) -> Option<i32> {
    digits.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i32::from(digit - b'0')))
}

/// `-?(0|[1-9][0-9]*)` with an optional fraction and exponent.
fn is_canonical_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let whole = text.split(['.', 'e', 'E']).next().unwrap_or_default();
    let rest_is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let whole_is_canonical = whole == "0" || !whole.starts_with('0');
    rest_is_plain && whole_is_canonical && whole.bytes().all(|byte| byte.is_ascii_digit()) && !whole.is_empty()
}

/// Whether `text` is an integer that a float64 would round.
fn loses_integer_digits(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.parse::<u64>().map_or(true, |value| value > FLOAT_EXACT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What inference makes of a column that holds only `text`.
    fn inferred(text: &str) -> ColumnType {
        PREFERENCE.into_iter().find(|kind| suits(*kind, text)).unwrap_or(ColumnType::Utf8)
    }

    #[test]
    fn infers_each_type() {
        for (kind, texts) in [
            (ColumnType::Boolean, ["true", "FALSE"].as_slice()),
            (ColumnType::Int64, &["0", "-1", "9223372036854775807"]),
            (ColumnType::Float64, &["0.5", "-1.25e-3", "1e9", "17.", "-0.0"]),
            (ColumnType::Date, &["2026-11-22", "2024-02-29"]),
            (ColumnType::Timestamp, &["2026-11-22T01:54:56", "2026-11-22 01:54", "2026-11-22 01:54:56.000001"]),
        ] {
            for text in texts {
                assert_eq!(inferred(text), kind, "{text}");
            }
        }
    }

    #[test]
    fn leaves_what_would_change_as_text() {
        for text in [
            "007",
            "+5",
            " 5",
            "5 ",
            "1,5",
            "NaN",
            "inf",
            "0x10",
            "1e",
            "--1",
            "-",
            ".",
            "9223372036854775808",
            "12345678901234567890",
            "2026-13-01",
            "2026-02-29",
            "2026-11-00",
            "22.11.2026",
            "2026-11-22T25:00:00",
            "2026-11-22T01:54:56Z",
            "2026-11-22T01:54:56+01:00",
            "2026-11-22T01:54:56.1234567",
            "2026-11-22T01:54.5",
            "2026-11-22T",
            "yes",
            "t",
            "2026-11-2x",
        ] {
            assert_eq!(inferred(text), ColumnType::Utf8, "{text}");
        }
    }

    #[test]
    fn days_and_microseconds_match_known_ones() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("2026-11-22", 20_779),
            ("0000-03-01", -719_468),
        ] {
            assert_eq!(date(text), Some(days), "{text}");
        }
        assert_eq!(timestamp("2026-11-22T01:54:56"), Some(1_795_312_496_000_000));
        assert_eq!(timestamp("1969-12-31 23:59:59.9"), Some(-100_000));
    }
}
