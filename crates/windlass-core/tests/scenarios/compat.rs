//! Journals of earlier formats, kept for ever in `tests/compat/vN/`: each folds to the
//! summary that stands beside it. A new format gets a new folder; no file here changes.
//! `WINDLASS_ADD_COMPAT=1` writes the files of `KEPT` that do not exist yet.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::notation::show;
use crate::world::play;
use windlass_core::event::Event;
use windlass_core::state::RunState;
use windlass_core::time::Timestamp;
use windlass_core::{evolve, outstanding};

/// Runs that were kept: what was played to make them.
const KEPT: [(&str, &str, &[&str]); 4] = [
    (
        "upgrade",
        "look -> go?[expires=300 show=`steps.look.outputs.lag`] -> backup![rec] -> upgrade!![ensure=dr rec retry=2] \
         -> verify[each=`steps.look.outputs.replicas` par=2] -> dr~[retry=3]; finally: report",
        &[
            "@0 start",
            "@1 look ok {lag: 12, replicas: ['a', 'b']}",
            "@20 approve go by bob",
            "@30 backup ok {id: 'b1'}",
            "@40 upgrade keep job7",
            "@50 crash",
            "@51 upgrade says busy",
            "@90 upgrade says not_happened",
            "@95 upgrade ok {version: '16.4'}",
            "@99 verify ok",
            "@99 verify[1] fail none",
            "@100 retry verify[1]",
            "@105 verify[1] ok",
            "@110 dr ok",
            "@111 report ok",
        ],
    ),
    (
        "undone",
        "opts: undo; a! -> b![ensure=d] -> c; b -> d~; finally: z",
        &[
            "@0 start",
            "@1 a ok",
            "@2 pause",
            "@3 b ok",
            "@4 resume",
            "@5 c fail none",
            "@6 d fail none",
            "@7 undo:b fail unknown",
            "@8 resolve undo:b give_up",
        ],
    ),
    (
        "locked",
        "opts: target=`steps.look.outputs.name`; look -> go? -> swap!![ensure=back] -> back~",
        &[
            "@0 start",
            "@1 look ok {name: 'primary'}",
            "@2 approve go by bob",
            "@3 granted",
            "@4 swap fail settled",
        ],
    ),
    (
        "unlocked",
        "opts: target=db:main; look -> swap!!; finally: report~, see",
        &["@0 start", "@1 look ok", "@2 cancel", "@3 held r2"],
    ),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/v1")
}

/// What a run came to, in words.
fn summary(state: &RunState) -> String {
    let mut text = format!(
        "{}\n{}\n",
        show::status(state),
        show::effects(&outstanding(state))
    );
    for look in state.steps() {
        text.push_str(&format!("{}: {}\n", look.step.id, look.state.phase.name()));
        for item in look.items {
            let (phase, attempt) = (item.state.phase.name(), item.state.attempt);
            text.push_str(&format!("  {} {phase}, attempt {attempt}\n", item.node));
        }
    }
    text
}

fn fold(lines: &str) -> Result<RunState, String> {
    let mut state = RunState::new("r1".parse().expect("a run id"));
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let (kind, version) = (record["type"].as_str(), record["v"].as_u64());
        let version = u16::try_from(version.unwrap_or(0)).unwrap_or(0);
        let body = record["body"].to_string();
        let event = Event::decode(kind.unwrap_or(""), version, body.as_bytes());
        let event = event.map_err(|error| error.to_string())?;
        let at = Timestamp(record["at"].as_i64().unwrap_or(0));
        evolve(&mut state, &event, at).map_err(|error| error.to_string())?;
    }
    Ok(state)
}

fn add(name: &str, plan: &str, input: &[&str]) {
    let file = folder().join(format!("{name}.jsonl"));
    if file.exists() {
        return;
    }
    let input: Vec<String> = input.iter().map(|line| (*line).to_owned()).collect();
    let played = play(plan, &input);
    assert!(played.faults.is_empty(), "{:#?}", played.faults);
    let lines: String = played
        .events
        .iter()
        .map(|(event, at)| {
            let body: Value = serde_json::from_slice(&event.encode()).expect("an event is JSON");
            let record = json!({"at": at.0, "type": event.kind(), "v": 1, "body": body});
            format!("{record}\n")
        })
        .collect();
    let state = fold(&lines).expect("what was written");
    std::fs::write(&file, lines).expect("a writable folder");
    std::fs::write(folder().join(format!("{name}.summary")), summary(&state))
        .expect("a writable folder");
}

#[test]
fn journals_of_every_format_fold_to_what_they_said() {
    if std::env::var_os("WINDLASS_ADD_COMPAT").is_some() {
        KEPT.iter()
            .for_each(|(name, plan, input)| add(name, plan, input));
    }
    let mut count = 0;
    for entry in std::fs::read_dir(folder()).expect("the kept journals") {
        let file = entry.expect("a readable folder").path();
        if file
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        count += 1;
        let lines = std::fs::read_to_string(&file).expect("a readable journal");
        let kept = std::fs::read_to_string(file.with_extension("summary")).expect("its summary");
        let state = fold(&lines).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(summary(&state), kept, "{}", file.display());
        assert_eq!(state.audit(), Vec::<String>::new(), "{}", file.display());
    }
    assert!(count >= KEPT.len(), "only {count} journals");
}
