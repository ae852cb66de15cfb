//! Alertmanager (API v2): alerts are silenced for the time of a work, the silence is taken
//! back when the work fails, and alerts that fire are looked at before and after it.
//!
//! A silence is found again by the mark of its step in the comment: the API gives it an id
//! of its own only when it answers.

mod alerts;
mod api;
mod matchers;
mod silence;
mod time;

use windlass_plugin::{Action, Effect, Method};

windlass_plugin::plugin! {
    name: "alertmanager",
    summary: "Silences and alerts of Prometheus Alertmanager",
    actions: [
        Action::new("silence", "Silences alerts for a time", Effect::Reversible, silence::create)
            .sends(&[Method::Post], "{endpoint}/api/v2/silences")
            .sends(&[Method::Delete], "{endpoint}/api/v2/silence/*")
            .reads(&[Method::Get], "{endpoint}/api/v2/silences")
            .reads(&[Method::Get], "{endpoint}/api/v2/silence/*")
            .timeout(std::time::Duration::from_secs(60))
            .reconcile(silence::look)
            .undo(silence::take_back),
        Action::new("expire", "Ends a silence", Effect::Idempotent, silence::expire)
            .sends(&[Method::Delete], "{endpoint}/api/v2/silence/*")
            .reads(&[Method::Get], "{endpoint}/api/v2/silence/*")
            .timeout(std::time::Duration::from_secs(60)),
        Action::new("alerts", "Lists the alerts that fire", Effect::Read, alerts::list)
            .reads(&[Method::Get], "{endpoint}/api/v2/alerts")
            .timeout(std::time::Duration::from_secs(30)),
    ],
}
