//! The decision core held against the design page, sentence by sentence. Each case runs
//! live and is cut after every single event; see `world`. The cases are the text files
//! in `cases/`; `WINDLASS_UPDATE_SCENARIOS=1` rewrites their expectations.

mod compat;
#[path = "../law/mod.rs"]
mod law;
mod notation;
mod schema;
mod suite;
mod table;
mod world;

#[test]
fn every_case_says_what_it_says_and_every_cut_goes_on_as_if_there_were_none() {
    let report = suite::report();
    println!("{} cases, {} cuts", report.cases, report.cuts);
    assert!(report.cases >= 150, "only {} cases", report.cases);
    assert!(report.faults.is_empty(), "\n{}", report.faults.join("\n"));
}

#[test]
fn every_state_has_met_every_event_or_there_is_a_reason() {
    let report = suite::report();
    let (text, unexplained) = table::render(&report.cells);
    println!("{text}");
    assert!(unexplained.is_empty(), "no reason for {unexplained:#?}");
}

#[test]
fn the_events_keep_their_json() {
    let report = suite::report();
    schema::hold(&report.events).unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn every_rejection_comes_about() {
    let report = suite::report();
    println!("{:?}", report.rejections);
    assert_eq!(report.rejections.len(), 38, "{:?}", report.rejections);
}
