//! What the documents say is done: their runbooks are checked, their tests are run, their
//! sessions are typed, and what they show is what comes out.

mod blocks;
mod stories;
