//! Following a run: lines out of the chunks of a body.

use reqwest::Response;

use super::ClientError;
use super::http::broken;
use crate::limits::LINE_BYTES_MAX;
use crate::wire::StreamLine;

/// The records of a run as they come, then the reason why there are no more.
#[derive(Debug)]
pub struct Events {
    response: Response,
    /// Bytes that are no whole line yet.
    rest: Vec<u8>,
    /// How many of them hold no line end.
    searched: usize,
    ended: bool,
}

impl Events {
    pub(super) fn new(response: Response) -> Self {
        Self {
            response,
            rest: Vec::new(),
            searched: 0,
            ended: false,
        }
    }

    /// The next line; `None` after [`StreamLine::End`]. Lines that only say that the owner
    /// is alive are left out. Cancelling the call loses nothing.
    ///
    /// # Errors
    /// The connection broke or fell silent; whoever follows may begin anew after the last
    /// `seq` that he has.
    pub async fn next(&mut self) -> Result<Option<StreamLine>, ClientError> {
        if self.ended {
            return Ok(None);
        }
        loop {
            while let Some(line) = self.take_line() {
                let decoded = StreamLine::decode(&line);
                let decoded = decoded.map_err(|error| ClientError::BadAnswer(error.to_string()))?;
                if let Some(line) = decoded {
                    self.ended = matches!(line, StreamLine::End(_));
                    return Ok(Some(line));
                }
            }
            if self.rest.len() > LINE_BYTES_MAX {
                return Err(ClientError::LineTooLong);
            }
            match self.response.chunk().await.map_err(broken)? {
                Some(chunk) => self.rest.extend_from_slice(&chunk),
                None => {
                    let text = "the owner is gone".to_owned();
                    return Err(ClientError::Broken(text));
                }
            }
        }
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let found = self.rest[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n');
        match found {
            Some(at) => {
                let after = self.rest.split_off(self.searched + at + 1);
                self.searched = 0;
                Some(std::mem::replace(&mut self.rest, after))
            }
            None => {
                self.searched = self.rest.len();
                None
            }
        }
    }
}
