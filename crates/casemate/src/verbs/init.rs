//! `casemate init`: a party's keys and state folder.

use casemate_contract::{Address, PartyName};
use casemate_keyring::{PartyKeys, WORK_FACTOR_DEFAULT};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    cli::{Global, InitArgs},
    failure::{Failure, Outcome},
    random::random,
    screen::Screen,
    state::{self, State},
};

/// Makes a party.
pub(crate) async fn init(args: &InitArgs, global: &Global, screen: Screen) -> Outcome {
    let name: PartyName = args.name.parse().map_err(|error| Failure::input(format!("--name: {error}")))?;
    let address: Option<Address> = args
        .address
        .as_ref()
        .map(|address| address.parse())
        .transpose()
        .map_err(|error| Failure::input(format!("--address: {error}")))?;
    let _lock = state::prepare_new(&global.state)?;
    let passphrase = state::new_passphrase(global.passphrase_file.as_deref(), &format!("New passphrase for {name}"))?;
    let keys = match state::interrupted(&global.state, &passphrase)? {
        Some(keys) => keys,
        None => PartyKeys::generate(&Zeroizing::new(random()?)),
    };
    let locked = keys.lock(&passphrase, WORK_FACTOR_DEFAULT).map_err(state::keyring)?;
    let state = State::create(global, name, address, &keys, &locked)?;
    state.store().await?;

    let recipient = keys.recipient().map_err(state::keyring)?;
    screen.line(format!("{} is a party now, in {}", state.name, state.dir.display()));
    screen.line(format!("  identity   {}   signs contracts", keys.public()));
    screen.line(format!("  broker     {}   decides, releases, permits", keys.broker().public()));
    screen.line(format!(
        "  launcher   {}   signs the evidence of keeps on this host; contracts name it",
        keys.launcher().public()
    ));
    screen.line(format!("  recipient  {recipient}"));
    screen.line("");
    screen.line("Losing keys.age or its passphrase is losing every dataset sealed here and every result sent here:");
    screen.line("nobody can restore them. Make a backup now: casemate key backup FILE");
    screen.object(&json!({
        "party": state.name.as_str(), "state": state.dir, "identity": keys.public().to_string(),
        "broker": keys.broker().public().to_string(), "launcher": keys.launcher().public().to_string(),
        "recipient": recipient, "address": state.address.as_ref().map(ToString::to_string),
    }));
    Ok(())
}
