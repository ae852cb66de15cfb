//! What the other machine answers on its standard output: words of the wrapper, which
//! stand between this attempt's mark and a line's end, and before and behind them what
//! the command prints, line or no line.

use tokio::sync::watch;

use crate::process::Sieve;

/// What comes before the greeting is kept up to so many bytes, for the message.
const PRELUDE_BYTES_MAX: usize = 1024;
/// The most bytes of the wrapper's words; more of them are the command's.
const WORDS_BYTES_MAX: usize = 64;

/// What was heard so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// What the machine printed before it was ready.
    pub(super) prelude: Vec<u8>,
    /// What it said with `ready`: its time in seconds.
    pub(super) ready: Option<String>,
    pub(super) began: bool,
    /// Why it did not begin the command.
    pub(super) refused: Option<String>,
    /// The command's exit code.
    pub(super) ended: Option<i64>,
}

/// Reads the answer.
#[derive(Debug)]
pub(super) struct Frame {
    /// With the space that is behind it.
    mark: Vec<u8>,
    /// What may be the beginning of the wrapper's words.
    held: Vec<u8>,
    heard: watch::Sender<Heard>,
}

impl Frame {
    pub(super) fn new(mark: &str) -> (Self, watch::Receiver<Heard>) {
        let (heard, hearing) = watch::channel(Heard::default());
        let frame = Self {
            mark: format!("{mark} ").into_bytes(),
            held: Vec::new(),
            heard,
        };
        (frame, hearing)
    }

    /// Takes text that is not the wrapper's.
    fn text(&self, text: Vec<u8>, command: &mut Vec<u8>) {
        let (before, within) = {
            let heard = self.heard.borrow();
            let within = heard.began && heard.ended.is_none();
            (heard.ready.is_none(), within)
        };
        if within {
            command.extend(text);
        } else if before {
            self.heard.send_if_modified(|heard| {
                let room = PRELUDE_BYTES_MAX.saturating_sub(heard.prelude.len());
                heard.prelude.extend(text.into_iter().take(room));
                false
            });
        }
    }

    /// Takes words behind a mark; false when they are not the wrapper's.
    fn words(&self, words: &str) -> bool {
        let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
        self.heard.send_if_modified(|heard| {
            match word {
                "ready" if heard.ready.is_none() => heard.ready = Some(rest.to_owned()),
                "began" if heard.ready.is_some() => heard.began = true,
                "refused" if !heard.began => heard.refused = Some(rest.to_owned()),
                "ended" if heard.began && heard.ended.is_none() => match rest.parse() {
                    Ok(code) => heard.ended = Some(code),
                    Err(_) => return false,
                },
                _ => return false,
            }
            true
        })
    }
}

impl Sieve for Frame {
    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let mut command = Vec::new();
        while let Some(at) = find(&self.held, &self.mark) {
            let behind = &self.held[at + self.mark.len()..];
            let end = behind.iter().position(|byte| *byte == b'\n');
            if end.is_none() && behind.len() <= WORDS_BYTES_MAX {
                // Their end is still to come.
                let text = self.held.drain(..at).collect();
                self.text(text, &mut command);
                return command;
            }
            let words = end.and_then(|end| std::str::from_utf8(&behind[..end]).ok());
            let words = words.map(str::to_owned);
            let text = self.held.drain(..at).collect();
            self.text(text, &mut command);
            let line = self.mark.len() + end.unwrap_or(0);
            match words {
                Some(words) if self.words(&words) => drop(self.held.drain(..=line)),
                _ => {
                    let text = self.held.drain(..1).collect();
                    self.text(text, &mut command);
                }
            }
        }
        let kept = unfinished(&self.held, &self.mark);
        let text = self.held.drain(..self.held.len() - kept).collect();
        self.text(text, &mut command);
        command
    }

    fn skipped(&mut self) {
        self.held.clear();
    }

    fn rest(&mut self) -> Vec<u8> {
        let mut command = Vec::new();
        let text = std::mem::take(&mut self.held);
        self.text(text, &mut command);
        command
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == wanted[0]) {
        from += at;
        if bytes[from..].starts_with(wanted) {
            return Some(from);
        }
        from += 1;
    }
    None
}

/// How many bytes at the end may be the beginning of the mark.
fn unfinished(bytes: &[u8], mark: &[u8]) -> usize {
    let longest = bytes.len().min(mark.len() - 1);
    let mut lengths = (1..=longest).rev();
    lengths
        .find(|length| bytes.ends_with(&mark[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &str = "windlass-0a";

    /// The command's output and what was heard, with the stream in two pieces.
    fn read(stream: &[u8], cut: usize) -> (Vec<u8>, Heard) {
        let (mut frame, hearing) = Frame::new(MARK);
        let mut command = frame.pass(&stream[..cut]);
        command.extend(frame.pass(&stream[cut..]));
        command.extend(frame.rest());
        let heard = hearing.borrow().clone();
        (command, heard)
    }

    #[test]
    fn the_command_is_heard_exactly_wherever_the_stream_is_cut() {
        let outputs: [&[u8]; 6] = [
            b"",
            b"no end",
            b"\n\nlines\n\n",
            b"windlass-0a ready 5\n",
            b"windlass-0a ended x\nwindlass-0b ended 3\nwindlass",
            b"\xff\nwindlass-\nwindlass-0a and much more than any wrapper says, really, very much more",
        ];
        for output in outputs {
            let mut stream = b"Welcome!\nwindlass-0a ready 17\nwindlass-0a began\n".to_vec();
            stream.extend_from_slice(output);
            stream.extend_from_slice(b"windlass-0a ended 255\nfrom behind");
            for cut in 0..=stream.len() {
                let (command, heard) = read(&stream, cut);
                let shown = String::from_utf8_lossy(output);
                assert_eq!(command, output, "cut at {cut}: {shown}");
                assert_eq!(heard.prelude, b"Welcome!\n");
                assert_eq!(heard.ready.as_deref(), Some("17"));
                assert_eq!(heard.ended, Some(255));
            }
        }
    }

    #[test]
    fn a_cut_stream_has_no_end() {
        let stream = b"windlass-0a ready 17\nwindlass-0a began\nhalfwindlass-0a ended 2";
        let (_, heard) = read(stream, 3);
        assert!(heard.began && heard.ended.is_none());
        let (_, heard) = read(b"windlass-0a ready 17\nwindlass-0a refused cwd\n", 30);
        assert_eq!(heard.refused.as_deref(), Some("cwd"));
        assert!(!heard.began);
    }
}
