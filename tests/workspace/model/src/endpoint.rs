use std::fmt;
use std::str::FromStr;

use crate::ModelError;

/// A model server's base address: `http://HOST[:PORT][/PATH]`, with or without the final `/v1`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    base: String,
}

impl Endpoint {
    /// The address that takes chat requests.
    pub fn chat_completions(&self) -> String {
        format!("{}/v1/chat/completions", self.base)
    }
}

impl FromStr for Endpoint {
    type Err = ModelError;

    /// Fails with [`ModelError::InvalidUrl`] on anything but an `http` address of a host and a path.
    fn from_str(url: &str) -> Result<Self, ModelError> {
        let invalid = |reason| ModelError::InvalidUrl {
            url: url.to_owned(),
            reason,
        };
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => return Err(invalid("TLS is not built in: use http behind a local proxy")),
            _ => return Err(invalid("it must start with http://")),
        };
        if rest.contains(|character: char| character.is_whitespace() || character.is_control()) {
            return Err(invalid("it holds a blank or a control character"));
        }
        if rest.contains(['?', '#', '@']) {
            return Err(invalid(
                "it must be a host and a path: no query, fragment or credentials",
            ));
        }
        let uri: ureq::http::Uri = url.parse().map_err(|_| invalid("it is no valid address"))?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let host = uri.host().unwrap_or_default();
        let port = authority.strip_prefix(host).unwrap_or_default();
        if host.is_empty() {
            return Err(invalid("it names no host"));
        }
        if !port.is_empty() && uri.port_u16().is_none_or(|port| port == 0) {
            return Err(invalid("its port is no number from 1 to 65535"));
        }
        let base = url.trim_end_matches('/');
        Ok(Self {
            base: base.strip_suffix("/v1").unwrap_or(base).to_owned(),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_and_without_v1_and_slashes_name_the_same_address() {
        for url in [
            "http://ollama:11434",
            "http://ollama:11434/",
            "http://ollama:11434/v1",
            "http://ollama:11434/v1/",
        ] {
            let endpoint: Endpoint = url.parse().unwrap();
            assert_eq!(
                endpoint.chat_completions(),
                "http://ollama:11434/v1/chat/completions",
                "from {url}"
            );
        }
    }

    #[test]
    fn a_path_prefix_is_kept() {
        let endpoint: Endpoint = "http://gateway/models/v1".parse().unwrap();
        assert_eq!(endpoint.to_string(), "http://gateway/models");
    }

    #[test]
    fn an_ipv6_host_is_accepted() {
        assert!("http://[::1]:8080".parse::<Endpoint>().is_ok());
    }

    #[test]
    fn everything_else_is_refused_with_the_address_in_the_message() {
        for url in [
            "",
            "ollama:11434",
            "https://ollama",
            "ftp://ollama",
            "http://",
            "http:///v1",
            "http://ollama:",
            "http://ollama:port",
            "http://ollama:0",
            "http://ollama:65536",
            "http://user:secret@ollama",
            "http://ollama/?key=1",
            "http://ollama/#top",
            "http://ol lama",
            "http://ollama/\r\nX-Evil: 1",
        ] {
            let error = url.parse::<Endpoint>().unwrap_err();
            assert!(
                matches!(error, ModelError::InvalidUrl { .. }),
                "{url:?} gave {error}"
            );
            assert!(error.to_string().contains(&format!("{url:?}")), "{error}");
        }
    }
}
