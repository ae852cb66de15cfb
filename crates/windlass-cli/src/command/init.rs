//! `windlass init`: a first runbook, a test of it, and what an editor needs to complete
//! and explain its keys. Never writes over a file.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use windlass_runbook::schema;

use crate::error::{Error, io};
use crate::exit_codes::Exit;
use crate::output;
use crate::sources::catalog;

/// Write a first runbook with a test
#[derive(Debug, clap::Args)]
#[command(after_help = "\
hello      runs anywhere: a look, an approval, a file that is written
postgres   refreshes the planner statistics of a PostgreSQL database

Files that exist are left alone, and then nothing is written at all.

Examples:
  windlass init
  windlass init --kind postgres runbooks

Exit codes: 0 written, 2 a file is in the way")]
pub(crate) struct Args {
    /// The directory that gets the files; made when it is missing
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// What to begin with
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
}

/// What the runbook does.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Kind {
    #[default]
    Hello,
    Postgres,
}

/// A pair of files, and how the runbook is tried.
struct Template {
    name: &'static str,
    runbook: &'static str,
    test: &'static str,
    run: &'static str,
}

impl Kind {
    fn template(self) -> Template {
        match self {
            Kind::Hello => Template {
                name: "hello",
                runbook: include_str!("../../templates/hello.yaml"),
                test: include_str!("../../templates/hello.test.yaml"),
                run: "--input whom=Ada",
            },
            Kind::Postgres => Template {
                name: "postgres",
                runbook: include_str!("../../templates/postgres.yaml"),
                test: include_str!("../../templates/postgres.test.yaml"),
                run: "--input host=HOST --secret password=env:PGPASSWORD",
            },
        }
    }
}

/// The schemas lie beside the runbooks, so that an editor needs no network.
const RUNBOOK_SCHEMA: &str = "windlass.schema.json";
const TEST_SCHEMA: &str = "windlass.test.schema.json";

pub(crate) fn perform(args: &Args) -> Result<Exit, Error> {
    let Template {
        name,
        runbook,
        test,
        run,
    } = args.kind.template();
    let with_schema =
        |schema: &str, text: &str| format!("# yaml-language-server: $schema=./{schema}\n{text}");
    let files = [
        (format!("{name}.yaml"), with_schema(RUNBOOK_SCHEMA, runbook)),
        (format!("{name}.test.yaml"), with_schema(TEST_SCHEMA, test)),
    ];
    // A schema that is there already belongs to another runbook of the directory.
    let schemas = [
        (RUNBOOK_SCHEMA, schema::runbook(&catalog())),
        (TEST_SCHEMA, schema::test_file()),
    ];
    // Written as `hello.yaml` where the directory is this one.
    let place = |file: &str| match args.dir.as_path() {
        here if here == Path::new(".") => PathBuf::from(file),
        dir => dir.join(file),
    };
    if let Some((file, _)) = files.iter().find(|(file, _)| place(file).exists()) {
        return Err(Error::Usage(format!(
            "{} exists already; nothing was written",
            place(file).display()
        )));
    }
    std::fs::create_dir_all(&args.dir).map_err(io("make", &args.dir))?;
    for (file, text) in &files {
        write_new(&place(file), text)?;
        output::out(&format!("wrote {}", place(file).display()));
    }
    for (file, schema) in &schemas {
        let path = place(file);
        if !path.exists() {
            write_new(&path, &format!("{schema:#}\n"))?;
            output::out(&format!("wrote {}", path.display()));
        }
    }
    let (runbook, test) = (place(&files[0].0), place(&files[1].0));
    output::out(&format!(
        "\nnext:\n  windlass check {runbook}\n  windlass test {test}\n  windlass run {runbook} {run}",
        runbook = runbook.display(),
        test = test.display(),
    ));
    Ok(Exit::Success)
}

fn write_new(path: &Path, text: &str) -> Result<(), Error> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(io("make", path))?;
    file.write_all(text.as_bytes()).map_err(io("write", path))
}
