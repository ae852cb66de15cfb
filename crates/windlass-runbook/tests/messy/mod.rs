//! Readable documents in as bad a layout as YAML allows, made from a tape of bytes:
//! a shorter tape or smaller bytes make a simpler document, so failures shrink well.

/// The document that the tape describes.
pub(crate) fn text(tape: &[u8]) -> String {
    let mut writer = Writer {
        tape,
        text: String::new(),
        keys: 0,
    };
    if writer.one_in(12) {
        writer.text += "---";
        writer.end_of_line();
    }
    writer.between(0);
    if writer.one_in(8) {
        writer.list(0, 4);
    } else {
        writer.map(0, 4);
    }
    writer.between(0);
    let text = writer.text;
    if tape.len() % 5 == 4 {
        text.replace('\n', "\r\n")
    } else {
        text
    }
}

const WORDS: [&str; 12] = [
    "a",
    "two words",
    "15.10",
    "0x1f",
    "true",
    "null",
    "~",
    "é",
    "a-b",
    "a?b",
    "x:y",
    "-1",
];
const QUOTED: [&str; 9] = [
    "",
    "a: b",
    "# no comment",
    "- x",
    "${{ inputs.x }}",
    "{x}",
    "a, b",
    " led and trailed ",
    "'",
];
const LINES: [&str; 8] = [
    "echo one",
    "  deeper",
    "",
    "# no comment",
    "key: value",
    "",
    "é\ttab",
    "trailing  ",
];

struct Writer<'a> {
    tape: &'a [u8],
    text: String,
    keys: usize,
}

impl Writer<'_> {
    fn choose(&mut self, bound: usize) -> usize {
        let Some((first, rest)) = self.tape.split_first() else {
            return 0;
        };
        self.tape = rest;
        usize::from(*first) % bound
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.choose(bound) == bound - 1
    }

    fn spaces(&mut self, least: usize, most: usize) {
        let count = least + self.choose(most - least + 1);
        self.text += &" ".repeat(count);
    }

    fn comment(&mut self) {
        let hash = ["#c", "#c x", "# #c", "##c  "][self.choose(4)];
        self.text += hash;
    }

    fn end_of_line(&mut self) {
        match self.choose(6) {
            0..=3 => {}
            4 => self.spaces(1, 3),
            _ => {
                self.spaces(1, 4);
                self.comment();
            }
        }
        self.text.push('\n');
    }

    /// Empty lines and comments before something at this indentation.
    fn between(&mut self, indent: usize) {
        for _ in 0..self.choose(4).saturating_sub(1) {
            if self.one_in(2) {
                self.spaces(0, indent);
                self.comment();
            }
            self.text.push('\n');
        }
    }

    fn key(&mut self) -> String {
        self.keys += 1;
        let number = self.keys;
        match self.choose(5) {
            0..=2 => format!("k{number}"),
            3 => format!("'k {number}'"),
            _ => format!("\"k\\\"{number}\""),
        }
    }

    fn map(&mut self, indent: usize, depth: usize) {
        for place in 0..=self.choose(4) {
            if place > 0 {
                self.between(indent);
                self.text += &" ".repeat(indent);
            }
            let key = self.key();
            if self.one_in(10) {
                self.text += "? ";
                self.text += &key;
                self.end_of_line();
                self.text += &" ".repeat(indent);
            } else {
                self.text += &key;
                self.spaces(0, 1);
            }
            self.text.push(':');
            self.value(indent, depth, false);
        }
    }

    fn list(&mut self, indent: usize, depth: usize) {
        for place in 0..=self.choose(3) {
            if place > 0 {
                self.between(indent);
                self.text += &" ".repeat(indent);
            }
            self.text.push('-');
            self.value(indent, depth, true);
        }
    }

    /// What follows a `:` or a `-`, to the end of its line.
    fn value(&mut self, indent: usize, depth: usize, of_list: bool) {
        match self.choose(if depth == 0 { 5 } else { 9 }) {
            0 | 1 => {
                self.space_or_line(indent);
                let scalar = self.scalar(indent);
                self.text += &scalar;
                self.end_of_line();
            }
            2 => self.end_of_line(),
            3 => self.block_scalar(indent),
            4 => {
                self.space_or_line(indent);
                self.flow(indent + 1, 2);
                self.end_of_line();
            }
            5 | 6 => self.nested(indent, depth, of_list, Self::map),
            _ => self.nested(indent, depth, of_list, Self::list),
        }
    }

    fn space_or_line(&mut self, indent: usize) {
        if self.one_in(6) {
            self.end_of_line();
            self.between(indent);
            self.text += &" ".repeat(indent);
        }
        self.spaces(1, 3);
    }

    fn nested(
        &mut self,
        indent: usize,
        depth: usize,
        of_list: bool,
        write: fn(&mut Self, usize, usize),
    ) {
        if of_list && self.one_in(2) {
            let gap = 1 + self.choose(3);
            self.text += &" ".repeat(gap);
            write(self, indent + 1 + gap, depth - 1);
            return;
        }
        let inside = indent + 1 + self.choose(4);
        self.end_of_line();
        self.between(inside);
        self.text += &" ".repeat(inside);
        write(self, inside, depth - 1);
    }

    fn scalar(&mut self, indent: usize) -> String {
        let word = WORDS[self.choose(WORDS.len())];
        let quoted = QUOTED[self.choose(QUOTED.len())];
        let margin = " ".repeat(indent + 1 + self.choose(3));
        match self.choose(9) {
            0 | 1 => word.to_owned(),
            2 => format!("'{}'", quoted.replace('\'', "''")),
            3 => format!("\"{quoted}\""),
            4 => format!("{word}  \n{margin}more\n\n{margin}words"),
            5 => format!("\"{quoted}  \n\n{margin}more \\\n{margin}\\ words\""),
            6 => format!("'one\n{margin}''two'' '"),
            7 => "long ".repeat(5 + self.choose(30)) + "end",
            _ => format!("'say \"{word}\" \\ '"),
        }
    }

    fn block_scalar(&mut self, indent: usize) {
        let inside = 1 + self.choose(4);
        let mut lines: Vec<&str> = Vec::new();
        for _ in 0..self.choose(6) {
            lines.push(LINES[self.choose(LINES.len())]);
        }
        let first = lines.iter().find(|line| !line.is_empty());
        let must_tell = first.is_some_and(|line| line.starts_with(' '));
        let style = [" |", " >", "  |"][self.choose(3)];
        self.text += style;
        if must_tell || self.one_in(4) {
            self.text += &inside.to_string();
        }
        let chomping = ["", "-", "+"][self.choose(3)];
        self.text += chomping;
        self.end_of_line();
        for line in lines {
            if !line.is_empty() {
                self.text += &" ".repeat(indent + inside);
                self.text += line;
            }
            self.text.push('\n');
        }
    }

    /// A map or a list in brackets, on one line or on many.
    fn flow(&mut self, indent: usize, depth: usize) {
        let is_list = self.one_in(2);
        self.text.push(if is_list { '[' } else { '{' });
        let count = self.choose(5);
        for place in 0..count {
            self.flow_gap(indent);
            if !is_list {
                let key = self.key();
                self.text += &key;
                if self.one_in(6) {
                    // A key alone, which means null.
                    self.comma(indent, place + 1 == count);
                    continue;
                }
                self.text += ": ";
            } else if self.one_in(8) {
                self.text += "pair: ";
            }
            self.flow_gap(indent);
            if depth > 0 && self.one_in(3) {
                self.flow(indent, depth - 1);
            } else {
                let scalar = self.scalar(indent);
                self.text += &scalar;
            }
            self.comma(indent, place + 1 == count);
        }
        self.flow_gap(indent);
        self.text.push(if is_list { ']' } else { '}' });
    }

    fn comma(&mut self, indent: usize, is_last: bool) {
        self.flow_gap(indent);
        if !is_last || self.one_in(3) {
            self.text.push(',');
        }
    }

    fn flow_gap(&mut self, indent: usize) {
        match self.choose(10) {
            0..=4 => {}
            5..=7 => self.spaces(1, 2),
            _ => {
                self.end_of_line();
                self.between(indent);
                self.text += &" ".repeat(indent);
            }
        }
    }
}
