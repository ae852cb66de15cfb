//! `windlass policy explain`: who could do something, why somebody may not, and when the
//! next opening is.

use std::path::PathBuf;

use windlass_core::authorise::{Act, Circumstances, Denial, authorise};
use windlass_core::id::{GroupName, PersonName, WindowName};
use windlass_core::operator::{Door, Identity, Operator};
use windlass_core::plan::{IndexedPlan, StepKind};
use windlass_core::policy::{Deed, Policy, Standing, Way};
use windlass_core::time::Timestamp;

use crate::args::Place;
use crate::error::Error;
use crate::exit_codes::Exit;
use crate::given::{self, NamedText};
use crate::policy::{chosen, read};
use crate::runbook::Runbook;
use crate::{output, text, time};

/// Say who could do something under the policy, why somebody may not, and when windows open
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The policy is the one of --policy, WINDLASS_POLICY or the state directory. Without a
runbook it answers for any plan.

Examples:
  windlass policy explain --policy policy.yaml
  windlass policy explain upgrade.yaml --input instance=db-1 --person ann
  windlass policy explain upgrade.yaml --input instance=db-1 --gate go --at 2026-12-24T22:00:00Z

Exit codes: 0 answered; with --person 3 when that person may do nothing of it")]
pub(crate) struct Args {
    /// The runbook that it is about
    #[arg(value_name = "RUNBOOK")]
    runbook: Option<PathBuf>,
    /// An input of the run
    #[arg(long, value_name = "NAME=VALUE")]
    input: Vec<NamedText>,
    /// A JSON object of inputs
    #[arg(long, value_name = "FILE.json")]
    input_file: Option<PathBuf>,
    /// Only this person, with the reason of what is denied
    #[arg(long, value_name = "NAME")]
    person: Option<PersonName>,
    /// Only this gate of the runbook
    #[arg(long, value_name = "STEP", requires = "runbook")]
    gate: Option<String>,
    /// Who would have started the run
    #[arg(long, value_name = "NAME")]
    requester: Option<PersonName>,
    /// At this moment instead of now
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    let wanted = "a point in time with its offset, such as 2026-12-24T22:00:00+01:00";
    Timestamp::parse(text).ok_or_else(|| wanted.to_owned())
}

pub(crate) fn perform(
    args: &Args,
    place: impl FnOnce() -> Result<Place, Error>,
) -> Result<Exit, Error> {
    let place = place().ok();
    let option = place.as_ref().and_then(|place| place.policy.as_deref());
    let root = place.as_ref().map(|place| place.root.as_path());
    let named = chosen(option, root)?;
    let named = named.ok_or_else(|| {
        Error::Usage(
            "there is no policy: one person is every group; name one by --policy FILE".to_owned(),
        )
    })?;
    let at = args.at.unwrap_or_else(time::now);
    let policy = read(&named, at)?;
    let inputs = given::inputs(args.input.clone(), args.input_file.clone())?;
    let plan = match &args.runbook {
        None => None,
        Some(path) => {
            let runbook = Runbook::read(path)?.under(Some(policy.clone()));
            Some(runbook.plan(&inputs)?)
        }
    };
    let standing = match &plan {
        Some(plan) => policy.standing(plan.plan()),
        None => policy.standing_of_all(),
    };
    let asked = Asked {
        standing: &standing,
        requester: args.requester.as_ref(),
        at,
    };
    output::out(&format!("policy {} at {at}", policy.digest.short()));
    let gates = plan
        .as_deref()
        .map(|plan| gates(plan, args.gate.as_deref()));
    let gates = gates.transpose()?.unwrap_or_default();
    let may = match &args.person {
        Some(person) => asked.about(person, &policy, &gates)?,
        None => {
            asked.about_all(&gates, args.gate.is_some());
            true
        }
    };
    if args.gate.is_none() {
        openings(&standing, plan.as_deref(), at);
    }
    Ok(if may { Exit::Success } else { Exit::NotAllowed })
}

/// A gate of the plan, as far as persons are concerned.
struct Gate {
    name: String,
    not_requester: bool,
    /// Whoever decides is in one of them; anybody who may when there are none.
    groups: Vec<GroupName>,
}

impl Gate {
    fn decide(&self) -> Act<'_> {
        Act::Decide {
            not_requester: self.not_requester,
            groups: &self.groups,
        }
    }
}

fn gates(plan: &IndexedPlan, only: Option<&str>) -> Result<Vec<Gate>, Error> {
    let mut gates = Vec::new();
    for step in &plan.plan().steps {
        if let StepKind::Gate(gate) = &step.kind
            && only.is_none_or(|only| only == step.id.as_str())
        {
            gates.push(Gate {
                name: step.id.to_string(),
                not_requester: gate.not_requester,
                groups: gate.all_of.iter().map(|of| of.group.clone()).collect(),
            });
        }
    }
    match only {
        Some(only) if gates.is_empty() => {
            Err(Error::Usage(format!("the runbook has no gate {only}")))
        }
        Some(_) | None => Ok(gates),
    }
}

/// What is asked, and of which policy.
struct Asked<'a> {
    standing: &'a Standing,
    requester: Option<&'a PersonName>,
    at: Timestamp,
}

const DEEDS: [(Deed, Act<'static>); 6] = [
    (Deed::Start, Act::Start),
    (Deed::Direct, Act::Direct),
    (
        Deed::Perform,
        Act::Perform {
            not_requester: false,
        },
    ),
    (Deed::Override, Act::Override),
    (Deed::Rescue, Act::Rescue),
    (Deed::Review, Act::Review { of: None }),
];

impl Asked<'_> {
    fn judged(&self, act: Act<'_>, by: &Operator) -> Result<String, Denial> {
        let requester = self.requester.and_then(|name| self.operator(name));
        let nobody = Identity::OsUser { uid: u32::MAX };
        let circumstances = Circumstances {
            owner: &nobody,
            requester: requester.as_ref(),
            single_user: false,
            standing: Some(self.standing),
            target: None,
            now: self.at,
        };
        authorise(act, by, circumstances).map(|rule| rule.to_string())
    }

    /// Somebody by one of his ways in.
    fn operator(&self, name: &PersonName) -> Option<Operator> {
        let identity = match self.standing.people.get(name)?.ways.first()? {
            Way::OsUser { name } => {
                return Some(Operator {
                    name: name.clone(),
                    identity: Identity::OsUser { uid: u32::MAX - 1 },
                    door: Door::Socket,
                });
            }
            Way::Uid { uid } => Identity::OsUser { uid: *uid },
            Way::SshKey { key, .. } => Identity::SshKey {
                fingerprint: key.fingerprint(),
            },
        };
        Some(Operator {
            name: name.to_string(),
            identity,
            door: Door::Socket,
        })
    }

    /// Who could do each thing.
    fn about_all(&self, gates: &[Gate], gates_only: bool) {
        let stranger = Operator {
            name: "nobody".to_owned(),
            identity: Identity::OsUser { uid: u32::MAX },
            door: Door::Socket,
        };
        let could = |act: Act<'_>| match self.judged(act, &stranger) {
            Ok(_) => String::new(),
            Err(denial) if denial.could.is_empty() => "nobody".to_owned(),
            Err(denial) => {
                let names: Vec<&str> = denial.could.iter().map(PersonName::as_str).collect();
                names.join(", ")
            }
        };
        if !gates_only {
            for (deed, act) in DEEDS {
                output::out(&format!("  {:9} {}", deed.as_str(), could(act)));
            }
            let act = DECIDE;
            output::out(&format!("  {:9} {}", Deed::Approve.as_str(), could(act)));
        }
        for gate in gates {
            output::out(&format!("  gate {}: {}", gate.name, could(gate.decide())));
        }
    }

    /// What one person may, and why not; whether he may anything of it.
    fn about(&self, person: &PersonName, policy: &Policy, gates: &[Gate]) -> Result<bool, Error> {
        if !policy.people.contains_key(person) {
            return Err(Error::Usage(format!("the policy knows no person {person}")));
        }
        let Some(by) = self.operator(person) else {
            output::out(&format!("  {person} has no way in, and so may nothing"));
            return Ok(false);
        };
        let mut may = false;
        let mut say = |what: &str, answer: Result<String, Denial>| {
            may |= answer.is_ok();
            output::out(&match answer {
                Ok(rule) => format!("  {what}: yes, {}", text::line(&rule)),
                Err(denial) => format!("  {what}: no, {}", text::line(&denial.to_string())),
            });
        };
        for (deed, act) in DEEDS {
            say(deed.as_str(), self.judged(act, &by));
        }
        say(Deed::Approve.as_str(), self.judged(DECIDE, &by));
        for gate in gates {
            let may = self.judged(gate.decide(), &by);
            say(&format!("gate {}", gate.name), may);
        }
        Ok(may)
    }
}

/// A gate that asks for no group, and lets the requester decide.
const DECIDE: Act<'static> = Act::Decide {
    not_requester: false,
    groups: &[],
};

/// When the windows open that the plan asks for; all of them without one.
fn openings(standing: &Standing, plan: Option<&IndexedPlan>, at: Timestamp) {
    let asked: Option<Vec<&WindowName>> = plan.map(|plan| {
        let windows = plan
            .plan()
            .steps
            .iter()
            .filter_map(|step| step.window.as_ref());
        windows.flat_map(|window| window.names()).collect()
    });
    for (name, spans) in &standing.windows {
        if asked.as_ref().is_some_and(|asked| !asked.contains(&name)) {
            continue;
        }
        output::out(&match spans.from(at) {
            Some(span) if span.contains(at) => {
                format!("  window {name}: open until {}", span.to)
            }
            Some(span) => format!("  window {name}: opens {}, until {}", span.from, span.to),
            None => format!("  window {name}: does not open before {}", standing.until),
        });
    }
    for freeze in &standing.freezes {
        let about: Vec<&str> = freeze.targets.iter().map(|one| one.as_str()).collect();
        let about = match about.as_slice() {
            [] => String::new(),
            about => format!(" of {}", about.join(", ")),
        };
        let reason = text::line(&freeze.reason);
        output::out(&match freeze.spans.from(at) {
            Some(span) if span.contains(at) => {
                format!(
                    "  freeze {}{about}: until {}: {reason}",
                    freeze.name, span.to
                )
            }
            Some(span) => format!(
                "  freeze {}{about}: from {} until {}: {reason}",
                freeze.name, span.from, span.to
            ),
            None => format!("  freeze {}{about}: over", freeze.name),
        });
    }
}
