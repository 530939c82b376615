//! The forms in which reference values are written.

use casemate_cose::UnixTime;
use casemate_evidence::rfc3339;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::import::{
    ImportError,
    findings::Findings,
    json::{Json, below, field},
};

/// One reference value.
#[derive(Clone, Debug)]
pub(super) struct ReferenceValue {
    /// Where it stands.
    pub(super) place: String,
    pub(super) name: String,
    pub(super) value: Json,
    /// Where its value stands.
    pub(super) value_place: String,
    /// The last second.
    pub(super) expires: UnixTime,
}

/// Reads any of the forms.
pub(super) fn read(
    json: &Json,
    registered: UnixTime,
    findings: &mut Findings,
) -> Result<Vec<ReferenceValue>, ImportError> {
    let values = match json {
        Json::List(items) => items
            .iter()
            .enumerate()
            .filter_map(|(number, item)| reference_value(&below("", number), item, findings))
            .collect(),
        Json::Map(fields) if field(fields, "payload").is_some() => message(fields, registered, findings)?,
        Json::Map(fields) if is_reference_value(fields) => reference_value("", json, findings).into_iter().collect(),
        Json::Map(fields) => sample("", fields, registered, findings),
        other => {
            findings.refuse("", other.shown(), "holds no reference values: neither an object nor a list");
            Vec::new()
        }
    };
    once(&values, findings);
    Ok(values)
}

/// Trustee keeps one value a name, the last; which one that is here would be chance.
fn once(values: &[ReferenceValue], findings: &mut Findings) {
    let mut names = std::collections::BTreeSet::new();
    for value in values {
        if !names.insert(value.name.as_str()) {
            findings.refuse(&value.place, &value.name, "appears twice: Trustee would keep the one that it got last");
        }
    }
}

fn is_reference_value(fields: &[(String, Json)]) -> bool {
    field(fields, "name").is_some_and(|name| name.as_text().is_some())
        && ["expiration", "expired", "value", "hash-value"].iter().any(|name| field(fields, name).is_some())
}

fn message(
    fields: &[(String, Json)],
    registered: UnixTime,
    findings: &mut Findings,
) -> Result<Vec<ReferenceValue>, ImportError> {
    let mut payload = None;
    for (name, value) in fields {
        match (name.as_str(), value.as_text()) {
            ("version", Some("0.1.0")) | ("type", Some("sample")) => {}
            ("payload", Some(text)) => payload = Some(text),
            ("version", _) => findings.refuse("/version", value.shown(), "is no version known here; known is `0.1.0`"),
            ("type", _) => {
                findings.refuse("/type", value.shown(), "is no kind of provenance that is read here; read is `sample`")
            }
            _ => findings.refuse(&below("", name), name, "is no field of a message"),
        }
    }
    if field(fields, "type").is_none() {
        findings.refuse("/type", "type", "is missing");
    }
    let Some(payload) = payload.filter(|_| !findings.is_refused()) else { return Ok(Vec::new()) };
    let malformed = |reason: &str| ImportError::Malformed { place: "/payload".to_owned(), reason: reason.to_owned() };
    let bytes = STANDARD.decode(payload).map_err(|_| malformed("not base64"))?;
    let json = Json::parse(&bytes).map_err(|error| malformed(&error.to_string()))?;
    let Some(fields) = json.as_map() else { return Err(malformed("not an object of names and values")) };
    Ok(sample("/payload", fields, registered, findings))
}

fn sample(
    place: &str,
    fields: &[(String, Json)],
    registered: UnixTime,
    findings: &mut Findings,
) -> Vec<ReferenceValue> {
    let Some(expires) = a_year_later(registered) else {
        findings.refuse(place, registered.to_string(), "is no time from which twelve months can be counted");
        return Vec::new();
    };
    findings.note(format!("the document says no expiry: its values end at {expires}, twelve months after they are registered, as Trustee's do"));
    fields
        .iter()
        .map(|(name, value)| {
            let place = below(place, name);
            ReferenceValue { value_place: place.clone(), place, name: name.clone(), value: value.clone(), expires }
        })
        .collect()
}

fn reference_value(place: &str, json: &Json, findings: &mut Findings) -> Option<ReferenceValue> {
    let Some(fields) = json.as_map() else {
        findings.refuse(place, json.shown(), "is no reference value");
        return None;
    };
    let (mut name, mut expires, mut found) = (None, None, None);
    for (key, value) in fields {
        let at = below(place, key);
        match key.as_str() {
            "version" if value.as_text() == Some("0.1.0") || value.as_text() == Some("1.0.0") => {}
            "version" => findings.refuse(&at, value.shown(), "is no version known here; known are `0.1.0` and `1.0.0`"),
            "name" => name = value.as_text(),
            "expiration" | "expired" if expires.is_some() => findings.refuse(&at, key, "is there in two spellings"),
            "expiration" | "expired" => match value.as_text().and_then(rfc3339) {
                Some(time) => expires = Some(time),
                None => findings.refuse(&at, value.shown(), "is no time like `2027-03-31T00:00:00Z`"),
            },
            "value" | "hash-value" if found.is_some() => findings.refuse(&at, key, "is there in two spellings"),
            "value" => found = Some((at, value.clone())),
            "hash-value" => found = hashes(&at, value, findings).map(|hashes| (at, hashes)),
            _ => findings.refuse(&at, key, "is no field of a reference value"),
        }
    }
    for (is_there, key) in [(name.is_some(), "name"), (expires.is_some(), "expiration"), (found.is_some(), "value")] {
        if !is_there && !findings.is_refused() {
            findings.refuse(place, key, "is missing");
        }
    }
    let (value_place, value) = found?;
    Some(ReferenceValue { place: place.to_owned(), name: name?.to_owned(), value, value_place, expires: expires? })
}

/// `[ { "alg": "sha384", "value": … }, … ]` as a list of the values.
fn hashes(place: &str, json: &Json, findings: &mut Findings) -> Option<Json> {
    let Some(items) = json.as_list() else {
        findings.refuse(place, json.shown(), "is no list of hashes");
        return None;
    };
    let mut values = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let place = below(place, number);
        let fields = item.as_map().map_or(&[][..], Vec::as_slice);
        let (algorithm, value) = (field(fields, "alg"), field(fields, "value"));
        let size = match algorithm.and_then(Json::as_text) {
            Some("sha256") => 32,
            Some("sha384") => 48,
            Some("sha512") => 64,
            _ => {
                let shown = algorithm.map_or_else(|| "alg".to_owned(), Json::shown);
                findings.refuse(&below(&place, "alg"), shown, "is no hash known here");
                continue;
            }
        };
        for (name, _) in fields.iter().filter(|(name, _)| name != "alg" && name != "value") {
            findings.refuse(&below(&place, name), name, "is no field of a hash");
        }
        match value
            .and_then(Json::as_text)
            .filter(|text| super::super::bytes::hexadecimal_or_base64(text, size).is_some())
        {
            Some(text) => values.push(Json::Text(text.to_owned())),
            None => {
                let shown = value.map_or_else(|| "value".to_owned(), Json::shown);
                findings.refuse(&below(&place, "value"), shown, format!("is no hash of {size} bytes"));
            }
        }
    }
    Some(Json::List(values))
}

/// The same day and second twelve months later; the last of February after the 29th.
fn a_year_later(time: UnixTime) -> Option<UnixTime> {
    let text = time.to_string();
    let (year, rest) = text.split_once('-')?;
    let year: u64 = year.parse().ok()?;
    let rest = if rest.starts_with("02-29") { rest.replacen("02-29", "02-28", 1) } else { rest.to_owned() };
    rfc3339(&format!("{:04}-{rest}", year.checked_add(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_is_twelve_months() {
        let later = |text: &str| a_year_later(rfc3339(text).unwrap()).unwrap().to_string();
        assert_eq!(later("2026-11-22T12:00:00Z"), "2027-11-22T12:00:00Z");
        assert_eq!(later("2028-02-29T01:02:03Z"), "2029-02-28T01:02:03Z");
        assert_eq!(a_year_later(UnixTime(u64::MAX)), None);
    }
}
