//! `cargo xtask demo`.

#[derive(clap::Args)]
pub(crate) struct Options {}

pub(crate) fn run(_options: &Options) -> anyhow::Result<()> {
    anyhow::bail!("the flagship runbook is not there yet")
}
