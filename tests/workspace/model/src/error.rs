use std::time::Duration;

/// Why a model server gave no answer. Each variant names the address that was asked.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The base address cannot be used; nothing was sent.
    #[error("model address {url:?}: {reason}")]
    InvalidUrl {
        /// The address as given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No connection, or it broke before the answer was complete.
    #[error("{url}: {reason}")]
    Unreachable {
        /// The address asked.
        url: String,
        /// The transport's own words.
        reason: String,
    },
    /// One request took longer than allowed.
    #[error("{url}: no answer within {} s", limit.as_secs_f64())]
    TimedOut {
        /// The address asked.
        url: String,
        /// The time allowed.
        limit: Duration,
    },
    /// The server answered with a status other than success.
    #[error("{url}: status {status}: {message}")]
    Status {
        /// The address asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The server's explanation, shortened; or the start of its body.
        message: String,
        /// How long the server asks callers to stay away.
        retry_after: Option<Duration>,
    },
    /// The server answered, but not with a chat completion.
    #[error("{url}: not a chat completion: {reason}")]
    Malformed {
        /// The address asked.
        url: String,
        /// What does not fit.
        reason: String,
    },
    /// A well-formed answer without any text in it.
    #[error("{url}: the model answered with no text")]
    NoAnswer {
        /// The address asked.
        url: String,
    },
}

impl ModelError {
    /// Whether the same request may succeed a little later: a server that starts, restarts or is overloaded.
    ///
    /// A time-out is not among them: a model that was too slow once will be as slow again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            Self::InvalidUrl { .. }
            | Self::TimedOut { .. }
            | Self::Malformed { .. }
            | Self::NoAnswer { .. } => false,
        }
    }

    /// How long the server asked to be left alone, where it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> ModelError {
        ModelError::Status {
            url: "http://m".to_owned(),
            status,
            message: String::new(),
            retry_after: Some(Duration::from_secs(2)),
        }
    }

    #[test]
    fn overload_is_transient_and_refusal_is_not() {
        for code in [429, 500, 502, 503, 504] {
            assert!(status(code).is_transient(), "{code}");
        }
        for code in [400, 401, 404, 413, 501] {
            assert!(!status(code).is_transient(), "{code}");
        }
    }

    #[test]
    fn only_a_status_carries_the_servers_wish() {
        assert_eq!(status(503).retry_after(), Some(Duration::from_secs(2)));
        assert_eq!(ModelError::NoAnswer { url: String::new() }.retry_after(), None);
    }

    #[test]
    fn message_names_address_and_limit() {
        let error = ModelError::TimedOut {
            url: "http://m".to_owned(),
            limit: Duration::from_millis(1500),
        };
        assert_eq!(error.to_string(), "http://m: no answer within 1.5 s");
    }
}
