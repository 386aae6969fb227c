use std::thread;
use std::time::Duration;

use ureq::http::{header::RETRY_AFTER, Response};
use ureq::{Agent, Body};

use crate::chat::{ChatRequest, ChatResponse};
use crate::{Endpoint, ModelError, RetryPolicy};

/// No honest chat completion is larger; a server that sends more is cut off.
const LONGEST_BODY_BYTES: u64 = 4 << 20;
/// How much of an error body is worth repeating.
const LONGEST_MESSAGE_CHARS: usize = 200;

/// Asks one model server. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    endpoint: Endpoint,
    retry: RetryPolicy,
    limit: Duration,
}

/// An answer, and what it took to get it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Completion {
    /// The server's answer; [`ChatResponse::answer`] is not `None`.
    pub response: ChatResponse,
    /// The answer's text.
    pub text: String,
    /// Requests sent, the successful one included.
    pub attempts: u32,
}

impl Client {
    /// A client of the server at `endpoint` that gives each single request `limit`, from connecting to the last byte.
    ///
    /// Proxies of the environment are not used: the model server is a neighbour, on this host or its network.
    pub fn new(endpoint: Endpoint, retry: RetryPolicy, limit: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(limit))
            .user_agent(concat!("nanna-harness/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.into(),
            endpoint,
            retry,
            limit,
        }
    }

    /// Asks for a completion, again after each transient failure, as the policy allows. Blocks until then.
    ///
    /// # Errors
    /// The last attempt's [`ModelError`]; earlier ones are not reported.
    pub fn complete(&self, request: &ChatRequest) -> Result<Completion, ModelError> {
        let mut attempts = 1;
        loop {
            let error = match self.send(request) {
                Ok((response, text)) => {
                    return Ok(Completion {
                        response,
                        text,
                        attempts,
                    })
                }
                Err(error) => error,
            };
            let pause = self
                .retry
                .pause(attempts, error.retry_after())
                .filter(|_| error.is_transient());
            match pause {
                Some(pause) => thread::sleep(pause),
                None => return Err(error),
            }
            attempts += 1;
        }
    }

    fn send(&self, request: &ChatRequest) -> Result<(ChatResponse, String), ModelError> {
        let url = self.endpoint.chat_completions();
        let body = serde_json::to_vec(request).map_err(|error| ModelError::Malformed {
            url: url.clone(),
            reason: error.to_string(),
        })?;
        let mut answer = self
            .agent
            .post(&url)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .send(&body[..])
            .map_err(|error| self.transport_error(&url, &error))?;
        let bytes = answer
            .body_mut()
            .with_config()
            .limit(LONGEST_BODY_BYTES)
            .read_to_vec()
            .map_err(|error| self.transport_error(&url, &error))?;
        if !answer.status().is_success() {
            return Err(status_error(url, &answer, &bytes));
        }
        let response: ChatResponse =
            serde_json::from_slice(&bytes).map_err(|error| ModelError::Malformed {
                url: url.clone(),
                reason: error.to_string(),
            })?;
        match response.answer().map(str::to_owned) {
            Some(text) => Ok((response, text)),
            None => Err(ModelError::NoAnswer { url }),
        }
    }

    fn transport_error(&self, url: &str, error: &ureq::Error) -> ModelError {
        let url = url.to_owned();
        match error {
            ureq::Error::Timeout(_) => ModelError::TimedOut {
                url,
                limit: self.limit,
            },
            ureq::Error::BodyExceedsLimit(_) | ureq::Error::Protocol(_) => ModelError::Malformed {
                url,
                reason: error.to_string(),
            },
            _ => ModelError::Unreachable {
                url,
                reason: error.to_string(),
            },
        }
    }
}

fn status_error(url: String, answer: &Response<Body>, body: &[u8]) -> ModelError {
    let retry_after = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    ModelError::Status {
        url,
        status: answer.status().as_u16(),
        message: explanation(body),
        retry_after,
    }
}

/// What a server says about its failure: `error.message` or `error` of a JSON body, else the body; one short line.
fn explanation(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &value["error"];
    let said = error["message"].as_str().or(error.as_str()).unwrap_or(&text);
    let printable = said.split_whitespace().collect::<Vec<_>>().join(" ");
    printable
        .chars()
        .filter(|character| !character.is_control())
        .take(LONGEST_MESSAGE_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explanation_prefers_the_json_message() {
        assert_eq!(
            explanation(br#"{"error": {"message": "no such model", "code": 404}}"#),
            "no such model"
        );
        assert_eq!(
            explanation(br#"{"error": "model not loaded"}"#),
            "model not loaded"
        );
    }

    #[test]
    fn explanation_of_anything_else_is_the_start_of_the_body_on_one_line() {
        assert_eq!(explanation(b"Bad\r\n  gateway\x1b[31m"), "Bad gateway[31m");
        assert_eq!(explanation(&[b'x'; 5000]).len(), LONGEST_MESSAGE_CHARS);
        assert_eq!(explanation(b"\xff"), "\u{fffd}");
    }
}
