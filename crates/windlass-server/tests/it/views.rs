//! What a person sees of a run that needs him, and that what it tells him to type is
//! what the server then takes.

use windlass_core::event::Event;
use windlass_core::plan::EffectClass;
use windlass_server::wire::{Abandon, Attest, Resolve, Retry, TakeOver, Verdict};

use crate::house::{House, action, change, read, run, seen, to_end};

#[test]
fn a_doubt_is_shown_and_resolved() {
    run(async {
        let house = House::open().await;
        let (client, run) = house
            .started(
                vec![change("unknown", &[]), read("b", &["unknown"])],
                "doubt_escalated",
            )
            .await;
        let view = client.run(&run).await.unwrap();
        assert_eq!(view.state, "needs_operator");
        assert_eq!(view.waits_for, "in_doubt unknown");
        let doubt = &view.doubts[0];
        assert_eq!(
            (doubt.node.to_string().as_str(), doubt.attempt),
            ("unknown", 1)
        );
        assert!(doubt.escalated.is_some());
        let need = &view.needs[0];
        assert_eq!(need.code, "in_doubt");
        assert!(
            need.text
                .starts_with("nobody knows whether attempt 1 of unknown took effect")
        );
        assert_eq!(
            need.next[0],
            format!("windlass resolve {run} unknown happened --reason '...'")
        );
        assert_eq!(need.next.len(), 3);

        let resolve = Resolve {
            node: doubt.node.id.clone(),
            reason: "I looked at it".to_owned(),
            verdict: Verdict::Happened {
                outputs: windlass_core::value::Value::Null,
            },
        };
        client.resolve(&run, &resolve).await.unwrap();
        let (lines, _) = to_end(client.events(&run, 0).await.unwrap()).await;
        let resolved = lines
            .iter()
            .find(|line| line.kind == "doubt_resolved")
            .unwrap();
        assert!(matches!(
            resolved.event().unwrap(),
            Event::DoubtResolved { .. }
        ));
        let view = client.run(&run).await.unwrap();
        assert_eq!(view.end.as_deref(), Some("succeeded"));
    });
}

#[test]
fn a_failure_after_the_point_of_no_return_offers_its_choices() {
    run(async {
        let house = House::open().await;
        let settled = action("settled", EffectClass::Reversible, &["a"]);
        let (client, run) = house
            .started(vec![change("a", &[]), settled], "node_failed")
            .await;
        let view = seen(&client, &run, |view| view.state == "needs_operator").await;
        let need = &view.needs[0];
        assert_eq!(need.code, "failed_after_irreversible");
        assert_eq!(
            need.next,
            [
                format!("windlass retry {run} settled --nothing-remains --reason '...'"),
                format!("windlass attest {run} settled --reason '...'"),
                format!("windlass abandon {run} --reason '...'"),
            ]
        );
        let item = &view.steps[1].items[0];
        assert_eq!(item.effected.as_deref(), Some("settled"));
        let mut retry = Retry {
            node: item.node.id.clone(),
            reason: "again".to_owned(),
            nothing_remains: false,
        };
        let refused = client.retry(&run, &retry).await.unwrap_err();
        assert_eq!(refused.code(), Some("may_remain"));
        retry.nothing_remains = true;
        client.retry(&run, &retry).await.unwrap();
        seen(&client, &run, |view| {
            view.state == "needs_operator" && view.steps[1].attempt == 2
        })
        .await;
        let mut attest = Attest {
            node: retry.node.clone(),
            attempt: 1,
            reason: "done by hand".to_owned(),
            outputs: windlass_core::value::Value::Null,
        };
        let refused = client.attest(&run, &attest).await.unwrap_err();
        assert_eq!(refused.code(), Some("stale_attempt"));
        attest.attempt = 2;
        client.attest(&run, &attest).await.unwrap();
        let view = seen(&client, &run, |view| view.end.is_some()).await;
        assert_eq!(view.end.as_deref(), Some("succeeded"));
        assert_eq!(view.steps[1].items[0].state, "attested");
        let abandon = Abandon {
            reason: "late".to_owned(),
        };
        let refused = client.abandon(&run, &abandon).await.unwrap_err();
        assert_eq!(refused.code(), Some("run_ended"));
    });
}

#[test]
fn a_debt_is_shown_until_a_person_takes_it_over() {
    run(async {
        let house = House::open().await;
        let mut owing = change("a", &[]);
        owing.ensure = Some("settled".parse().unwrap());
        let pays = action("settled", EffectClass::Idempotent, &["a"]);
        let (client, run) = house.started(vec![owing, pays], "node_failed").await;
        let view = seen(&client, &run, |view| view.state == "needs_operator").await;
        assert_eq!(view.debts[0].step.as_str(), "settled");
        let abandon = Abandon {
            reason: "by hand".to_owned(),
        };
        client.abandon(&run, &abandon).await.unwrap();
        let owes = |view: &windlass_server::wire::RunView| {
            view.needs.first().is_some_and(|need| need.code == "debt")
        };
        let view = seen(&client, &run, owes).await;
        assert_eq!(view.waits_for, "debt settled");
        assert_eq!(
            view.needs[0].next,
            [
                format!("windlass retry {run} settled --reason '...'"),
                format!("windlass attest {run} settled --reason '...'"),
                format!("windlass take-over {run} settled --reason '...'"),
            ]
        );
        let take_over = TakeOver {
            step: "settled".parse().unwrap(),
            reason: "I established it".to_owned(),
        };
        client.take_over(&run, &take_over).await.unwrap();
        let view = seen(&client, &run, |view| view.end.is_some()).await;
        assert!(view.debts.is_empty() && view.needs.is_empty());
    });
}
