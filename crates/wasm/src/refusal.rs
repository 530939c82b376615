//! Why a program does not run, or its output does not leave. Exhaustive: a new reason breaks every consumer at compile time.
//!
//! Variants marked *data* depend on what the program read. They carry names and limits from the contract, and a kind from a
//! closed list: no value, no address, no count, no text of the program's.

use std::fmt;

use thiserror::Error;

/// Characters of an explanation that is made from a program.
const WORDS_MAX: usize = 400;

/// Why a program does not run, or its output does not leave.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum WasmRefusal {
    /// The program was compiled and the result can't be used here.
    #[error("the program can't be compiled: {why}")]
    Compile {
        /// The compiler's word about the program's bytes.
        why: String,
    },
    /// The program takes too much memory to compile.
    #[error("the program takes more than {limit_bytes} bytes of memory to compile")]
    CompileMemory {
        /// The limit.
        limit_bytes: u64,
    },
    /// The program takes too long to compile.
    #[error("the program takes longer than {limit_s} s to compile")]
    CompileTime {
        /// The limit.
        limit_s: u64,
    },
    /// *Data.* The program ran longer than it may.
    #[error("the program ran longer than {limit_ms} ms")]
    Deadline {
        /// The limit.
        limit_ms: u64,
    },
    /// The runtime can't be set up on this machine.
    #[error("the runtime can't be set up: {why}")]
    Engine {
        /// The runtime's word.
        why: String,
    },
    /// *Data.* The program ended with an exit code other than zero. Which one stays inside.
    #[error("the program ended with an exit code other than zero")]
    ExitCode,
    /// *Data.* The program used up its fuel.
    #[error("the program needs more than {limit} units of fuel")]
    Fuel {
        /// The limit.
        limit: u64,
    },
    /// The bytes are of Wasm and aren't valid, or need a proposal that is off.
    #[error("the program isn't valid: {why}")]
    Invalid {
        /// The validator's word about the program's bytes.
        why: String,
    },
    /// The job contradicts itself.
    #[error("the job can't be run: {why}")]
    Job {
        /// What is wrong with it.
        why: String,
    },
    /// *Data.* The program ended badly after it was refused memory.
    #[error("the program needs more than {limit_bytes} bytes of memory")]
    Memory {
        /// The limit, over all memories and tables.
        limit_bytes: u64,
    },
    /// The program calls what does not exist here.
    #[error("the program imports what does not exist: {names}")]
    MissingImports {
        /// Modules and functions, or interfaces; at most ten.
        names: String,
    },
    /// There is nothing to start the program with.
    #[error("the program has no entry point")]
    NoEntryPoint,
    /// The bytes are of something else.
    #[error("the program is no WebAssembly: it is {found}")]
    NotWasm {
        /// What they look like.
        found: Found,
    },
    /// *Data.* A file that is declared has something in it that does not leave.
    #[error("the output file `{file}` {fault}")]
    Output {
        /// Its declared name.
        file: String,
        /// What is wrong with it.
        fault: OutputFault,
    },
    /// *Data.* There is a file that isn't declared. Its name stays inside.
    #[error("the program left a file that isn't declared")]
    OutputUndeclared,
    /// *Data.* The program ended badly after it was refused bytes in its output files.
    #[error("the program was refused more than {limit_bytes} bytes of output, and then {end}")]
    Quota {
        /// The limit, over all output files.
        limit_bytes: u64,
        /// What it did then.
        end: BadEnd,
    },
    /// *Data.* The program's calls nest deeper than its stack.
    #[error("the program's calls nest deeper than its stack of {limit_bytes} bytes")]
    Stack {
        /// The limit.
        limit_bytes: u64,
    },
    /// The program is bigger than what is compiled.
    #[error("the program has {actual} {what}")]
    TooBig {
        /// What there is too much of.
        what: &'static str,
        /// How much there is, as far as it was counted.
        actual: u64,
        /// How much there may be.
        most: u64,
    },
    /// *Data.* The program trapped.
    #[error("the program trapped: {kind}")]
    Trap {
        /// In what way.
        kind: TrapKind,
    },
}

/// How a program ends that does not end well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BadEnd {
    /// With an exit code other than zero.
    ExitCode,
    /// It trapped.
    Trap(TrapKind),
}

/// What bytes that are no program look like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Found {
    /// Code that a Wasmtime compiled; never read, since to load it is to trust whoever made it.
    Compiled,
    /// An ELF file of some other kind.
    Elf,
    /// Nothing.
    Empty,
    /// A version or encoding of WebAssembly that isn't known.
    OtherVersion,
    /// None of these.
    Unknown,
}

/// What is wrong with an output file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OutputFault {
    /// A value isn't of the declared type of this column.
    Column(String),
    /// A control character that could drive a terminal.
    ControlCharacter,
    /// The first row isn't the declared header.
    Header,
    /// It isn't there.
    Missing,
    /// A row has more or fewer fields than the header, or a quote isn't closed.
    Shape,
    /// It isn't UTF-8.
    Utf8,
}

/// In what way a program trapped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TrapKind {
    /// Division by zero, or a number that doesn't fit.
    Arithmetic,
    /// An address outside a memory or table.
    Bounds,
    /// A call by table to nothing or to another type.
    Call,
    /// A call to the host that the standard doesn't allow, or that asks for more than is given.
    Host,
    /// Anything else.
    Other,
    /// `unreachable`: most often the program's own abort.
    Unreachable,
}

impl WasmRefusal {
    /// The refusal as (rule, expected, actual, remedy), the form in which every refusal of Casemate travels. Rules are stable
    /// kebab-case names.
    #[must_use]
    pub fn reason(&self) -> (String, String, String, String) {
        let (rule, expected, remedy) = self.rule();
        (rule.to_owned(), expected, self.to_string(), remedy.to_owned())
    }

    /// As [`Self::reason`], for a program that only its author may see. Whoever runs it is told the rule, and nothing of what a
    /// refusal before the run says of the program: no import, no size, no compiler's word.
    #[must_use]
    pub fn reason_of_sealed(&self) -> (String, String, String, String) {
        let (rule, expected, actual, remedy) = self.reason();
        // How it ends is told of every program, in the same few words; of the machine and the contract they say nothing secret.
        if self.depends_on_data() || matches!(self, Self::Engine { .. } | Self::Job { .. }) {
            return (rule, expected, actual, remedy);
        }
        let hidden = [
            "a sealed program that the keep can load",
            "one that it can't; what is wrong with it is its author's secret, and stays in the keep",
            "have the program's author look with `casemate program show`, which names it, and seal another version",
        ];
        let [expected, actual, remedy] = hidden.map(str::to_owned);
        (rule, expected, actual, remedy)
    }

    /// Whether the refusal depends on what the program read rather than on the program and the contract.
    #[must_use]
    pub const fn depends_on_data(&self) -> bool {
        match self {
            Self::Compile { .. }
            | Self::CompileMemory { .. }
            | Self::CompileTime { .. }
            | Self::Engine { .. }
            | Self::Invalid { .. }
            | Self::Job { .. }
            | Self::MissingImports { .. }
            | Self::NoEntryPoint
            | Self::NotWasm { .. }
            | Self::TooBig { .. } => false,
            Self::Deadline { .. }
            | Self::ExitCode
            | Self::Fuel { .. }
            | Self::Memory { .. }
            | Self::Output { .. }
            | Self::OutputUndeclared
            | Self::Quota { .. }
            | Self::Stack { .. }
            | Self::Trap { .. } => true,
        }
    }

    fn rule(&self) -> (&'static str, String, &'static str) {
        match self {
            Self::Deadline { limit_ms } => {
                ("program-time", format!("at most {limit_ms} ms"), "raise the contract's time limit, or compute less")
            }
            Self::CompileMemory { limit_bytes } => (
                "program-compile-memory",
                format!("at most {limit_bytes} bytes"),
                "split functions that have many variables and many loops",
            ),
            Self::CompileTime { limit_s } => (
                "program-compile-time",
                format!("at most {limit_s} s"),
                "split large functions, or build with less inlining",
            ),
            Self::Fuel { limit } => {
                ("program-fuel", format!("at most {limit} units"), "raise the limit, or compute less")
            }
            Self::Memory { limit_bytes } => (
                "program-memory",
                format!("at most {limit_bytes} bytes over all memories and tables"),
                "raise the contract's memory limit, or keep less at once",
            ),
            Self::Quota { limit_bytes, .. } => (
                "program-quota",
                format!("at most {limit_bytes} bytes in all output files together, at every moment"),
                "raise the contract's `max_output_bytes` as far as the gates let it, or write less",
            ),
            Self::Stack { limit_bytes } => (
                "program-stack",
                format!("calls within {limit_bytes} bytes of stack"),
                "recurse less deeply, or keep the work in a list",
            ),
            Self::TooBig { what, most, .. } => {
                ("program-size", format!("at most {most} {what}"), "leave out of the program what it doesn't use")
            }
            _ => {
                let (rule, expected, remedy) = self.static_rule();
                (rule, expected.to_owned(), remedy)
            }
        }
    }

    #[rustfmt::skip]
    fn static_rule(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Compile { .. } => ("program-compile", "a program that compiles", "build the program again with its toolchain"),
            Self::Engine { .. } => ("program-runtime", "a machine that Wasmtime runs on",
                "see `casemate doctor` for what this machine lacks"),
            Self::ExitCode => ("program-exit", "exit code zero",
                "try the program on made-up data of the same schema; what it wrote is not shown because it may tell values"),
            Self::Invalid { .. } => ("program-valid", "valid WebAssembly 2.0 without threads, garbage collection or exceptions",
                "build the program without the proposals that docs/formats/program.md lists as off"),
            Self::Job { .. } => ("program-job", "inputs and outputs with plain names, limits above zero",
                "correct the computation in the contract"),
            Self::MissingImports { .. } => ("program-imports", "imports from WASI 0.2 (component) or preview 1 (module) only",
                "see docs/formats/program.md for what a program may call"),
            Self::NoEntryPoint => ("program-entry", "a component that exports `wasi:cli/run`, or a module that exports `_start` and `memory`",
                "build the program as a command, not as a library"),
            Self::NotWasm { .. } => ("program-format", "a WebAssembly component or module in binary form",
                "give the file that the Wasm toolchain made; compiled code is only ever made by the keep"),
            Self::Output { .. } => ("program-output", "each declared file, with the declared header and types, in UTF-8",
                "write exactly what the contract declares, or declare what is written"),
            Self::OutputUndeclared => ("program-output-files", "the declared files and no other",
                "remove temporary files before the program ends"),
            Self::CompileMemory { .. } | Self::CompileTime { .. } | Self::Deadline { .. } | Self::Fuel { .. } | Self::Memory { .. } | Self::Quota { .. } | Self::Stack { .. } | Self::TooBig { .. } =>
                ("program-limit", "the limit", "see the limit"),
            Self::Trap { .. } => ("program-trap", "a program that runs to its end",
                "try the program on made-up data of the same schema; more is not shown because it may tell values"),
        }
    }
}

impl fmt::Display for BadEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExitCode => f.write_str("ended with an exit code other than zero"),
            Self::Trap(kind) => write!(f, "trapped: {kind}"),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Compiled => "code that a Wasmtime compiled, which is never loaded",
            Self::Elf => "an ELF file",
            Self::Empty => "empty",
            Self::OtherVersion => "an unknown version of WebAssembly",
            Self::Unknown => "something else",
        })
    }
}

impl fmt::Display for OutputFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => write!(f, "has a value in column `{column}` that isn't of its declared type"),
            Self::ControlCharacter => f.write_str("has a control character in it"),
            Self::Header => f.write_str("doesn't start with the declared header"),
            Self::Missing => f.write_str("is declared and wasn't written"),
            Self::Shape => f.write_str("has a row with another number of fields than its header"),
            Self::Utf8 => f.write_str("isn't UTF-8"),
        }
    }
}

impl fmt::Display for TrapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arithmetic => "a division by zero, or a number that doesn't fit",
            Self::Bounds => "an address outside its memory or table",
            Self::Call => "a call through a table to nothing, or to another type",
            Self::Host => "a call to the host that isn't allowed",
            Self::Other => "it broke a rule of WebAssembly",
            Self::Unreachable => "it gave up (`unreachable`)",
        })
    }
}

/// A toolchain's or a program's own words, fit for one line of a report.
pub(crate) fn plain(text: &str) -> String {
    let printable = |character: char| if character.is_control() { ' ' } else { character };
    text.chars().map(printable).take(WORDS_MAX).collect()
}
