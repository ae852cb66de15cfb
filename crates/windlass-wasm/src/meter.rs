//! Counts what an instance takes, over all its memories and tables, and ends the guest
//! that takes too much.

use wasmtime::ResourceLimiter;

use crate::limits::{PARTS_MAX, TABLE_ELEMENTS_MAX};

/// A bound that a guest ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exceeded {
    #[error("the plugin asked for more than {0} bytes of memory")]
    Memory(usize),
    #[error("the plugin asked for more than {TABLE_ELEMENTS_MAX} elements of tables")]
    Table,
    #[error("the plugin made more than {0} calls in one attempt")]
    HostCalls(u32),
    #[error("the plugin holds more than {0} handles")]
    Handles(usize),
    #[error("the plugin asked for {0} random bytes at once")]
    Random(u32),
}

/// What one instance took so far.
#[derive(Debug)]
pub(crate) struct Meter {
    memory_bytes: usize,
    memory_bytes_max: usize,
    table_elements: usize,
}

impl Meter {
    pub(crate) fn new(memory_bytes_max: usize) -> Self {
        Self {
            memory_bytes: 0,
            memory_bytes_max,
            table_elements: 0,
        }
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = self
            .memory_bytes
            .saturating_add(desired - current.min(desired));
        if grown > self.memory_bytes_max {
            return Err(Exceeded::Memory(self.memory_bytes_max).into());
        }
        self.memory_bytes = grown;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let grown = self
            .table_elements
            .saturating_add(desired - current.min(desired));
        if grown > TABLE_ELEMENTS_MAX {
            return Err(Exceeded::Table.into());
        }
        self.table_elements = grown;
        Ok(true)
    }

    fn instances(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }
}
