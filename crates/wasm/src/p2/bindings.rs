//! The standard's interfaces as traits, made from `wit/` by Wasmtime's macro. [WASI 0.2.12]

use super::fault::{FileFault, StreamFault};

wasmtime::component::bindgen!({
    path: "wit",
    world: "casemate:program/imports",
    imports: { default: trappable },
    trappable_error_type: {
        "wasi:filesystem/types.error-code" => FileFault,
        "wasi:io/streams.stream-error" => StreamFault,
    },
    with: {
        "wasi:cli/terminal-input.terminal-input": crate::p2::cli::Terminal,
        "wasi:cli/terminal-output.terminal-output": crate::p2::cli::Terminal,
        "wasi:filesystem/types.descriptor": crate::p2::descriptors::Descriptor,
        "wasi:filesystem/types.directory-entry-stream": crate::p2::descriptors::Listing,
        "wasi:io/error.error": crate::p2::streams::Failure,
        "wasi:io/poll.pollable": crate::p2::streams::Pollable,
        "wasi:io/streams.input-stream": crate::p2::streams::Input,
        "wasi:io/streams.output-stream": crate::p2::streams::Output,
    },
});
