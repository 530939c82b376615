//! Keeps by a launcher's word. [docs/formats/evidence-software.md]

use casemate_evidence::{Lack, software::Claims};

use super::{
    Component, Parts,
    registry::{
        Draft::{Nothing, Only},
        Property, RegisterName,
        Type::{Number, Set, Text},
        names,
    },
};
use crate::statement::{Allowance, Kind, Subject};

const SOURCE: &str = "docs/formats/evidence-software.md";

/// What launchers say.
pub(super) const PROPERTIES: &[Property] = &[
    Property::new(
        "lacks",
        Set,
        Only,
        "what the isolation promises and the machine did not give",
        SOURCE,
        "have the machine give it: `casemate doctor` says how",
    )
    .names(names!(Lack::ALL, Lack::as_str)),
    Property::new(
        "libraries",
        Text,
        Nothing,
        "one digest of the host's libraries that run within the keep, its dynamic loader included",
        SOURCE,
        "compare the libraries that `casemate doctor` lists on the keep's host with those that you know, then accept this digest",
    ),
    Property::new(
        "secret-bytes",
        Number,
        Nothing,
        "how many bytes of the keep's memory are secret memory",
        SOURCE,
        "raise the machine's limit on locked memory",
    ),
];

/// What runs. The contract names the program.
pub(super) const REGISTERS: &[RegisterName] = &[
    RegisterName {
        draft: Nothing,
        ..RegisterName::new("program", "SHA-256 of the program that the runtime was given", SOURCE).bytes(&[32])
    },
    RegisterName::new("runtime", "SHA-256 of the runtime's binary", SOURCE).bytes(&[32]),
];

/// The component of a launcher's statement.
pub(super) fn component(name: &str, claims: &Claims, debug: bool) -> Component {
    let mut parts = Parts::new(name, Kind::Software, Subject::Key(claims.launcher.spki_digest()), PROPERTIES.len());
    parts.set("lacks", claims.lacks.iter().map(ToString::to_string));
    parts.text("libraries", claims.libraries.to_string());
    parts.number("secret-bytes", claims.secret_bytes);
    parts.register("program", claims.program.as_bytes());
    parts.register("runtime", claims.runtime.as_bytes());
    parts.danger(debug, Allowance::Debug);
    parts.finish()
}
