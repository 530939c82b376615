//! `casemate demo`: a whole study by three parties, then three attacks on it, each role a process of its own.
//!
//! The demo calls the same verbs that a person would type, as child processes with state folders of their own, and
//! prints what they did. It holds no key and has no way around any check.

mod attacks;
mod roles;
mod study;
mod table;

use std::{fs, path::Path, time::Instant};

use crate::{
    cli::DemoArgs,
    failure::{Failure, Outcome},
    screen::Screen,
};
use roles::Roles;

/// The Wisconsin diagnostic breast-cancer set, split between two owners by `demo/split.py`.
const MEASUREMENTS: &str = include_str!("../../demo/measurements.csv");
const DIAGNOSES: &str = include_str!("../../demo/diagnoses.csv");
/// Written into the folder first, so that `--clean` never removes a folder that the demo did not make.
const MARKER: &str = ".casemate-demo";

/// Runs the demo.
pub(crate) fn demo(args: &DemoArgs, screen: Screen) -> Outcome {
    let started = Instant::now();
    prepare(&args.dir, args.clean)?;
    let mut roles = Roles::new(&args.dir, screen, started)?;
    let run = study::run(&mut roles)?;
    study::summary(&roles, &run)?;
    let attacks = attacks::run(&mut roles, &run)?;
    study::by_hand(&roles, &run);
    roles.finish(&run, &attacks);
    Ok(())
}

fn prepare(dir: &Path, clean: bool) -> Outcome {
    let marker = dir.join(MARKER);
    if dir.exists() {
        if !marker.exists() && fs::read_dir(dir).map_err(|e| Failure::io("read", dir, &e))?.next().is_some() {
            return Err(Failure::input(format!("`{}` exists and no demo made it", dir.display()))
                .help("choose another folder with --dir"));
        }
        if marker.exists() && !clean {
            return Err(Failure::input(format!("`{}` holds an earlier demo", dir.display()))
                .help("run `casemate demo --clean` to start over, or look around in it"));
        }
        fs::remove_dir_all(dir).map_err(|e| Failure::io("remove", dir, &e))?;
    }
    fs::create_dir_all(dir).map_err(|e| Failure::io("create", dir, &e))?;
    fs::write(&marker, "made by casemate demo\n").map_err(|e| Failure::io("write", &marker, &e))
}
