//! The part of the `/v1/chat/completions` wire format that a single question needs.

use serde::{Deserialize, Serialize};

/// Who speaks in a [`Message`].
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions that frame the conversation.
    System,
    /// The one who asks.
    User,
    /// The model.
    Assistant,
}

/// One turn of a conversation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said. Servers send `null` for an empty answer; it reads as the empty string.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub content: String,
}

impl Message {
    /// A turn of `role` that says `content`.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
        }
    }
}

/// The body of a request for one whole (not streamed) answer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChatRequest {
    /// The model's name, as the server lists it.
    pub model: String,
    /// The conversation so far, oldest first.
    pub messages: Vec<Message>,
    /// The most tokens to generate; the server's own limit where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Always false: the client reads one JSON document.
    pub stream: bool,
}

impl ChatRequest {
    /// A request to `model` for the next turn after `messages`.
    pub fn new(model: impl Into<String>, messages: Vec<Message>) -> Self {
        Self {
            model: model.into(),
            messages,
            max_tokens: None,
            stream: false,
        }
    }
}

/// The body of an answer. Fields that this client does not use are ignored.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ChatResponse {
    /// The model that answered.
    pub model: String,
    /// The alternatives; servers send one unless asked for more.
    pub choices: Vec<Choice>,
    /// Token counts, where the server reports them.
    #[serde(default)]
    pub usage: Option<Usage>,
}

impl ChatResponse {
    /// The first alternative's text, trimmed; `None` where there is none or it is blank.
    pub fn answer(&self) -> Option<&str> {
        let text = self.choices.first()?.message.content.trim();
        (!text.is_empty()).then_some(text)
    }
}

/// One alternative of an answer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Choice {
    /// What the model says.
    pub message: Message,
    /// Why it stopped: `stop`, `length` and others.
    #[serde(default)]
    pub finish_reason: Option<String>,
}

/// Token counts of one completion.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Usage {
    /// Tokens of the question.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub completion_tokens: u64,
}

fn null_as_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn response(content: serde_json::Value) -> ChatResponse {
        serde_json::from_value(json!({
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "qwen3:0.6b",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        }))
        .unwrap()
    }

    #[test]
    fn request_serialises_to_the_documented_shape() {
        let request = ChatRequest::new("qwen3:0.6b", vec![Message::new(Role::User, "Why?")]);
        assert_eq!(
            serde_json::to_value(&request).unwrap(),
            json!({"model": "qwen3:0.6b", "messages": [{"role": "user", "content": "Why?"}], "stream": false})
        );
    }

    #[test]
    fn token_limit_is_sent_only_where_set() {
        let mut request = ChatRequest::new("m", Vec::new());
        assert!(!serde_json::to_string(&request).unwrap().contains("max_tokens"));
        request.max_tokens = Some(16);
        assert_eq!(serde_json::to_value(&request).unwrap()["max_tokens"], 16);
    }

    #[test]
    fn unknown_fields_and_absent_usage_are_accepted() {
        let response = response(json!("Because."));
        assert_eq!(response.answer(), Some("Because."));
        assert_eq!(response.usage, None);
        assert_eq!(response.choices[0].finish_reason.as_deref(), Some("stop"));
    }

    #[test]
    fn answer_is_trimmed() {
        assert_eq!(response(json!("\n  42 \n")).answer(), Some("42"));
    }

    #[test]
    fn blank_or_null_content_is_no_answer() {
        assert_eq!(response(json!(" \n")).answer(), None);
        assert_eq!(response(json!(null)).answer(), None);
    }

    #[test]
    fn no_choices_is_no_answer() {
        let response: ChatResponse = serde_json::from_value(json!({"model": "m", "choices": []})).unwrap();
        assert_eq!(response.answer(), None);
    }

    #[test]
    fn unknown_role_is_refused() {
        assert!(serde_json::from_value::<Message>(json!({"role": "oracle", "content": ""})).is_err());
    }
}
