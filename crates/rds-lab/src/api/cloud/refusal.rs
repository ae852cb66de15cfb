//! The answers that refuse a request, with the HTTP status and the code that the service's
//! table of errors gives them. Where the table leaves a choice, the choice stands here.

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Such as `DBS.200011`.
    pub code: &'static str,
    /// For a person.
    pub message: String,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(crate) fn no_such_path() -> Self {
        let message = "The API does not exist or has not been published in the environment.";
        Self::new(404, "APIGW.0101", message)
    }

    pub(crate) fn no_such_instance(id: &str) -> Self {
        Self::new(
            404,
            "DBS.200002",
            format!("The instance {id} does not exist."),
        )
    }

    pub(crate) fn no_such_backup(id: &str) -> Self {
        Self::new(
            404,
            "DBS.201010",
            format!("The backup {id} does not exist."),
        )
    }

    pub(crate) fn no_such_job(id: &str) -> Self {
        Self::new(400, "DBS.200543", format!("The job {id} does not exist."))
    }

    /// The instance does something already.
    pub(crate) fn busy() -> Self {
        let message = "Another operation is being performed on the DB instance. Try again later.";
        Self::new(409, "DBS.200011", message)
    }

    pub(crate) fn backup_is_running() -> Self {
        let message = "Another backup of the DB instance is being created.";
        Self::new(409, "DBS.201205", message)
    }

    pub(crate) fn name_is_taken(name: &str) -> Self {
        Self::new(
            409,
            "DBS.200022",
            format!("The name {name} already exists."),
        )
    }

    pub(crate) fn exists_already(what: &str) -> Self {
        Self::new(409, "DBS.201201", format!("{what} already exists."))
    }

    pub(crate) fn state_forbids(why: impl Into<String>) -> Self {
        Self::new(400, "DBS.200086", why)
    }

    pub(crate) fn storage_is_full() -> Self {
        Self::new(409, "DBS.200316", "The storage of the DB instance is full.")
    }

    pub(crate) fn frozen() -> Self {
        Self::new(400, "DBS.280449", "The DB instance is frozen.")
    }

    pub(crate) fn node_is_abnormal() -> Self {
        let message = "The DB instance or one of its nodes is not normal.";
        Self::new(400, "DBS.200076", message)
    }

    /// The operation is never possible here, whenever it is asked for.
    pub(crate) fn invalid_operation(why: impl Into<String>) -> Self {
        Self::new(409, "DBS.200402", why)
    }

    pub(crate) fn not_supported(why: impl Into<String>) -> Self {
        Self::new(400, "DBS.280238", why)
    }

    pub(crate) fn not_by_this_engine() -> Self {
        let message = "This operation is not allowed by the DB engine.";
        Self::new(403, "DBS.280343", message)
    }

    pub(crate) fn bad_parameter(why: impl Into<String>) -> Self {
        Self::new(400, "DBS.280001", why)
    }

    pub(crate) fn no_relation() -> Self {
        let message = "The DR relationship does not exist.";
        Self::new(400, "DBS.01010244", message)
    }

    pub(crate) fn no_permission() -> Self {
        let message = "The resource does not exist or you have no permission on it.";
        Self::new(403, "DBS.200010", message)
    }

    pub(crate) fn bad_credentials(why: &str) -> Self {
        let message = format!("Incorrect IAM authentication information: {why}");
        Self::new(401, "APIGW.0301", message)
    }

    pub(crate) fn token_must_be_updated() -> Self {
        Self::new(401, "APIGW.0307", "The token must be updated.")
    }

    pub(crate) fn throttled() -> Self {
        let message = "The throttling threshold has been reached.";
        Self::new(429, "APIGW.0308", message)
    }

    pub(crate) fn server_error() -> Self {
        Self::new(500, "DBS.200005", "Server error.")
    }
}
