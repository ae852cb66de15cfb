//! Lines of the event stream. Each is one JSON object; an empty line says only that
//! the owner is alive.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use windlass_core::event::Event;
use windlass_core::time::Timestamp;

/// A record of the run, once it is durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventLine {
    pub seq: u64,
    pub at_ms: i64,
    /// The event's kind, such as `attempt_started`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The event's fields.
    pub body: Value,
}

/// The last line: why there is no more, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEnd {
    /// `run_ended`, `owner_stopped`, or the code of a refusal.
    pub code: String,
    pub message: String,
    #[serde(default)]
    pub help: Option<String>,
}

/// What a line of the stream is.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamLine {
    Event(EventLine),
    End(StreamEnd),
}

/// The key that tells the last line from the others, which have none such.
const END_KEY: &str = "end";

impl EventLine {
    /// The line of a record.
    pub fn new(seq: u64, at: Timestamp, event: &Event) -> Self {
        let body = match serde_json::to_value(event) {
            Ok(Value::Object(mut tagged)) => tagged.remove(event.kind()),
            Ok(_) | Err(_) => None,
        };
        Self {
            seq,
            at_ms: at.0,
            kind: event.kind().to_owned(),
            body: body.unwrap_or(Value::Null),
        }
    }

    /// The event itself.
    ///
    /// # Errors
    /// This program does not know the kind: the owner is newer.
    pub fn event(&self) -> Result<Event, serde_json::Error> {
        let tagged = Map::from_iter([(self.kind.clone(), self.body.clone())]);
        serde_json::from_value(Value::Object(tagged))
    }
}

impl StreamLine {
    /// The line's bytes, its line end among them.
    pub fn encode(&self) -> Vec<u8> {
        let json = match self {
            StreamLine::Event(line) => serde_json::to_vec(line),
            StreamLine::End(end) => {
                serde_json::to_vec(&std::collections::BTreeMap::from([(END_KEY, end)]))
            }
        };
        let mut line = json.expect("lines have only text keys");
        line.push(b'\n');
        line
    }

    /// Reads a line; `None` when it is empty.
    ///
    /// # Errors
    /// It is no line of this interface.
    pub fn decode(line: &[u8]) -> Result<Option<Self>, serde_json::Error> {
        if line.trim_ascii().is_empty() {
            return Ok(None);
        }
        let mut value: Value = serde_json::from_slice(line)?;
        let line = match value.get_mut(END_KEY).map(Value::take) {
            Some(end) => StreamLine::End(serde_json::from_value(end)?),
            None => StreamLine::Event(serde_json::from_value(value)?),
        };
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_as_they_went() {
        let event = Event::RunTimedOut {};
        let line = EventLine::new(3, Timestamp(5), &event);
        assert_eq!(line.event().unwrap(), event);
        let end = StreamEnd {
            code: "run_ended".to_owned(),
            message: "m".to_owned(),
            help: None,
        };
        for line in [StreamLine::Event(line), StreamLine::End(end)] {
            assert_eq!(StreamLine::decode(&line.encode()).unwrap(), Some(line));
        }
        assert_eq!(StreamLine::decode(b"\n").unwrap(), None);
        assert!(StreamLine::decode(b"{\"seq\":1}").is_err());
    }
}
