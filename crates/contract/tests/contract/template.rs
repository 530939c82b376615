//! The template: complete, commented, and passing every check.

use casemate_contract::{
    Broker, CardDataset, Column, ColumnType, Content, Contract, PartyCard, TemplateError, TemplateSpec, template,
    untouched,
};
use casemate_cose::{Digest, UnixTime};
use casemate_evidence::Lack;

use crate::study::{AT, RECIPIENT, broker_of, key};

fn spec() -> TemplateSpec {
    TemplateSpec {
        study: "first-study".parse().unwrap(),
        purpose: None,
        legal_basis: None,
        expires: UnixTime(AT.0 + 86_400),
        accept_lacks: vec![Lack::SecretPlaintext],
        at: AT,
    }
}

fn table(seed: u8, name: &str, columns: &[(&str, ColumnType)]) -> CardDataset {
    let mut columns: Vec<Column> =
        columns.iter().map(|(name, kind)| Column { name: name.parse().unwrap(), kind: *kind }).collect();
    columns.sort_by(|a, b| a.name.cmp(&b.name));
    let id = format!("{seed:02x}").repeat(16);
    CardDataset {
        name: name.parse().unwrap(),
        id: id.parse().unwrap(),
        version: id.parse().unwrap(),
        digest: Digest::of(&[seed]),
        content: Content::Table { entity: "patient_id".parse().unwrap(), columns },
    }
}

fn owner(seed: u8, name: &str, datasets: Vec<CardDataset>) -> PartyCard {
    PartyCard {
        name: name.parse().unwrap(),
        key: key(seed).public(),
        recipient: Some(RECIPIENT.parse().unwrap()),
        broker: Some(Broker { key: broker_of(name).public(), address: "127.0.0.1:7701".parse().unwrap() }),
        launcher: Some(key(seed + 30).public()),
        runtime: None,
        datasets,
    }
}

fn researcher() -> PartyCard {
    PartyCard { broker: None, ..owner(3, "researcher", Vec::new()) }
}

fn measurements() -> CardDataset {
    use ColumnType::{Float64, Int64};
    table(1, "measurements", &[("patient_id", Int64), ("mean radius", Float64), ("area", Float64), ("age", Int64)])
}

fn diagnoses() -> CardDataset {
    table(2, "diagnoses", &[("patient_id", ColumnType::Int64), ("diagnosis", ColumnType::Utf8)])
}

#[test]
fn passes_every_check_and_joins_two_owners() {
    let cards = [owner(1, "clinic", vec![measurements()]), owner(2, "registry", vec![diagnoses()]), researcher()];
    let text = template(&cards, &spec()).unwrap();
    let contract = Contract::parse(&text, AT).unwrap();
    let computation = contract.computation("example").unwrap();
    assert_eq!(contract.owners(computation).len(), 2);
    assert_eq!(computation.runners[0].as_str(), "researcher");
    for (party, seed) in [("clinic", 31), ("registry", 32), ("researcher", 33)] {
        assert_eq!(contract.party(party).unwrap().launchers, [key(seed).public()]);
    }
    assert!(text.contains(r#"JOIN diagnoses AS b ON a."patient_id" = b."patient_id""#), "{text}");
    assert!(text.contains(r#"avg(a."mean radius") AS "mean mean radius""#), "{text}");
    assert!(text.contains(r#"GROUP BY b."diagnosis""#), "{text}");
    assert!(text.matches('#').count() > 10, "a template explains itself");
}

#[test]
fn works_for_one_table_and_for_one_party() {
    let one = template(&[owner(1, "clinic", vec![measurements()])], &spec()).unwrap();
    assert!(!one.contains("JOIN") && !one.contains("GROUP BY"), "{one}");
    let bare = table(1, "visits", &[("patient_id", ColumnType::Utf8)]);
    let bare = template(&[owner(1, "clinic", vec![bare])], &spec()).unwrap();
    assert!(bare.contains("SELECT count(*) AS n\nFROM visits AS a"), "{bare}");
}

#[test]
fn does_not_join_entities_of_different_types() {
    let by_name = table(2, "deaths", &[("patient_id", ColumnType::Utf8)]);
    let cards = [owner(1, "clinic", vec![measurements()]), owner(2, "registry", vec![by_name])];
    assert!(!template(&cards, &spec()).unwrap().contains("JOIN"));
}

#[test]
fn refuses_cards_that_make_no_contract() {
    let blob = CardDataset { content: Content::Blob, ..measurements() };
    assert_eq!(template(&[owner(1, "clinic", vec![blob])], &spec()), Err(TemplateError::NoTable));
    assert_eq!(template(&[researcher()], &spec()), Err(TemplateError::NoTable));
    let silent = PartyCard { recipient: None, ..owner(1, "clinic", vec![measurements()]) };
    assert_eq!(template(&[silent], &spec()), Err(TemplateError::NoRecipient));
    let twice = [owner(1, "clinic", vec![measurements()]), owner(1, "clinic", vec![diagnoses()])];
    assert!(matches!(template(&twice, &spec()), Err(TemplateError::Contract(_))));
    let no_broker = PartyCard { broker: None, ..owner(1, "clinic", vec![measurements()]) };
    assert!(matches!(template(&[no_broker], &spec()), Err(TemplateError::Contract(_))));
    let hostless = PartyCard { launcher: None, ..owner(1, "clinic", vec![measurements()]) };
    assert!(matches!(template(&[hostless], &spec()), Err(TemplateError::Contract(_))));
    let late = TemplateSpec { expires: AT, ..spec() };
    assert!(matches!(template(&[owner(1, "clinic", vec![measurements()])], &late), Err(TemplateError::Contract(_))));
}

#[test]
fn what_nobody_has_said_is_found() {
    let cards = [owner(1, "clinic", vec![measurements()])];
    let fields = |spec: &TemplateSpec| {
        let contract = Contract::parse(&template(&cards, spec).unwrap(), AT).unwrap();
        untouched(contract.study())
    };
    assert_eq!(fields(&spec()), ["purpose", "legal_basis"]);
    let purpose = Some("Compare \"means\" by ward.".parse().unwrap());
    assert_eq!(fields(&TemplateSpec { purpose: purpose.clone(), ..spec() }), ["legal_basis"]);
    let legal_basis = Some("Consent.".parse().unwrap());
    assert_eq!(fields(&TemplateSpec { purpose, legal_basis, ..spec() }), Vec::<&str>::new());
    // Words around it do not fill it in.
    let around = template(&cards, &spec()).unwrap().replace("Say here what", "Note. Say here what");
    assert_eq!(untouched(Contract::parse(&around, AT).unwrap().study()), ["purpose", "legal_basis"]);
}
