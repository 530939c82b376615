//! What a program is, by its bytes alone: read section by section before any of it is compiled.
//!
//! The compiler takes time and memory by what it is given, and can't be interrupted. So sizes and counts are limited here, and
//! what isn't WebAssembly, compiled code above all, never gets to it.

use std::ops::Range;

use wasmparser::{ComponentTypeRef, MemoryType, Parser, Payload};

use crate::{
    WasmRefusal,
    program::Kind,
    refusal::{Found, plain},
};

/// Bytes of a program.
pub const PROGRAM_BYTES_MAX: u64 = 64 << 20;
/// Functions of all its modules.
pub const FUNCTIONS_MAX: u64 = 200_000;
/// Bytes of one function.
pub const FUNCTION_BYTES_MAX: u64 = 2 << 20;
/// Modules and components in it; also instances of them.
pub const MODULES_MAX: u64 = 256;
/// Components in components.
pub const NESTING_MAX: u64 = 8;
/// Types, imports, exports, aliases and the like of all its components.
pub const ITEMS_MAX: u64 = 200_000;

/// Types in types in one section: they are read by recursion.
pub const TYPE_NESTING_MAX: u64 = 500;

/// Bytes of a page of memory.
const PAGE_BYTES: u64 = 65536;

/// What was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    /// Of all memories that it declares, at the start.
    pub(crate) memory_bytes: u64,
}

#[derive(Default)]
struct Counts {
    functions: u64,
    instances: u64,
    items: u64,
    memory_bytes: u64,
    modules: u64,
    nesting: u64,
}

/// Reads a program's sections. Whether what is in them is valid, the compiler says.
pub(crate) fn inspect(bytes: &[u8]) -> Result<Shape, WasmRefusal> {
    let kind = kind(bytes)?;
    at_most("bytes", bytes.len() as u64, PROGRAM_BYTES_MAX)?;
    let mut counts = Counts::default();
    for payload in Parser::new(0).parse_all(bytes) {
        counts.add(&payload.map_err(|error| invalid(&error))?, bytes)?;
    }
    Ok(Shape { kind, memory_bytes: counts.memory_bytes })
}

/// Component or module, by the first eight bytes; and what it is if it is neither.
fn kind(bytes: &[u8]) -> Result<Kind, WasmRefusal> {
    let found = match bytes {
        [] => Found::Empty,
        _ if wasmtime::Engine::detect_precompiled(bytes).is_some() => Found::Compiled,
        [b'\x7F', b'E', b'L', b'F', ..] => Found::Elf,
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => return Ok(Kind::Module),
        [0, b'a', b's', b'm', 13, 0, 1, 0, ..] => return Ok(Kind::Component),
        [0, b'a', b's', b'm', ..] => Found::OtherVersion,
        _ => Found::Unknown,
    };
    Err(WasmRefusal::NotWasm { found })
}

impl Counts {
    fn add(&mut self, payload: &Payload<'_>, bytes: &[u8]) -> Result<(), WasmRefusal> {
        match payload {
            Payload::Version { .. } => {
                self.nesting += 1;
                self.modules += 1;
                at_most("components in components", self.nesting.saturating_sub(1), NESTING_MAX)?;
                at_most("modules and components", self.modules, MODULES_MAX)?;
                Ok(())
            }
            Payload::End(_) => {
                self.nesting = self.nesting.saturating_sub(1);
                Ok(())
            }
            Payload::FunctionSection(section) => {
                self.functions += u64::from(section.count());
                at_most("functions", self.functions, FUNCTIONS_MAX)
            }
            Payload::CodeSectionEntry(body) => {
                at_most("bytes of one function", length(&body.range()), FUNCTION_BYTES_MAX)
            }
            Payload::MemorySection(section) => section.clone().into_iter().try_for_each(|memory| {
                self.memory(memory.map_err(|error| invalid(&error))?);
                Ok(())
            }),
            Payload::InstanceSection(section) => self.instances(section.count()),
            Payload::ComponentInstanceSection(section) => self.instances(section.count()),
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    if let ComponentTypeRef::Component(_) = import.map_err(|error| invalid(&error))?.ty {
                        return Err(WasmRefusal::MissingImports { names: "a component".to_owned() });
                    }
                }
                self.items(section.count())
            }
            Payload::TypeSection(section) => self.items(section.count()),
            Payload::CoreTypeSection(section) => self.items(section.count()),
            Payload::ComponentTypeSection(section) => {
                at_most(
                    "types in types",
                    type_nesting(bytes.get(section.range()).unwrap_or_default()),
                    TYPE_NESTING_MAX,
                )?;
                self.items(section.count())
            }
            Payload::ComponentAliasSection(section) => self.items(section.count()),
            Payload::ComponentCanonicalSection(section) => self.items(section.count()),
            Payload::ComponentExportSection(section) => self.items(section.count()),
            Payload::ComponentStartSection { .. } => self.items(1),
            _ => Ok(()),
        }
    }

    const fn memory(&mut self, memory: MemoryType) {
        self.memory_bytes = self.memory_bytes.saturating_add(memory.initial.saturating_mul(PAGE_BYTES));
    }

    fn instances(&mut self, more: u32) -> Result<(), WasmRefusal> {
        self.instances += u64::from(more);
        at_most("instances", self.instances, MODULES_MAX)
    }

    fn items(&mut self, more: u32) -> Result<(), WasmRefusal> {
        self.items += u64::from(more);
        at_most("types and other items", self.items, ITEMS_MAX)
    }
}

/// At least as deep as the types in a section nest: a type in a type is declared by a 1, and begins with 0x41 or 0x42.
fn type_nesting(section: &[u8]) -> u64 {
    section.windows(2).filter(|pair| matches!(pair, [1, 0x41 | 0x42])).count() as u64
}

fn invalid(error: &wasmparser::BinaryReaderError) -> WasmRefusal {
    WasmRefusal::Invalid { why: plain(&error.to_string()) }
}

fn at_most(what: &'static str, actual: u64, most: u64) -> Result<(), WasmRefusal> {
    if actual <= most { Ok(()) } else { Err(WasmRefusal::TooBig { what, actual, most }) }
}

fn length(range: &Range<usize>) -> u64 {
    range.len() as u64
}
