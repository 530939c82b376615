//! Arguments, standard streams, clocks and random numbers of a component.
#![expect(unreachable_pub, reason = "the bindings give these types out as if to everybody")]

use wasmtime::component::Resource;

use super::{
    bindings::wasi::{
        cli::{
            environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr, terminal_stdin,
            terminal_stdout,
        },
        clocks::{monotonic_clock, wall_clock},
        random::{insecure, insecure_seed, random},
    },
    streams::{Input, Output, Pollable},
};
use crate::world::{Stop, TICK_NS, World};

/// Random bytes of one call.
const RANDOM_BYTES_MAX: u64 = 1 << 20;

/// There is none.
pub enum Terminal {}

impl environment::Host for World {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.arguments.clone())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl exit::Host for World {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        Err(Stop::Exit { well: status.is_ok() }.into())
    }

    fn exit_with_code(&mut self, code: u8) -> wasmtime::Result<()> {
        Err(Stop::Exit { well: code == 0 }.into())
    }
}

impl stdin::Host for World {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<Input>> {
        Ok(self.resources.push(Input::Nothing)?)
    }
}

impl stdout::Host for World {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<Output>> {
        Ok(self.resources.push(Output::Nowhere)?)
    }
}

impl stderr::Host for World {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<Output>> {
        Ok(self.resources.push(Output::Nowhere)?)
    }
}

impl terminal_input::Host for World {}

impl terminal_input::HostTerminalInput for World {
    fn drop(&mut self, terminal: Resource<Terminal>) -> wasmtime::Result<()> {
        self.resources.delete(terminal).map(|_| ()).map_err(Into::into)
    }
}

impl terminal_output::Host for World {}

impl terminal_output::HostTerminalOutput for World {
    fn drop(&mut self, terminal: Resource<Terminal>) -> wasmtime::Result<()> {
        self.resources.delete(terminal).map(|_| ()).map_err(Into::into)
    }
}

impl terminal_stdin::Host for World {
    fn get_terminal_stdin(&mut self) -> wasmtime::Result<Option<Resource<Terminal>>> {
        Ok(None)
    }
}

impl terminal_stdout::Host for World {
    fn get_terminal_stdout(&mut self) -> wasmtime::Result<Option<Resource<Terminal>>> {
        Ok(None)
    }
}

impl terminal_stderr::Host for World {
    fn get_terminal_stderr(&mut self) -> wasmtime::Result<Option<Resource<Terminal>>> {
        Ok(None)
    }
}

impl wall_clock::Host for World {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: self.wall_s(), nanoseconds: 0 })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: self.clock.rounds_to_s, nanoseconds: 0 })
    }
}

impl monotonic_clock::Host for World {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.monotonic_ns())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(TICK_NS)
    }

    fn subscribe_instant(&mut self, instant_ns: u64) -> wasmtime::Result<Resource<Pollable>> {
        Ok(self.resources.push(Pollable::At { instant_ns })?)
    }

    fn subscribe_duration(&mut self, duration_ns: u64) -> wasmtime::Result<Resource<Pollable>> {
        let instant_ns = self.instant_ns().saturating_add(duration_ns);
        Ok(self.resources.push(Pollable::At { instant_ns })?)
    }
}

impl random::Host for World {
    fn get_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        random_bytes(self, length)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.random_u64())
    }
}

impl insecure::Host for World {
    fn get_insecure_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        random_bytes(self, length)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.random_u64())
    }
}

impl insecure_seed::Host for World {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((self.random_u64(), self.random_u64()))
    }
}

fn random_bytes(world: &mut World, length: u64) -> wasmtime::Result<Vec<u8>> {
    if length > RANDOM_BYTES_MAX {
        return Err(Stop::Host.into());
    }
    let mut bytes = vec![0; usize::try_from(length)?];
    world.fill_random(&mut bytes);
    Ok(bytes)
}
