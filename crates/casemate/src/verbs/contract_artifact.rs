//! Compiles again what a contract pins, before this party signs. A keep loads a pinned artifact on every signer's word, without
//! compiling: whoever signs unseen would let another's machine code pass for the program.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use casemate_contract::{Artifact, Code, Computation, Contract};
use casemate_cose::Digest;
use casemate_trust::Reason;
use casemate_wasm::{TARGETS, WASMTIME};

use crate::failure::Failure;

use super::{
    program::{engine, refused},
    run_program::lying_about,
};

/// Every artifact of `contract` that is not what the compiler of this version makes of its program. The programs are found by their
/// digests in `folders`.
///
/// # Errors
/// A program that is not here, or none: then nobody can say what its artifact is.
pub(crate) fn check(contract: &Contract, folders: &BTreeSet<PathBuf>) -> Result<Vec<Reason>, Failure> {
    let mut reasons = Vec::new();
    for computation in contract.computations() {
        let Some(program) = computation.program.wasm() else { continue };
        if let (Code::Open { digest }, Some(pinned)) = (&program.code, &program.artifact) {
            reasons.extend(compare(computation, *digest, pinned, folders)?);
        }
    }
    Ok(reasons)
}

/// Every artifact of `contract` that no runtime of this version loads, whatever the host: each with its computation's name.
pub(crate) fn unloadable(contract: &Contract) -> Vec<(String, Reason)> {
    let mut found = Vec::new();
    for computation in contract.computations() {
        let Some(pinned) = computation.program.wasm().and_then(|program| program.artifact.as_ref()) else { continue };
        let (wasmtime, target) = (pinned.wasmtime.as_str(), pinned.target.as_str());
        if wasmtime == WASMTIME && TARGETS.contains(&target) {
            continue;
        }
        let expected = format!("an artifact of Wasmtime {WASMTIME} for {}", TARGETS.join(" or "));
        let actual = format!("`{}` pins one of Wasmtime {wasmtime} for {target}", computation.name);
        let remedy = "pin what `casemate program compile` of this version makes, or leave `artifact` out: then the keep compiles";
        found.push((computation.name.to_string(), Reason::new("artifact-runtime", expected, actual, remedy)));
    }
    found
}

fn compare(
    computation: &Computation,
    digest: Digest,
    pinned: &Artifact,
    folders: &BTreeSet<PathBuf>,
) -> Result<Option<Reason>, Failure> {
    let name = &computation.name;
    let bytes = lying_about(folders, "wasm", digest).ok_or_else(|| {
        Failure::input(format!("`{name}` pins compiled code, and its program {digest} is not here to compile"))
            .help("put the program, as a *.wasm file, beside the contract or into this folder; or agree on no artifact")
    })?;
    let made = engine()?.precompile(&bytes).map_err(|refusal| refused(Path::new(name.as_str()), &refusal))?;
    let words = |digest: &dyn std::fmt::Display, wasmtime: &str, target: &str, settings: &dyn std::fmt::Display| {
        format!("`{name}`: the artifact {digest} by Wasmtime {wasmtime} for {target}, settings {settings}")
    };
    let expected = words(&Digest::of(&made.bytes), made.wasmtime, made.target, &made.settings);
    let actual = words(&pinned.digest, pinned.wasmtime.as_str(), pinned.target.as_str(), &pinned.settings);
    let remedy =
        "do not sign: these are not the program's bytes, or not by this version; `casemate program compile` makes them";
    Ok((expected != actual).then(|| Reason::new("artifact-recompiled", expected, actual, remedy)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The empty module [WebAssembly 1.0 §5.5.16] with a `_start` that does nothing and a memory, as WASI p1 wants it.
    const GENUINE: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\x07\x13\x02\x06_start\0\0\x06memory\x02\0\x0a\x04\x01\x02\0\x0b";

    fn computation(artifact: &[u8], settings: Digest) -> Computation {
        use casemate_contract::{FileName, OutputContent, Program, WasmInput, WasmLimits, WasmOutput, WasmProgram};
        let name = |name: &str| -> FileName { name.parse().unwrap() };
        let pinned = Artifact {
            digest: Digest::of(artifact),
            wasmtime: casemate_wasm::WASMTIME.parse().unwrap(),
            target: casemate_wasm::TARGET.parse().unwrap(),
            settings,
        };
        Computation {
            name: "train".parse().unwrap(),
            program: Program::Wasm(WasmProgram {
                code: Code::Open { digest: Digest::of(GENUINE) },
                artifact: Some(pinned),
                arguments: Vec::new(),
                inputs: vec![WasmInput { name: name("a.csv"), sql: "SELECT 1".parse().unwrap() }],
                outputs: vec![WasmOutput { name: name("a.txt"), content: OutputContent::Text }],
                max_output_bytes: 1,
                clock_rounds_to_s: 1,
                seed: 0,
                limits: WasmLimits { memory_mib: 1, seconds: 1 },
                free_form: true,
            }),
            runners: Vec::new(),
            recipients: Vec::new(),
            reads: Vec::new(),
        }
    }

    fn judged(computation: &Computation, folders: &BTreeSet<PathBuf>) -> Result<Option<Reason>, Failure> {
        let program = computation.program.wasm().unwrap();
        compare(computation, Digest::of(GENUINE), program.artifact.as_ref().unwrap(), folders)
    }

    #[test]
    fn every_target_of_a_build_is_loaded_somewhere() {
        assert!(TARGETS.contains(&casemate_wasm::TARGET));
    }

    #[test]
    fn only_what_the_compiler_makes_of_the_program_is_signed() {
        let folder = tempfile::tempdir().unwrap();
        let folders = BTreeSet::from([folder.path().to_path_buf()]);
        let made = engine().unwrap().precompile(GENUINE).unwrap();
        let honest = computation(&made.bytes, made.settings);
        let missing = judged(&honest, &folders).unwrap_err().to_string();
        assert!(missing.contains("is not here to compile"), "{missing}");
        fs::write(folder.path().join("p.wasm"), GENUINE).unwrap();
        assert_eq!(judged(&honest, &folders).unwrap(), None);
        let mut substituted = made.bytes.clone();
        *substituted.last_mut().unwrap() ^= 1;
        for crime in [computation(&substituted, made.settings), computation(&made.bytes, Digest::of(b"other settings"))]
        {
            let reason = judged(&crime, &folders).unwrap().expect("a substituted artifact was accepted");
            assert_eq!(reason.rule, "artifact-recompiled");
        }
    }
}
