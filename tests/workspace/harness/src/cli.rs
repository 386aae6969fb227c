//! The command line: arguments, with the environment behind them.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use model::chat::{ChatRequest, Message, Role};
use model::{Client, Endpoint, ModelError, RetryPolicy};
use prompts::{Document, TooLong};

use crate::{Service, ServiceError};

/// Questions for a model server.
#[derive(Debug, Parser)]
#[command(name = "harness", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answers HTTP until SIGTERM: GET /health, and POST /ask with {"prompt": "…"}.
    Serve {
        /// Where to listen; port 0 takes a free one, which the first line on stderr names.
        #[arg(
            long,
            env = "HARNESS_LISTEN",
            default_value = "0.0.0.0:8080",
            value_name = "ADDRESS"
        )]
        listen: SocketAddr,
        #[command(flatten)]
        model: ModelArgs,
    },
    /// Asks once and prints the answer.
    Ask {
        /// A file that the question is about; repeatable.
        #[arg(long = "file", value_name = "PATH")]
        files: Vec<PathBuf>,
        /// The most bytes of question and files together; longer files are cut at a line.
        #[arg(long, default_value_t = 32_768, value_name = "BYTES")]
        budget: usize,
        /// The question.
        prompt: String,
        #[command(flatten)]
        model: ModelArgs,
    },
}

#[derive(Args, Debug)]
struct ModelArgs {
    /// The model server's address, with or without /v1.
    #[arg(
        long,
        env = "HARNESS_MODEL_URL",
        default_value = "http://127.0.0.1:11434",
        value_name = "URL"
    )]
    model_url: Endpoint,
    /// The model's name, as the server lists it.
    #[arg(
        long = "model",
        env = "HARNESS_MODEL",
        default_value = "qwen3:0.6b",
        value_name = "NAME"
    )]
    name: String,
    /// The most tokens of an answer; the server's own limit where absent.
    #[arg(long, env = "HARNESS_MAX_TOKENS", value_name = "COUNT")]
    max_tokens: Option<u32>,
    /// Seconds that one request to the model server may take.
    #[arg(long, env = "HARNESS_TIMEOUT", default_value = "120", value_parser = parse_seconds, value_name = "SECONDS")]
    timeout: Duration,
}

/// Why a command ended without success.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The model server gave no answer.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The service could not start.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The question does not fit.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A file could not be read as UTF-8 text.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The answer could not be written.
    #[error("standard output: {0}")]
    Output(#[source] io::Error),
}

impl Cli {
    /// Runs the command to its end; for `serve` that is a SIGTERM.
    ///
    /// # Errors
    /// [`CliError`], with a message fit for the user.
    pub fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::Serve { listen, model } => {
                let service = Service::bind(listen, model.client(), model.request(Vec::new()))?;
                Ok(service.run()?)
            }
            Command::Ask {
                files,
                budget,
                prompt,
                model,
            } => {
                let documents = files
                    .into_iter()
                    .map(read_document)
                    .collect::<Result<Vec<_>, _>>()?;
                let question = prompts::render(&prompt, &documents, budget)?;
                let request = model.request(vec![Message::new(Role::User, question)]);
                let completion = model.client().complete(&request)?;
                match writeln!(io::stdout(), "{}", completion.text) {
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
                    _ => Ok(()),
                }
            }
        }
    }
}

impl ModelArgs {
    fn client(&self) -> Client {
        Client::new(self.model_url.clone(), RetryPolicy::default(), self.timeout)
    }

    fn request(&self, messages: Vec<Message>) -> ChatRequest {
        ChatRequest {
            max_tokens: self.max_tokens,
            ..ChatRequest::new(&self.name, messages)
        }
    }
}

fn read_document(path: PathBuf) -> Result<Document, CliError> {
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Document {
            name: path.display().to_string(),
            text,
        }),
        Err(source) => Err(CliError::File { path, source }),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>().map(Duration::try_from_secs_f64) {
        Ok(Ok(duration)) if !duration.is_zero() => Ok(duration),
        _ => Err("it must be a number of seconds above zero".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn seconds_may_be_fractions_but_must_be_positive_and_finite() {
        assert_eq!(parse_seconds("0.25"), Ok(Duration::from_millis(250)));
        for text in ["", "0", "-1", "inf", "NaN", "1e300", "soon"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_wrong_model_address_is_a_usage_error_that_says_why() {
        let error = Cli::try_parse_from(["harness", "ask", "--model-url", "https://m", "Why?"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("TLS is not built in"), "{error}");
    }
}
