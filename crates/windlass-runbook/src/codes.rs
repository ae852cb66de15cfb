//! Every code that a diagnostic may carry, each with one line of explanation and its
//! page of `docs/diagnostics`. Codes are stable: one is never given a second meaning.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::suggest::nearest;

/// A diagnostic's code, such as `WL0202`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    id: &'static str,
    explanation: &'static str,
    page: &'static str,
}

impl Code {
    /// The stable id.
    pub fn id(self) -> &'static str {
        self.id
    }

    /// What the code stands for, in one line.
    pub fn explanation(self) -> &'static str {
        self.explanation
    }

    /// The page that explains it at length, in Markdown: a title, some text, and an
    /// example under each of `## Wrong` and `## Right`.
    pub fn page(self) -> &'static str {
        self.page
    }

    /// The code that a person means by `WL0202`, `wl0202`, `0202` or `202`.
    pub fn named(text: &str) -> Option<Self> {
        let text = text.trim();
        let number = match text.get(..2) {
            Some(prefix) if prefix.eq_ignore_ascii_case("WL") => &text[2..],
            _ => text,
        };
        // A number that would be longer than the codes' is none of theirs.
        if number.is_empty() || number.len() > 4 || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let id = format!("WL{number:0>4}");
        CODES.iter().copied().find(|code| code.id == id)
    }

    /// The code that a text which names none comes nearest to.
    pub fn nearest(text: &str) -> Option<Self> {
        let id = nearest(text.trim(), CODES.iter().map(|code| code.id))?;
        CODES.iter().copied().find(|code| code.id == id)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id)
    }
}

macro_rules! codes {
    ($($name:ident = $id:literal, $explanation:literal;)*) => {
        $(pub(crate) const $name: Code = Code {
            id: $id,
            explanation: $explanation,
            page: include_str!(concat!("../../../docs/diagnostics/", $id, ".md")),
        };)*

        /// All codes, in order.
        pub const CODES: &[Code] = &[$($name),*];
    };
}

codes! {
    YAML_SYNTAX = "WL0101", "The text is not valid YAML.";
    YAML_LIMIT = "WL0102", "The text is larger or nested deeper than a runbook may be.";
    YAML_ALIAS = "WL0103", "Anchors, aliases and merge keys are refused: what is approved must stand where it is used.";
    YAML_TAG = "WL0104", "Tags are refused: a value's type follows from how it is written.";
    YAML_DOCUMENTS = "WL0105", "A runbook is one YAML document.";
    YAML_DUPLICATE_KEY = "WL0106", "A key stands twice in the same map.";
    YAML_NUMBER = "WL0107", "A number does not fit: integers have 64 bits.";
    YAML_UNSEEN = "WL0108", "A character that nobody sees changes how the text reads.";
    UNREADABLE = "WL0109", "A file cannot be read as text.";
    YAML_NUL = "WL0110", "A text holds the character NUL, which nothing can take.";
    UNKNOWN_KEY = "WL0201", "The key does not exist.";
    LATER_KEY = "WL0202", "The key belongs to the language but is not supported by this version.";
    MISSING_KEY = "WL0203", "A required key is missing.";
    WRONG_SHAPE = "WL0204", "A value has another type than its key wants.";
    BAD_VALUE = "WL0205", "A value has the right type but is not allowed.";
    BAD_NAME = "WL0206", "A name is not spelled as names must be.";
    BAD_SPAN = "WL0207", "A duration or a number of bytes is not written as one.";
    KEYS_CLASH = "WL0208", "Two keys exclude each other.";
    INLINED_FILE = "WL0210", "The runbook that a step uses cannot be read.";
    INLINED_CYCLE = "WL0211", "Runbooks inline each other in a circle.";
    INLINED_DEPTH = "WL0212", "Runbooks are inlined too deep, or too many of them.";
    INLINED_KEY = "WL0213", "A key does not belong into an inlined runbook, or on the step that inlines it.";
    INLINED_SECRET = "WL0214", "An inlined runbook needs a secret that the runbook around does not list.";
    INLINED_GATE = "WL0215", "A runbook with a gate is inlined under a `when`.";
    INLINED_EXPR = "WL0216", "An expression is too large once the values of an inlined runbook are written into it.";
    INLINED_RULE = "WL0217", "A value for an inlined runbook has rules that cannot be tested before the run.";
    INPUT_MISSING = "WL0301", "An input without a default was given no value.";
    INPUT_UNKNOWN = "WL0302", "A value was given for an input that does not exist.";
    INPUT_TYPE = "WL0303", "An input's value or default does not have the input's type.";
    INPUT_ENUM = "WL0304", "An input's value is not one of those allowed.";
    INPUT_PATTERN = "WL0305", "A value does not match the pattern of its input.";
    INPUT_RANGE = "WL0306", "A value is too small, too large, too short or too long for its input.";
    INPUT_FIELD = "WL0307", "A map lacks a member that its input declares, or has another.";
    BAD_PATTERN = "WL0308", "A pattern is no regular expression that this version can use.";
    RULE_OF_OTHER_TYPE = "WL0309", "A rule does not belong to the declared type.";
    NO_VALUE_LEFT = "WL0310", "The rules of a declaration leave no value.";
    SECRET_SOURCE = "WL0320", "The place of a secret's value is not written as one.";
    EXPR_SYNTAX = "WL0401", "An expression cannot be parsed.";
    EXPR_BRACES = "WL0402", "`${{ }}` is misspelt, not closed, or stands where a bare expression belongs.";
    EXPR_IN_SCRIPT = "WL0403", "An expression stands in a body that is never filled in, such as a script.";
    SECRET_IN_EXPR = "WL0404", "A secret may only stand alone, as `${{ secrets.NAME }}`, where a parameter takes secrets.";
    UNKNOWN_NAME = "WL0405", "An expression names something that does not exist.";
    NOT_A_PREDECESSOR = "WL0406", "An expression reads a step that need not have run before.";
    UNKNOWN_OUTPUT = "WL0407", "An expression reads an output that the action does not give.";
    NO_ITEM = "WL0408", "`item` exists only in a step with `for_each`.";
    OPERAND_TYPE = "WL0409", "An operator does not take the values beside it.";
    ARGUMENT_TYPE = "WL0410", "A function does not take the value that it is given.";
    UNKNOWN_MEMBER = "WL0411", "An expression reads a member or item that the value does not have.";
    NOT_A_CONDITION = "WL0412", "A condition is not true or false.";
    NULL_UNTESTED = "WL0413", "A value that may be null is used without a test for null.";
    NEVER_EQUAL = "WL0414", "Two values are compared that can never be equal.";
    NEVER_NULL = "WL0415", "A value that is never null is tested for null.";
    MIXED_NUMBERS = "WL0416", "Integers and doubles are mixed in one calculation.";
    MIXED_UNITS = "WL0417", "A duration and a number of bytes are calculated or compared with each other.";
    NOT_A_LIST = "WL0418", "`for_each` goes over something that is no list.";
    MAP_KEY = "WL0419", "A key of a map in an expression is no string, or stands twice.";
    NESTED_MACROS = "WL0420", "A macro such as `map` or `all` stands inside of four others.";
    FAILS_ALWAYS = "WL0421", "A part of an expression fails in every run.";
    TARGET_FORM = "WL0450", "The target is not a written-out scheme, a colon and a name.";
    TARGET_READS = "WL0451", "The target reads something that does not say what is changed.";
    TARGET_STEP = "WL0452", "The target reads a step that is no early look.";
    TARGET_TOO_LATE = "WL0453", "The target reads a step that need not have run before a gate or a change.";
    UNKNOWN_ACTION = "WL0501", "The action does not exist.";
    UNKNOWN_PARAM = "WL0502", "The action has no such parameter.";
    MISSING_PARAM = "WL0503", "A required parameter of the action is missing.";
    PARAM_TYPE = "WL0504", "A parameter's value does not have the parameter's type.";
    EFFECT_UNSTATED = "WL0505", "The action does not say what it does to the world, so the step must.";
    EFFECT_LOWERED = "WL0506", "A step may raise its action's effect class, never lower it.";
    NO_TIMEOUT = "WL0507", "A change has neither its own timeout nor one from its action.";
    NO_UNDO = "WL0508", "A reversible step says nothing about how it is undone, though the runbook undoes on failure.";
    NOT_A_READ = "WL0509", "A read is wanted here, and the action changes something.";
    UNKNOWN_NEED = "WL0601", "A step needs another that does not exist.";
    DUPLICATE_STEP = "WL0602", "Two steps have the same id.";
    CYCLE = "WL0603", "Steps need each other in a circle.";
    ACROSS_FINALLY = "WL0604", "A step of `finally` and another step need each other.";
    KEY_NEEDS_CHANGE = "WL0605", "The key is for a change only.";
    KEY_NEEDS_READ = "WL0606", "The key is for a read only.";
    BAD_ENSURE = "WL0607", "`ensure` names a step that cannot pay the debt.";
    IRREVERSIBLE_FINALLY = "WL0608", "`finally` has no irreversible steps and no gates.";
    DONE_AFTER_CHANGE = "WL0609", "`done` stands on a step that a change precedes.";
    PLAN_RULE = "WL0610", "The plan breaks one of the rules that every plan keeps.";
    CONSTANT_CONDITION = "WL0611", "A condition has the same answer in every run.";
    NEVER_RUNS = "WL0612", "A step can never run.";
    NO_SUCH_STATE = "WL0613", "A state is compared with a word that is no state.";
    SECRET_IN_TEXT = "WL0614", "Something secret stands in the runbook or on a command line.";
    SECRET_AS_INPUT = "WL0615", "An input looks like a secret, and inputs are recorded.";
    ALL_OF_NOTHING = "WL0616", "`all()` is true of an empty list, and nothing asks whether it is empty.";
    RETRY_IN_VAIN = "WL0617", "A change is to be tried again, and its failures can never be known to have done nothing.";
    DUPLICATE_NEED = "WL0618", "A step needs another twice.";
    GATE_WITHOUT_CHANGE = "WL0619", "A gate guards nothing: no change waits for it.";
    UNAPPROVED = "WL0620", "An irreversible step can be reached without an approval.";
    NO_ORDER = "WL0621", "Nothing says in which order the steps run.";
    UNUSED_INPUT = "WL0622", "An input is declared and never read.";
    UNUSED_SECRET = "WL0623", "A secret is declared and never used.";
    UNUSED_DEFAULTS = "WL0624", "Defaults are given for actions that no step uses.";
    POLL_TOO_SLOW = "WL0625", "The time of a repeated look is over before its second one.";
    LONGER_THAN_RUN = "WL0626", "Something may take longer than the whole run.";
    IDLE_RETRY = "WL0627", "A retry says something that has no effect.";
    OWED_UNAPPROVED = "WL0628", "An irreversible step that a change owes can start without an approval.";
    DEBT_WITHOUT_EVIDENCE = "WL0629", "A step that a change owes needs a gate that a debt does not wait for.";
    URL_TEMPLATE = "WL0630", "An address is not written as one.";
    URL_BLANKS = "WL0631", "The blanks of an address and what fills them do not fit together.";
    URL_PLAINTEXT = "WL0632", "A request is not encrypted, and nothing says why.";
    METHOD_EFFECT = "WL0633", "A read sends a method that changes something.";
    REPEATED_UNKNOWN = "WL0634", "A request may be repeated, and its target cannot know it again.";
    SECRET_HOST = "WL0640", "An entry of a secret's `hosts` is no host.";
    SECRET_NOT_GRANTED = "WL0641", "A secret is handed to a host that its `hosts` do not name.";
    SECRET_UNBOUND = "WL0642", "A secret with `hosts` is handed to an action that could send it anywhere.";
    INLINED_HOSTS = "WL0643", "An inlined runbook allows a secret fewer hosts than the runbook around does.";
    DECLARED_OUTPUT = "WL0650", "A declared output is none of the action's, or has a type that it never has.";
    NOTICE_ACTION = "WL0660", "`on` uses an action that tells nobody anything.";
    NOTICE_READS = "WL0661", "A notice reads what need not be known when it is sent.";
    NOTICE_PARAM = "WL0662", "A parameter of a notice is for steps only.";
    MANUAL_KEY = "WL0670", "A key does not belong to work that a person does by hand.";
    MANUAL_EXPIRES = "WL0671", "A change that a person does by hand cannot expire.";
    POINT_IN_TIME = "WL0672", "A point in time is not written as one.";
    GUARD_MISSING = "WL0680", "A step can be reached without the evidence that it demands.";
    EVIDENCE_SHAPE = "WL0681", "What a step is said to be evidence of is no evidence.";
    GUARD_PLACE = "WL0682", "A guard stands where none can be given or demanded.";
    SETTLE_SHORT = "WL0690", "A look comes before the action is surely without effect.";
    PLUGIN_SOURCE = "WL0701", "A plugin's source is no place where one is.";
    PLUGIN_NOT_BUILT = "WL0702", "The sources of a plugin are there, and its component is not.";
    PLUGIN_NOT_LOCKED = "WL0703", "A plugin is not the one that the lock names, or no lock names it.";
    PLUGIN_REFUSED = "WL0704", "A component is no plugin that can be used.";
    GRANT_UNASKED = "WL0705", "A grant is none that the plugin's manifest asks for.";
    GRANT_MISSING = "WL0706", "An action is not granted what it asks for.";
    GRANT_OPEN = "WL0707", "A change may be sent to everything below a path.";
    PLUGIN_NETWORK = "WL0708", "An entry of `networks` is no range of addresses.";
    INLINED_PLUGIN = "WL0709", "An inlined runbook uses a plugin that this one does not name, or another one.";
    PLUGIN_UNUSED = "WL0710", "A plugin is named and never used.";
    TEST_RUNBOOK = "WL0801", "The runbook of a test file cannot be read or has mistakes.";
    TEST_INPUTS = "WL0802", "The inputs of a case do not fit the runbook.";
    TEST_STEP = "WL0803", "A test file names a step that the runbook does not have.";
    TEST_MISFIT = "WL0804", "A test file asks of a step what the step does not have.";
    TEST_MOCK = "WL0805", "A mock gives what its action never gives.";
    TEST_EFFECT = "WL0806", "The mocked failure of a change does not say what it did to the world.";
    TEST_EVENT = "WL0807", "A test file names an event that does not exist.";
    TEST_STATE = "WL0808", "A test file expects a state that does not exist.";
    POLICY_NAME = "WL0820", "A policy names a person, a group or a window that it does not have.";
    POLICY_CALENDAR = "WL0821", "When something is on or open is not written as a calendar.";
    POLICY_WAY = "WL0822", "A way in is none, or leads to two persons.";
    POLICY_TARGET = "WL0823", "Targets are not written as targets.";
    POLICY_IDLE = "WL0824", "Something in a policy has no effect.";
    UNDER_POLICY = "WL0825", "The policy does not let the runbook run.";
    APPROVAL_GROUPS = "WL0850", "A gate asks for groups in a way that no approvals could fill.";
    FACTS = "WL0851", "A fact of a gate cannot be what an approval rests on.";
    WINDOW_PLACE = "WL0880", "A window stands where nothing begins in one.";
    WINDOW_COVERS = "WL0881", "A window covers a step that does not come after its own.";
    WINDOW_OVERLAP = "WL0882", "A step is in the segments of two windows.";
    WINDOW_LEAD = "WL0883", "A step with a lead prepares no segment.";
    WINDOW_END = "WL0884", "A gate expires with an opening, and not exactly one segment is behind it.";
    WINDOW_UNBOUNDED = "WL0885", "Nobody knows how long a segment may take.";
    WINDOW_TOO_SHORT = "WL0886", "No opening of its window is long enough for a segment.";

    INVARIANT_SYNTAX = "WL0900", "An invariant of a test file is no expression.";
    INVARIANT_NAME = "WL0901", "An invariant speaks of what no run has.";
    INVARIANT_TYPE = "WL0902", "An invariant is no condition.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].id < pair[1].id));
    }

    #[test]
    fn people_name_codes_in_several_ways() {
        for text in ["WL0202", "wl0202", " 0202", "202"] {
            assert_eq!(Code::named(text), Some(LATER_KEY), "{text}");
        }
        for text in ["", "WL", "WL9999", "WL00202", "2O2", "needs", "ü"] {
            assert_eq!(Code::named(text), None, "{text}");
        }
        assert_eq!(Code::nearest("WL0292"), Some(LATER_KEY));
        assert_eq!(Code::nearest("needs"), None);
    }
}
