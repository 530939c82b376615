//! The endorsement of a token: the device's key, made known by instance id.

use std::sync::Arc;

use super::Flaw;
use crate::{
    KeyOwner,
    cache::Context,
    device_key::{DeviceKey, DeviceKeyFlaw},
    wire::cose::Algorithm,
};

/// The key of the device that the token names.
pub(super) fn device_key(
    context: &Context<'_>,
    instance_id: &[u8; 33],
    algorithm: Algorithm,
) -> Result<Arc<DeviceKey>, Flaw> {
    DeviceKey::find(context, KeyOwner::Psa, instance_id, algorithm).map_err(|flaw| match flaw {
        DeviceKeyFlaw::Kind { actual } => Flaw::KeyKind { expected: algorithm.scheme().key_kind(), actual },
        DeviceKeyFlaw::Malformed(error) => Flaw::Key { error },
        DeviceKeyFlaw::Unknown => Flaw::UnknownDevice { instance: hex::encode(instance_id) },
    })
}
