//! An answer that comes later, for tasks and for threads alike.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::sync::oneshot;

/// The answer to something submitted to the store: `.await` it in a task, or
/// [`Pending::wait`] for it on a thread.
#[must_use = "only the answer says that the write is durable"]
pub struct Pending<T, E>(State<T, E>);

type Submission<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

enum State<T, E> {
    Ready(Option<Result<T, E>>),
    /// The queue was full: submits when polled, then waits for the answer.
    Submitting(Submission<T, E>),
    /// In the queue; `lost` is the answer if the writer ends without one.
    Submitted {
        answer: oneshot::Receiver<Result<T, E>>,
        lost: Option<E>,
    },
}

impl<T, E> Pending<T, E> {
    pub(crate) fn ready(answer: Result<T, E>) -> Self {
        Self(State::Ready(Some(answer)))
    }

    pub(crate) fn submitted(answer: oneshot::Receiver<Result<T, E>>, lost: E) -> Self {
        Self(State::Submitted {
            answer,
            lost: Some(lost),
        })
    }

    pub(crate) fn submitting(submission: Submission<T, E>) -> Self {
        Self(State::Submitting(submission))
    }
}

impl<T: Unpin, E: Unpin> Pending<T, E> {
    /// Blocks this thread until the answer is there. It must not be called
    /// where the thread is needed for something else, such as in a task.
    pub fn wait(mut self) -> Result<T, E> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut self).poll(&mut context) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => thread::park(),
            }
        }
    }
}

impl<T: Unpin, E: Unpin> Future for Pending<T, E> {
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            State::Ready(answer) => Poll::Ready(answer.take().expect("polled once after its end")),
            State::Submitting(submission) => submission.as_mut().poll(context),
            State::Submitted { answer, lost } => Pin::new(answer).poll(context).map(|answer| {
                answer.unwrap_or_else(|_| Err(lost.take().expect("polled once after its end")))
            }),
        }
    }
}

impl<T, E> fmt::Debug for Pending<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
