//! What `runbooks/rds_pg_minor_upgrade.yaml` is given to upgrade the cloud's instance
//! `orders`, and the runbook itself for a cloud that has no servers to ask.

use serde_json::{Value, json};

use super::cloud::Region;
use super::handle::Api;
use crate::{Error, Result, RoleName};

/// The steps that ask servers, and what a server would answer that agrees with the cloud.
const ASK_SERVERS: [(&str, &str); 5] = [
    (
        "servers",
        "[{'name': item.name, 'version': steps.precheck.outputs.version, \
         'in_recovery': item.name != steps.precheck.outputs.name, 'started': 'before', \
         'streaming': steps.precheck.outputs.replicas.size()}]",
    ),
    (
        "servers_again",
        "[{'name': item.name, 'started': 'before'}]",
    ),
    (
        "primary_server",
        "[{'version': steps.verify_primary.outputs.version, 'in_recovery': false, \
         'started': 'after', 'position': '0/0'}]",
    ),
    (
        "replica_servers",
        "[{'version': steps.verify_primary.outputs.version, 'in_recovery': true, \
         'streams': true, 'replayed': true}]",
    ),
    (
        "dr_server",
        "[{'version': steps.verify_primary.outputs.version, 'in_recovery': true, \
         'streams': true, 'replayed': true}]",
    ),
];

/// The fact that asks a server.
const SERVERS_FACT: &str = "\n        lag:\n";

/// The keys that such a step keeps.
const KEPT: [&str; 5] = ["title", "needs", "when", "for_each", "max_parallel"];

impl Api {
    /// The runbook's inputs.
    pub fn inputs(&self) -> Value {
        let at = self.endpoints();
        let database = self.lab().map(|lab| lab.description().database.clone());
        json!({
            "instance": "orders",
            "endpoint": at.rds_eu_de,
            "iam_endpoint": at.iam,
            "metrics_endpoint": at.metrics,
            "networks": ["127.0.0.0/8"],
            "poll_every": "200ms",
            "dr": {
                "endpoint": at.rds_eu_nl,
                "region": Region::EuNl.as_str(),
                "project_id": Region::EuNl.project_id(),
                "instance_id": self.servers().dr,
                "subnet": "127.0.0.0/8",
            },
            "database": database.unwrap_or_else(|| "postgres".to_owned()),
            "monitor_user": RoleName::Monitor.user(),
            "sslmode": "disable",
            "insecure_reason": "the lab's servers listen on this machine only",
        })
    }

    /// The runbook's secrets: each name with its value.
    pub fn secrets(&self) -> [(&'static str, String); 3] {
        let who = self.credentials();
        let monitor = self.lab().map(|lab| lab.password(RoleName::Monitor));
        [
            ("otc_access_key", who.access_key.clone()),
            ("otc_secret_key", who.secret_key.clone()),
            (
                "monitor_password",
                monitor.unwrap_or("nobody-asks-for-it").to_owned(),
            ),
        ]
    }

    /// What the cloud is now: instances with their versions, and the sides of relations.
    pub fn overview(&self) -> Value {
        self.site.with(|state, now| state.cloud.overview(now))
    }
}

/// The runbook for a cloud with nothing behind it: what asks servers answers what the cloud
/// says instead. Nothing else of it is changed.
pub fn without_servers(runbook: &str) -> Result<String> {
    let text = ASK_SERVERS
        .iter()
        .try_fold(runbook.to_owned(), |text, (step, rows)| {
            answered(&text, step, rows).ok_or_else(|| {
                Error::Refused(format!("answer for the step `{step}`: no such step"))
            })
        })?;
    // A fact is read and cannot be made up: the one that asks a server is left out.
    let (before, rest) = text
        .split_once(SERVERS_FACT)
        .ok_or_else(|| Error::Refused("leave out the fact `lag`: no such fact".to_owned()))?;
    let is_within = |line: &&str| line.starts_with("          ");
    let length: usize = rest
        .split_inclusive('\n')
        .take_while(is_within)
        .map(str::len)
        .sum();
    Ok(format!("{before}\n{}", &rest[length..]))
}

/// The runbook with one step that gives these rows.
fn answered(text: &str, step: &str, rows: &str) -> Option<String> {
    let head = format!("\n  {step}:\n");
    let (before, rest) = text.split_once(&head)?;
    let is_within = |line: &str| line.is_empty() || line.starts_with("    ");
    let length: usize = rest
        .split_inclusive('\n')
        .take_while(|line| is_within(line.trim_end()))
        .map(str::len)
        .sum();
    let (block, after) = rest.split_at(length);
    let mut kept = String::new();
    let mut keeps = false;
    for line in block.lines() {
        let own = line
            .strip_prefix("    ")
            .filter(|own| !own.starts_with(' '));
        if let Some((key, _)) = own.and_then(|own| own.split_once(':')) {
            keeps = KEPT.contains(&key);
        }
        if keeps {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    let answer =
        format!("    uses: set\n    with: {{unreachable: null, rows: \"${{{{ {rows} }}}}\"}}\n\n");
    Some([before, &head, kept.trim_end(), "\n", &answer, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_asks_a_server_answers_by_itself() {
        let text = "steps:\n  a: {uses: x}\n\n  ask:\n    uses: postgres/query\n    \
                    for_each: >-\n      [1,\n      2]\n    with:\n      sql: |\n        select 1\n\
                    \n        from x\n    when: true\n\n  # Then.\n  b: {uses: y}\n";
        let found = answered(text, "ask", "[]").unwrap();
        let wanted = "steps:\n  a: {uses: x}\n\n  ask:\n    for_each: >-\n      [1,\n      2]\n    \
                      when: true\n    uses: set\n    with: {unreachable: null, rows: \"${{ [] }}\"}\n\
                      \n  # Then.\n  b: {uses: y}\n";
        assert_eq!(found, wanted);
        assert_eq!(answered(text, "other", "[]"), None);
    }
}
