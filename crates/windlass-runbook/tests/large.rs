//! The largest runbook that a plan may have is checked, and the budgets of the reader admit
//! it as people and programs write such runbooks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use windlass_core::catalog::Catalog;
use windlass_core::plan::STEPS_MAX;
use windlass_runbook::render::Style;
use windlass_runbook::{TEXT_BYTES_MAX, check};

fn catalog() -> Catalog {
    serde_json::from_str(include_str!("catalog.json")).expect("the catalog is valid")
}

/// Chains of a look, a change and a look, one chain a server, as a fleet has them.
fn fleet(steps: usize) -> String {
    let mut text = "windlass: 1\nname: fleet\ntitle: A change on a fleet of servers\n\
                    inputs: {release: {type: string, default: '15.18'}}\nsecrets: [token]\nsteps:\n  \
                    go: {approval: {expires: 2h}}\n"
        .to_owned();
    for step in 1..steps {
        let server = step / 3;
        let chunk = match step % 3 {
            0 => format!(
                "  look_before_{server}:\n    title: The server db-{server:04} runs what it should\n    \
                 uses: shell\n    needs: go\n    effect: read\n    timeout: 30s\n    \
                 retry: {{attempts: 3, backoff: 2s, max_backoff: 30s}}\n    with:\n      script: |\n        \
                 ssh \"$SERVER\" rpm --query postgresql15-server\n        \
                 ssh \"$SERVER\" systemctl is-active postgresql\n      env:\n        \
                 SERVER: db-{server:04}.example.net\n        RELEASE: \"${{{{ inputs.release }}}}\"\n"
            ),
            1 => format!(
                "  change_{server}:\n    title: Bring db-{server:04} to the new release\n    uses: shell\n    \
                 needs: [{}]\n    effect: irreversible\n    timeout: 20m\n    observe: 30m\n    with:\n      \
                 script: |\n        ssh \"$SERVER\" /usr/local/sbin/upgrade \"$RELEASE\"\n      env:\n        \
                 SERVER: db-{server:04}.example.net\n        RELEASE: \"${{{{ inputs.release }}}}\"\n        \
                 TOKEN: \"${{{{ secrets.token }}}}\"\n      no_effect_exit_codes: [3]\n    \
                 retry: {{attempts: 2}}\n",
                if server == 0 {
                    "go".to_owned()
                } else {
                    format!("look_before_{server}")
                }
            ),
            _ => format!(
                "  look_after_{server}:\n    title: The server db-{server:04} runs the new release\n    \
                 uses: shell\n    needs: change_{server}\n    effect: read\n    \
                 when: inputs.release != '' && steps.change_{server}.state == 'succeeded'\n    timeout: 30s\n    \
                 with:\n      script: ssh \"$SERVER\" postgres --version\n      env:\n        \
                 SERVER: db-{server:04}.example.net\n        FOR: \"db-{server:04} at ${{{{ inputs.release }}}}\"\n"
            ),
        };
        text.push_str(&chunk);
    }
    text
}

#[test]
fn the_largest_plan_can_be_written() {
    let text = fleet(STEPS_MAX);
    assert!(
        text.len() > 3_000_000,
        "{} bytes are no realistic size",
        text.len()
    );
    assert!(text.len() < TEXT_BYTES_MAX);
    let checked = check("fleet.yaml", &text, Some(&BTreeMap::new()), &catalog());
    assert!(!checked.has_errors(), "{}", checked.render(Style::Plain));
    assert_eq!(checked.plan.map(|plan| plan.steps.len()), Some(STEPS_MAX));
}

#[test]
fn one_step_more_is_refused() {
    let mut text = "windlass: 1\nname: book\nsteps:\n".to_owned();
    for step in 0..=STEPS_MAX {
        writeln!(text, "  s{step}: {{uses: wait, with: {{for: 1s}}}}").expect("a string takes it");
    }
    let checked = check("book.yaml", &text, None, &catalog());
    let found: Vec<&str> = checked
        .diagnostics
        .iter()
        .map(|found| found.code.id())
        .collect();
    assert_eq!(found, ["WL0102"]);
}
