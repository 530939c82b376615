//! The contract as Cedar: one policy set for each owner, over one schema, strictly validated.
//!
//! Cedar's own rule is that a policy that errs counts as absent. Here an error denies: an owner's `forbid` that errs must
//! not open the door. Every text that enters a policy is of an alphabet without quotes, so nothing needs escaping.

use std::{
    collections::{HashMap, HashSet},
    fmt::{Display, Write},
    str::FromStr,
    sync::LazyLock,
};

use casemate_cose::{Digest, PublicKey, UnixTime, encode};
use casemate_evidence::{Isolation, Lack};
use cedar_policy::{
    Authorizer, Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression, Schema, ValidationMode, Validator,
};

use crate::{
    contract::{Computation, Contract, Dataset, Party},
    deny::DenyReason,
    name::{ComputationName, PartyName},
    problem::{ContractError, ContractErrors, Path, Problem},
};

/// The schema of every owner's policies.
pub const CEDAR_SCHEMA: &str = include_str!("casemate.cedarschema");

/// What a broker is asked to do with a dataset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// Let a result computed from it leave.
    Permit,
    /// Give its key to a keep.
    Release,
}

impl Action {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Release => "release",
        }
    }
}

/// What a request to an owner's policies says about the keep and the run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Facts {
    pub(crate) computation: ComputationName,
    pub(crate) contract: Digest,
    pub(crate) isolation: Isolation,
    pub(crate) keep_key: Digest,
    /// `sql` or `wasm`.
    pub(crate) language: &'static str,
    pub(crate) lacks: Vec<Lack>,
    pub(crate) launcher: PublicKey,
    pub(crate) program: Digest,
    pub(crate) runner: PartyName,
    pub(crate) runtime: Digest,
}

impl Contract {
    /// The Cedar policies of `owner`, as `casemate contract show --cedar` prints them; empty for who owns nothing.
    #[must_use]
    pub fn cedar(&self, owner: &PartyName) -> String {
        policies(self, Digest::of(&encode(&self.body)), owner)
    }
}

/// `contract`, once every owner's policies have validated.
pub(crate) fn validated(contract: Contract) -> Result<Contract, ContractErrors> {
    let digest = Digest::of(&encode(&contract.body));
    let errors: Vec<ContractError> = contract
        .all_owners()
        .into_iter()
        .filter_map(|Party { name, .. }| {
            let why = parse(&policies(&contract, digest, name)).err()?;
            let problem = Problem::Policy { owner: name.clone(), why };
            Some(ContractError { problem, path: Path::of(&["parties", name.as_str()]), span: None })
        })
        .collect();
    if errors.is_empty() { Ok(contract) } else { Err(ContractErrors(errors)) }
}

/// Asks the policies of the owner of `dataset` whether `action` is allowed.
pub(crate) fn decide(
    contract: &Contract,
    dataset: &Dataset,
    action: Action,
    facts: &Facts,
    at: UnixTime,
) -> Result<(), DenyReason> {
    let text = policies(contract, facts.contract, &dataset.owner);
    decide_by(&text, dataset, action, facts, at)
}

fn decide_by(text: &str, dataset: &Dataset, action: Action, facts: &Facts, at: UnixTime) -> Result<(), DenyReason> {
    let owner = dataset.owner.clone();
    let erred = |why: String| DenyReason::CedarError { owner: owner.clone(), why };
    let (schema, policies) = parse(text).map_err(&erred)?;
    let (request, entities) = ask(&schema, dataset, action, facts, at).map_err(&erred)?;
    let response = Authorizer::new().is_authorized(&request, &policies, &entities);
    if let Some(error) = response.diagnostics().errors().next() {
        return Err(erred(error.to_string()));
    }
    match response.decision() {
        cedar_policy::Decision::Allow => Ok(()),
        cedar_policy::Decision::Deny => {
            Err(DenyReason::Cedar { owner: owner.clone(), dataset: dataset.name.clone(), action: action.as_str() })
        }
    }
}

/// The schema, parsed once: it is a constant.
fn schema() -> Result<Schema, String> {
    static PARSED: LazyLock<Result<Schema, String>> = LazyLock::new(|| {
        Schema::from_cedarschema_str(CEDAR_SCHEMA).map(|(schema, _)| schema).map_err(|error| error.to_string())
    });
    PARSED.clone()
}

/// The schema and the policies of `text`, strictly validated: an error or a warning refuses.
fn parse(text: &str) -> Result<(Schema, PolicySet), String> {
    let schema = schema()?;
    let policies = PolicySet::from_str(text).map_err(|error| error.to_string())?;
    let result = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
    let errors = result.validation_errors().map(ToString::to_string);
    match errors.chain(result.validation_warnings().map(ToString::to_string)).next() {
        Some(finding) => Err(finding),
        None => Ok((schema, policies)),
    }
}

fn policies(contract: &Contract, digest: Digest, owner: &PartyName) -> String {
    let mut text = format!("// The policies of `{owner}` under the contract {digest}.\n");
    for computation in contract.computations() {
        for (dataset, _) in contract.reads(computation).filter(|(dataset, _)| dataset.owner == *owner) {
            text.push_str(&policy(contract, digest, computation, dataset));
        }
    }
    text
}

fn policy(contract: &Contract, digest: Digest, computation: &Computation, dataset: &Dataset) -> String {
    let study = contract.study();
    let runners = computation.runners.iter().map(|runner| format!("Casemate::Party::\"{runner}\""));
    // Strict validation knows no empty set literal.
    let lacks = if study.accept_lacks.is_empty() {
        "principal.lacks.isEmpty()".to_owned()
    } else {
        format!("[{}].containsAll(principal.lacks)", quoted(&study.accept_lacks))
    };
    let mut text = String::new();
    let written = write!(
        text,
        r#"
@id("{computation}/{dataset}")
permit (
  principal is Casemate::Keep,
  action in [Casemate::Action::"release", Casemate::Action::"permit"],
  resource == Casemate::Dataset::"{dataset}"
)
when {{
  context.contract == "{digest}" &&
  context.computation == "{computation}" &&
  context.language == "{language}" &&
  [{runners}].contains(context.runner) &&
  {launcher} &&
  context.now < {expires} &&
  [{isolations}].contains(principal.isolation) &&
  {lacks} &&
  principal.program == "{program}" &&
  resource.owner == Casemate::Party::"{owner}" &&
  resource.version == "{version}"
}};
"#,
        computation = computation.name,
        dataset = dataset.name,
        runners = runners.collect::<Vec<_>>().join(", "),
        launcher = vouched(contract, computation),
        expires = study.expires.0,
        isolations = quoted(&study.isolations),
        language = computation.program.language(),
        // No program has no digest; where a computation is not this contract's, nothing is allowed.
        program = contract.program_digest(computation).map_or_else(String::new, |digest| digest.to_string()),
        owner = dataset.owner,
        version = dataset.version,
    );
    debug_assert!(written.is_ok(), "writing to a string can't fail");
    text
}

/// That the keep's launcher, where it has one, is its runner's.
fn vouched(contract: &Contract, computation: &Computation) -> String {
    let pairs = computation.runners.iter().filter_map(|runner| {
        let launchers = contract.launchers(runner);
        let keys = (!launchers.is_empty()).then(|| quoted(launchers))?;
        Some(format!("(context.runner == Casemate::Party::\"{runner}\" && [{keys}].contains(principal.launcher))"))
    });
    let pairs: Vec<_> = pairs.collect();
    if pairs.is_empty() {
        return "!(principal has launcher)".to_owned();
    }
    let vouched: Vec<_> =
        Isolation::ALL.iter().filter(|isolation| isolation.is_vouched_by_launcher()).copied().collect();
    format!(
        "(if principal has launcher\n   then {}\n   else ![{}].contains(principal.isolation))",
        pairs.join(" ||\n        "),
        quoted(&vouched)
    )
}

fn quoted<T: Display>(items: &[T]) -> String {
    items.iter().map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ")
}

/// The request and the entities that it is about, both checked against the schema.
fn ask(
    schema: &Schema,
    dataset: &Dataset,
    action: Action,
    facts: &Facts,
    at: UnixTime,
) -> Result<(Request, Entities), String> {
    let keep = uid("Casemate::Keep", &facts.keep_key.to_string())?;
    let resource = uid("Casemate::Dataset", dataset.name.as_str())?;
    let owner = uid("Casemate::Party", dataset.owner.as_str())?;
    let runner = uid("Casemate::Party", facts.runner.as_str())?;
    let now = i64::try_from(at.0).map_err(|error| error.to_string())?;
    let context = Context::from_pairs([
        ("computation".to_owned(), string(&facts.computation)),
        ("contract".to_owned(), string(&facts.contract)),
        ("language".to_owned(), string(&facts.language)),
        ("now".to_owned(), RestrictedExpression::new_long(now)),
        ("runner".to_owned(), RestrictedExpression::new_entity_uid(runner.clone())),
    ])
    .map_err(|error| error.to_string())?;
    let keep_attributes = HashMap::from([
        ("isolation".to_owned(), string(&facts.isolation)),
        ("lacks".to_owned(), RestrictedExpression::new_set(facts.lacks.iter().map(string))),
        ("launcher".to_owned(), string(&facts.launcher)),
        ("program".to_owned(), string(&facts.program)),
        ("runtime".to_owned(), string(&facts.runtime)),
    ]);
    let dataset_attributes = HashMap::from([
        ("owner".to_owned(), RestrictedExpression::new_entity_uid(owner.clone())),
        ("version".to_owned(), string(&dataset.version)),
    ]);
    let mut entities = vec![
        Entity::new(keep.clone(), keep_attributes, HashSet::new()).map_err(|error| error.to_string())?,
        Entity::new(resource.clone(), dataset_attributes, HashSet::new()).map_err(|error| error.to_string())?,
        Entity::new_no_attrs(owner.clone(), HashSet::new()),
    ];
    if runner != owner {
        entities.push(Entity::new_no_attrs(runner, HashSet::new()));
    }
    let entities = Entities::from_entities(entities, Some(schema)).map_err(|error| error.to_string())?;
    let action = uid("Casemate::Action", action.as_str())?;
    let request = Request::new(keep, action, resource, context, Some(schema)).map_err(|error| error.to_string())?;
    Ok((request, entities))
}

fn string(value: &impl Display) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_string())
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, String> {
    let kind = EntityTypeName::from_str(kind).map_err(|error| error.to_string())?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

#[cfg(test)]
mod tests {
    use casemate_evidence::{Isolation, Lack};

    use super::*;
    use crate::{
        contract::{Column, ColumnType, Content, Gate},
        name::{DatasetId, VersionId},
    };

    const AT: UnixTime = UnixTime(1_000);
    const HONEST: &str = r#"permit (principal is Casemate::Keep, action, resource == Casemate::Dataset::"visits")
        when { context.computation == "count" };"#;

    fn dataset() -> Dataset {
        Dataset {
            name: "visits".parse().unwrap(),
            owner: "clinic".parse().unwrap(),
            id: DatasetId::from_bytes([1; 16]),
            version: VersionId::from_bytes([2; 16]),
            digest: Digest::of(b"visits"),
            content: Content::Table {
                entity: "id".parse().unwrap(),
                columns: vec![Column { name: "id".parse().unwrap(), kind: ColumnType::Int64 }],
            },
            gate: Gate { min_entities: 2, max_rows: 1, max_bytes: 1 },
        }
    }

    fn facts() -> Facts {
        Facts {
            computation: "count".parse().unwrap(),
            contract: Digest::of(b"contract"),
            isolation: Isolation::Process,
            keep_key: Digest::of(b"keep"),
            language: "sql",
            lacks: vec![Lack::SecretPlaintext],
            launcher: PublicKey::from_bytes([3; 32]),
            program: Digest::of(b"program"),
            runner: "clinic".parse().unwrap(),
            runtime: Digest::of(b"runtime"),
        }
    }

    fn decide_text(text: &str) -> Result<(), DenyReason> {
        decide_by(text, &dataset(), Action::Release, &facts(), AT)
    }

    #[test]
    fn an_honest_policy_allows() {
        assert_eq!(decide_text(HONEST), Ok(()));
    }

    #[test]
    fn a_policy_that_errs_denies_though_cedar_alone_would_allow() {
        let erring =
            format!("{HONEST}\nforbid (principal, action, resource) when {{ context.now + 9223372036854775807 > 0 }};");
        let (schema, policies) = parse(&erring).unwrap();
        let (request, entities) = ask(&schema, &dataset(), Action::Release, &facts(), AT).unwrap();
        let naive = Authorizer::new().is_authorized(&request, &policies, &entities).decision();
        assert_eq!(naive, cedar_policy::Decision::Allow);
        assert!(matches!(decide_text(&erring), Err(DenyReason::CedarError { .. })));
    }

    #[test]
    fn refuses_each_policy_that_is_none() {
        for (crime, policy) in [
            ("not_cedar", "permit everything;"),
            ("unknown_attribute", "permit (principal is Casemate::Keep, action, resource) when { principal.root };"),
            ("another_type", "permit (principal is Casemate::Keep, action, resource) when { context.now == \"now\" };"),
            ("unknown_action", "permit (principal, action == Casemate::Action::\"read\", resource);"),
            ("impossible", "permit (principal, action, resource) when { context.now < 1 && false };"),
            (
                "empty_set",
                "permit (principal is Casemate::Keep, action, resource) when { [].contains(principal.isolation) };",
            ),
        ] {
            assert!(matches!(decide_text(policy), Err(DenyReason::CedarError { .. })), "{crime}");
        }
    }

    #[test]
    fn no_policy_denies() {
        assert!(matches!(decide_text(""), Err(DenyReason::Cedar { .. })));
        let other = HONEST.replace("\"count\"", "\"sum\"");
        assert!(matches!(decide_text(&other), Err(DenyReason::Cedar { .. })));
    }
}
