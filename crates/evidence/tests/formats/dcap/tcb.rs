//! Statuses: which level a platform has, what the whole makes of its parts, and what is missing.

use casemate_evidence::dcap::{Component, Tcb, TcbStatus};
use casemate_testkit::vendor::intel::{Case, Intel, svn};

use super::{claims, judge, swap};

fn tcb(intel: &Intel, case: &Case) -> Tcb {
    claims(&judge(&intel.make(case)).unwrap()).tcb.clone()
}

#[test]
fn every_component_counts() {
    let intel = Intel::default();
    // Of the newest level in all but one component: the next level.
    for (place, status, level) in [
        // The lowest level needs configuration too.
        (0, TcbStatus::OutOfDateConfigurationNeeded, 2),
        (4, TcbStatus::OutOfDate, 1),
        (7, TcbStatus::OutOfDate, 1),
    ] {
        let mut case = intel.tdx(5, 3);
        case.sgx.components[place] -= 1;
        let tcb = tcb(&intel, &case);
        assert_eq!((tcb.status, tcb.platform.level), (status, Some(level)));
        assert_eq!(tcb.shortfalls.len(), 1);
        assert_eq!(tcb.shortfalls[0].component, Component::Sgx(u8::try_from(place).unwrap() + 1));
    }
    let mut case = intel.tdx(5, 3);
    case.sgx.pce_svn = 10;
    let tcb_pce = tcb(&intel, &case);
    assert_eq!((tcb_pce.status, tcb_pce.shortfalls[0].component), (TcbStatus::OutOfDate, Component::Pce));
    assert_eq!(tcb_pce.advisories, ["INTEL-SA-00960"]);
    assert_eq!(tcb_pce.date.unwrap().to_string(), "2023-08-09T00:00:00Z");
    let mut case = intel.tdx(5, 3);
    case.sgx.components[0] = 1;
    assert_eq!(tcb(&intel, &case).status, TcbStatus::BelowLowest);
    let mut case = intel.sgx(3);
    case.sgx.pce_svn = 4;
    let below = tcb(&intel, &case);
    assert_eq!((below.status, below.date, below.platform.level), (TcbStatus::BelowLowest, None, None));
    assert_eq!(below.shortfalls[0].to_string(), "PCE: 4 where the newest is 11");
}

/// Name, TEE_TCB_SVN, TEE_TCB_SVN_2, status of the newest platform level, ISVSVN of the quoting enclave, the status of all.
#[test]
fn the_whole_is_made_of_its_parts() {
    use TcbStatus::{
        BelowLowest, ConfigurationAndSwHardeningNeeded as Both, ConfigurationNeeded as Configuration, OutOfDate as Old,
        OutOfDateConfigurationNeeded as OldConfiguration, Revoked, SwHardeningNeeded as Hardening,
        TdRelaunchAdvised as Relaunch, TdRelaunchAdvisedConfigurationNeeded as RelaunchConfiguration, UpToDate,
    };
    let intel = Intel::default();
    for (name, launch, current, platform, qe, expected) in [
        ("all new", [6, 1, 3], [6, 1, 3], UpToDate, 7, UpToDate),
        ("newer than the newest", [9, 1, 9], [9, 3, 9], UpToDate, 9, UpToDate),
        ("an old module", [4, 1, 3], [4, 1, 3], UpToDate, 7, Old),
        ("an old module on what needs hardening", [4, 1, 3], [4, 1, 3], Hardening, 7, Old),
        ("an old module on what needs configuration", [4, 1, 3], [4, 1, 3], Configuration, 7, OldConfiguration),
        ("an old module on what needs both", [4, 1, 3], [4, 1, 3], Both, 7, OldConfiguration),
        ("a revoked module", [2, 1, 3], [2, 1, 3], UpToDate, 7, Revoked),
        ("a module below the lowest", [1, 1, 3], [1, 1, 3], UpToDate, 7, BelowLowest),
        ("an old QE", [6, 1, 3], [6, 1, 3], UpToDate, 6, Old),
        ("an old QE on what needs configuration", [6, 1, 3], [6, 1, 3], Configuration, 6, OldConfiguration),
        ("a revoked QE", [6, 1, 3], [6, 1, 3], UpToDate, 3, Revoked),
        ("a QE below the lowest", [6, 1, 3], [6, 1, 3], UpToDate, 1, BelowLowest),
        ("a platform that needs hardening", [6, 1, 3], [6, 1, 3], Hardening, 7, Hardening),
        ("a revoked platform", [6, 1, 3], [6, 1, 3], Revoked, 7, Revoked),
        ("updated since launch", [4, 1, 3], [6, 1, 3], UpToDate, 7, Relaunch),
        ("updated to another major version", [4, 1, 3], [6, 3, 3], UpToDate, 7, Relaunch),
        ("updated microcode", [6, 1, 2], [6, 1, 3], UpToDate, 7, Relaunch),
        ("updated, hardening needed", [4, 1, 3], [6, 1, 3], Hardening, 7, Relaunch),
        ("updated, configuration needed", [4, 1, 3], [6, 1, 3], Configuration, 7, RelaunchConfiguration),
        ("updated, not enough", [4, 1, 3], [5, 1, 3], UpToDate, 7, Old),
        ("updated under an old QE", [4, 1, 3], [6, 1, 3], UpToDate, 6, Old),
        ("updated under a revoked QE", [4, 1, 3], [6, 1, 3], UpToDate, 3, Revoked),
        ("replaced by an old one", [6, 1, 3], [4, 1, 3], UpToDate, 7, Old),
        ("replaced by a revoked one", [6, 1, 3], [2, 1, 3], UpToDate, 7, Revoked),
        ("revoked at launch", [2, 1, 3], [6, 1, 3], UpToDate, 7, Revoked),
        ("TDX 1.0", [6, 0, 3], [6, 0, 3], UpToDate, 7, UpToDate),
        ("TDX 1.0, an old module", [5, 0, 3], [5, 0, 3], UpToDate, 7, Old),
        ("TDX 1.0, updated", [5, 0, 3], [6, 0, 3], UpToDate, 7, Relaunch),
        ("TDX 1.0, below the lowest", [2, 0, 3], [2, 0, 3], UpToDate, 7, BelowLowest),
    ] {
        let mut case = intel.tdx(5, 3);
        case.body[..16].copy_from_slice(&svn(launch));
        case.body[584..600].copy_from_slice(&svn(current));
        case.qe_report[258] = qe;
        // The first status after the platform's levels begin.
        let start = case.tcb_info.find("sgxtcbcomponents").unwrap();
        let mut levels = case.tcb_info.split_off(start);
        swap(&mut levels, "UpToDate", platform.as_str());
        case.tcb_info.push_str(&levels);
        assert_eq!(tcb(&intel, &case).status, expected, "{name}");
    }
}

#[test]
fn advisories_and_shortfalls_of_all_parts() {
    let intel = Intel::default();
    let mut case = intel.tdx(5, 4);
    case.body[..16].copy_from_slice(&svn([4, 1, 2]));
    case.body[584..600].copy_from_slice(&svn([3, 3, 3]));
    case.qe_report[258] = 4;
    case.sgx.components[1] = 2;
    let tcb = tcb(&intel, &case);
    assert_eq!(tcb.advisories, ["INTEL-SA-00106", "INTEL-SA-00477", "INTEL-SA-01036", "INTEL-SA-01099"]);
    assert_eq!(tcb.date.unwrap().to_string(), "2018-01-04T00:00:00Z");
    let rows: Vec<String> = tcb.shortfalls.iter().map(ToString::to_string).collect();
    assert_eq!(
        rows,
        [
            "SGX component 2: 2 where the newest is 3 (OS/VMM)",
            "TDX component 2: 2 where the newest is 3",
            "TDX module: 4 where the newest is 6",
            "current TDX module: 3 where the newest is 6",
            "quoting enclave: 4 where the newest is 7",
        ]
    );
    assert_eq!((tcb.tcb_info_number, tcb.qe_identity_number), (18, 17));
}

#[test]
fn version_2_of_tcb_info() {
    let intel = Intel::default();
    let mut case = intel.sgx(3);
    let numbers: String = [3, 3, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0]
        .into_iter()
        .zip(1..)
        .map(|(svn, number): (u8, u8)| format!("\"sgxtcbcomp{number:02}svn\":{svn},"))
        .collect();
    let head =
        case.tcb_info.split("\"tcbLevels\"").next().unwrap().replace("\"id\":\"SGX\",\"version\":3", "\"version\":2");
    let level = format!(
        "{{\"tcb\":{{{numbers}\"pcesvn\":11}},\"tcbDate\":\"2020-01-01T00:00:00Z\",\"tcbStatus\":\"SWHardeningNeeded\"}}"
    );
    case.tcb_info = format!("{head}\"tcbLevels\":[{level}]}}");
    assert_eq!(tcb(&intel, &case).status, TcbStatus::SwHardeningNeeded);
    swap(&mut case.tcb_info, "\"sgxtcbcomp16svn\":0,", "");
    assert_eq!(judge(&intel.make(&case)).unwrap_err().rule(), "dcap-tcb-info-json");
    let mut tdx = intel.tdx(4, 2);
    tdx.tcb_info = case.tcb_info;
    assert_eq!(judge(&intel.make(&tdx)).unwrap_err().rule(), "dcap-tcb-info-tee");
}
