//! What runners and looks at the target report, and what it means.

use super::Decider;
use super::advance::{CODE_EXPRESSION, CODE_GUARD, CODE_UNTIL, next_look};
use crate::event::Event;
use crate::evolve::{CODE_GIVEN_UP, CODE_INTERRUPTED, CODE_NOT_HAPPENED, brief};
use crate::id::NodeId;
use crate::outcome::{
    Answer, Effected, Failure, MESSAGE_BYTES_MAX, OUTPUTS_BYTES_MAX, Outcome, Resolution, Witness,
};
use crate::plan::{Reconcile, StepKind};
use crate::rejection::Rejection;
use crate::state::{Key, Live, NodePhase, NodeScope};
use crate::time::Timestamp;
use crate::value::Value;

/// The longest code of a failure; it is a word for machines.
const CODE_CHARS_MAX: usize = 64;

/// A runner's success under the step's own expressions.
enum Judgement {
    Success {
        nothing_to_do: bool,
    },
    /// `until` does not hold yet.
    Again {
        at: Timestamp,
    },
    Failure(Failure),
}

impl Decider {
    /// The key of a node whose current attempt is `attempt`.
    pub(super) fn current(&self, node: &NodeId, attempt: u32) -> Result<Key, Rejection> {
        let live = self.live()?;
        let unknown = || Rejection::UnknownNode { node: node.clone() };
        let key = live.key_of(node).ok_or_else(unknown)?;
        let state = live.nodes.get(&key).ok_or_else(unknown)?;
        if state.attempt == attempt {
            Ok(key)
        } else {
            let (node, current) = (node.clone(), state.attempt);
            Err(Rejection::StaleAttempt {
                node,
                attempt,
                current,
            })
        }
    }

    /// An attempt's outcome arrived, perhaps late.
    pub(super) fn ended(
        &mut self,
        node: NodeId,
        attempt: u32,
        outcome: Outcome,
    ) -> Result<(), Rejection> {
        let live = self.live()?;
        let unknown = || Rejection::UnknownNode { node: node.clone() };
        let key = live.key_of(&node).ok_or_else(unknown)?;
        let state = live.nodes.get(&key).ok_or_else(unknown)?;
        let outcome = bounded(live, key, completed(live, key, outcome));
        if let Some((_, resolution)) = state.resolved.iter().find(|(of, _)| *of == attempt) {
            let resolution = resolution.clone();
            return self.late(node, attempt, &resolution, &outcome);
        }
        let stale = Rejection::StaleAttempt {
            node: node.clone(),
            attempt,
            current: state.attempt,
        };
        if state.attempt != attempt {
            return Err(stale);
        }
        match &state.phase {
            NodePhase::Running { .. } => self.ended_in_time(key, node, attempt, outcome),
            NodePhase::InDoubt(_) => self.ended_in_doubt(key, node, attempt, outcome),
            NodePhase::Ready
            | NodePhase::ByHand { .. }
            | NodePhase::AttemptFailed
            | NodePhase::Backoff { .. }
            | NodePhase::Polling { .. }
            | NodePhase::Succeeded { .. }
            | NodePhase::Failed
            | NodePhase::Stopped => Err(stale),
        }
    }

    fn ended_in_time(
        &mut self,
        key: Key,
        node: NodeId,
        attempt: u32,
        outcome: Outcome,
    ) -> Result<(), Rejection> {
        let event = match outcome {
            Outcome::Failed(failure) => Event::AttemptFailed {
                node,
                attempt,
                failure,
            },
            Outcome::Succeeded { outputs, log } => match self.judge(key, &outputs)? {
                Judgement::Success { nothing_to_do } => Event::AttemptSucceeded {
                    node,
                    attempt,
                    outputs,
                    log,
                    nothing_to_do,
                },
                Judgement::Again { at } => Event::PollScheduled {
                    node,
                    attempt: attempt + 1,
                    at,
                    seen: outputs,
                },
                Judgement::Failure(failure) => {
                    let failure = Failure { log, ..failure };
                    Event::AttemptFailed {
                        node,
                        attempt,
                        failure,
                    }
                }
            },
        };
        self.emit(event);
        Ok(())
    }

    /// The waiting had ended, the work had not: its own word settles the doubt.
    fn ended_in_doubt(
        &mut self,
        key: Key,
        node: NodeId,
        attempt: u32,
        outcome: Outcome,
    ) -> Result<(), Rejection> {
        let resolution = match outcome {
            Outcome::Succeeded { outputs, .. } => match self.judge(key, &outputs)? {
                Judgement::Success { .. } | Judgement::Again { .. } => {
                    Resolution::Happened { outputs }
                }
                Judgement::Failure(failure) => Resolution::Settled {
                    state: Value::Text(failure.message),
                },
            },
            Outcome::Failed(failure) => match failure.effect {
                Effected::None => {
                    let evidence = failure.evidence.unwrap_or(Value::Text(failure.message));
                    Resolution::NotHappened { evidence }
                }
                Effected::Settled => Resolution::Settled {
                    state: Value::Text(failure.message),
                },
                // It does not know either; the look at the target goes on.
                Effected::Unknown => return Ok(()),
            },
        };
        let witness = Witness::Outcome;
        self.emit(Event::DoubtResolved {
            node,
            attempt,
            resolution,
            witness,
        });
        Ok(())
    }

    /// An outcome after the doubt was settled: it agrees, or it contradicts.
    fn late(
        &mut self,
        node: NodeId,
        attempt: u32,
        resolution: &Resolution,
        outcome: &Outcome,
    ) -> Result<(), Rejection> {
        let arrived = match outcome {
            Outcome::Succeeded { .. } => None,
            Outcome::Failed(failure) => Some(failure.effect),
        };
        let agrees = match (resolution, arrived) {
            (Resolution::GivenUp, _) | (_, Some(Effected::Unknown)) => true,
            (Resolution::Happened { .. }, None) => true,
            (Resolution::NotHappened { .. }, Some(Effected::None)) => true,
            (Resolution::Settled { .. }, Some(Effected::Settled)) => true,
            (Resolution::Happened { .. }, Some(Effected::None | Effected::Settled))
            | (Resolution::NotHappened { .. }, None | Some(Effected::Settled))
            | (Resolution::Settled { .. }, None | Some(Effected::None)) => false,
        };
        // One contradiction a node at a time: the person who looks at it sees them all.
        let live = self.live()?;
        let known = live
            .key_of(&node)
            .is_some_and(|key| live.contradicted.contains(&key));
        if !agrees && !known {
            let arrived = match outcome {
                Outcome::Succeeded { .. } => "it succeeded".to_owned(),
                Outcome::Failed(failure) => {
                    format!("it failed with {}: {}", failure.effect, failure.message)
                }
            };
            let resolution = resolution.clone();
            self.emit(Event::ResolutionContradicted {
                node,
                attempt,
                resolution,
                arrived,
            });
        }
        Ok(())
    }

    /// The step's expressions over a success.
    fn judge(&self, key: Key, outputs: &Value) -> Result<Judgement, Rejection> {
        let live = self.live()?;
        if key.phase == crate::id::Phase::Undo {
            return Ok(Judgement::Success {
                nothing_to_do: false,
            });
        }
        let StepKind::Action {
            expect,
            until,
            done,
            effect,
            ..
        } = &live.plan.step(key.step).kind
        else {
            return Ok(Judgement::Success {
                nothing_to_do: false,
            });
        };
        let node = live
            .nodes
            .get(&key)
            .expect("a node whose attempt ended exists");
        let scope = self.judging(live, &node.item, outputs);
        // A change that succeeded has acted, whatever is expected of it.
        let acted = if effect.is_change() {
            Effected::Settled
        } else {
            Effected::None
        };
        let failure = |code: &str, message: String| {
            let evidence = Some(outputs.clone()).filter(|outputs| *outputs != Value::Null);
            let failure = Failure {
                effect: acted,
                code: code.to_owned(),
                message,
                evidence,
                log: None,
            };
            Ok(Judgement::Failure(failure))
        };
        if let Some(why) = live.lacks_declared(key, outputs) {
            return failure("outputs", format!("it succeeded, but {why}"));
        }
        if let Some(Err(fault)) = self.evidence(live, key, outputs) {
            return failure(
                CODE_GUARD,
                format!("it succeeded, but its evidence {fault}"),
            );
        }
        if let Some(expect) = expect {
            match expect.eval_bool(&scope) {
                Ok(true) => {}
                Ok(false) => {
                    let message = format!("expected `{}`, got {}", expect.source(), brief(outputs));
                    return failure("expectation", message);
                }
                Err(error) => return failure(CODE_EXPRESSION, format!("`expect`: {error}")),
            }
        }
        if let Some(until) = until {
            match until.that.eval_bool(&scope) {
                Ok(true) => {}
                Ok(false) => {
                    let since = node.poll_since.unwrap_or(self.now);
                    let at = self.now + until.every;
                    if at <= since + until.within {
                        return Ok(Judgement::Again { at });
                    }
                    let message = format!(
                        "`{}` did not come true within {}; the last look: {}",
                        until.that.source(),
                        until.within,
                        brief(outputs)
                    );
                    return failure(CODE_UNTIL, message);
                }
                Err(error) => return failure(CODE_EXPRESSION, format!("`until`: {error}")),
            }
        }
        let nothing_to_do = match done.as_ref().map(|done| done.eval_bool(&scope)) {
            None => false,
            Some(Ok(nothing_to_do)) => nothing_to_do,
            Some(Err(error)) => return failure(CODE_EXPRESSION, format!("`done`: {error}")),
        };
        Ok(Judgement::Success { nothing_to_do })
    }

    pub(super) fn judging<'a>(
        &'a self,
        live: &'a Live,
        item: &'a Value,
        outputs: &'a Value,
    ) -> NodeScope<'a> {
        NodeScope {
            run: self.state.run(),
            live,
            item: Some(item),
            outputs: Some(outputs),
        }
    }

    /// The read of a `reconcile:` block ended; its expressions say what it means.
    pub(super) fn observed(
        &mut self,
        node: NodeId,
        attempt: u32,
        asked_at: Timestamp,
        outcome: Outcome,
    ) -> Result<(), Rejection> {
        let key = self.current(&node, attempt)?;
        let live = self.live()?;
        let answer = match bounded(live, key, outcome) {
            Outcome::Failed(failure) => Answer::Failed {
                message: failure.message,
            },
            Outcome::Succeeded { outputs, .. } => self.interpret(live, key, outputs),
        };
        self.reconciled(node, attempt, asked_at, answer)
    }

    fn interpret(&self, live: &Live, key: Key, outputs: Value) -> Answer {
        let Some(Reconcile::Read {
            happened,
            in_progress,
            settled,
            not_happened,
            ..
        }) = live.call_of(key).map(|(call, _)| &call.reconcile)
        else {
            return Answer::Unknown {
                note: "the step has no reconcile".to_owned(),
            };
        };
        let node = live.nodes.get(&key).expect("the current node exists");
        let scope = self.judging(live, &node.item, &outputs);
        let holds = |expr: &crate::expr::Expr| expr.eval_bool(&scope);
        let optional = |expr: &Option<crate::expr::Expr>| expr.as_ref().map_or(Ok(false), holds);
        let said = (|| {
            Ok::<_, crate::expr::EvalError>((
                holds(happened)?,
                optional(in_progress)?,
                optional(settled)?,
                optional(not_happened)?,
            ))
        })();
        match said {
            Err(error) => Answer::Failed {
                message: error.to_string(),
            },
            Ok((true, ..)) => Answer::Happened { outputs },
            Ok((false, true, ..)) => Answer::InProgress {
                note: brief(&outputs),
            },
            Ok((false, false, true, _)) => Answer::Settled { state: outputs },
            Ok((false, false, false, true)) => Answer::NotHappened { evidence: outputs },
            Ok((false, false, false, false)) => Answer::Unknown {
                note: brief(&outputs),
            },
        }
    }

    /// A native look gives the action's own outputs, so that `expect` and declared outputs
    /// judge them as they judge the runner's; those of another action's read are not what it speaks of.
    fn happened(&self, live: &Live, key: Key, outputs: &Value) -> Result<Resolution, Rejection> {
        let own = match live.call_of(key).map(|(call, _)| &call.reconcile) {
            Some(Reconcile::Native { .. }) => true,
            Some(Reconcile::Read { .. } | Reconcile::None) | None => false,
        };
        let outputs = if own {
            live.completed(key, outputs.clone(), OUTPUTS_BYTES_MAX)
        } else {
            outputs.clone()
        };
        let judgement = if own {
            self.judge(key, &outputs)?
        } else {
            Judgement::Success {
                nothing_to_do: false,
            }
        };
        Ok(match judgement {
            Judgement::Success { .. } | Judgement::Again { .. } => Resolution::Happened { outputs },
            Judgement::Failure(failure) => Resolution::Settled {
                state: Value::Text(failure.message),
            },
        })
    }

    /// A look at the target answered.
    pub(super) fn reconciled(
        &mut self,
        node: NodeId,
        attempt: u32,
        asked_at: Timestamp,
        answer: Answer,
    ) -> Result<(), Rejection> {
        let key = self.current(&node, attempt)?;
        let live = self.live()?;
        let state = live.nodes.get(&key).expect("the current node exists");
        let NodePhase::InDoubt(doubt) = &state.phase else {
            let state = state.phase.name();
            return Err(Rejection::WrongState {
                node,
                state,
                expected: "a change in doubt",
            });
        };
        // What is seen while another run changes the target is no proof: it is looked again.
        if live.suspended.is_some() {
            return Ok(());
        }
        // A living process counts as in progress, whatever the target shows.
        if let Some(pid) = live.orphan_of(key.step) {
            return Err(Rejection::OrphanLives { node, pid });
        }
        let (quiet_at, observe_until, looks) = (doubt.quiet_at, doubt.observe_until, doubt.looks);
        let escalated = doubt.escalated.is_some();
        let answer = bounded_answer(answer);
        let resolution = match &answer {
            Answer::Happened { outputs } => Some(self.happened(live, key, outputs)?),
            Answer::Settled { state } => Some(Resolution::Settled {
                state: state.clone(),
            }),
            // Before that time the change may still be on its way to the target.
            Answer::NotHappened { evidence } if asked_at >= quiet_at => {
                Some(Resolution::NotHappened {
                    evidence: evidence.clone(),
                })
            }
            Answer::NotHappened { .. }
            | Answer::InProgress { .. }
            | Answer::Unknown { .. }
            | Answer::Failed { .. } => None,
        };
        if let Some(resolution) = resolution {
            let witness = Witness::Reconcile;
            self.emit(Event::DoubtResolved {
                node,
                attempt,
                resolution,
                witness,
            });
            return Ok(());
        }
        if escalated {
            return Ok(());
        }
        let again_at = match (&answer, next_look(looks, self.now, observe_until)) {
            (Answer::NotHappened { .. }, _) if asked_at < quiet_at => Some(quiet_at.max(self.now)),
            (_, again_at) => again_at,
        };
        self.emit(Event::DoubtAnswered {
            node,
            attempt,
            answer,
            again_at,
        });
        Ok(())
    }
}

/// A success with null for what its step declares and the runner left out.
fn completed(live: &Live, key: Key, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Succeeded { outputs, log } => Outcome::Succeeded {
            outputs: live.completed(key, outputs, OUTPUTS_BYTES_MAX),
            log,
        },
        Outcome::Failed(failure) => Outcome::Failed(failure),
    }
}

/// Outputs within their bound and messages cut to theirs; more is a failure that
/// says so. What a runner or a target says is hostile until it went through here.
fn bounded(live: &Live, key: Key, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Succeeded { outputs, log } if outputs.weight_bytes() > OUTPUTS_BYTES_MAX => {
            let is_change = live
                .call_of(key)
                .is_some_and(|(_, effect)| effect.is_change());
            Outcome::Failed(Failure {
                effect: if is_change {
                    Effected::Settled
                } else {
                    Effected::None
                },
                code: "outputs_too_large".to_owned(),
                message: format!(
                    "it succeeded, but its outputs are over {OUTPUTS_BYTES_MAX} bytes"
                ),
                evidence: None,
                log,
            })
        }
        Outcome::Succeeded { outputs, log } => Outcome::Succeeded { outputs, log },
        Outcome::Failed(mut failure) => {
            truncate(&mut failure.message);
            failure.code = runners_code(&failure.code);
            failure.evidence = failure
                .evidence
                // Null is how JSON says that there is none.
                .filter(|evidence| *evidence != Value::Null)
                .filter(|evidence| evidence.weight_bytes() <= OUTPUTS_BYTES_MAX);
            Outcome::Failed(failure)
        }
    }
}

/// A runner's code within its bound. Codes of the core have consequences, such as a free
/// retry, that no runner may ask for: one that says them is heard as `runner_CODE`.
fn runners_code(code: &str) -> String {
    const RESERVED: &[&str] = &[
        CODE_INTERRUPTED,
        CODE_NOT_HAPPENED,
        CODE_GIVEN_UP,
        CODE_UNTIL,
        CODE_EXPRESSION,
    ];
    let code: String = code.chars().take(CODE_CHARS_MAX).collect();
    if RESERVED.contains(&code.as_str()) {
        format!("runner_{code}")
    } else {
        code
    }
}

fn bounded_answer(mut answer: Answer) -> Answer {
    let value = match &answer {
        Answer::Happened { outputs } => Some(outputs),
        Answer::NotHappened { evidence } => Some(evidence),
        Answer::Settled { state } => Some(state),
        Answer::InProgress { .. } | Answer::Unknown { .. } | Answer::Failed { .. } => None,
    };
    if value.is_some_and(|value| value.weight_bytes() > OUTPUTS_BYTES_MAX) {
        let message = format!("the answer is over {OUTPUTS_BYTES_MAX} bytes");
        return Answer::Failed { message };
    }
    match &mut answer {
        Answer::InProgress { note } | Answer::Unknown { note } => truncate(note),
        Answer::Failed { message } => truncate(message),
        Answer::Happened { .. } | Answer::NotHappened { .. } | Answer::Settled { .. } => {}
    }
    answer
}

fn truncate(text: &mut String) {
    if text.len() > MESSAGE_BYTES_MAX {
        let cut = (0..=MESSAGE_BYTES_MAX)
            .rev()
            .find(|at| text.is_char_boundary(*at));
        text.truncate(cut.unwrap_or(0));
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_cannot_speak_with_the_cores_words() {
        assert_eq!(runners_code("interrupted"), "runner_interrupted");
        assert_eq!(runners_code("exit_status"), "exit_status");
        assert_eq!(
            runners_code(&"ä".repeat(100)).chars().count(),
            CODE_CHARS_MAX
        );
    }
}
