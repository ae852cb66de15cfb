//! The catalog: what actions exist and what they promise, as data.
//! Step kinds and plugins supply entries; the front end and the plan read them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{ActionName, GuardName};
use crate::plan::EffectClass;
use crate::time::Millis;
use crate::types::Type;

/// All actions that a runbook may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    pub actions: BTreeMap<ActionName, Action>,
}

impl Catalog {
    /// The entry of one action.
    pub fn get(&self, name: &ActionName) -> Option<&Action> {
        self.actions.get(name)
    }
}

/// What one action is and promises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// One sentence for authors.
    pub summary: String,
    /// The least effect class; `None` when the author must state it.
    pub effect: Option<EffectClass>,
    /// Its parameters by name.
    pub params: BTreeMap<String, Param>,
    /// What a parameter of any other name is; `None` when there are no others.
    #[serde(default)]
    pub rest: Option<Param>,
    /// Its outputs by name, or `None` when they depend on the call.
    pub outputs: Option<BTreeMap<String, Output>>,
    /// Whether it gives back its parameters, by their names and as they were given.
    #[serde(default)]
    pub echoes: bool,
    /// Whether it only computes from its parameters: it looks at nothing, and a rehearsal
    /// performs it without a mock.
    #[serde(default)]
    pub computes: bool,
    /// What it may do on the engine's machine and on the network.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// Whether its runner can look whether a change happened.
    pub reconciles: bool,
    /// Whether its runner can undo.
    pub undoes: bool,
    /// The default timeout of an attempt; `None` when a change must state one.
    pub timeout: Option<Millis>,
    /// The default of `settle`: how long after its send deadline an effect may still show.
    pub settle: Millis,
    /// Less than this no step may state: what lies on the way to the target for so long may
    /// still be carried out there.
    #[serde(default)]
    pub settle_least: Millis,
    /// The default of `observe`.
    pub observe: Millis,
    /// How an attempt that was sent can still be known to have changed nothing.
    pub no_effect: NoEffect,
    /// The guard that its success is evidence of; its outputs then hold what evidence
    /// consists of ([`crate::plan::EVIDENCE_FIELDS`]).
    #[serde(default)]
    pub provides: Option<GuardName>,
}

impl Action {
    /// Whether a person does it by hand: what he states is declared by the step.
    pub fn is_by_hand(&self) -> bool {
        self.params.values().any(|param| param.declares)
    }

    /// The parameter of this name, were it given.
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.get(name).or(self.rest.as_ref())
    }
}

/// What an action may do to its surroundings, whatever its parameters say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// It starts processes on the engine's machine, with the rights of the engine's user.
    Processes,
    /// It connects to where the parameters of these names say, and to nothing else.
    Connects(Vec<String>),
    /// It sends HTTP requests of these methods to addresses of this pattern; `*` stands for
    /// one label or segment, `**` for the rest, a name in braces for what a parameter holds.
    Requests {
        methods: Vec<String>,
        url: String,
        /// Whether they only look, whatever their method.
        reads: bool,
    },
    /// It signs requests with the secrets that the parameters of these names hold.
    Signs(Vec<String>),
}

/// In words that read after "it".
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Grant::Processes => f.write_str("starts processes on the engine's machine"),
            Grant::Connects(params) => {
                write!(f, "connects to where {} say", quoted(params))
            }
            Grant::Requests {
                methods,
                url,
                reads,
            } => {
                let verb = if *reads { "reads by" } else { "sends" };
                write!(f, "{verb} {} {url}", methods.join(", "))
            }
            Grant::Signs(params) => write!(f, "signs with {}", quoted(params)),
        }
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// How an attempt of a change that was sent can end with effect *none*, which alone lets
/// its retry policy try again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoEffect {
    /// The target can refuse in a way that the runner understands.
    Refused,
    /// Only where the parameter of this name says so.
    Param(String),
    /// In no way.
    Never,
}

/// One output of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// One sentence for authors.
    pub summary: String,
    pub ty: Type,
}

/// One parameter of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Param {
    pub summary: String,
    pub ty: Type,
    pub required: bool,
    /// Whether a secret may be given.
    #[serde(default)]
    pub secret: bool,
    /// Whether expressions are refused in it, as in a script's body.
    #[serde(default)]
    pub literal: bool,
    /// Whether it is a map of checks: each a condition by its name, with what is said and
    /// done where it is false. The plan holds a list of them, in the author's order.
    #[serde(default)]
    pub checks: bool,
    /// Whether it declares values by name, which a person states: the outputs then.
    #[serde(default)]
    pub declares: bool,
    /// What of the world its value names.
    #[serde(default)]
    pub touches: Option<Touch>,
}

/// What a parameter's value names, so that a plan can say what a step will touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Touch {
    /// A host by name or address.
    Host,
    /// A port of the host beside it.
    Port,
    Database,
    /// The role or account that acts.
    User,
    /// A program that is started: a path, or a command line whose first word is one.
    Program,
    Directory,
    /// Text that a program or a server carries out: a script, a statement.
    Code,
    /// An address as a [`crate::url_template::UrlTemplate`]; the parameters `parts`,
    /// `method` and `insecure_reason` beside it say more, where the action has them.
    Url,
    /// What belongs to the parameter beside it and stands under its own name: a method, a
    /// rule that is set aside and why.
    Detail,
}
