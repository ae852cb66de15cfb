//! Commands in one line: `@5 a ok {x: 1}`, `@6 b#1 fail unknown timeout`, `@7 approve go
//! by bob`, `@8 crash orphan b#1 pid=7`. Who is not named is ann, who owns the runs.

use std::sync::Arc;

use super::expr::value;
use super::{policy, seconds, words};
use windlass_core::approval::Signature;
use windlass_core::command::{Command, Orphan, Statement, Verdict};
use windlass_core::id::{NodeId, StepId};
use windlass_core::operator::{Door, Identity, Operator};
use windlass_core::outcome::{Answer, Effected, Failure, Outcome};
use windlass_core::plan::{Digest, IndexedPlan};
use windlass_core::refusal::{REFUSAL_TEXT_BYTES_MAX, Refusal, RefusedBy};
use windlass_core::review::ClosureCode;
use windlass_core::state::RunState;
use windlass_core::time::Timestamp;
use windlass_core::value::Value;

/// One line of a scenario's input.
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) what: What,
}

/// What a line asks for.
pub(crate) enum What {
    Command(Box<Command>),
    /// The engine dies and another opens the run; these processes live on.
    Crash(Vec<Orphan>),
}

/// Reads a line. The state fills in what the line leaves out: the current attempts.
pub(crate) fn line(text: &str, plan: &Arc<IndexedPlan>, state: &RunState) -> Line {
    let text = text
        .strip_prefix('@')
        .unwrap_or_else(|| panic!("a line begins with @: {text}"));
    let (at, rest) = text.split_once(' ').unwrap_or((text, "tick"));
    let at = seconds(at);
    let mut words = words(rest);
    let verb = words.remove(0);
    let mut reader = Reader {
        words,
        plan,
        state,
        at,
    };
    let what = match verb.as_str() {
        "crash" => What::Crash(reader.orphans()),
        _ => What::Command(Box::new(reader.command(&verb))),
    };
    assert!(
        reader.words.is_empty(),
        "left over: {:?} in {rest}",
        reader.words
    );
    Line { at, what }
}

/// A person of the scenarios. `ann2` is ann through another door.
pub(crate) fn person(name: &str) -> Operator {
    let (uid, door) = match name {
        "ann" => (1, Door::Terminal),
        "ann2" => (1, Door::Socket),
        "bob" => (2, Door::Socket),
        "cyd" => (3, Door::Directory),
        "eve" => (9, Door::Socket),
        // By a key of the policy `keys`.
        "bobs_key" | "old_key" | "no_key" => {
            return Operator {
                name: name.to_owned(),
                identity: Identity::SshKey {
                    fingerprint: policy::key(name).fingerprint(),
                },
                door: Door::Socket,
            };
        }
        _ => panic!("a person: {name}"),
    };
    Operator {
        name: name.to_owned(),
        identity: Identity::OsUser { uid },
        door,
    }
}

struct Reader<'a> {
    words: Vec<String>,
    plan: &'a Arc<IndexedPlan>,
    state: &'a RunState,
    at: Timestamp,
}

impl Reader<'_> {
    fn next(&mut self) -> String {
        assert!(!self.words.is_empty(), "a word is missing");
        self.words.remove(0)
    }

    /// Takes a flag out, wherever it stands.
    fn flag(&mut self, flag: &str) -> bool {
        let at = self.words.iter().position(|word| word == flag);
        at.map(|at| self.words.remove(at)).is_some()
    }

    /// Takes `key=value` out, wherever it stands.
    fn pair(&mut self, key: &str) -> Option<String> {
        let at = self
            .words
            .iter()
            .position(|word| word.split_once('=').is_some_and(|(k, _)| k == key))?;
        let word = self.words.remove(at);
        word.split_once('=').map(|(_, value)| value.to_owned())
    }

    fn by(&mut self) -> Operator {
        let Some(at) = self.words.iter().position(|word| word == "by") else {
            return person("ann");
        };
        self.words.remove(at);
        person(&self.words.remove(at))
    }

    fn reason(&mut self) -> String {
        if self.flag("noreason") {
            "  ".to_owned()
        } else if self.flag("longreason") {
            "x".repeat(2001)
        } else {
            "why".to_owned()
        }
    }

    fn value(&mut self) -> Value {
        if self.flag("huge") {
            return Value::Text("x".repeat(300_000));
        }
        let given = self.words.first().is_some_and(|word| word.starts_with('{'));
        match given {
            true => value(&self.next()),
            false => Value::Null,
        }
    }

    fn orphans(&mut self) -> Vec<Orphan> {
        let mut orphans = Vec::new();
        while self.flag("orphan") {
            orphans.push(self.orphan());
        }
        orphans
    }

    fn orphan(&mut self) -> Orphan {
        let pid = self
            .pair("pid")
            .map_or(7, |pid| pid.parse().expect("a pid"));
        let word = self.next();
        let (node, attempt) = self.node(&word);
        Orphan { node, attempt, pid }
    }

    /// `a`, `a[1]`, `undo:a`, each perhaps with `#2` for its attempt.
    fn node(&self, word: &str) -> (NodeId, u32) {
        let (name, attempt) = match word.split_once('#') {
            Some((name, attempt)) => (name, Some(attempt.parse().expect("an attempt"))),
            None => (word, None),
        };
        let node: NodeId = name.parse().expect("a node");
        let current = self.state.step(&node.step).and_then(|look| {
            let found = look.items.iter().find(|item| item.node == node)?;
            Some(found.state.attempt)
        });
        let attempt = attempt.or(current).unwrap_or(1);
        (node, attempt)
    }

    fn step(&mut self) -> StepId {
        self.next().parse().expect("a step id")
    }

    fn node_word(&mut self) -> NodeId {
        let word = self.next();
        self.node(&word).0
    }

    /// A node with the attempt that a person saw: the newest, unless the line says it.
    fn seen_word(&mut self) -> (NodeId, u32) {
        let word = self.next();
        let (node, attempt) = self.node(&word);
        match word.contains('#') {
            true => (node, attempt),
            false => {
                let newest = self.state.attempt_of(&node);
                (node, newest)
            }
        }
    }

    fn command(&mut self, verb: &str) -> Command {
        let by = self.by();
        match verb {
            "start" => Command::Start {
                plan: self.plan.clone(),
                single_user: !self.flag("policy"),
                standing: (!self.words.is_empty()).then(|| policy::named(&self.next())),
                owner: person("ann").identity,
                requester: by,
            },
            "govern" => {
                let name = self.next();
                Command::Govern {
                    standing: policy::named(&name),
                    difference: vec![format!("{name} holds")],
                    voids: self.flag("voids"),
                }
            }
            "open" => Command::Open {
                orphans: self.orphans(),
            },
            "tick" => Command::Tick,
            "granted" => Command::LockGranted {
                fence: u64::try_from(self.at.0 / 1000).unwrap_or_default(),
                instead_of: self
                    .pair("instead_of")
                    .map(|run| run.parse().expect("a run's id")),
            },
            "suspend" => Command::Suspend {
                rescue: self.next().parse().expect("a run's id"),
                reason: self.reason(),
                by,
            },
            "release" => Command::Release {
                rescue: self.next().parse().expect("a run's id"),
                fence: u64::try_from(self.at.0 / 1000).unwrap_or_default(),
            },
            "held" => Command::LockHeld {
                by: self.next().parse().expect("a run's id"),
            },
            "found" => Command::OrphanFound(self.orphan()),
            "ended" => Command::OrphanEnded(self.orphan()),
            "approve" => {
                let gate = self.step();
                let attempt = self.pair("attempt").map(|n| n.parse().expect("an attempt"));
                let current = self
                    .state
                    .step(&gate)
                    .map_or(0, |look| look.state.gate_attempt);
                let plan = match self.flag("other_plan") {
                    true => Digest::of(b"another"),
                    false => self.state.digest().unwrap_or(Digest::of(b"none")),
                };
                let seen = Statement {
                    plan,
                    attempt: attempt.unwrap_or(current),
                    digest: match self.flag("other_run") {
                        true => Digest::of(b"another run's"),
                        false => self.state.seen(&gate).digest,
                    },
                };
                let note = match self.flag("longnote") {
                    true => "x".repeat(2001),
                    false => String::new(),
                };
                Command::Approve {
                    signature: self.signature(&gate, &by, &note),
                    gate,
                    by,
                    seen,
                    note,
                }
            }
            "refresh" => Command::Refresh {
                gate: self.step(),
                by,
            },
            // `fact g lag {x: 1}`, `fact g lag nothing`.
            "fact" => {
                let asked_at = self.pair("asked").map_or(self.at, |at| seconds(&at));
                let attempt = self.pair("attempt").map(|n| n.parse().expect("an attempt"));
                let (gate, fact) = (self.step(), self.next());
                let look = self.state.step(&gate);
                let current = look.map_or(0, |look| look.state.gate_attempt);
                Command::Fetched {
                    gate,
                    attempt: attempt.unwrap_or(current),
                    fact,
                    asked_at,
                    outcome: match self.flag("nothing") {
                        true => self.failure(Effected::None),
                        false => Outcome::Succeeded {
                            outputs: self.value(),
                            log: None,
                        },
                    },
                }
            }
            "reject" => {
                let (reason, gate) = (self.reason(), self.step());
                Command::Reject { gate, by, reason }
            }
            "withdraw" => {
                let (reason, gate) = (self.reason(), self.step());
                Command::Withdraw { gate, reason }
            }
            "pause" => Command::Pause {
                by,
                reason: self.reason(),
            },
            "resume" => Command::Resume { by },
            "cancel" => Command::Cancel {
                by,
                undo: self.flag("undo"),
                reason: self.reason(),
            },
            "resolve" => {
                let (reason, node) = (self.reason(), self.node_word());
                let verdict = match self.next().as_str() {
                    "happened" => Verdict::Happened {
                        outputs: self.value(),
                    },
                    "not_happened" => Verdict::NotHappened,
                    "give_up" => Verdict::GiveUp,
                    other => panic!("a verdict: {other}"),
                };
                Command::Resolve {
                    node,
                    by,
                    reason,
                    verdict,
                }
            }
            "retry" => {
                let (reason, nothing_remains) = (self.reason(), self.flag("nothing_remains"));
                let node = self.node_word();
                Command::Retry {
                    node,
                    by,
                    reason,
                    nothing_remains,
                }
            }
            "attest" => {
                let (reason, (node, attempt)) = (self.reason(), self.seen_word());
                let outputs = self.value();
                Command::Attest {
                    node,
                    attempt,
                    by,
                    reason,
                    outputs,
                }
            }
            "decline" => {
                let (reason, (node, attempt)) = (self.reason(), self.seen_word());
                let effect = self.effect();
                Command::Decline {
                    node,
                    attempt,
                    by,
                    reason,
                    effect,
                }
            }
            "abandon" => Command::Abandon {
                by,
                reason: self.reason(),
            },
            "take_over" => {
                let (reason, step) = (self.reason(), self.step());
                Command::TakeOver { step, by, reason }
            }
            "override" => {
                let (reason, step) = (self.reason(), self.step());
                Command::Override { step, by, reason }
            }
            // `review 1 mended`
            "review" => {
                let reason = self.reason();
                let review = self.next().parse().expect("a number");
                let word = self.next();
                let mut codes = ClosureCode::ALL.into_iter();
                Command::CloseReview {
                    review,
                    by,
                    code: codes.find(|code| code.as_str() == word).expect("a code"),
                    reason,
                }
            }
            "acknowledge" => {
                let (reason, node) = (self.reason(), self.node_word());
                Command::Acknowledge { node, by, reason }
            }
            node => self.runner(node),
        }
    }

    /// Who comes by a key has signed what the gate says, unless the line says otherwise.
    fn signature(&mut self, gate: &StepId, by: &Operator, note: &str) -> Option<Box<Signature>> {
        let (is_bare, is_other) = (self.flag("unsigned"), self.flag("other_text"));
        let by_key = matches!(by.identity, Identity::SshKey { .. }) && !is_bare;
        let statement = self.state.statement(gate).filter(|_| !is_other);
        by_key.then(|| {
            Box::new(Signature {
                text: statement.map_or_else(String::new, |said| said.signed_text(note)),
                armored: "-----BEGIN SSH SIGNATURE-----".to_owned(),
                carried_by: person("eve"),
            })
        })
    }

    fn effect(&mut self) -> Effected {
        match self.next().as_str() {
            "none" => Effected::None,
            "settled" => Effected::Settled,
            "unknown" => Effected::Unknown,
            other => panic!("an effect: {other}"),
        }
    }

    /// What runners say: `a ok`, `a fail none refused`, `a keep text`, `a asks something`,
    /// `a says happened`.
    fn runner(&mut self, node: &str) -> Command {
        let (node, attempt) = self.node(node);
        let asked_at = self.pair("asked").map_or(self.at, |at| seconds(&at));
        match self.next().as_str() {
            "ok" => Command::Ended {
                node,
                attempt,
                outcome: Outcome::Succeeded {
                    outputs: self.value(),
                    log: None,
                },
            },
            "fail" => {
                let effect = self.effect();
                let outcome = self.failure(effect);
                Command::Ended {
                    node,
                    attempt,
                    outcome,
                }
            }
            "keep" => {
                let data = match self.flag("huge") {
                    true => "x".repeat(70_000),
                    false => self.next(),
                };
                Command::Checkpoint {
                    node,
                    attempt,
                    data,
                }
            }
            "asks" => {
                let asked = match self.flag("huge") {
                    true => "x".repeat(REFUSAL_TEXT_BYTES_MAX + 1),
                    false => self.next(),
                };
                Command::Refused {
                    node,
                    attempt,
                    refusal: Refusal {
                        by: RefusedBy::Grant,
                        asked,
                        missing: "no grant".to_owned(),
                    },
                }
            }
            "says" => Command::Reconciled {
                node,
                attempt,
                asked_at,
                answer: self.answer(),
            },
            "saw" => Command::Observed {
                node,
                attempt,
                asked_at,
                outcome: match self.flag("nothing") {
                    true => self.failure(Effected::Unknown),
                    false => Outcome::Succeeded {
                        outputs: self.value(),
                        log: None,
                    },
                },
            },
            other => panic!("a word of a runner: {other}"),
        }
    }

    fn failure(&mut self, effect: Effected) -> Outcome {
        let long = self.flag("longmessage");
        let code = match self.words.is_empty() {
            true => "broke".to_owned(),
            false => self.next(),
        };
        let message = match long {
            true => "x".repeat(5000),
            false => format!("it said {code}"),
        };
        Outcome::Failed(Failure {
            effect,
            code,
            message,
            evidence: None,
            log: None,
        })
    }

    fn answer(&mut self) -> Answer {
        match self.next().as_str() {
            "happened" => Answer::Happened {
                outputs: self.value(),
            },
            "not_happened" => Answer::NotHappened {
                evidence: self.value(),
            },
            "settled" => Answer::Settled {
                state: self.value(),
            },
            "busy" => Answer::InProgress {
                note: "busy".to_owned(),
            },
            "unknown" => Answer::Unknown {
                note: "no idea".to_owned(),
            },
            "failed" => Answer::Failed {
                message: "no route".to_owned(),
            },
            other => panic!("an answer: {other}"),
        }
    }
}
