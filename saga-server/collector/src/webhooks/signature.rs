//! Signatures as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

/// What the text of a key begins with.
const PREFIX: &str = "whsec_";

/// How many bytes a key may have.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The most keys of a webhook.
const MOST: usize = 3;

/// The keys of a webhook, of which the receiver has at least one: several while one is replaced by another. Their `Debug` does not
/// show them.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKeys(Vec<Vec<u8>>);

/// A text holds no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "must be whsec_ and 24 to 64 bytes in base64, as of: echo whsec_$(openssl rand -base64 32); up to {MOST} of them, with spaces \
     or line breaks between them"
)]
pub struct SigningKeysError;

impl SigningKeys {
    /// Reads keys as both sides write them down, with white space between them.
    ///
    /// # Errors
    ///
    /// [`SigningKeysError`], which shows nothing of the text.
    pub fn read(text: &str) -> Result<Self, SigningKeysError> {
        let keys: Vec<Vec<u8>> = text
            .split_whitespace()
            .map(key)
            .collect::<Option<_>>()
            .ok_or(SigningKeysError)?;
        (1..=MOST)
            .contains(&keys.len())
            .then_some(Self(keys))
            .ok_or(SigningKeysError)
    }

    /// The value of the header `webhook-signature`: a signature by each key.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> String {
        let sign = |key: &Vec<u8>| {
            // HMAC takes a key of any length.
            let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
            mac.update(format!("{id}.{timestamp_s}.").as_bytes());
            mac.update(body);
            Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        };
        let signatures: Vec<String> = self.0.iter().filter_map(sign).collect();
        signatures.join(" ")
    }
}

fn key(text: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
    LENGTHS.contains(&key.len()).then_some(key)
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_convention_is_signed_as_it_says() {
        let key = SigningKeys::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn each_key_signs_while_one_is_replaced() {
        let texts = [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ];
        let both = SigningKeys::read(&texts.join("\n"))
            .unwrap()
            .sign("msg_1", 7, b"{}");
        let alone = texts.map(|text| SigningKeys::read(text).unwrap().sign("msg_1", 7, b"{}"));
        assert_ne!(alone[0], alone[1]);
        assert_eq!(both, alone.join(" "));
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        for text in [
            "",
            "whsec_",
            "secret",
            "whsec_c2hvcnQ=",
            "whsec_%%%",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw secret",
        ] {
            let error = SigningKeys::read(text).unwrap_err().to_string();
            assert!(error.starts_with("must be whsec_"), "{error}");
        }
        let long = format!("{PREFIX}{}", STANDARD.encode([7; 65]));
        assert_eq!(SigningKeys::read(&long), Err(SigningKeysError));
        let many = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ".repeat(MOST + 1);
        assert_eq!(SigningKeys::read(&many), Err(SigningKeysError));
        let key = SigningKeys::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        assert_eq!(format!("{key:?}"), "***");
    }
}
