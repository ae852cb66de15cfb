//! The digest of a plan: what an approval binds. It is made of parts, so that two plans can
//! be told apart by name; `docs/plan-digest.md` specifies it with vectors. Not responsible
//! for telling people what differs within a part (`windlass-runbook`).

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Digest, Plan};

/// The version of the rules by which a plan is decided. Raised when a plan would run
/// otherwise than the same plan did before, so that nobody approved it by another's digest.
pub const DECISION_RULES: u32 = 1;

/// A part of a plan, with a digest of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlanPart {
    /// What the plan is called, whose it is, and its labels.
    About,
    /// The runbook's bytes.
    Runbook,
    /// The bytes of the runbooks that it inlines.
    Files,
    /// What a change form asks.
    Change,
    /// The values of the inputs.
    Inputs,
    /// The names of the secrets, where they are found and where they may go.
    Secrets,
    /// The plugins' bytes and what they may do.
    Plugins,
    /// What the run changes, as an expression.
    Target,
    /// Whom runs tell, and of what.
    Notices,
    /// The steps: what is done, in which order, behind which gates, guards and windows, and
    /// so the policy as it applies.
    Steps,
    /// What bears on the run as a whole: its timeout, how much of it may be in flight, and
    /// what happens when it fails.
    Limits,
    /// The rules by which a plan is decided: [`DECISION_RULES`].
    Rules,
}

impl PlanPart {
    /// Every part, in the order of the digest's lines.
    pub const ALL: [PlanPart; 12] = [
        PlanPart::About,
        PlanPart::Runbook,
        PlanPart::Files,
        PlanPart::Change,
        PlanPart::Inputs,
        PlanPart::Secrets,
        PlanPart::Plugins,
        PlanPart::Target,
        PlanPart::Notices,
        PlanPart::Steps,
        PlanPart::Limits,
        PlanPart::Rules,
    ];

    /// The word of its line.
    pub fn as_str(self) -> &'static str {
        match self {
            PlanPart::About => "about",
            PlanPart::Runbook => "runbook",
            PlanPart::Files => "files",
            PlanPart::Change => "change",
            PlanPart::Inputs => "inputs",
            PlanPart::Secrets => "secrets",
            PlanPart::Plugins => "plugins",
            PlanPart::Target => "target",
            PlanPart::Notices => "notices",
            PlanPart::Steps => "steps",
            PlanPart::Limits => "limits",
            PlanPart::Rules => "rules",
        }
    }
}

impl Plan {
    /// The digest that approvals bind: SHA-256 of [`Plan::digest_text`].
    pub fn digest(&self) -> Digest {
        Digest::of(self.digest_text().as_bytes())
    }

    /// What the digest is of: a line naming the form, then one for each part.
    pub fn digest_text(&self) -> String {
        text(&self.parts())
    }

    /// Whether a record's digest is this plan's: in the present form, under the rules of any
    /// version, or in the form before, which was of the whole plan at once.
    pub fn has_digest(&self, digest: Digest) -> bool {
        let mut parts = self.parts();
        for rules in (1..=DECISION_RULES).rev() {
            if let Some((_, of_rules)) = parts.last_mut() {
                *of_rules = rules_digest(rules);
            }
            if Digest::of(text(&parts).as_bytes()) == digest {
                return true;
            }
        }
        let mut hasher = Sha256::new();
        hasher.update(b"windlass plan 1\n");
        hasher.update(json(self));
        Digest(hasher.finalize().into()) == digest
    }

    /// Each part with its digest: SHA-256 of a JSON object of the members of the plan that
    /// belong to it, as they stand in the record of the run's start.
    pub fn parts(&self) -> [(PlanPart, Digest); 12] {
        // Without `..`: a new member of the plan must find its part.
        let Plan {
            name,
            title,
            owner,
            labels,
            source,
            inputs,
            input_units,
            secrets,
            secret_sources,
            secret_hosts,
            change,
            target,
            includes,
            plugins,
            on,
            steps,
            on_failure,
            timeout,
            max_parallel,
        } = self;
        let about = Members::new()
            .with("name", name)
            .with("title", title)
            .with("owner", owner)
            .with("labels", labels);
        let secrets = Members::new()
            .with("secrets", secrets)
            .unless(secret_sources.is_empty(), "secret_sources", secret_sources)
            .unless(secret_hosts.is_empty(), "secret_hosts", secret_hosts);
        let inputs = Members::new().with("inputs", inputs).unless(
            input_units.is_empty(),
            "input_units",
            input_units,
        );
        let limits = Members::new()
            .with("on_failure", on_failure)
            .with("timeout", timeout)
            .with("max_parallel", max_parallel);
        let of = |part| match part {
            PlanPart::About => about.digest(),
            PlanPart::Runbook => Members::new().with("source", source).digest(),
            PlanPart::Files => Members::new()
                .unless(includes.is_empty(), "includes", includes)
                .digest(),
            PlanPart::Change => Members::new()
                .unless(change.is_none(), "change", change)
                .digest(),
            PlanPart::Inputs => inputs.digest(),
            PlanPart::Secrets => secrets.digest(),
            PlanPart::Plugins => Members::new()
                .unless(plugins.is_empty(), "plugins", plugins)
                .digest(),
            PlanPart::Target => Members::new()
                .unless(target.is_none(), "target", target)
                .digest(),
            PlanPart::Notices => Members::new().unless(on.is_empty(), "on", on).digest(),
            PlanPart::Steps => Members::new().with("steps", steps).digest(),
            PlanPart::Limits => limits.digest(),
            PlanPart::Rules => rules_digest(DECISION_RULES),
        };
        PlanPart::ALL.map(|part| (part, of(part)))
    }
}

fn rules_digest(version: u32) -> Digest {
    Members::new().with("rules", &version).digest()
}

fn text(parts: &[(PlanPart, Digest)]) -> String {
    let mut text = "windlass plan 2\n".to_owned();
    for (part, digest) in parts {
        text.push_str(&format!("{} {digest}\n", part.as_str()));
    }
    text
}

fn json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("a plan has only text keys and finite numbers")
}

/// A JSON object that is being written: its members in the order given, nothing between.
struct Members(Vec<u8>);

impl Members {
    fn new() -> Self {
        Self(vec![b'{'])
    }

    fn with<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.extend(json(name));
        self.0.push(b':');
        self.0.extend(json(value));
        self
    }

    /// A member that the record leaves out when it holds nothing.
    fn unless<T: Serialize + ?Sized>(self, left_out: bool, name: &str, value: &T) -> Self {
        if left_out {
            self
        } else {
            self.with(name, value)
        }
    }

    fn digest(&self) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update(&self.0);
        hasher.update(b"}");
        Digest(hasher.finalize().into())
    }
}
