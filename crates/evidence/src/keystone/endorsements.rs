//! The device's key among those made known, and the security monitor's, which the device signed.

use super::{Flaw, abi::Report, eddsa::Key};
use crate::{KeyOwner, Support, Window, cache::Context, crypto::KeyKind, x509::Spki};

/// A security monitor that an endorsed device vouches for.
#[derive(Debug)]
pub(super) struct Monitor {
    pub(super) key: Key,
    pub(super) support: Support,
}

/// Steps 2 and 3.
pub(super) fn monitor(report: &Report<'_>, context: &Context<'_>) -> Result<Monitor, Flaw> {
    // 2
    let spki = device(report, context)?;
    let device =
        Key::parse(report.device_key).ok_or_else(|| Flaw::DeviceKey { key: hex::encode(report.device_key) })?;
    // 3
    if !device.has_signed(report.monitor_signed, &report.monitor_signature) {
        return Err(Flaw::MonitorSignature {});
    }
    let key =
        Key::parse(report.monitor_key).ok_or_else(|| Flaw::MonitorKey { key: hex::encode(report.monitor_key) })?;
    let mut support = Support::default();
    support.add("root", format!("Keystone device {}", hex::encode(report.device_key)), spki, Window::ALWAYS);
    Ok(Monitor { key, support })
}

/// The `SubjectPublicKeyInfo` by which the report's device key was made known.
fn device<'a>(report: &Report<'_>, context: &Context<'a>) -> Result<&'a [u8], Flaw> {
    let is_named = |id: &[u8]| id.is_empty() || id == report.device_key;
    let is_this = |spki: &[u8]| {
        Spki::parse(spki).is_ok_and(|spki| spki.key.kind == KeyKind::Ed25519 && spki.key.bytes == report.device_key)
    };
    let mut keys = context.endorsements.keys(KeyOwner::Keystone);
    let found = keys.find(|(id, spki)| is_named(id) && is_this(spki));
    found.map(|(_, spki)| spki).ok_or_else(|| Flaw::Device { key: hex::encode(report.device_key) })
}
