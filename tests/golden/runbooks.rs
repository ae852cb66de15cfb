//! The runbooks that the sessions use.

/// One read.
pub(crate) const HELLO: &str = "\
windlass: 1
name: hello
title: Say hello
inputs:
  whom: {type: string, default: world}
steps:
  greet:
    uses: shell
    effect: read
    with:
      script: echo \"hello, $WHOM\"
      env: {WHOM: \"${{ inputs.whom }}\"}
";

/// A read that fails, and one that is never reached.
pub(crate) const FAILING: &str = "\
windlass: 1
name: failing
title: A step that fails
steps:
  look:
    uses: shell
    effect: read
    with: {script: \"echo looking >&2; echo no such table >&2; exit 3\"}
  never:
    needs: look
    uses: shell
    effect: read
    with: {argv: [echo, never]}
";

/// A gate that shows a fact.
pub(crate) const GATED: &str = "\
windlass: 1
name: gated
title: A change behind a gate
steps:
  look:
    uses: shell
    effect: read
    with: {argv: [echo, \"42\"]}
  go:
    title: Change it?
    needs: look
    approval:
      expires: 30m
      show: {lag: \"${{ steps.look.outputs.stdout }}\"}
  change:
    needs: go
    uses: shell
    effect: reversible
    timeout: 1m
    with: {argv: [echo, changed]}
";

/// A change that ends in doubt: an exit code says nothing about its effect.
pub(crate) const DOUBTFUL: &str = "\
windlass: 1
name: doubtful
title: A change of which nobody knows
steps:
  change:
    uses: shell
    effect: irreversible
    timeout: 1m
    with: {script: \"echo half way; exit 3\"}
  after:
    needs: change
    uses: shell
    effect: read
    with: {argv: [echo, done]}
";

/// A read that fails after an irreversible change, until a file is there.
pub(crate) const LATE: &str = "\
windlass: 1
name: late
title: A check that fails after the point of no return
steps:
  change:
    uses: shell
    effect: irreversible
    timeout: 1m
    with: {argv: [echo, changed]}
  verify:
    needs: change
    uses: shell
    effect: read
    with: {script: \"test -e \\\"$FILE\\\"\", env: {FILE: \"${{ inputs.file }}\"}}
inputs:
  file: {type: string}
";

/// A change that owes a step, which fails.
pub(crate) const OWING: &str = "\
windlass: 1
name: owing
title: A change that owes a step
steps:
  change:
    uses: shell
    effect: reversible
    timeout: 1m
    ensure: restore
    with: {argv: [echo, changed]}
  restore:
    needs: change
    uses: shell
    effect: idempotent
    with: {script: exit 4}
";

/// A read that takes until a file is there, and one after it.
pub(crate) const SLOW: &str = "\
windlass: 1
name: slow
title: A read that takes its time
inputs:
  file: {type: string}
steps:
  wait_for_it:
    uses: shell
    effect: read
    with:
      script: while ! test -e \"$FILE\"; do sleep 0.05; done
      env: {FILE: \"${{ inputs.file }}\"}
  after:
    needs: wait_for_it
    uses: shell
    effect: read
    with: {argv: [echo, done]}
";

/// A secret that a step prints.
pub(crate) const SECRET: &str = "\
windlass: 1
name: secretive
title: A step with a secret
secrets: [token]
steps:
  go: {approval: {}}
  use_it:
    needs: go
    uses: shell
    effect: read
    with:
      script: echo \"the token is $TOKEN\"
      env: {TOKEN: \"${{ secrets.token }}\"}
";

/// Three mistakes.
pub(crate) const WRONG: &str = "\
windlass: 1
name: wrong
title: Mistakes
steps:
  one:
    uses: shel
    with: {argv: [true]}
  two:
    needs: oen
    uses: shell
    with: {argv: [\"true\"]}
";

/// A change that takes until a file is there, and owes a step.
pub(crate) const MOVING: &str = "\
windlass: 1
name: moving
title: A change that takes its time
inputs:
  file: {type: string}
steps:
  change:
    uses: shell
    effect: irreversible
    timeout: 1m
    ensure: restore
    with:
      script: while ! test -e \"$FILE\"; do sleep 0.05; done
      env: {FILE: \"${{ inputs.file }}\"}
  restore:
    needs: change
    uses: shell
    effect: idempotent
    with: {argv: [echo, restored]}
";

/// A change that is undone because the step after it fails.
pub(crate) const UNDOING: &str = "\
windlass: 1
name: undoing
title: A change that is undone
on_failure: undo
steps:
  change:
    uses: shell
    effect: reversible
    timeout: 1m
    with: {argv: [echo, changed]}
    undo:
      uses: shell
      timeout: 1m
      with: {argv: [echo, changed back]}
  look:
    needs: change
    uses: shell
    effect: read
    with: {script: exit 3}
";
