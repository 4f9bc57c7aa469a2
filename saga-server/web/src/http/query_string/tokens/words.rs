//! From a text to words.

use super::TokenError;

/// A word: `NAME:VALUE`, or a value alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// As it is written.
    pub(super) token: &'a str,
    /// A minus sign stands before it.
    pub(super) is_negated: bool,
    /// Before the colon.
    pub(super) name: Option<String>,
    pub(super) value: String,
}

/// The words of a text, which spaces separate. What stands between quotation marks is one word; in it `\"` is a quotation mark and
/// `\\` a backslash.
pub(super) fn split(text: &str) -> Result<Vec<Word<'_>>, TokenError> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (word, behind) = first(rest)?;
        words.push(word);
        rest = behind.trim_start();
    }
    Ok(words)
}

fn first(text: &str) -> Result<(Word<'_>, &str), TokenError> {
    let begin = match text.strip_prefix(['-', '!']) {
        Some(behind) if !behind.is_empty() && !behind.starts_with(char::is_whitespace) => behind,
        _ => text,
    };
    let is_negated = begin.len() < text.len();
    let (before, behind) = part(begin, true).map_err(|reason| TokenError::new(until_space(text), reason))?;
    let (name, value, behind) = match behind.strip_prefix(':') {
        Some(behind) => {
            let (value, behind) =
                part(behind, false).map_err(|reason| TokenError::new(until_space(text), reason))?;
            (Some(before), value, behind)
        }
        None => (None, before, behind),
    };
    let token = &text[..text.len() - behind.len()];
    if !behind.is_empty() && !behind.starts_with(char::is_whitespace) {
        let reason = "a space must follow the closing quotation mark";
        return Err(TokenError::new(until_space(text), reason));
    }
    let word = Word {
        token,
        is_negated,
        name,
        value,
    };
    Ok((word, behind))
}

/// What is quoted, or what comes until the next space, or until a colon behind a name; and what comes behind.
fn part(text: &str, is_name: bool) -> Result<(String, &str), &'static str> {
    let Some(quoted) = text.strip_prefix('"') else {
        let ends = |character: char| character.is_whitespace() || is_name && character == ':';
        let end = text.find(ends).unwrap_or(text.len());
        return Ok((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &quoted[place + 1..])),
            '\\' => {
                let escaped = quoted[place + 1..].chars().next();
                match escaped.filter(|escaped| matches!(escaped, '"' | '\\')) {
                    Some(escaped) => {
                        value.push(escaped);
                        characters.next();
                    }
                    None => value.push('\\'),
                }
            }
            other => value.push(other),
        }
    }
    Err("the quotation mark is not closed")
}

/// For an error, the word as it seems to be meant.
fn until_space(text: &str) -> &str {
    text.find(char::is_whitespace).map_or(text, |end| &text[..end])
}
