//! Which redirects a read follows. What cannot be followed is an answer like any other.

use crate::answer::Answer;
use crate::request::Request;
use crate::url::Url;

/// The statuses that name another place for the same read (RFC 9110, 15.4).
const REDIRECTS: [u16; 5] = [301, 302, 303, 307, 308];

/// Where the answer to `request` leads: nowhere, when it is no redirect.
///
/// # Errors
/// Why a redirect is not followed.
pub(crate) fn next(request: &Request, answer: &Answer) -> Result<Option<Url>, String> {
    if !REDIRECTS.contains(&answer.status) {
        return Ok(None);
    }
    let Some(location) = answer.header("location") else {
        return Ok(None);
    };
    let next = request.url.join(location)?;
    if next.origin() != request.url.origin() && request.is_confidential() {
        return Err(format!(
            "it leads to {}, which must not see what the request carries",
            next.origin()
        ));
    }
    Ok(Some(next))
}
