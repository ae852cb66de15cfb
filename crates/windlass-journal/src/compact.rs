//! What came of giving space back: sizes, and why not where it was not done.

/// What came of [`crate::Store::compact`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Size of the journal's files before, in bytes; 0 where there are no files.
    pub before_bytes: u64,
    pub after_bytes: u64,
    /// Set when nothing was done, as the file system has too little room.
    pub no_room: Option<NoRoom>,
    /// Whether another process was reading, so that the journal's WAL could not be emptied
    /// yet: a later commit or the end of the owner does it.
    pub held_by_reader: bool,
}

/// Room that there is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom {
    pub needed_bytes: u64,
    pub free_bytes: u64,
}
