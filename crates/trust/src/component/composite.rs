//! A CPU with devices: every one of them is a component.

use casemate_evidence::{
    Platform,
    composite::{Claims, Device},
};

use super::{Component, VTPM, each, gpu, tpm};

/// The CPU's components and the devices', in the order of the evidence.
pub(super) fn components(claims: &Claims) -> Vec<Component> {
    let mut components = each(&claims.cpu);
    let mut gpus = 0_usize;
    for Device { claims, tie } in &claims.devices {
        match &claims.platform {
            Platform::Gpu(own) => {
                components.push(gpu::component(&format!("gpu-{gpus}"), own, Some(*tie)));
                gpus = gpus.saturating_add(1);
            }
            Platform::Tpm(own) => components.push(tpm::component(VTPM, own, Some(*tie))),
            // Evidence has no other devices; if it once has, theirs are components of their own.
            _ => components.extend(each(claims)),
        }
    }
    name_apart(&mut components);
    components
}

/// Gives the second and later ones of a name a number.
fn name_apart(components: &mut [Component]) {
    let names: Vec<String> = components.iter().map(|component| component.name.clone()).collect();
    for (place, component) in components.iter_mut().enumerate() {
        let earlier = names.iter().take(place).filter(|name| **name == component.name).count();
        if earlier > 0 {
            component.name = format!("{}-{earlier}", component.name);
        }
    }
}
