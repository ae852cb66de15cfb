//! Random plans of 1 to 12 steps with every construct, in the notation of the scenarios,
//! so that a failure prints something that a person can read and paste into a case.

use super::driver::Dice;

/// A plan's line. Not every one is valid; the caller draws again.
pub(crate) fn line(dice: &mut Dice) -> String {
    let count = 1 + dice.below(12);
    let mut statements = Vec::new();
    if dice.one_in(3) {
        statements.push("opts: undo".to_owned());
    }
    if dice.one_in(4) {
        statements.push(format!("opts: parallel={}", 1 + dice.below(3)));
    }
    if dice.one_in(8) {
        statements.push(format!("opts: timeout={}", 20 + dice.below(300)));
    }
    if dice.one_in(2) {
        // The first step is often a read that precedes all; else the draw is not valid.
        let name = ["db:main", "`steps.s0.outputs.x`"][dice.below(2) as usize];
        statements.push(format!("opts: target={name}"));
    }
    let mut main: Vec<(String, bool)> = Vec::new();
    let windowed = dice.one_in(2);
    for index in 0..count {
        let name = format!("s{index}");
        let (suffix, mut attributes, change) = step(dice, &main);
        if windowed && suffix.contains(['~', '!']) {
            attributes.extend(window(dice, index));
        }
        let mut needs: Vec<&str> = Vec::new();
        for (other, _) in main.iter().rev().take(4) {
            if dice.one_in(2) {
                needs.push(other);
            }
        }
        let body = format!("{name}{suffix}[{}]", attributes.join(" "));
        statements.push(match needs.is_empty() {
            true => body,
            false => format!("{} -> {body}", needs.join(", ")),
        });
        main.push((name, change));
    }
    ensure(dice, &main, &mut statements);
    for index in 0..dice.below(4) {
        let suffix = ["", "~", "!", "%"][dice.below(4) as usize];
        let before = match index > 0 && dice.one_in(2) {
            true => format!("f{} -> ", index - 1),
            false => String::new(),
        };
        statements.push(format!("finally: {before}f{index}{suffix}"));
    }
    statements.join("; ")
}

/// When a step may begin. The step that it covers need not come after it, and a lead may
/// prepare nothing: the draw is not valid then.
fn window(dice: &mut Dice, index: u64) -> Option<String> {
    let covered = index + 1 + dice.below(3);
    match dice.below(8) {
        0..=4 => Some("window=off".to_owned()),
        5 => Some(format!("window=off:s{covered}")),
        6 => Some("prepares=off:15".to_owned()),
        _ => None,
    }
}

/// A debt between a change and a step behind it.
fn ensure(dice: &mut Dice, main: &[(String, bool)], statements: &mut Vec<String>) {
    let changes: Vec<&String> = main
        .iter()
        .filter(|(_, change)| *change)
        .map(|(name, _)| name)
        .collect();
    if changes.is_empty() || dice.one_in(2) {
        return;
    }
    let change = changes[dice.below(changes.len() as u64) as usize];
    let rec = ["", " rec", " retry=2"][dice.below(3) as usize];
    let suffix = ["~", "!", ""][dice.below(3) as usize];
    statements.push(format!("{change} -> owed{suffix}[{}]", rec.trim()));
    statements.push(format!("{change} -> between -> owed"));
    let marked = format!("{change}!");
    for statement in statements.iter_mut() {
        let own = statement
            .split("-> ")
            .last()
            .unwrap_or("")
            .starts_with(&marked);
        if own {
            statement.insert_str(statement.len() - 1, " ensure=owed");
        }
    }
}

fn step(dice: &mut Dice, before: &[(String, bool)]) -> (&'static str, Vec<String>, bool) {
    let suffix = ["", "", "~", "!", "!", "!!", "!!", "?", "%"][dice.below(9) as usize];
    let mut attributes = Vec::new();
    let mut maybe = |dice: &mut Dice, odds: u64, text: &str| {
        if dice.one_in(odds) {
            attributes.push(text.to_owned());
        }
    };
    match suffix {
        "?" => {
            maybe(dice, 2, "expires=40");
            maybe(dice, 2, "fact=`lag:60:x < 5`");
        }
        "%" => maybe(dice, 2, "span=30000"),
        _ => {
            let change = suffix.starts_with('!');
            if dice.one_in(7) {
                maybe(dice, 1, "hand");
                if !change {
                    maybe(dice, 2, "expires=40");
                }
                maybe(dice, 4, "each=`[1, 2, 3]`");
                maybe(dice, 6, "when=false");
                maybe(dice, 3, "recread");
                return (suffix, attributes, change);
            }
            if dice.one_in(5) {
                maybe(dice, 1, "each=`[1, 2, 3]`");
                maybe(dice, 2, "par=1");
                maybe(dice, 2, "budget=1");
            }
            maybe(dice, 2, "retry=3");
            maybe(dice, 3, "backoff=10");
            maybe(dice, 6, "when=false");
            maybe(dice, 20, "when=`steps.s0.outputs.y.z`");
            maybe(dice, 8, "expect=`x != 3`");
            maybe(dice, 15, "with=`steps.s0.outputs.y.z`");
            if change {
                maybe(dice, 2, "rec");
                maybe(dice, 5, "recread");
            } else if suffix.is_empty() {
                maybe(dice, 6, "until=`x == 2`");
                let untouched = before.iter().all(|(_, change)| !change);
                if untouched {
                    maybe(dice, 10, "done=`x == 5`");
                }
            }
            return (suffix, attributes, change);
        }
    }
    (suffix, attributes, false)
}
