//! `docs/benchmarks.md`: the tables of what was measured, each beside its aim, and in
//! words where an aim is missed.

use anyhow::Context as _;

use super::{Line, Lines};

/// How much slower than the raw log an append may be.
const APPEND_TIMES_RAW_AIM: f64 = 1.2;
/// Syncs that a step of a sequential run costs; the run's own start is spread over them.
const SYNCS_PER_STEP_AIM: f64 = 1.01;
/// How much longer than reading its YAML the check of a runbook may take.
const CHECK_TIMES_YAML_AIM: f64 = 1.5;
/// How long a step of a plugin may take, of the time that spawning a process takes.
const STEP_TIMES_SPAWN_AIM: f64 = 0.2;
/// How long a plugin that was compiled may take to load.
const CACHED_LOAD_MS_AIM: f64 = 10.0;
/// How long it may take to go through every run of a flagship.
const REHEARSE_MS_AIM: f64 = 10_000.0;
/// What still counts as flat, from 100 steps to 10,000.
const FLAT_AIM: f64 = 1.2;

const APPEND_NOTE: &str = "\
The raw log appends to a file of its own and calls `fdatasync`; both take turns of 100 ms on the same disk.
A sync of the raw log carries the bytes of the best commit: the headers and bodies of one batch, or one event of each producer.
It keeps no index, no hashes, no chain and no b-tree, so it is the floor and no rival.
The ratio is the time of an event in the journal divided by its time in the raw log, over all turns; the median is that of the single turns.
";
const STEPS_NOTE: &str = "\
A step does nothing; all that is measured is what windlass adds: intent, outcome, decision, row of the index.
The outcome of a step and the intent of the next one share one commit, and a commit is one sync of the write-ahead log; checkpoints come on top, each with two syncs of its own.
The raw log writes the same bytes with one sync a step, for 64 runs with one sync for a step of each run.
";
const FLAT_NOTE: &str = "\
An event is decided, taken in by a copy of the state, and what is outstanding is derived, as the engine does it.
The time is the median of seven turns; allocations are counted in a process of their own and do not vary.
";
const PARKED_NOTE: &str = "\
Each run has done one step and waits at a gate that expires in a day; each number is from a process of its own.
Resident memory holds what the allocator and SQLite keep from starting the runs, so the process that only took them over shows what waiting itself costs.
";

const CHECK_NOTE: &str = "\
`yaml` reads the text alone, strictly and with places; `check` makes the plan and every finding of it; `plan` makes the outline of that plan too.
Each is the median of 15 turns; the memory is the most that a process of its own needed.
A profile of `plan` is flat: two fifths of it reads the YAML, and no other part has a tenth; at 10,000 steps most of the rest is allocating and freeing what the plan, its names and its expressions are made of.
";
const START_NOTE: &str = "\
Wall-clock from the start of the process; the median, all in turns.
The first step counts when the record of its intent is shown, which is after the syncs that make it durable.
";

const REHEARSE_NOTE: &str = "\
`windlass rehearse` goes through every state that there is; `windlass check` reads, checks and plans the same file, and both take turns.
Wall-clock of the whole process, the median of 5; a rehearsal uses one core.
";

const PLUGINS_NOTE: &str = "\
The component is `plugins/hostile`, written in Rust; its action does nothing when it is asked to.
Every call of a guest gets a fresh instance, so each step is a cold one; compiling and loading come once a plugin and engine, and both include that it is asked what it is.
The three kinds of step follow each other in one run of the engine, each 300 times; what is timed is the runner, from the right to perform the attempt to its outcome, and the median is given.
";
const PLUGINS_MANY_NOTE: &str = "\
A live step is one whose guest waits: the growth of the process, divided by the steps, of which nothing was in memory before.
The steps that are performed at once need nothing; the same plan with native steps that do nothing takes turns with it, and both are whole runs with their records.
";

/// The whole page.
pub(super) fn render(lines: &Lines, load_before: &str) -> anyhow::Result<String> {
    let mut page = Page(String::new());
    page.line("# Benchmarks\n");
    page.line("Written by `cargo xtask bench`; do not edit.");
    page.line("Numbers of a shared machine move; the ratios compare things that were measured side by side in the same run.\n");
    machine(&mut page, lines, load_before)?;
    append(&mut page, lines)?;
    steps(&mut page, lines)?;
    growth(&mut page, lines)?;
    parked(&mut page, lines)?;
    check(&mut page, lines)?;
    start(&mut page, lines)?;
    rehearse(&mut page, lines)?;
    plugins(&mut page, lines)?;
    Ok(page.0)
}

struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn row(&mut self, cells: &[String]) {
        self.line(&format!("| {} |", cells.join(" | ")));
    }

    fn head(&mut self, cells: &[&str]) {
        self.line(&format!("| {} |", cells.join(" | ")));
        self.line(&format!("|{}", " --- |".repeat(cells.len())));
    }
}

fn of<'a>(lines: &'a Lines, kind: &str) -> anyhow::Result<&'a [Line]> {
    let found = lines.get(kind).map(Vec::as_slice);
    found.with_context(|| format!("there is no line of the kind {kind}"))
}

fn text<'a>(line: &'a Line, field: &str) -> anyhow::Result<&'a str> {
    let found = line.get(field).and_then(serde_json::Value::as_str);
    found.with_context(|| format!("a line has no text {field}"))
}

fn number(line: &Line, field: &str) -> anyhow::Result<f64> {
    let found = line.get(field).and_then(serde_json::Value::as_f64);
    found.with_context(|| format!("a line has no number {field}"))
}

/// A number with as many digits as it deserves.
fn digits(number: f64) -> String {
    match number.abs() {
        large if large >= 100.0 => format!("{number:.0}"),
        middle if middle >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

/// A count.
fn whole(number: f64) -> String {
    format!("{number:.0}")
}

fn verdict(number: f64, aim: f64) -> String {
    let word = if number <= aim { "met" } else { "**missed**" };
    format!("{word} (at most {aim})")
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = std::process::Command::new(program)
        .args(arguments)
        .current_dir(crate::process::root())
        .output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// How busy the machine has been with other work.
pub(super) fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let words: Vec<&str> = load.split(' ').take(3).collect();
    words.join(", ")
}

fn machine(page: &mut Page, lines: &Lines, load_before: &str) -> anyhow::Result<()> {
    let machine = of(lines, "machine")?.first().context("no machine")?;
    let append = of(lines, "append")?.first().context("no append")?;
    let sync = match text(append, "synchronous")? {
        "2" => "FULL: every commit is synced before it is answered",
        other => other,
    };
    let config = crate::process::root().join(".cargo").join("config.toml");
    let config = std::fs::read_to_string(config).unwrap_or_default();
    let call = match config.contains("-DHAVE_FDATASYNC=1") {
        true => "fdatasync",
        false => "fsync",
    };
    page.head(&["machine", ""]);
    let rows = [
        ("date", said("date", &["-u", "+%F"])),
        (
            "commit",
            said("git", &["describe", "--always", "--abbrev=12"]),
        ),
        ("CPU", text(machine, "cpu")?.to_owned()),
        ("cores", whole(number(machine, "cpus")?)),
        (
            "memory",
            format!("{} MiB", digits(number(machine, "memory_mib")?)),
        ),
        (
            "load average before (1, 5, 15 minutes)",
            load_before.to_owned(),
        ),
        ("kernel", text(machine, "kernel")?.to_owned()),
        ("file system", text(machine, "filesystem")?.to_owned()),
        (
            "store",
            format!(
                "SQLite {}, journal_mode={}, synchronous={sync}, by `{call}`",
                text(append, "sqlite")?,
                text(append, "journal_mode")?
            ),
        ),
    ];
    for (name, value) in rows {
        page.row(&[name.to_owned(), value]);
    }
    Ok(())
}

fn append(page: &mut Page, lines: &Lines) -> anyhow::Result<()> {
    page.line("\n## Durable append\n");
    page.line("`cargo bench -p windlass-journal --bench append`, events of 300 bytes.\n");
    page.line(APPEND_NOTE);
    page.head(&[
        "case",
        "events/s",
        "p50 ms",
        "p99 ms",
        "events a commit",
        "raw events/s",
        "raw p50 ms",
        "raw p99 ms",
        "times raw",
        "median",
        "aim",
    ]);
    let mut missed = false;
    for line in of(lines, "append")? {
        let cell = |field| anyhow::Ok(digits(number(line, field)?));
        let ratio = number(line, "times_raw")?;
        missed |= ratio > APPEND_TIMES_RAW_AIM;
        page.row(&[
            text(line, "case")?.to_owned(),
            cell("events_per_s")?,
            cell("p50_ms")?,
            cell("p99_ms")?,
            cell("events_per_commit")?,
            cell("raw_events_per_s")?,
            cell("raw_p50_ms")?,
            cell("raw_p99_ms")?,
            digits(ratio),
            cell("times_raw_median")?,
            verdict(ratio, APPEND_TIMES_RAW_AIM),
        ]);
    }
    if missed {
        page.line("\nWhere the aim is missed, the disk waits for the processor.");
        page.line("The writer is one thread, and each event costs it three SHA-256 hashes (body, header, link) and three b-tree inserts (header, its index, body); once many events share a sync, the sync is no longer the larger part.");
        page.line("Producers cost it an update of the runs index and a woken thread each on top.");
        page.line("A run appends a few events at a time, which is where the aim holds.");
    }
    Ok(())
}

fn steps(page: &mut Page, lines: &Lines) -> anyhow::Result<()> {
    page.line("\n## Sequential steps\n");
    page.line("`cargo bench -p windlass-engine --bench steps`, chains of no-op steps.\n");
    page.line(STEPS_NOTE);
    page.head(&[
        "runs at once",
        "steps/s",
        "syncs a step",
        "records a step",
        "bytes a step",
        "raw steps/s",
        "times raw",
        "median",
        "aim",
    ]);
    for line in of(lines, "steps")? {
        let cell = |field| anyhow::Ok(digits(number(line, field)?));
        let runs = number(line, "runs")?;
        let syncs = number(line, "syncs_per_step")?;
        let aim = match runs {
            1.0 => format!("one sync a step: {}", verdict(syncs, SYNCS_PER_STEP_AIM)),
            _ => "none".to_owned(),
        };
        page.row(&[
            whole(runs),
            cell("steps_per_s")?,
            format!("{syncs:.3}"),
            cell("records_per_step")?,
            cell("bytes_per_step")?,
            cell("raw_steps_per_s")?,
            cell("times_raw")?,
            cell("times_raw_median")?,
            aim,
        ]);
    }
    Ok(())
}

fn growth(page: &mut Page, lines: &Lines) -> anyhow::Result<()> {
    page.line("\n## Work for each event as a plan grows\n");
    page.line("`cargo bench -p windlass-core --bench decisions --bench allocations`.\n");
    page.line(FLAT_NOTE);
    page.head(&[
        "shape",
        "steps",
        "ns an event",
        "ratio",
        "allocations an event",
        "ratio",
        "bytes an event",
        "ratio",
        "aim: flat",
    ]);
    let mut most: f64 = 1.0;
    for (time, memory) in of(lines, "decisions")?
        .iter()
        .zip(of(lines, "allocations")?)
    {
        let of_memory = |field| anyhow::Ok(digits(number(memory, field)?));
        let ratio = number(time, "ratio")?;
        let worst = ratio.max(number(memory, "ratio")?);
        most = most.max(worst);
        page.row(&[
            text(time, "shape")?.to_owned(),
            whole(number(time, "steps")?),
            digits(number(time, "ns_per_event")?),
            digits(ratio),
            of_memory("per_event")?,
            of_memory("ratio")?,
            of_memory("bytes_per_event")?,
            of_memory("bytes_ratio")?,
            match ratio == 1.0 {
                true => "the base".to_owned(),
                false => verdict(worst, FLAT_AIM),
            },
        ]);
    }
    if most > FLAT_AIM {
        page.line(&format!(
            "\nThe work is not quite flat: the largest plan of a shape takes at most {} times as much as its smallest.",
            digits(most)
        ));
        page.line("A change copies a path through persistent trees, whose depth grows with the logarithm of the plan; that is what the allocations show.");
        page.line("The rest of the time is memory that a larger plan no longer finds in the processor's caches.");
    }
    Ok(())
}

fn parked(page: &mut Page, lines: &Lines) -> anyhow::Result<()> {
    page.line("\n## Runs that wait\n");
    page.line("`cargo bench -p windlass-engine --bench parked`.\n");
    page.line(PARKED_NOTE);
    let started = of(lines, "parked")?.first().context("no parked runs")?;
    let restarts = of(lines, "restart")?;
    let (empty, full) = (
        restarts.first().context("no restart")?,
        restarts.last().context("no restart")?,
    );
    let mib = |line: &Line, field: &str| {
        anyhow::Ok(format!(
            "{:.1} MiB",
            number(line, field)? / f64::from(1 << 20)
        ))
    };
    let ms = |line: &Line, field: &str| anyhow::Ok(format!("{} ms", digits(number(line, field)?)));
    let runs = number(full, "runs")?;
    let kept = number(full, "resident_bytes")? - number(empty, "resident_bytes")?;
    page.head(&["", "no runs", &format!("{} runs", whole(runs))]);
    let none = || "".to_owned();
    let rows = [
        (
            "memory of the process that started them",
            mib(started, "resident_before_bytes")?,
            mib(started, "resident_after_bytes")?,
        ),
        (
            "a run in it, bytes",
            none(),
            digits(number(started, "bytes_per_run")?),
        ),
        (
            "runs started a second",
            none(),
            digits(number(started, "starts_per_s")?),
        ),
        (
            "memory of a process that took them over",
            mib(empty, "resident_bytes")?,
            mib(full, "resident_bytes")?,
        ),
        ("a run in it, bytes", none(), digits(kept / runs.max(1.0))),
        (
            "restart: from opening the journal until ready",
            ms(empty, "ready_ms")?,
            ms(full, "ready_ms")?,
        ),
        (
            "first approval: loaded, approved and run to its end",
            none(),
            ms(full, "first_approved_run_ended_ms")?,
        ),
        (
            "the same, median of 50",
            none(),
            ms(full, "median_approved_run_ended_ms")?,
        ),
    ];
    for (name, without, with) in rows {
        page.row(&[name.to_owned(), without, with]);
    }
    Ok(())
}

fn start(page: &mut Page, lines: &Lines) -> anyhow::Result<()> {
    page.line("\n## From the start to the first step\n");
    page.line(START_NOTE);
    page.head(&["what", "ms", "times Python"]);
    for line in of(lines, "start")? {
        page.row(&[
            text(line, "what")?.to_owned(),
            digits(number(line, "ms")?),
            digits(number(line, "ratio")?),
        ]);
    }
    Ok(())
}

fn rehearse(page: &mut Page, lines: &Lines) -> anyhow::Result<()> {
    page.line("\n## Every run of the flagships\n");
    page.line("`cargo bench -p windlass-cli --bench rehearse`.\n");
    page.line(REHEARSE_NOTE);
    page.head(&[
        "runbook",
        "states",
        "rehearse, ms",
        "check, ms",
        "times check",
        "aim, ms",
    ]);
    for line in of(lines, "rehearse")? {
        let ms = number(line, "ms")?;
        page.row(&[
            format!("`{}`", text(line, "runbook")?),
            whole(number(line, "states")?),
            whole(ms),
            digits(number(line, "check_ms")?),
            whole(number(line, "ratio")?),
            verdict(ms, REHEARSE_MS_AIM),
        ]);
    }
    Ok(())
}

fn plugins(page: &mut Page, lines: &Lines) -> anyhow::Result<()> {
    page.line("\n## Steps of plugins\n");
    page.line("`cargo bench -p windlass-cli --bench plugins`.\n");
    page.line(PLUGINS_NOTE);
    page.head(&["loading", "KiB", "ms", "times cached", "aim"]);
    let loads = of(lines, "plugin_load")?;
    for (at, line) in loads.iter().enumerate() {
        let ms = number(line, "ms")?;
        page.row(&[
            text(line, "what")?.to_owned(),
            whole(number(line, "component_bytes")? / 1024.0),
            digits(ms),
            digits(number(line, "times_cached")?),
            match at + 1 == loads.len() {
                true => format!("{} ms", verdict(ms, CACHED_LOAD_MS_AIM)),
                false => "none".to_owned(),
            },
        ]);
    }
    page.line("");
    page.head(&["step", "µs", "times spawn", "aim"]);
    for (at, line) in of(lines, "plugin_step")?.iter().enumerate() {
        let times = number(line, "times_spawn")?;
        page.row(&[
            text(line, "what")?.to_owned(),
            digits(number(line, "us")?),
            format!("{times:.3}"),
            match at {
                0 => "the base".to_owned(),
                1 => verdict(times, STEP_TIMES_SPAWN_AIM),
                _ => "none".to_owned(),
            },
        ]);
    }
    page.line("");
    page.line(PLUGINS_MANY_NOTE);
    let live = of(lines, "plugin_live")?.first().context("no live steps")?;
    let many = of(lines, "plugin_parallel")?;
    let many = many.first().context("no parallel steps")?;
    let cell = |field| anyhow::Ok(digits(number(many, field)?));
    page.head(&["what", ""]);
    let rows = [
        (
            format!("memory of each of {} live steps", number(live, "steps")?),
            format!("{} KiB", digits(number(live, "bytes_per_step")? / 1024.0)),
        ),
        (
            format!(
                "{} steps, {} at once",
                number(many, "steps")?,
                number(many, "at_once")?
            ),
            format!("{} steps/s", cell("steps_per_s")?),
        ),
        (
            "the same with native steps".to_owned(),
            format!("{} steps/s", cell("native_steps_per_s")?),
        ),
        ("times native".to_owned(), cell("times_native")?),
        (
            "median of the turns".to_owned(),
            cell("times_native_median")?,
        ),
        (
            "memory of the process behind them".to_owned(),
            format!(
                "{:.1} MiB",
                number(many, "resident_bytes")? / f64::from(1 << 20)
            ),
        ),
    ];
    for (name, value) in rows {
        page.row(&[name, value]);
    }
    Ok(())
}

fn check(page: &mut Page, lines: &Lines) -> anyhow::Result<()> {
    page.line("\n## Checking and planning\n");
    page.line("`cargo bench -p windlass-runbook --bench check`.\n");
    page.line(CHECK_NOTE);
    page.head(&[
        "steps",
        "KiB of text",
        "what",
        "ms",
        "times YAML",
        "peak MiB",
        "aim",
    ]);
    for line in of(lines, "check")? {
        let ratio = number(line, "ratio")?;
        page.row(&[
            whole(number(line, "steps")?),
            whole(number(line, "bytes")? / 1024.0),
            text(line, "what")?.to_owned(),
            digits(number(line, "ms")?),
            digits(ratio),
            digits(number(line, "peak_kib")? / 1024.0),
            match text(line, "what")? {
                "yaml" => "the base".to_owned(),
                _ => verdict(ratio, CHECK_TIMES_YAML_AIM),
            },
        ]);
    }
    Ok(())
}
