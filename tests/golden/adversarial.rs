//! Texts made to hurt the program: each is refused with a message, with little memory and
//! little time of the processor. `windlass-runbook` holds the check itself to more of them.

use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output};

use windlass_tests::golden::{Test, compare};

/// The address space that is given, room for the program of a debug build among it.
const MEMORY_KIB_MAX: u32 = 512 << 10;
/// The processor's time that is given: a debug build takes ten times as long.
const SECONDS_MAX: u32 = 10;
/// So much of a message is compared.
const SHOWN_CHARS_MAX: usize = 140;

const HEAD: &str = "windlass: 1\nname: b\nsteps:\n";

/// A runbook whose only step has this condition.
fn condition(text: &str) -> Vec<u8> {
    let step = "  a:\n    uses: wait\n    with: {for: 1s}\n    when: >-\n      ";
    format!("{HEAD}{step}{text}\n").into()
}

fn texts() -> Vec<(&'static str, Vec<u8>)> {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..9 {
        let below = format!("*a{},", level - 1).repeat(9);
        bomb += &format!("a{level}: &a{level} [{below}]\n");
    }
    let deep: String = (0..500).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    let wait = |more: &str| format!("{HEAD}  a: {{uses: wait, {more}with: {{for: 1s}}}}\n").into();
    let utf16 = HEAD.encode_utf16().flat_map(u16::to_le_bytes);
    let ones = format!("[{}]", ["1"; 20].join(","));
    let nested = |depth: usize, list: &str| {
        let inner = (0..depth).fold("true".to_owned(), |body, level| {
            format!("{list}.all(v{level}, {body})")
        });
        condition(&inner)
    };
    vec![
        ("alias bomb", bomb.into()),
        ("alias of itself", "a: &a [*a]\n".into()),
        ("merge key", "<<: {a: b}\n".into()),
        (
            "tag",
            format!("{HEAD}  a: !!python/object:os.system ls\n").into(),
        ),
        ("20,000 brackets", "[".repeat(20_000).into()),
        ("500 levels", deep.into()),
        ("9 MiB", "a".repeat(9 << 20).into()),
        (
            "450,000 values",
            format!("a: [{}]\n", "x,".repeat(450_000)).into(),
        ),
        ("5,000 documents", "a: b\n---\n".repeat(5_000).into()),
        ("UTF-16", [0xff, 0xfe].into_iter().chain(utf16).collect()),
        ("Latin-1", b"windlass: 1\nname: gr\xfcn\n".into()),
        ("a zero byte", b"windlass: 1\nname: a\0b\n".into()),
        (
            "a letter that looks alike",
            HEAD.replace("steps", "st\u{435}ps").into(),
        ),
        (
            "text that reads backwards",
            wait("title: \"a\u{202e}gnp.exe\", "),
        ),
        ("an expression that does", condition("'\u{2066}' == 'x'")),
        (
            "5,000 parentheses",
            condition(&format!("{}true{}", "(".repeat(5_000), ")".repeat(5_000))),
        ),
        (
            "70 parentheses",
            condition(&format!("{}true{}", "(".repeat(70), ")".repeat(70))),
        ),
        ("50,000 additions", condition(&vec!["1"; 50_000].join("+"))),
        ("2,000 additions", condition(&vec!["1"; 2_000].join("+"))),
        ("macros five deep", nested(5, "[run.id]")),
        ("macros four deep over 20 items each", nested(4, &ones)),
        (
            "3,000 digits in an expression",
            condition(&format!("{} > 0", "9".repeat(3_000))),
        ),
        (
            "1,000,000 digits",
            format!("{HEAD}  a: {}\n", "9".repeat(1_000_000)).into(),
        ),
        ("1e999", format!("{HEAD}  a: 1e999\n").into()),
        (
            "a span of 9,999,999,999,999,999 days",
            format!("{HEAD}  a: {{uses: wait, with: {{for: 9999999999999999d}}}}\n").into(),
        ),
    ]
}

/// Checks a file with so much address space.
fn checked(test: &Test, memory_kib: u32) -> Output {
    let program = test.command(&["check", "book.yaml"]);
    let limits = format!("ulimit -v {memory_kib}; ulimit -t {SECONDS_MAX}; exec \"$@\"");
    let mut limited = Command::new("sh");
    limited.args(["-c", &limits, "sh"]);
    limited.arg(program.get_program()).args(program.get_args());
    limited.current_dir(test.dir()).env_clear();
    limited.envs(
        program
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    limited.output().expect("sh is there")
}

#[test]
fn hostile_texts_are_refused_with_little() {
    let test = Test::new("adversarial");
    let mut told = String::new();
    for (name, text) in texts() {
        std::fs::write(test.dir().join("book.yaml"), text).expect("it is ours");
        let output = checked(&test, MEMORY_KIB_MAX);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{name}: {}: {said}",
            output.status
        );
        let first = said.lines().next().unwrap_or_default();
        let shown: String = first.chars().take(SHOWN_CHARS_MAX).collect();
        writeln!(told, "{name}\n    {shown}").expect("a text takes what is written");
    }
    compare("adversarial.txt", &told);

    // The limits do bite: with a hundredth of the room the program does not come to an answer.
    let output = checked(&test, MEMORY_KIB_MAX / 100);
    let ended = (output.status.code(), output.status.signal());
    assert_ne!(ended, (Some(2), None), "no limit was set");
}
