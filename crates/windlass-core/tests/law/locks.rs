//! The target and its lock: nothing but reads without it, one value for the whole run.

use super::{Fate, History, Lock, effect_of};
use windlass_core::event::Event;
use windlass_core::plan::{EffectClass, Plan};

/// What is changed has a name before anybody approves it and before anything is done.
pub(crate) fn judge(plan: &Plan, h: &History, event: &Event) -> Result<(), String> {
    match event {
        Event::AttemptStarted { node, .. } | Event::ManualStepOpened { node, .. } => {
            let is_free = plan.target.is_none() || effect_of(plan, node) == EffectClass::Read;
            if !is_free && h.lock != Lock::Held {
                return Err(format!("{node} starts without the lock"));
            }
        }
        Event::GateOpened { step, target, .. }
            if *target != h.target || plan.target.is_some() != target.is_some() =>
        {
            return Err(format!("{step} opens for {target:?}"));
        }
        Event::TargetResolved { target } => {
            let begun =
                |node: &&windlass_core::id::NodeId| effect_of(plan, node) != EffectClass::Read;
            let is_early = !h.nodes.keys().any(|node| begun(&node)) && h.approved.is_empty();
            if h.target.is_some() || !is_early || plan.target.is_none() {
                return Err(format!("the target becomes {target}"));
            }
        }
        Event::LockRequested { target } => {
            known(h, target)?;
            if h.lock != Lock::None {
                return Err("the lock is asked for twice".to_owned());
            }
        }
        Event::LockAcquired { target, .. } => {
            known(h, target)?;
            if h.lock != Lock::Requested {
                return Err("the lock comes unasked".to_owned());
            }
            let failed = plan
                .steps
                .iter()
                .any(|step| h.fate(&step.id) == Fate::Failed);
            if h.paused || (failed && h.ending.is_none()) {
                return Err("the lock comes to a run that does not want it".to_owned());
            }
        }
        Event::RunSuspended { .. } if h.lock != Lock::Held || h.suspended.is_some() => {
            return Err("a run stands aside that cannot".to_owned());
        }
        Event::RunReleased { rescue, .. } if h.suspended.as_ref() != Some(rescue) => {
            return Err(format!(
                "a run is released that did not stand aside for {rescue}"
            ));
        }
        Event::LockForgone { target, .. } => {
            known(h, target)?;
            if h.lock != Lock::Requested || h.ending.is_none() {
                return Err("the lock is forgone by a run that goes on".to_owned());
            }
        }
        _ => {}
    }
    Ok(())
}

fn known(h: &History, target: &str) -> Result<(), String> {
    if h.target.as_deref() == Some(target) {
        return Ok(());
    }
    Err(format!("the lock of {target}, which is not the target"))
}
