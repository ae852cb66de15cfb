//! Guards before an intent: whether the evidence that a step demands was given in this run,
//! is about its target and is young enough; and whether what gives evidence really has it.

use super::Decider;
use crate::plan::{Evidence, GuardDemand, Relied};
use crate::state::{Key, Live, NodePhase, StepPhase};
use crate::value::Value;

impl Decider {
    /// What the step's next attempt relies on.
    ///
    /// # Errors
    /// A demand that is not met, in words for people.
    pub(super) fn guards_of(&self, live: &Live, index: u32) -> Result<Vec<Relied>, String> {
        let demands = &live.plan.step(index).guards;
        demands
            .iter()
            .map(|demand| self.relied(live, index, demand))
            .collect()
    }

    /// The evidence that meets a demand; of several, that of the step that stands last.
    fn relied(&self, live: &Live, index: u32, demand: &GuardDemand) -> Result<Relied, String> {
        let guard = &demand.guard;
        let target = live.target.as_deref().ok_or_else(|| {
            format!("the guard `{guard}` is about the run's target, which has no name yet")
        })?;
        // As with gates, a debt is paid without waiting for time to be right again.
        let now = (!live.debts.contains_key(&index)).then_some(self.now);
        let mut why = format!("no step before it gives the guard `{guard}`");
        for by in live.plan.providers_before(index).iter().rev() {
            let step = live.plan.step(*by);
            let Some(provides) = step.provides.as_ref().filter(|it| it.guard == *guard) else {
                continue;
            };
            let evidence = match self.given(live, *by) {
                Ok(evidence) => evidence,
                Err(lack) => {
                    why = format!("the guard `{guard}` is missing: `{}` {lack}", step.id);
                    continue;
                }
            };
            match demand.refuses(&evidence, target, now) {
                None => {
                    return Ok(Relied {
                        guard: guard.clone(),
                        by: step.id.clone(),
                        claimed: provides.claimed.is_some(),
                        evidence,
                    });
                }
                Some(refusal) => why = format!("the guard `{guard}` of `{}` {refusal}", step.id),
            }
        }
        Err(why)
    }

    /// The evidence that a step gave; what a person attests is none.
    fn given(&self, live: &Live, by: u32) -> Result<Evidence, String> {
        let key = Key::of(by);
        if matches!(live.step(by).phase, StepPhase::Skipped) {
            return Err("was skipped".to_owned());
        }
        let node = live.nodes.get(&key).map(|node| &node.phase);
        let Some(NodePhase::Succeeded { outputs, attested }) = node else {
            return Err("did not succeed".to_owned());
        };
        if *attested {
            return Err("was attested, which is no evidence".to_owned());
        }
        self.evidence(live, key, outputs)
            .unwrap_or_else(|| Err("is not there".to_owned()))
            .map_err(|fault| format!("gave evidence that {fault}"))
    }

    /// The evidence in outputs of a step that gives any.
    pub(super) fn evidence(
        &self,
        live: &Live,
        key: Key,
        outputs: &Value,
    ) -> Option<Result<Evidence, String>> {
        let provides = live.plan.step(key.step).provides.as_ref()?;
        let item = live.nodes.get(&key).map_or(&Value::Null, |node| &node.item);
        let scope = self.judging(live, item, outputs);
        // A look may come before the target has its name; what relies on it comes after.
        let target = live.target.as_deref().unwrap_or_default();
        Some(provides.evidence(outputs, target, &scope))
    }
}
