//! Work by hand: asked for, answered from a second process, refused, declined.

use windlass_tests::golden::Test;

/// A look by hand, a gate and a change by hand.
const SWAP: &str = "\
windlass: 1
name: swap
steps:
  look:
    uses: manual
    effect: read
    with: {instructions: Read the number on the shelf, values: {shelf: {type: integer, min: 1, max: 40}}}
  swap:
    title: Swap the disk
    uses: manual
    needs: look
    effect: reversible
    with:
      instructions: |
        Pull the disk out of shelf ${{ steps.look.outputs.shelf }}.
        It is done when the lamp is green.
      show: {Shelf: \"${{ steps.look.outputs.shelf }}\"}
      values:
        lamp: {type: string, enum: [green, amber], title: Colour of the lamp}
        spare: {type: bytes, optional: true}
    undo: {uses: shell, timeout: 1m, with: {argv: [\"true\"]}}
  told:
    uses: shell
    effect: read
    needs: swap
    with: {argv: [echo, \"${{ steps.swap.outputs.lamp }}\"]}
";

#[test]
fn work_by_hand_is_attested_while_nobody_owns_the_directory() {
    let mut test = Test::new("by_hand");
    test.file("swap.yaml", SWAP);
    test.call(&["run", "swap.yaml", "--no-wait"]);
    test.call(&["runs"]);
    test.call(&["why", "RUN"]);
    test.call(&[
        "attest", "RUN", "look", "--value", "shelf=41", "--reason", "read it",
    ]);
    test.call(&[
        "attest", "RUN", "look", "--value", "shelf=7", "--reason", "read it",
    ]);
    test.call(&["show", "RUN"]);
    test.call(&["attest", "RUN", "swap", "--reason", "swapped"]);
    test.call(&["decline", "RUN", "told", "--reason", "no"]);
    test.call(&["cancel", "RUN", "--reason", "wrong shelf"]);
    test.call(&["handover", "RUN"]);
    test.call(&[
        "attest",
        "RUN",
        "swap",
        "--value",
        "lamp=green",
        "--value",
        "spare=1MiB",
        "--reason",
        "swapped, CHG-4711",
    ]);
    test.call(&["show", "RUN", "--json"]);
    test.check();
}

#[test]
fn actions_are_listed_with_what_they_take_and_may_do() {
    let mut test = Test::new("actions");
    test.call(&["actions", "postgres/query"]);
    test.call(&["actions", "set"]);
    test.call(&["actions", "manual", "--json"]);
    test.call(&["actions", "postgres"]);
    test.check();
}

#[test]
fn work_by_hand_is_declined() {
    let mut test = Test::new("by_hand_declined");
    test.file("swap.yaml", SWAP);
    test.call(&["plan", "swap.yaml"]);
    test.call(&["preflight", "swap.yaml"]);
    test.call(&["run", "swap.yaml", "--no-wait"]);
    test.call(&[
        "decline",
        "RUN",
        "look",
        "--acted",
        "--reason",
        "it is dark",
    ]);
    test.call(&[
        "attest", "RUN", "look", "--value", "shelf=7", "--reason", "read it",
    ]);
    test.call(&[
        "decline",
        "RUN",
        "swap",
        "--unknown",
        "--reason",
        "the cleaner was there",
    ]);
    test.call(&["show", "RUN"]);
    test.check();
}
