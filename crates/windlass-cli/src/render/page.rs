//! A page of Markdown for a terminal: headings, text wrapped to the columns, lists and
//! blocks of code. Only what windlass's own pages use; anything else shows as written.

use crate::render::paint::Paint;
use crate::text;

/// Text wider than this is tiring to read, however wide the terminal is.
const COLUMNS_MAX: usize = 100;
/// What a block of code is indented by.
const CODE_INDENT: &str = "    ";

/// The page, line by line.
pub(crate) fn page(page: &str, paint: &Paint) -> Vec<String> {
    let columns = paint.columns.min(COLUMNS_MAX);
    let paint = &Paint { columns, ..*paint };
    let mut shown = Vec::new();
    let mut in_code = false;
    for line in page.lines() {
        if let Some(info) = line.strip_prefix("```") {
            in_code = !in_code;
            if in_code && info.starts_with("json inputs") {
                shown.extend(["  With the inputs:".to_owned(), String::new()]);
            }
        } else if in_code {
            // Code is never wrapped: it is there to be copied.
            let line = text::lines(line);
            shown.push(format!("{CODE_INDENT}{line}").trim_end().to_owned());
        } else if let Some(title) = line.strip_prefix("# ") {
            shown.extend(
                paint
                    .hanging("", "", title)
                    .into_iter()
                    .map(|line| paint.strong(&line)),
            );
        } else if let Some(heading) = line.strip_prefix("## ") {
            shown.push(paint.strong(&text::line(heading)));
        } else if let Some(item) = line.strip_prefix("- ") {
            shown.extend(paint.hanging("  - ", CODE_INDENT, item));
        } else {
            shown.extend(paint.hanging("", "", line));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_laid_out() {
        let paint = Paint {
            colours: false,
            ascii: true,
            columns: 24,
        };
        let page = "# WL0000: A title of some length.\n\nA sentence that is longer.\n\n\
            - an item that is longer\n\n## Wrong\n\n```yaml wrong\nsteps: {a: {title: a line that stays whole}}\n```\n\n\
            ```json inputs\n{}\n```\n";
        let expected = "WL0000: A title of some\nlength.\n\nA sentence that is\nlonger.\n\n  - an item that is\n    \
            longer\n\nWrong\n\n    steps: {a: {title: a line that stays whole}}\n\n  With the inputs:\n\n    {}";
        assert_eq!(super::page(page, &paint).join("\n"), expected);
    }
}
