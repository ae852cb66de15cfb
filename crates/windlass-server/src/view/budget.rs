//! Bounds of one view: a run of ten thousand steps and a million items is a legal plan,
//! and no answer. What does not fit is left out and said to be.

/// The most bytes that the items of one view take, texts and values together.
const VIEW_BYTES_MAX: usize = 8 << 20;
/// The most bytes of outputs in one view.
const VIEW_OUTPUTS_BYTES_MAX: usize = 1 << 20;
/// What an item takes beside its texts.
const ITEM_BYTES: usize = 256;

/// What is left of a view's bounds.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: usize,
    outputs: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            bytes: VIEW_BYTES_MAX,
            outputs: VIEW_OUTPUTS_BYTES_MAX,
        }
    }

    /// Whether an item with so many bytes of text is shown.
    pub(super) fn take_item(&mut self, bytes: usize) -> bool {
        take(&mut self.bytes, bytes + ITEM_BYTES)
    }

    /// Whether outputs of so many bytes are shown.
    pub(super) fn take_outputs(&mut self, bytes: usize) -> bool {
        take(&mut self.outputs, bytes)
    }
}

fn take(left: &mut usize, bytes: usize) -> bool {
    match left.checked_sub(bytes) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    }
}
