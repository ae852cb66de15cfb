//! `windlass schema`: what editors need to complete and explain a runbook.

use windlass_runbook::schema;

use crate::exit_codes::Exit;
use crate::output;
use crate::sources::catalog;

/// Print the JSON Schema of runbooks, their tests or policies, with which editors complete and explain
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Keep it beside your runbooks and name it in their first line:

  windlass schema > runbook.schema.json
  # yaml-language-server: $schema=runbook.schema.json

The schema is of draft 2020-12. It knows the language and the actions of this program;
what it cannot know, such as whether a step that is needed exists, `windlass check` says.

Exit codes: 0 printed")]
pub(crate) struct Args {
    /// The schema of test files, `*.test.yaml`, instead
    #[arg(long)]
    test: bool,
    /// The schema of policy files instead
    #[arg(long, conflicts_with = "test")]
    policy: bool,
}

pub(crate) fn perform(args: &Args) -> Exit {
    let schema = if args.test {
        schema::test_file()
    } else if args.policy {
        schema::policy_file()
    } else {
        schema::runbook(&catalog())
    };
    output::data(&format!("{schema:#}"));
    Exit::Success
}
