//! Starting: the client's plan is checked again, and a repeat starts nothing.

use windlass_core::plan::{EffectClass, Plan, Reconcile, Verb};
use windlass_core::time::Millis;
use windlass_server::wire::RunFilter;

use crate::house::{House, RUNBOOK, action, calling, change, gate, plan, read, run, start};

async fn refusal(house: &House, plan: Plan) -> String {
    let client = house.client().await;
    let error = client.start(&start(plan), None).await.unwrap_err();
    error.code().unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[test]
fn a_plan_that_says_less_than_the_catalog_is_refused() {
    run(async {
        let house = House::open().await;
        let lowered = calling(read("a", &[]), |call| {
            call.uses = "irreversible".parse().unwrap()
        });
        assert_eq!(refusal(&house, plan(vec![lowered])).await, "effect_lowered");
        let raised = calling(change("a", &[]), |call| call.uses = "read".parse().unwrap());
        let client = house.client().await;
        client
            .start(&start(plan(vec![raised])), None)
            .await
            .unwrap();

        let unknown = calling(read("a", &[]), |call| {
            call.uses = "other/thing".parse().unwrap()
        });
        assert_eq!(refusal(&house, plan(vec![unknown])).await, "unknown_action");
        let native = calling(change("a", &[]), |call| {
            call.reconcile = Reconcile::Native {
                timeout: Millis::from_secs(1),
            };
        });
        assert_eq!(refusal(&house, plan(vec![native])).await, "action_cannot");
        let undo = calling(action("a", EffectClass::Reversible, &[]), |call| {
            call.verb = Verb::Undo;
        });
        assert_eq!(refusal(&house, plan(vec![undo])).await, "action_cannot");
        let circle = plan(vec![read("a", &["b"]), read("b", &["a"])]);
        assert_eq!(refusal(&house, circle).await, "bad_plan");
        let mut large = plan(vec![read("a", &[])]);
        large.title = "x".repeat(windlass_journal::RECORD_BODY_BYTES_MAX);
        assert_eq!(refusal(&house, large).await, "plan_too_large");
    });
}

#[test]
fn a_plan_that_both_read_differently_is_refused() {
    run(async {
        let house = House::open().await;
        let client = house.client().await;
        let mut ask = start(plan(vec![read("a", &[])]));
        ask.plan.title = "Another".to_owned();
        let error = client.start(&ask, None).await.unwrap_err();
        assert_eq!(error.code(), Some("other_plan"));
        let mut ask = start(plan(vec![read("a", &[])]));
        ask.runbook = format!("{RUNBOOK}# changed\n");
        let error = client.start(&ask, None).await.unwrap_err();
        assert_eq!(error.code(), Some("other_runbook"));
        assert!(
            client
                .runs(&RunFilter::default())
                .await
                .unwrap()
                .runs
                .is_empty()
        );
    });
}

#[test]
fn a_repeat_is_answered_with_the_first_run() {
    run(async {
        let house = House::open().await;
        let client = house.client().await;
        let ask = start(plan(vec![gate("go", &[])]));
        let first = client.start(&ask, Some("ticket-7")).await.unwrap();
        assert_eq!(client.start(&ask, Some("ticket-7")).await.unwrap(), first);
        let other = start(plan(vec![gate("went", &[])]));
        let error = client.start(&other, Some("ticket-7")).await.unwrap_err();
        assert_eq!(error.code(), Some("key_reused"));
        assert_ne!(client.start(&ask, None).await.unwrap(), first);
        assert_eq!(
            client.runs(&RunFilter::default()).await.unwrap().runs.len(),
            2
        );
    });
}
