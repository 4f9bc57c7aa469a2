//! Who is signed in: the token itself, in cookies that only this collector's own pages bring along.
//!
//! Nothing is kept here, so every collector of a group knows everybody who signed in at any other, and a token that is taken
//! back, or has expired, counts no longer with the next page.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Followed by the number of the piece.
const NAME: &str = "saga-tracker-";

/// The same under TLS: a browser takes a cookie of this name from this very host only, and only encrypted.
const HOST_NAME: &str = "__Host-saga-tracker-";

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
    // A proxy may tell of TLS when somebody signs in and not later, so both names are looked for, the safer one first.
    [HOST_NAME, NAME]
        .into_iter()
        .find_map(|name| token_of(headers, name))
}

fn token_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let pieces = (0..PIECES).map_while(|place| cookie(headers, &format!("{name}{place}")));
    let bytes = URL_SAFE_NO_PAD.decode(pieces.collect::<String>()).ok()?;
    String::from_utf8(bytes).ok().filter(|token| !token.is_empty())
}

/// What makes a browser bring this token along from now on; without one, none any more.
pub(crate) fn cookies(token: Option<&str>, is_encrypted: bool) -> Vec<HeaderValue> {
    // Under TLS, cookies that were set without it must not outlive a sign-out.
    let old = is_encrypted
        .then(|| pieces(None, NAME, true))
        .into_iter()
        .flatten();
    pieces(token, name(is_encrypted), is_encrypted)
        .chain(old)
        .collect()
}

fn pieces(token: Option<&str>, name: &str, is_encrypted: bool) -> impl Iterator<Item = HeaderValue> {
    let text = URL_SAFE_NO_PAD.encode(token.unwrap_or_default());
    let secure = if is_encrypted { "; Secure" } else { "" };
    (0..PIECES).filter_map(move |place| {
        let start = text.len().min(place * PIECE_BYTES);
        let piece = text.get(start..text.len().min(start + PIECE_BYTES))?;
        // A piece that is left of a longer token would make nonsense of this one.
        let seconds = if piece.is_empty() { 0 } else { SECONDS };
        let cookie =
            format!("{name}{place}={piece}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
        HeaderValue::from_str(&cookie).ok()
    })
}

const fn name(is_encrypted: bool) -> &'static str {
    match is_encrypted {
        true => HOST_NAME,
        false => NAME,
    }
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

    /// What a browser sends once it has these cookies.
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
    fn under_tls_cookies_are_of_this_host_alone() {
        let set = cookies(Some("saga_short"), true);
        let texts = set.iter().map(|cookie| cookie.to_str().unwrap());
        let (kept, expired): (Vec<_>, Vec<_>) = texts.partition(|cookie| !cookie.contains("Max-Age=0"));
        assert!(
            expired
                .iter()
                .any(|cookie| cookie.starts_with("saga-tracker-0=;")),
            "{expired:?}"
        );
        assert_eq!(kept.len(), 1);
        for cookie in kept {
            assert!(cookie.starts_with("__Host-saga-tracker-"), "{cookie}");
            assert!(
                cookie.contains("; Path=/;") && cookie.ends_with("; Secure"),
                "{cookie}"
            );
            assert!(!cookie.contains("Domain"), "{cookie}");
        }
        let plain = cookies(Some("saga_short"), false);
        assert!(
            plain
                .iter()
                .all(|cookie| cookie.as_bytes().starts_with(b"saga-tracker-"))
        );
    }

    #[test]
    fn who_signs_out_brings_nothing_along() {
        assert_eq!(token(&sent_back(&cookies(None, false))), None);
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
