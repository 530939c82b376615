//! docs/formats/properties.md, written from the registry.

use std::fmt::Write as _;

use casemate_trust::{
    component::{
        fit,
        registry::{self, Bound, Property},
    },
    statement::Kind,
};

/// Where the page begins; the rest is the registry's.
const HEAD: &str = "# Properties

What a domain can ask of a platform, and what it can name as running, kind by kind. Names are those of the rows that `casemate verify`
prints; a row of several values is split into parts (`reported-tcb` into `reported-tcb.microcode` and four others). `N` stands for a
number, `HASH` for the name of a hash, `NAME` for any name. This page is written from the program's own list; a test compares the two.

Types: `bool`; `bytes`, written as hexadecimal text; `number`; `set`, a list of names; `text`; `time`. Numbers and times have an order
(`at_least`, `at_most`); sets can be bounded (`only`). Where a type has a bound, evidence has no other values, and a domain that asks for one is
refused: `bytes` of these lengths, a `number` up to this one, a `text` or members of a `set` among these names. What a kind's evidence can say, it alone says: no delegate's word stands in for it.
Other names (`region`) are said of hardware or of keys by statements. How many other components of a kind are presented with one
(`beside.gpu`), `with` asks in a domain.

*Drafted* is what `casemate domain init --from` asks of the present value: at least it (nothing, where it is zero), exactly it, that it is so if
it is so, only its members, or nothing, where it differs from one time to the next or something else judges it.
";

#[test]
fn the_page_is_the_registrys() {
    let page = page();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats/properties.md");
    let published = std::fs::read_to_string(path).unwrap_or_default();
    if published != page {
        let written = std::env::temp_dir().join("casemate-properties.md");
        std::fs::write(&written, &page).unwrap();
        panic!("docs/formats/properties.md is not the registry's: copy {} over it", written.display());
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for kind in Kind::ALL.iter().copied() {
        section(&mut page, kind).unwrap();
    }
    page
}

/// A type with its bound.
fn of(row: &Property) -> String {
    match row.bound {
        Bound::Any => row.of.to_string(),
        Bound::Bytes(lengths) => format!("{} {}", fit::lengths(lengths), row.of),
        Bound::Most(most) => format!("{} to {most}", row.of),
        Bound::Names(names) => {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            format!("{}: {}", row.of, names.join(", "))
        }
    }
}

fn section(page: &mut String, kind: Kind) -> std::fmt::Result {
    writeln!(page, "\n## `{kind}`\n")?;
    let vouches = registry::vendor(kind).map_or_else(
        || "Vouched for by whom the domain names: no vendor's root is built in".to_owned(),
        |vendor| format!("Vouched for by `{vendor}`"),
    );
    writeln!(page, "{vouches}.")?;
    match registry::identity(kind) {
        Some(identity) => writeln!(
            page,
            "Identity: {}, {} bytes ({}; {}).",
            identity.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or "),
            fit::lengths(identity.bytes),
            identity.means,
            identity.source
        )?,
        None => writeln!(page, "No identity of hardware.")?,
    }
    let dangers = registry::allowances(kind);
    if !dangers.is_empty() {
        let names: Vec<_> = dangers.iter().map(|danger| format!("`{danger}`")).collect();
        writeln!(page, "Refused unless named in `allow`: {}.", names.join(", "))?;
    }
    writeln!(page, "\n| register | bytes | what it measures | defined by |\n| --- | --- | --- | --- |")?;
    for row in registry::registers(kind) {
        let bytes = if row.name.split('.').any(|part| part == "HASH") {
            "as the hash has".to_owned()
        } else {
            fit::lengths(row.bytes)
        };
        writeln!(page, "| `{}` | {bytes} | {} | {} |", row.name, row.means, row.source)?;
    }
    if registry::properties(kind).is_empty() {
        return Ok(());
    }
    writeln!(page, "\n| property | type | drafted | what it is | defined by | when it falls short |")?;
    writeln!(page, "| --- | --- | --- | --- | --- | --- |")?;
    for row in registry::properties(kind) {
        writeln!(
            page,
            "| `{}` | {} | {} | {} | {} | {} |",
            row.name,
            of(row),
            row.draft,
            row.means,
            row.source,
            row.remedy
        )?;
    }
    Ok(())
}
