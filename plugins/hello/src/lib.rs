//! A first plugin: one action that greets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windlass_plugin::{Action, Attempt, Effect, Failure};

#[derive(Deserialize, JsonSchema)]
struct Greet {
    /// Whom to greet.
    name: String,
    /// How often; once when left out.
    times: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
struct Greeting {
    /// What was said.
    text: String,
}

fn greet(attempt: &Attempt, input: Greet) -> Result<Greeting, Failure> {
    attempt.log("somebody is greeted");
    let text = format!("Hello, {}!", input.name);
    let times = usize::try_from(input.times.unwrap_or(1)).unwrap_or(1);
    Ok(Greeting {
        text: vec![text; times].join(" "),
    })
}

windlass_plugin::plugin! {
    name: "hello",
    summary: "Greets people",
    actions: [Action::new("greet", "Greets somebody", Effect::Read, greet)],
}
