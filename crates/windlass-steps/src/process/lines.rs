//! Cuts a stream into lines, each of bounded length.

use windlass_engine::attempt::LOG_LINE_BYTES_MAX;

/// The most bytes of one line that are looked at; what follows up to the line's end
/// is dropped. Longer than the log's own bound, which cuts after redaction.
const LINE_BYTES_MAX: usize = 4 * LOG_LINE_BYTES_MAX;

/// Cuts a stream into lines. A carriage return ends a line too, as in progress bars.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
    /// Whether the pending line reached its bound, and its rest is dropped.
    full: bool,
    /// Whether all is dropped up to the next line's end.
    lost: bool,
}

impl Lines {
    /// Takes bytes, and gives the lines that ended in them.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, ends) = match piece.split_last() {
                Some((b'\n' | b'\r', text)) => (text, true),
                _ => (piece, false),
            };
            if self.lost {
                self.lost = !ends;
                continue;
            }
            let room = LINE_BYTES_MAX - self.pending.len();
            self.full |= text.len() > room;
            self.pending
                .extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                // The second half of CRLF, and blank lines, say nothing.
                lines.extend(self.rest());
            }
        }
        lines
    }

    /// Bytes were passed over: gives the line that they cut off, and drops the half line
    /// behind them, which may begin in the middle of a secret.
    pub(super) fn skip(&mut self) -> Option<Line> {
        self.lost = true;
        self.cut()
    }

    /// The line that has not ended, and never will.
    pub(super) fn cut(&mut self) -> Option<Line> {
        self.full = true;
        self.rest()
    }

    /// The line that has not ended.
    pub(super) fn rest(&mut self) -> Option<Line> {
        let bytes = std::mem::take(&mut self.pending);
        let cut = std::mem::take(&mut self.full);
        (!bytes.is_empty()).then_some(Line { bytes, cut })
    }
}

/// One line, without its end.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) bytes: Vec<u8>,
    /// Whether its rest was dropped.
    pub(super) cut: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_any_cut_and_stay_bounded() {
        let text = b"one\r\ntwo\n\nthree\rfour";
        for at in 0..text.len() {
            let mut lines = Lines::default();
            let mut all = lines.push(&text[..at]);
            all.extend(lines.push(&text[at..]));
            all.extend(lines.rest());
            let all: Vec<&[u8]> = all.iter().map(|line| line.bytes.as_slice()).collect();
            assert_eq!(all, [&b"one"[..], b"two", b"three", b"four"], "cut at {at}");
        }
        let mut lines = Lines::default();
        for _ in 0..20 {
            assert!(lines.push(&[b'x'; LINE_BYTES_MAX / 4]).is_empty());
        }
        let line = lines.rest().unwrap();
        assert_eq!((line.bytes.len(), line.cut), (LINE_BYTES_MAX, true));
    }
    #[test]
    fn a_skipped_part_takes_its_half_lines_along() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"one\ntw").len(), 1);
        let cut = lines.skip().unwrap();
        assert_eq!((cut.bytes.as_slice(), cut.cut), (&b"tw"[..], true));
        assert!(lines.push(b"half").is_empty());
        let all = lines.push(b" of it\nwhole\n");
        assert_eq!((all.len(), all[0].bytes.as_slice()), (1, &b"whole"[..]));
        assert!(!all[0].cut);
    }
}
