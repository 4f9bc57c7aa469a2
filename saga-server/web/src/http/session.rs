//! Who is signed in: the token itself, in cookies that only this collector's own pages bring along.
//!
//! Nothing is kept here, so every collector of a group knows everybody who signed in at any other, and a token that is taken
//! back, or has expired, counts no longer with the next page.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Followed by the number of the piece.
const NAME: &str = "saga-tracker-";

/// Browsers keep cookies of 4,096 bytes, name and attributes included. Tokens of issuers may be longer.
const PIECE_BYTES: usize = 3_600;

/// Enough for the longest token that is taken.
const PIECES: usize = 7;

/// The longest token that fits.
pub(crate) const MAX_TOKEN_BYTES: usize = PIECE_BYTES * PIECES / 4 * 3;

/// For how long somebody stays signed in: about a shift on call.
const SECONDS: u32 = 12 * 60 * 60;

/// The token that a browser brings along.
pub(crate) fn token(headers: &HeaderMap) -> Option<String> {
    let mut text = String::new();
    for place in 0..PIECES {
        match cookie(headers, &name(place)) {
            Some(piece) => text.push_str(piece),
            None => break,
        }
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    String::from_utf8(bytes).ok().filter(|token| !token.is_empty())
}

/// What makes a browser bring this token along from now on; without one, none any more.
pub(crate) fn cookies(token: Option<&str>, is_encrypted: bool) -> Vec<HeaderValue> {
    let text = URL_SAFE_NO_PAD.encode(token.unwrap_or_default());
    let mut pieces = text.as_bytes().chunks(PIECE_BYTES);
    let secure = if is_encrypted { "; Secure" } else { "" };
    let cookies = (0..PIECES).filter_map(|place| {
        let piece = pieces.next().unwrap_or_default();
        // A piece that is left of a longer token would make nonsense of this one.
        let seconds = if piece.is_empty() { 0 } else { SECONDS };
        let piece = str::from_utf8(piece).ok()?;
        let cookie = format!(
            "{}={piece}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}",
            name(place)
        );
        HeaderValue::from_str(&cookie).ok()
    });
    cookies.collect()
}

fn name(place: usize) -> String {
    format!("{NAME}{place}")
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser sends after it was told these cookies.
    fn sent_back(cookies: &[HeaderValue]) -> HeaderMap {
        let kept = cookies.iter().filter_map(|cookie| {
            let (pair, attributes) = cookie.to_str().ok()?.split_once(';')?;
            (!attributes.contains("Max-Age=0")).then_some(pair)
        });
        let line = kept.collect::<Vec<_>>().join("; ");
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&line).unwrap())])
    }

    #[test]
    fn a_token_of_any_length_and_any_characters_comes_back() {
        for given in ["saga_short", "a b;c=주문", &"x.y".repeat(MAX_TOKEN_BYTES / 3)] {
            let cookies = cookies(Some(given), true);
            assert!(cookies.iter().all(|cookie| cookie.len() < 4_096));
            assert_eq!(token(&sent_back(&cookies)).as_deref(), Some(given));
        }
    }

    #[test]
    fn who_signs_out_brings_nothing_along() {
        assert_eq!(token(&sent_back(&cookies(None, false))), None);
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
