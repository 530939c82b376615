//! README's example of an admission, as it is written.

use std::fs;

use super::{World, pem};

const README: &str = include_str!("../../../../../README.md");

#[test]
fn readme_word_for_word() {
    let Some(world) = World::without_authority("admission-readme") else { return };
    let certificate = fs::read(world.clinic.join("server.ratls")).unwrap();
    world.clinic.write("ra-tls.pem", pem("CERTIFICATE", &certificate));
    // The one thing that README does not need: a root of Intel's is built in, and this one is ours.
    let trusted = |line: &str| {
        let args: Vec<&str> = line.split_whitespace().skip(1).collect();
        let root: &[&str] = if args[1] == "issue" { &["--trust-root", "intel=root.der"] } else { &[] };
        world.call(&[&args, root].concat())
    };
    let mut runs = None;
    let mut issued = 0;
    let blocks = blocks();
    assert_eq!(blocks.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["text", "toml", "text"]);
    for (kind, text) in blocks {
        if kind == "toml" {
            let runs: String = runs.take().expect("what runs is said before");
            assert!(text.contains("sha256:…"), "{text}");
            let path = world.clinic.join("state/admission.toml");
            let names = fs::read_to_string(&path).unwrap();
            fs::write(path, format!("{names}\n{}", text.replace("sha256:…", &runs))).unwrap();
            continue;
        }
        for line in text.lines() {
            let answer = trusted(line);
            if line.contains(" issue ") && issued == 0 {
                answer.refused(&["admission-name"]);
                let remedy = answer.json["reasons"][0]["remedy"].as_str().unwrap().to_owned();
                runs = Some(remedy.split_once("runs = \"").unwrap().1.split('"').next().unwrap().to_owned());
                issued = 1;
                continue;
            }
            assert_eq!(answer.code, Some(0), "{line}: {answer:?}");
        }
    }
    let checked = world.check("svid.pem", &[]);
    assert_eq!(checked.text("spiffe_id"), "spiffe://clinic.example/keep/cohort");
    assert_eq!(checked.json["dns"][0], "cohort.clinic.example", "a stock curl looks for a host");
}

/// Each fenced block of the example: its kind and its text.
fn blocks() -> Vec<(String, String)> {
    let example = README.split("Software that knows nothing of attestation").nth(1).unwrap();
    let example = example.split("Brokers appraise by").next().unwrap();
    let fenced = example.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap());
    fenced.map(|(kind, text)| (kind.to_owned(), text.to_owned())).collect()
}
