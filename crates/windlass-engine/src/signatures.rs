//! Signatures by SSH keys, as `ssh-keygen -Y sign -n windlass` makes them, verified by the
//! stock `ssh-keygen`; and approvals that are signed by one. Whose a key is the policy says.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use windlass_core::approval::{SIGNATURE_BYTES_MAX, Signature};
use windlass_core::command::{Command, Statement};
use windlass_core::id::{PersonName, RunId, StepId};
use windlass_core::operator::{Identity, Operator};
use windlass_core::policy::Standing;
use windlass_core::rejection::Rejection;
use windlass_core::statement::NAMESPACE;
use windlass_core::time::Timestamp;

use crate::engine::{Engine, idempotency_key};
use crate::error::CommandError;
use crate::run::CommandAnswer;

const PROGRAM: &str = "ssh-keygen";

/// Whose signature it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    pub person: PersonName,
    /// `SHA256:…`
    pub key: String,
}

/// An approval that its approver has signed.
#[derive(Clone, Debug)]
pub struct SignedApproval {
    pub gate: StepId,
    pub seen: Statement,
    pub note: String,
    /// As `ssh-keygen -Y sign` wrote it.
    pub armored: String,
    /// Who brings it.
    pub carried_by: Operator,
}

/// Whose signature of a text this is, by the keys that a policy knows at a moment. Nobody's
/// when it is of another text, for another purpose, or by a key that is not good then.
/// In `folder`, where nobody else writes, a directory is made for as long as it takes.
///
/// # Errors
/// `ssh-keygen` cannot be run.
pub fn signer(
    standing: &Standing,
    text: &str,
    armored: &str,
    at: Timestamp,
    folder: &Path,
) -> io::Result<Option<Signer>> {
    if armored.len() > SIGNATURE_BYTES_MAX {
        return Ok(None);
    }
    let desk = Desk::new(folder)?;
    desk.put("allowed_signers", &standing.allowed_signers())?;
    desk.put("signature", armored)?;
    let said = desk.ask(&["-Y", "find-principals"], at, "")?.1;
    for name in said.split([',', '\n']) {
        let Ok(person) = name.trim().parse::<PersonName>() else {
            continue;
        };
        if !standing.people.contains_key(&person) {
            continue;
        }
        let (is_good, said) = desk.ask(&["-Y", "verify", "-I", person.as_str()], at, text)?;
        // `Good "windlass" signature for bob with ED25519 key SHA256:…`
        let key = said.split_whitespace().last();
        if let Some(key) = key.filter(|key| is_good && key.starts_with("SHA256:")) {
            let key = key.to_owned();
            return Ok(Some(Signer { person, key }));
        }
    }
    Ok(None)
}

/// A directory that only this process uses, for one signature.
struct Desk(PathBuf);

impl Desk {
    fn new(folder: &Path) -> io::Result<Self> {
        static DESKS: AtomicU64 = AtomicU64::new(0);
        let number = DESKS.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("signature-{}-{number}", std::process::id()));
        // What a process of the same number left behind is nobody's any more.
        let _not_there = fs::remove_dir_all(&path);
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    fn put(&self, name: &str, text: &str) -> io::Result<()> {
        fs::write(self.0.join(name), text)
    }

    /// Whether `ssh-keygen` found it good, and what it said.
    fn ask(&self, words: &[&str], at: Timestamp, text: &str) -> io::Result<(bool, String)> {
        let moment = at.to_string().replace(['-', ':', 'T'], "");
        let mut program = Program::new(PROGRAM)
            .args(words)
            .args(["-n", NAMESPACE, "-f", "allowed_signers", "-s", "signature"])
            .arg(format!("-Overify-time={moment}"))
            .current_dir(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut input) = program.stdin.take() {
            // It may have refused the signature before it has read all.
            let _refused = input.write_all(text.as_bytes());
        }
        let said = program.wait_with_output()?;
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        Ok((said.status.success(), text))
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _stays = fs::remove_dir_all(&self.0);
    }
}

impl Engine {
    /// Approves a gate by a signature, whoever brings it: the approver is the person whose
    /// key has signed the gate's statement as it stands now.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn approve_signed(
        &self,
        run: &RunId,
        approval: SignedApproval,
        key: Option<&str>,
    ) -> Result<CommandAnswer, CommandError> {
        let key = key.map(idempotency_key).transpose()?;
        let SignedApproval {
            gate,
            seen,
            note,
            armored,
            carried_by,
        } = approval;
        let bad = |why: &str| {
            CommandError::Rejected(Rejection::BadSignature {
                gate: gate.to_string(),
                why: why.to_owned(),
            })
        };
        let snapshot = self.view(run).await?;
        let Some(statement) = snapshot.state.statement(&gate) else {
            return Err(bad("it is not open"));
        };
        if let Some(what) = snapshot.state.stale(&gate, seen) {
            let gate = gate.to_string();
            return Err(Rejection::StaleStatement { gate, what }.into());
        }
        let Some(standing) = snapshot.state.standing().cloned() else {
            return Err(bad("no policy says whose key it is"));
        };
        let text = statement.signed_text(&note);
        let (at, folder) = (self.now(), self.shared.dir.root().to_owned());
        let (signed, signature) = (text.clone(), armored.clone());
        let verified = tokio::task::spawn_blocking(move || {
            signer(&standing, &signed, &signature, at, &folder)
        });
        let verified = verified.await.map_err(|_| CommandError::Stopping)?;
        let verified =
            verified.map_err(|error| CommandError::NotVerified(Arc::from(error.to_string())))?;
        let Some(Signer {
            person,
            key: by_key,
        }) = verified
        else {
            return Err(bad(
                "no key that the policy knows now has signed this statement",
            ));
        };
        let by = Operator {
            name: person.to_string(),
            identity: Identity::SshKey {
                fingerprint: by_key,
            },
            door: carried_by.door,
        };
        let signature = Some(Box::new(Signature {
            text,
            armored,
            carried_by,
        }));
        let command = Command::Approve {
            gate,
            by,
            seen,
            note,
            signature,
        };
        self.judged(run, command, key).await
    }
}
