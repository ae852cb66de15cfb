//! What differs between two texts, line by line, as a unified diff.

/// Lines shown around each difference.
const AROUND: usize = 3;
/// Texts that differ in more lines than this are shown as one difference: the search
/// takes memory that grows with the square of it.
const DIFFERENT_LINES_MAX: usize = 1_000;

/// One line of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit<'a> {
    Same(&'a str),
    Out(&'a str),
    In(&'a str),
}

/// The differences as lines without line ends; none when the texts are equal.
pub(crate) fn unified(name: &str, before: &str, after: &str) -> Vec<String> {
    let befores: Vec<&str> = before.split_inclusive('\n').collect();
    let afters: Vec<&str> = after.split_inclusive('\n').collect();
    let edits = edits(&befores, &afters);
    let changed: Vec<usize> = edits
        .iter()
        .enumerate()
        .filter(|(_, edit)| !matches!(edit, Edit::Same(_)))
        .map(|(place, _)| place)
        .collect();
    let Some((first, rest)) = changed.split_first() else {
        return Vec::new();
    };
    let mut lines = vec![format!("--- {name}"), format!("+++ {name} (formatted)")];
    let (mut from, mut to) = (*first, *first);
    for place in rest {
        if place - to > 2 * AROUND {
            hunk(&edits, from, to, &mut lines);
            from = *place;
        }
        to = *place;
    }
    hunk(&edits, from, to, &mut lines);
    lines
}

/// The edits from one place to another, with some lines around them.
fn hunk(edits: &[Edit<'_>], from: usize, to: usize, lines: &mut Vec<String>) {
    let from = from.saturating_sub(AROUND);
    let to = (to + AROUND + 1).min(edits.len());
    let count = |edits: &[Edit<'_>], out: bool| {
        let counts = |edit: &&Edit<'_>| match edit {
            Edit::Same(_) => true,
            Edit::Out(_) => out,
            Edit::In(_) => !out,
        };
        edits.iter().filter(counts).count()
    };
    let range = |out: bool| {
        let len = count(&edits[from..to], out);
        // Where there are no lines, the place is the line before.
        let start = count(&edits[..from], out) + usize::from(len > 0);
        format!("{start},{len}")
    };
    lines.push(format!("@@ -{} +{} @@", range(true), range(false)));
    for edit in &edits[from..to] {
        let (sign, line) = match edit {
            Edit::Same(line) => (' ', line),
            Edit::Out(line) => ('-', line),
            Edit::In(line) => ('+', line),
        };
        lines.push(format!("{sign}{}", line.strip_suffix('\n').unwrap_or(line)));
        if !line.ends_with('\n') {
            lines.push("\\ No newline at end of file".to_owned());
        }
    }
}

/// The shortest way from one text to the other, or one that replaces everything
/// between their first and last difference.
fn edits<'a>(befores: &[&'a str], afters: &[&'a str]) -> Vec<Edit<'a>> {
    let same = |(one, other): &(&&str, &&str)| one == other;
    let head = befores.iter().zip(afters).take_while(same).count();
    let (before, after) = (&befores[head..], &afters[head..]);
    let tail = before.iter().rev().zip(after.iter().rev());
    let tail = tail.take_while(same).count();
    let before = &before[..before.len() - tail];
    let after = &after[..after.len() - tail];
    let mut edits: Vec<Edit<'a>> = befores[..head]
        .iter()
        .map(|line| Edit::Same(line))
        .collect();
    edits.extend(shortest(before, after).unwrap_or_else(|| {
        let out = before.iter().map(|line| Edit::Out(line));
        out.chain(after.iter().map(|line| Edit::In(line))).collect()
    }));
    let tail = &befores[befores.len() - tail..];
    edits.extend(tail.iter().map(|line| Edit::Same(line)));
    edits
}

/// The greedy algorithm of Myers: how far each diagonal is reached with one edit more,
/// until both texts are used up; then the way back.
fn shortest<'a>(before: &[&'a str], after: &[&'a str]) -> Option<Vec<Edit<'a>>> {
    let most = (before.len() + after.len()).min(DIFFERENT_LINES_MAX);
    let width = 2 * most + 3;
    let middle = most + 1;
    let mut reached = vec![0_usize; width];
    let mut steps: Vec<Vec<usize>> = Vec::new();
    for count in 0..=most {
        steps.push(reached.clone());
        for diagonal in diagonals(middle, count) {
            let mut x = start(&reached, diagonal, middle, count);
            // `x - y` is the diagonal's distance from the middle.
            let mut y = x + middle - diagonal;
            while x < before.len() && y < after.len() && before[x] == after[y] {
                x += 1;
                y += 1;
            }
            reached[diagonal] = x;
            if x >= before.len() && y >= after.len() {
                return Some(way_back(before, after, &steps, middle));
            }
        }
    }
    None
}

/// The diagonals that so many edits can reach.
fn diagonals(middle: usize, count: usize) -> impl Iterator<Item = usize> {
    (middle - count..=middle + count).step_by(2)
}

/// Where a diagonal is entered: from above by an insertion, from the left by a removal.
fn start(reached: &[usize], diagonal: usize, middle: usize, count: usize) -> usize {
    if count == 0 {
        0
    } else if is_insertion(reached, diagonal, middle, count) {
        reached[diagonal + 1]
    } else {
        reached[diagonal - 1] + 1
    }
}

fn is_insertion(reached: &[usize], diagonal: usize, middle: usize, count: usize) -> bool {
    diagonal == middle - count
        || diagonal != middle + count && reached[diagonal - 1] < reached[diagonal + 1]
}

fn way_back<'a>(
    before: &[&'a str],
    after: &[&'a str],
    steps: &[Vec<usize>],
    middle: usize,
) -> Vec<Edit<'a>> {
    let (mut x, mut y) = (before.len(), after.len());
    let mut edits = Vec::new();
    for (count, reached) in steps.iter().enumerate().rev() {
        let diagonal = x + middle - y;
        let entered = start(reached, diagonal, middle, count);
        while x > entered {
            x -= 1;
            y -= 1;
            edits.push(Edit::Same(before[x]));
        }
        if count > 0 {
            if is_insertion(reached, diagonal, middle, count) {
                y -= 1;
                edits.push(Edit::In(after[y]));
            } else {
                x -= 1;
                edits.push(Edit::Out(before[x]));
            }
        }
    }
    edits.reverse();
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(before: &str, after: &str) -> String {
        unified("book.yaml", before, after).join("\n")
    }

    #[test]
    fn differences_are_shown_with_lines_around_them() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n";
        let after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n11\n12\n13\n15\n16";
        let wanted = "--- book.yaml\n+++ book.yaml (formatted)\n\
            @@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n\
            @@ -11,5 +11,5 @@\n 11\n 12\n 13\n-14\n 15\n+16\n\\ No newline at end of file";
        assert_eq!(diff(before, after), wanted);
        assert_eq!(diff(before, before), "");
        assert_eq!(
            diff("", "a\n"),
            "--- book.yaml\n+++ book.yaml (formatted)\n@@ -0,0 +1,1 @@\n+a"
        );
    }

    /// Applying the edits gives both texts, and no shorter way is missed on small ones.
    #[test]
    fn edits_lead_from_one_text_to_the_other() {
        let mut number = 1_u64;
        let mut next = |bound: u64| {
            number ^= number << 13;
            number ^= number >> 7;
            number ^= number << 17;
            number % bound
        };
        for _ in 0..2_000 {
            let mut text = || -> Vec<&str> {
                let count = next(9);
                (0..count)
                    .map(|_| ["a\n", "b\n", "c\n"][next(3) as usize])
                    .collect()
            };
            let (before, after) = (text(), text());
            let edits = edits(&before, &after);
            let side = |out: bool| -> Vec<&str> {
                let keeps = |edit: &Edit<'static>| match *edit {
                    Edit::Same(line) => Some(line),
                    Edit::Out(line) => out.then_some(line),
                    Edit::In(line) => (!out).then_some(line),
                };
                edits.iter().filter_map(keeps).collect()
            };
            assert_eq!((side(true), side(false)), (before.clone(), after.clone()));
            let kept = edits.iter().filter(|edit| matches!(edit, Edit::Same(_)));
            assert_eq!(kept.count(), longest_common(&before, &after));
        }
    }

    fn longest_common(before: &[&str], after: &[&str]) -> usize {
        match (before.split_last(), after.split_last()) {
            (Some((one, before)), Some((other, after))) if one == other => {
                1 + longest_common(before, after)
            }
            (Some((_, fewer)), Some((_, less))) => {
                longest_common(fewer, after).max(longest_common(before, less))
            }
            _ => 0,
        }
    }

    #[test]
    fn texts_that_differ_everywhere_are_replaced() {
        let before: String = (0..3_000).map(|n| format!("a{n}\n")).collect();
        let after: String = (0..3_000).map(|n| format!("b{n}\n")).collect();
        let lines = unified("book.yaml", &before, &after);
        assert_eq!(lines.len(), 3 + 6_000);
        assert_eq!(lines[2], "@@ -1,3000 +1,3000 @@");
    }
}
