use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use model::chat::{ChatRequest, Message, Role, Usage};
use model::{Client, ModelError};
use serde::{Deserialize, Serialize};
use tiny_http::{Header, Method, Request, Response, Server};

use crate::shutdown;

/// Questions answered at the same time; more wait their turn.
const WORKERS: usize = 4;
/// Questions that may wait; the next one is told to come again.
const LONGEST_QUEUE: usize = 64;
/// A larger question is refused unread.
const LONGEST_BODY_BYTES: u64 = 256 << 10;

/// Why the service could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's own words.
        reason: String,
    },
    /// A handler for signals was refused, or accepting connections failed.
    #[error("cannot serve: {0}")]
    Serve(#[from] io::Error),
}

/// The HTTP service, bound to its address.
pub struct Service {
    server: Server,
    desk: Arc<Desk>,
}

/// What answers requests, shared by the workers.
struct Desk {
    client: Client,
    template: ChatRequest,
}

/// A status and a JSON body.
struct Reply {
    status: u16,
    body: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    prompt: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    answer: &'a str,
    model: &'a str,
    attempts: u32,
    usage: Option<Usage>,
}

impl Service {
    /// Listens on `address`; questions go to `client` as `template` with the question as its message.
    ///
    /// # Errors
    /// [`ServiceError::Listen`].
    pub fn bind(address: SocketAddr, client: Client, template: ChatRequest) -> Result<Self, ServiceError> {
        match Server::http(address) {
            Ok(server) => Ok(Self {
                server,
                desk: Arc::new(Desk { client, template }),
            }),
            Err(error) => Err(ServiceError::Listen {
                address,
                reason: error.to_string(),
            }),
        }
    }

    /// Serves until SIGTERM or SIGINT; then takes no more connections, finishes the requests it has, and returns.
    ///
    /// # Errors
    /// [`ServiceError::Serve`].
    pub fn run(self) -> Result<(), ServiceError> {
        let server = Arc::new(self.server);
        let stopping = Arc::new(AtomicBool::new(false));
        let (waker, stop) = (Arc::downgrade(&server), Arc::clone(&stopping));
        shutdown::on_request(move || {
            stop.store(true, Ordering::SeqCst);
            if let Some(server) = waker.upgrade() {
                server.unblock();
            }
        })?;
        eprintln!(
            "harness {} listening on {}",
            env!("CARGO_PKG_VERSION"),
            server.server_addr()
        );

        let (queue, receiver) = mpsc::sync_channel(LONGEST_QUEUE);
        let receiver = Arc::new(Mutex::new(receiver));
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| {
                let (receiver, desk) = (Arc::clone(&receiver), Arc::clone(&self.desk));
                thread::spawn(move || {
                    while let Some(request) = next(&receiver) {
                        desk.serve(request);
                    }
                })
            })
            .collect();
        let outcome = loop {
            match server.recv() {
                Ok(request) => self.desk.admit(request, &queue),
                Err(_) if stopping.load(Ordering::SeqCst) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        // What had arrived by then is still answered.
        while let Ok(Some(request)) = server.try_recv() {
            self.desk.admit(request, &queue);
        }
        drop(server); // closes the listening socket
        drop(queue); // lets the workers end when it is empty
        for worker in workers {
            drop(worker.join());
        }
        eprintln!("harness stopped");
        Ok(outcome?)
    }
}

fn next(receiver: &Mutex<mpsc::Receiver<Request>>) -> Option<Request> {
    receiver
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()
}

impl Desk {
    /// Queues a question and answers anything else at once, so that health never waits for a model.
    fn admit(&self, request: Request, queue: &SyncSender<Request>) {
        if !(request.method() == &Method::Post && path(&request) == "/ask") {
            return self.serve(request);
        }
        if let Err(TrySendError::Full(request) | TrySendError::Disconnected(request)) =
            queue.try_send(request)
        {
            respond(
                request,
                Reply::error(503, "too many questions are waiting"),
                Instant::now(),
            );
        }
    }

    fn serve(&self, mut request: Request) {
        let start = Instant::now();
        let reply = self.reply(&mut request);
        respond(request, reply, start);
    }

    fn reply(&self, request: &mut Request) -> Reply {
        match (request.method(), path(request)) {
            (Method::Get | Method::Head, "/health") => Reply {
                status: 200,
                body: serde_json::json!({
                    "status": "ok",
                    "version": env!("CARGO_PKG_VERSION"),
                    "model": self.template.model,
                }),
            },
            (Method::Post, "/ask") => self.ask(request.as_reader()),
            (_, "/health" | "/ask") => Reply::error(405, "use GET /health or POST /ask"),
            _ => Reply::error(404, "there is GET /health and POST /ask"),
        }
    }

    fn ask(&self, body: &mut dyn Read) -> Reply {
        let mut bytes = Vec::new();
        if let Err(error) = body.take(LONGEST_BODY_BYTES + 1).read_to_end(&mut bytes) {
            return Reply::error(400, &format!("the request broke off: {error}"));
        }
        if bytes.len() as u64 > LONGEST_BODY_BYTES {
            return Reply::error(413, &format!("a question may have {LONGEST_BODY_BYTES} bytes"));
        }
        let question: Question = match serde_json::from_slice(&bytes) {
            Ok(question) => question,
            Err(error) => return Reply::error(400, &format!("not {{\"prompt\": \"…\"}}: {error}")),
        };
        if question.prompt.trim().is_empty() {
            return Reply::error(400, "the prompt is empty");
        }
        let mut chat = self.template.clone();
        chat.messages.push(Message::new(Role::User, question.prompt));
        match self.client.complete(&chat) {
            Ok(completion) => {
                let answer = Answer {
                    answer: &completion.text,
                    model: &completion.response.model,
                    attempts: completion.attempts,
                    usage: completion.response.usage,
                };
                Reply {
                    status: 200,
                    body: serde_json::json!(answer),
                }
            }
            Err(error) => Reply::error(status_of(&error), &error.to_string()),
        }
    }
}

impl Reply {
    fn error(status: u16, message: &str) -> Self {
        Self {
            status,
            body: serde_json::json!({ "error": message }),
        }
    }
}

/// The gateway's status for a failure behind it.
fn status_of(error: &ModelError) -> u16 {
    match error {
        ModelError::TimedOut { .. } => 504,
        ModelError::Status {
            status: 429 | 503, ..
        } => 503,
        _ => 502,
    }
}

fn path(request: &Request) -> &str {
    request.url().split('?').next().unwrap_or_default()
}

/// Sends the reply and logs one line: method, address, status, time.
fn respond(request: Request, reply: Reply, start: Instant) {
    let line = format!("{} {:?} {}", request.method(), request.url(), reply.status);
    let response = Response::from_data(reply.body.to_string())
        .with_status_code(reply.status)
        .with_header(header("Content-Type", "application/json"));
    match request.respond(response) {
        Ok(()) => eprintln!("{line} {} ms", start.elapsed().as_millis()),
        Err(error) => eprintln!("{line} not delivered: {error}"),
    }
}

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).expect("the names and values here are plain ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn failures_behind_the_service_keep_their_kind() {
        let url = String::new;
        let status = |status| ModelError::Status {
            url: url(),
            status,
            message: String::new(),
            retry_after: None,
        };
        assert_eq!(
            status_of(&ModelError::TimedOut {
                url: url(),
                limit: Duration::ZERO
            }),
            504
        );
        assert_eq!(status_of(&status(503)), 503);
        assert_eq!(status_of(&status(429)), 503);
        assert_eq!(status_of(&status(404)), 502);
        assert_eq!(status_of(&ModelError::NoAnswer { url: url() }), 502);
    }
}
