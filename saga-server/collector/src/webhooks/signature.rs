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

/// A key that the receiver has, too. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

/// A text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be whsec_ and 24 to 64 bytes in base64, as of: echo whsec_$(openssl rand -base64 32)")]
pub struct SigningKeyError;

impl SigningKey {
    /// Reads a key as both sides write it down.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`], which shows nothing of the text.
    pub fn read(text: &str) -> Result<Self, SigningKeyError> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(SigningKeyError)?;
        let key = STANDARD.decode(encoded).map_err(|_| SigningKeyError)?;
        LENGTHS
            .contains(&key.len())
            .then_some(Self(key))
            .ok_or(SigningKeyError)
    }

    /// The value of the header `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp_s: i64, body: &[u8]) -> String {
        // HMAC takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return String::new();
        };
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_convention_is_signed_as_it_says() {
        let key = SigningKey::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
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
        ] {
            let error = SigningKey::read(text).unwrap_err().to_string();
            assert!(error.starts_with("must be whsec_"), "{error}");
        }
        let long = format!("{PREFIX}{}", STANDARD.encode([7; 65]));
        assert_eq!(SigningKey::read(&long), Err(SigningKeyError));
        let key = SigningKey::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        assert_eq!(format!("{key:?}"), "***");
    }
}
