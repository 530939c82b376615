//! Sockets that can't be had. Toolchains link them into programs that never use them, so they exist, and every call is refused.
//!
//! A call that makes a socket or looks up a name is told `access-denied`. All others need a socket first: they end the program.

use std::collections::BTreeSet;

use wasmtime::{
    StoreContextMut,
    component::{Component, Linker, LinkerInstance, Resource, ResourceType, Val, types::ComponentItem},
};

use super::streams::{Failure, Input, Output, Pollable};
use crate::world::{Stop, World};

/// The package; its interfaces' names begin with it, and end in a version.
const PACKAGE: &str = "wasi:sockets/";
/// Versions of this standard.
const VERSIONS: &str = "@0.2.";
/// Calls that make what others need, and that give `result<_, error-code>`.
const REFUSED: [&str; 3] = ["create-tcp-socket", "create-udp-socket", "resolve-addresses"];

/// The network that all calls on it refuse.
struct Network;
/// A socket, or what one gives; there is none.
struct Socket<const KIND: u8>;

/// Adds what `component` imports of the package, whatever its minor version has in it.
pub(super) fn add(linker: &mut Linker<World>, component: &Component) -> wasmtime::Result<()> {
    let engine = component.engine();
    let mut added = BTreeSet::new();
    for (name, item) in component.component_type().imports(engine) {
        let ComponentItem::ComponentInstance(interface) = item.ty else { continue };
        if !name.starts_with(PACKAGE) || !name.contains(VERSIONS) || !added.insert(name.to_owned()) {
            continue;
        }
        let mut instance = linker.instance(name)?;
        for (export, item) in interface.exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => add_call(&mut instance, export)?,
                ComponentItem::Resource(_) => add_resource(&mut instance, export)?,
                _ => {}
            }
        }
    }
    Ok(())
}

fn add_call(instance: &mut LinkerInstance<'_, World>, name: &str) -> wasmtime::Result<()> {
    if name == "instance-network" {
        let network = |mut store: StoreContextMut<'_, World>, (): ()| Ok((store.data_mut().resources.push(Network)?,));
        return instance.func_wrap(name, network);
    }
    let is_refused = REFUSED.contains(&name);
    instance.func_new(name, move |_, _, _, results| match results {
        [result] if is_refused => {
            *result = Val::Result(Err(Some(Box::new(Val::Enum("access-denied".to_owned())))));
            Ok(())
        }
        _ => Err(Stop::Host.into()),
    })
}

fn add_resource(instance: &mut LinkerInstance<'_, World>, name: &str) -> wasmtime::Result<()> {
    let kind = match name {
        "error" => ResourceType::host::<Failure>(),
        "input-stream" => ResourceType::host::<Input>(),
        "network" => {
            let forget = |mut store: StoreContextMut<'_, World>, number| {
                store.data_mut().resources.delete(Resource::<Network>::new_own(number))?;
                Ok(())
            };
            return instance.resource(name, ResourceType::host::<Network>(), forget);
        }
        "output-stream" => ResourceType::host::<Output>(),
        "pollable" => ResourceType::host::<Pollable>(),
        "tcp-socket" => ResourceType::host::<Socket<0>>(),
        "udp-socket" => ResourceType::host::<Socket<1>>(),
        "incoming-datagram-stream" => ResourceType::host::<Socket<2>>(),
        "outgoing-datagram-stream" => ResourceType::host::<Socket<3>>(),
        _ => ResourceType::host::<Socket<4>>(),
    };
    instance.resource(name, kind, |_, _| Ok(()))
}
