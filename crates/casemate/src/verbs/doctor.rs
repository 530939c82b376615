//! `casemate doctor`: what this machine can isolate with. Starts a keep that is given nothing, to see what it really gets.

use casemate_cose::SigningKey;
use casemate_evidence::Lack;
use casemate_launch::{Debug, Isolation as _, Libraries, Limits, Presence, Process, Report, Row, Spec, probe};
use serde_json::{Value, json};

use crate::{clock, failure::Outcome, random::random, runtime, screen::Screen};

/// Prints every row.
pub(crate) async fn doctor(screen: Screen) -> Outcome {
    let rows = probe();
    let digest = runtime::digest()?;
    screen.line(format!("this program, as keeps of this host are measured: {digest}"));
    screen.line("");
    for row in &rows {
        show(row, screen);
    }
    let tried = attempt().await;
    screen.line("");
    let lacks = match &tried {
        Ok(Report { lacks, libraries, .. }) => {
            screen.line("a keep of isolation `process`, started and stopped just now:");
            show_libraries(libraries, screen);
            for lack in lacks {
                screen.line(format!("  lacks {lack}: {}", lack.explain().means));
                screen.line(format!("        remedy: {}", lack.explain().remedy));
            }
            if lacks.is_empty() {
                screen.line("  lacks nothing");
            } else {
                screen.line("  a study runs here only if its contract and its owners' domains accept these by name");
            }
            lacks.iter().map(lack_json).collect()
        }
        Err(why) => {
            screen.line(format!("no keep could be started: {why}"));
            Vec::new()
        }
    };
    screen.object(&json!({
        "runtime": digest.to_string(), "rows": rows.iter().map(row_json).collect::<Vec<_>>(),
        "libraries": tried.as_ref().ok().map(|report| libraries_json(&report.libraries)),
        "lacks": lacks, "error": tried.err(),
    }));
    Ok(())
}

/// How a keep on this machine is isolated, from one that was really started.
async fn attempt() -> Result<Report, String> {
    let seed = random().map_err(|failure| failure.to_string())?;
    let spec = Spec {
        runtime: runtime::path(),
        contract: Vec::new(),
        manifest: Vec::new(),
        program: Vec::new(),
        sealed_program: None,
        artifact: Vec::new(),
        // As a study's: what secret memory there is for, is compared with it.
        limits: Limits { memory_bytes: casemate_contract::Limits::SQL.memory_bytes, ..Limits::default() },
        accept_lacks: Lack::ALL.to_vec(),
        datasets: Vec::new(),
        brokers: Vec::new(),
        launcher_key: SigningKey::from_seed(&seed),
        debug: Debug::Forbidden,
        clock: clock::now,
    };
    let measured = spec.measure().map_err(|error| error.to_string())?;
    let running = Process.start(measured).await.map_err(|error| error.to_string())?;
    Ok(running.report().clone())
}

fn show_libraries(libraries: &Libraries, screen: Screen) {
    screen.line(format!("  runs with libraries of this host: {}", libraries.digest()));
    for (name, library) in libraries.iter() {
        screen.line(format!("        {name:<22} {} {}", library.digest, library.path.display()));
    }
}

fn libraries_json(libraries: &Libraries) -> Value {
    let files = libraries
        .iter()
        .map(|(name, library)| json!({"name": name, "path": library.path, "digest": library.digest.to_string()}));
    json!({"digest": libraries.digest().to_string(), "files": files.collect::<Vec<_>>()})
}

fn show(row: &Row, screen: Screen) {
    let mark = match row.presence {
        Presence::Present => "yes",
        Presence::Absent => "no",
        Presence::Unknown => "?",
    };
    screen.line(format!("{mark:<4} {:<26} {}", row.what, row.detail));
    screen.line(format!("     {:<26} {}", "", row.why));
    if row.presence != Presence::Present && !row.remedy.is_empty() {
        screen.line(format!("     {:<26} remedy: {}", "", row.remedy));
    }
}

fn row_json(row: &Row) -> Value {
    let present = match row.presence {
        Presence::Present => json!(true),
        Presence::Absent => json!(false),
        Presence::Unknown => Value::Null,
    };
    json!({"what": row.what, "present": present, "detail": row.detail, "why": row.why, "remedy": row.remedy})
}

fn lack_json(lack: &Lack) -> Value {
    json!({"name": lack.to_string(), "means": lack.explain().means, "remedy": lack.explain().remedy})
}
