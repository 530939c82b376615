//! A million real rows of two owners: a retailer's transactions, a bank's incomes, joined by household.

use std::{fs, path::PathBuf, process::Command};

use casemate_testkit::Folder;
use serde_json::{Value, json};

use crate::{
    party::Party,
    plaintext,
    study::{SAID, free_address, lacks},
};

const TRANSACTIONS: u64 = 1_469_307;
const WHOLE: &str =
    "SELECT COUNT(*) AS lines, SUM(t.quantity) AS quantity, SUM(t.sales_value) AS sales FROM transactions t";
const BY_INCOME: &str = "SELECT d.income, COUNT(*) AS lines, AVG(t.sales_value) AS mean_sale, \
    SUM(t.sales_value) AS sales, SUM(t.quantity) AS quantity \
    FROM transactions t JOIN demographics d ON t.household_id = d.household_id \
    WHERE d.income <> '200-249K' GROUP BY d.income ORDER BY d.income";
const ALL_BUT_FIVE: &str = "WHERE d.income <> '200-249K' ";

#[test]
fn a_million_transactions_equal_the_plaintexts() {
    let Some(python) = casemate_testkit::python("a million transactions of two owners") else { return };
    let folder = Folder::new("retail");
    let exported = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/retail.py"))
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let (transactions, demographics) = (folder.join("transactions.parquet"), folder.join("demographics.csv"));

    let [retailer, bank, analyst] = ["retailer", "bank", "analyst"].map(|name| Party::new(folder.path(), name));
    analyst.expect(&["init", "--name", "analyst"]);
    analyst.expect(&["key", "card", "../analyst.card"]);
    let mut brokers = Vec::new();
    for (owner, file, rows) in [(&retailer, &transactions, TRANSACTIONS), (&bank, &demographics, 801)] {
        owner.expect(&["init", "--name", &owner.name, "--address", &free_address()]);
        let sealed = owner.expect(&["dataset", "seal", file.to_str().unwrap(), "--entity", "household_id"]);
        assert_eq!(sealed["rows"], json!(rows));
        let sealed = PathBuf::from(sealed["sealed"].as_str().unwrap());
        fs::copy(owner.folder.join(&sealed), analyst.folder.join(sealed.file_name().unwrap())).unwrap();
        owner.expect(&["key", "card", &format!("../{}.card", owner.name)]);
        believe(owner, &lacks(&analyst));
        brokers.push(owner.broker());
    }
    agree(&[&analyst, &retailer, &bank]);

    let tables: &[(&str, &std::path::Path)] = &[("transactions", &transactions), ("demographics", &demographics)];
    let whole = run(&analyst, "whole");
    assert_eq!(whole[0][0], json!(TRANSACTIONS));
    plaintext::assert_same(&whole, &plaintext::query(&python, WHOLE, tables));
    plaintext::assert_same(&run(&analyst, "by-income"), &plaintext::query(&python, BY_INCOME, tables));

    // Five households earn 200-249K: under a minimum of ten their group does not leave, and nothing else does with it.
    let args = ["run", "retail.contract", "--computation", "all-incomes", "--data", ".", "--out", "all-incomes"];
    let refused = analyst.call(&args);
    refused.refused(&["min-entities"]);
    assert!(!analyst.join("all-incomes/analyst.result").exists());
}

fn believe(owner: &Party, lacks: &[String]) {
    let mut args = vec!["domain", "init", "--host", "../analyst.card"];
    args.extend(lacks.iter().flat_map(|lack| ["--accept-lack", lack]));
    owner.expect(&args);
}

fn agree(parties: &[&Party]) {
    let analyst = parties[0];
    let lacks = lacks(analyst);
    let cards = ["../retailer.card", "../bank.card", "../analyst.card"];
    let mut args = [&["contract", "new", "--study", "retail"][..], &SAID, &cards].concat();
    args.extend(lacks.iter().flat_map(|lack| ["--accept-lack", lack]));
    analyst.expect(&args);
    let template = fs::read_to_string(analyst.join("study.toml")).unwrap();
    let head = template.split("[computations.").next().unwrap();
    let reads = r#"reads = { transactions = ["household_id", "quantity", "sales_value"], demographics = ["household_id", "income"] }"#;
    let only = r#"reads = { transactions = ["household_id", "quantity", "sales_value"] }"#;
    let all = BY_INCOME.replace(ALL_BUT_FIVE, "");
    let computations: Vec<_> = [("whole", WHOLE, only), ("by-income", BY_INCOME, reads), ("all-incomes", &all, reads)]
        .iter()
        .map(|(name, sql, reads)| {
            format!("[computations.{name}]\nsql = \"\"\"{sql}\"\"\"\nrunners = [\"analyst\"]\nrecipients = [\"analyst\"]\n{reads}\n")
        })
        .collect();
    analyst.write("study.toml", format!("{head}{}", computations.join("\n")));
    analyst.expect(&["contract", "sign", "study.toml", "--out", "retail.contract", "--yes"]);
    let shared = analyst.join("retail.contract");
    for owner in &parties[1..] {
        owner.expect(&[&["party", "add"][..], &cards].concat());
        owner.expect(&["contract", "sign", shared.to_str().unwrap(), "--yes"]);
    }
}

fn run(analyst: &Party, computation: &str) -> Value {
    analyst.expect(&["run", "retail.contract", "--computation", computation, "--data", ".", "--out", computation]);
    let opened = analyst.expect(&["result", "open", &format!("{computation}/analyst.result")]);
    opened["table"]["rows"].clone()
}
