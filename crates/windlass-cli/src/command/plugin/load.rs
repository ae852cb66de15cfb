//! A plugin as its author's commands load it.

use std::path::Path;
use std::sync::Arc;

use windlass_engine::SystemClock;
use windlass_wasm::{Host, Plugin};

use super::source::Source;
use crate::error::{Error, io};
use crate::plugins;

/// The plugin of a directory or of a component's file, and how many bytes it has.
pub(super) async fn load(path: &Path) -> Result<(Plugin, usize), Error> {
    let component = match path.is_dir() {
        true => Source::read(path)?.component(),
        false => path.to_owned(),
    };
    if path.is_dir() && !component.exists() {
        return Err(Error::Usage(format!(
            "{} is not built: `windlass plugin build {}`",
            path.display(),
            path.display()
        )));
    }
    let bytes = std::fs::read(&component).map_err(io("read", &component))?;
    let count = bytes.len();
    let refused = |why: String| Error::Unreadable {
        name: component.display().to_string(),
        why,
    };
    let host = Host::new(plugins::options(Arc::new(SystemClock::default())));
    let host = host.map_err(|error| refused(error.to_string()))?;
    let plugin = host.load(bytes).await;
    let plugin = plugin.map_err(|error| refused(error.to_string()))?;
    Ok((plugin, count))
}
