//! The endorsement of a platform token: the platform's key, made known by instance id.

use std::sync::Arc;

use super::Flaw;
use crate::{
    KeyOwner,
    cache::Context,
    device_key::{DeviceKey, DeviceKeyFlaw},
    wire::cose::Algorithm,
};

/// The key of the platform that the token names.
pub(super) fn platform_key(
    context: &Context<'_>,
    instance_id: &[u8; 33],
    algorithm: Algorithm,
) -> Result<Arc<DeviceKey>, Flaw> {
    DeviceKey::find(context, KeyOwner::Cca, instance_id, algorithm).map_err(|flaw| match flaw {
        DeviceKeyFlaw::Kind { actual } => Flaw::PlatformKeyKind { expected: algorithm.scheme().key_kind(), actual },
        DeviceKeyFlaw::Malformed(error) => Flaw::PlatformKey { error },
        DeviceKeyFlaw::Unknown => Flaw::UnknownPlatform { instance: hex::encode(instance_id) },
    })
}
