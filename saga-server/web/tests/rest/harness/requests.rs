//! What a test asks the collector, and the answers.

use reqwest::{Method, StatusCode, header::HeaderMap};
use saga_types::Timestamp;
use serde_json::{Value, json};

use super::Api;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Api {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[]).await
    }

    pub(crate) async fn request(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.request_with(method, path, headers, Vec::new()).await
    }

    pub(crate) async fn request_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = self
            .client
            .request(method, format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.body(body).send().await.unwrap()).await
    }

    /// The answer of a request that must succeed.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.json()
    }

    /// The details of a request that must be refused, in the form that every error has.
    pub(crate) async fn refused(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        answer.is_error(400, "BAD_REQUEST", path.split('?').next().unwrap())["details"].clone()
    }

    /// As [`Api::json`], without the freshness of the answer, the family that a saga without relatives has and the mark of an
    /// erasure that it does not have.
    pub(crate) async fn json_alone(&self, path: &str) -> Value {
        let mut answer = self.json(path).await;
        let fields = answer.as_object_mut().unwrap();
        assert_eq!(fields.remove("freshness").unwrap()["upToDate"], true);
        assert_eq!(fields.remove("family").unwrap_or_default(), Value::Null);
        assert_eq!(fields.remove("metadataErasedAt").unwrap_or_default(), Value::Null);
        fields.remove("expected");
        assert_eq!(fields.remove("archived").unwrap_or_default(), Value::Null);
        assert_eq!(fields.remove("acknowledgement").unwrap_or_default(), Value::Null);
        answer
    }

    /// The sagas of a list, by their ids.
    pub(crate) async fn ids(&self, path: &str) -> Vec<String> {
        let answer = self.json(path).await;
        let content = answer["content"].as_array().unwrap();
        content
            .iter()
            .map(|saga| saga["sagaId"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks the one form of errors and returns the whole body.
    pub(crate) fn is_error(&self, status: u16, code: &str, path: &str) -> Value {
        let body = self.json();
        assert_eq!(
            (self.status.as_u16(), &body["error"]),
            (status, &json!(code)),
            "{}",
            self.text
        );
        assert_eq!(body["path"], path);
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty())
        );
        assert!(body["timestamp"].as_str().unwrap().parse::<Timestamp>().is_ok());
        assert!(body["details"].is_object());
        let others = usize::from(body["results"].is_array());
        assert_eq!(body.as_object().unwrap().len(), 5 + others);
        body
    }
}
