//! `windlass outbox`: messages to the outside that are not delivered or not done with.

use windlass_core::id::RunId;
use windlass_engine::outbox::Unsent;
use windlass_server::wire::{BringSecrets, OutboxOrder, OutboxVerb};

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::link::Link;
use crate::look::Look;
use crate::owner::Manner;
use crate::render::unsent;
use crate::secrets::{self, Sources};
use crate::{output, parting, time};

/// Show messages that are not delivered; send one again, or drop it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The process that owns the state directory sends what the runbook's `on` and the steps
notify/webhook and notify/page left, at least once, with pauses that grow; after a day it
gives a message up and keeps it here. Without an owner nothing is sent: --retry sends for
a moment and leaves.

Examples:
  windlass outbox
  windlass outbox RUN --json
  windlass outbox --retry 17
  windlass outbox --retry 17 --secret hook_key=env:HOOK_KEY
  windlass outbox --drop 17

Exit codes: 0 done, 3 there is no such message, 7 you may not")]
pub(crate) struct Args {
    /// Only messages of this run
    #[arg(value_name = "RUN")]
    run: Option<RunId>,
    /// Try this message again, also when it was given up
    #[arg(long, value_name = "ID", conflicts_with_all = ["run", "drop", "json"])]
    retry: Option<u64>,
    /// Forget this message for good
    #[arg(long, value_name = "ID", conflicts_with_all = ["run", "json"])]
    drop: Option<u64>,
    /// With --retry, where a secret's value is: NAME=env:VARIABLE, NAME=file:PATH or
    /// NAME=exec:JSON; stands above what the runbook says
    #[arg(long, value_name = "NAME=FROM", requires = "retry")]
    secret: Vec<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) async fn perform(args: Args, place: &Place) -> Result<Exit, Error> {
    let typed = secrets::typed(&args.secret)?;
    match (args.retry, args.drop) {
        (Some(id), _) => {
            let verb = OutboxVerb::Retry;
            order(place, OutboxOrder { id, verb }, typed).await
        }
        (None, Some(id)) => {
            let verb = OutboxVerb::Drop;
            order(place, OutboxOrder { id, verb }, typed).await
        }
        (None, None) => list(place, args.run.as_ref(), args.json).await,
    }
}

async fn list(place: &Place, run: Option<&RunId>, json: bool) -> Result<Exit, Error> {
    let messages = Look::open(place).await?.unsent(run).await?;
    if json {
        messages.iter().for_each(output::json);
        return Ok(Exit::Success);
    }
    let now = time::now();
    for message in &messages {
        unsent(message, now)
            .iter()
            .for_each(|line| output::out(line));
    }
    if messages.is_empty() {
        output::err("no message waits");
    }
    Ok(Exit::Success)
}

async fn order(place: &Place, order: OutboxOrder, typed: Sources) -> Result<Exit, Error> {
    let look = Look::open(place).await?;
    let known = look.unsent(None).await?;
    let Some(message) = known.iter().find(|message| message.id == order.id) else {
        return Err(missing(order.id));
    };
    let brought = match order.verb {
        OutboxVerb::Retry => needed(&look, message, typed).await?,
        OutboxVerb::Drop => None,
    };
    let link = Link::open(place, Manner::passing()).await?;
    if let Some((run, values)) = brought {
        match &link {
            Link::Own(owned) => owned.bring(&run, values).await?,
            Link::Peer(client) => {
                let secrets = values.into_iter().map(|(name, value)| (name, value.into()));
                let secrets = BringSecrets {
                    secrets: secrets.collect(),
                };
                client.bring_secrets(&run, &secrets).await?;
            }
        }
    }
    let found = link.order(order).await?;
    let sent = match (link, order.verb) {
        (Link::Own(owned), verb) => {
            let left = parting::send_and_leave(*owned).await?;
            verb == OutboxVerb::Retry && left.iter().all(|message| message.id != order.id)
        }
        (Link::Peer(_), _) => false,
    };
    // Whose turn had come was sent by this process as soon as it owned the directory.
    if !found && !sent {
        return Err(missing(order.id));
    }
    output::out(match (order.verb, sent) {
        (OutboxVerb::Drop, _) => "dropped",
        (OutboxVerb::Retry, true) => "sent",
        (OutboxVerb::Retry, false) => "it is tried again",
    });
    Ok(Exit::Success)
}

/// The secrets of the message's run, as far as somebody says where they are.
async fn needed(
    look: &Look,
    message: &Unsent,
    typed: Sources,
) -> Result<Option<(RunId, secrets::Secrets)>, Error> {
    let Ok(run) = message.run.parse::<RunId>() else {
        return Ok(None);
    };
    let mut sources = match look.view(&run).await {
        Ok(view) => view.secret_sources,
        Err(_) => Sources::new(),
    };
    sources.extend(typed);
    if sources.is_empty() {
        return Ok(None);
    }
    Ok(Some((run, secrets::read(&sources).await?)))
}

fn missing(id: u64) -> Error {
    Error::Refused {
        message: format!("there is no message {id}"),
        help: Some("`windlass outbox` lists them; a message that was delivered is gone".to_owned()),
        exit: Exit::Rejected,
    }
}
