//! The file of contexts.

use std::{fs, path::PathBuf};

use crate::{
    asked::{answer, playing_back},
    command::Run,
};

const NOTHING: &str = r#"{"content":[],"page":{"totalElements":0,"totalIsExact":true},"nextCursor":null}"#;

/// With the folder of configurations in its own.
fn with_file(text: &str) -> Run {
    let run = Run::new();
    let folder = run.folder().join("saga-tracker");
    fs::create_dir(&folder).unwrap();
    let configurations = run.folder().to_str().unwrap().to_owned();
    keep_secret(&folder.join("contexts.yml"), text);
    run.variable("XDG_CONFIG_HOME", &configurations)
}

fn file(run: &Run, name: &str) -> PathBuf {
    run.folder().join("saga-tracker").join(name)
}

fn keep_secret(file: &std::path::Path, text: &str) {
    fs::write(file, text).unwrap();
    set_mode(file, 0o600);
}

#[cfg(unix)]
fn set_mode(file: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_file: &std::path::Path, _mode: u32) {}

/// What a search with these arguments sends, and what it prints to stderr.
fn sent(file: &str, arguments: &str) -> (String, String) {
    let (url, asked) = playing_back(vec![answer("200 OK", NOTHING)]);
    let run = with_file(&file.replace("URL", &url));
    keep_secret(&self::file(&run, "token"), "from-file\n");
    let done = run.run(&format!("search {}", arguments.replace("URL", &url)));
    assert_eq!(done.code, 5, "{done:?}");
    (asked.join().unwrap().remove(0), done.stderr)
}

#[test]
fn a_context_gives_address_and_token() {
    let file =
        "current: b\ncontexts:\n  a: { url: URL/base/, token: of-a }\n  b: { url: URL, tokenFile: token }\n";
    for (arguments, path, token) in [
        ("", "/api", "Bearer from-file"),
        ("--context a", "/base/api", "Bearer of-a"),
        ("--context a --token given", "/base/api", "Bearer given"),
    ] {
        let (request, said) = sent(file, arguments);
        assert!(request.starts_with(&format!("GET {path}/v1/sagas?")), "{request}");
        assert!(request.contains(&format!("authorization: {token}")), "{request}");
        assert_eq!(said, "saga-server: no saga matches\n");
    }
    let (request, _) = sent(file, "--url URL");
    assert!(
        !request.contains("authorization"),
        "a token stays with its address: {request}"
    );
}

#[test]
fn a_file_that_is_wrong_is_refused_with_the_key() {
    for (text, words) in [
        (
            "contexts:\n  a: { url: http://a, tokn: x }\n",
            &["contexts.yml: line 2: contexts.a", "tokn"][..],
        ),
        ("contexts:\n  a: { token: x }\n", &["contexts.a", "url"]),
        ("context: {}\n", &["context", "contexts"]),
        ("contexts: [a]\n", &["line 1: contexts"]),
        (
            "contexts:\n  a: { url: http://a, token: x, tokenFile: y }\n",
            &["contexts.a: has token and tokenFile"],
        ),
        (
            "current: b\ncontexts:\n  a: { url: http://a }\n",
            &["current: there is no context \"b\"; it holds a"],
        ),
        (
            "current: a\ncontexts:\n  a: { url: tracker }\n",
            &["must be an address"],
        ),
        (
            "current: a\ncontexts:\n  a: { url: http://a, tokenFile: gone }\n",
            &["gone: cannot be read"],
        ),
        ("a: b: c\n", &["contexts.yml: line 1"]),
    ] {
        with_file(text).run("search").is_refused(2, words);
    }
    let run = with_file("contexts: {}\n");
    run.run("get x --context a")
        .is_refused(2, &["there is no context \"a\"; it holds none"]);
    Run::new()
        .run("get x --context a")
        .is_refused(2, &["there is no context \"a\""]);
}

#[test]
fn a_file_that_is_wrong_matters_only_to_those_who_need_it() {
    let run = with_file("nonsense: 1\n");
    run.run("search --url http://127.0.0.1:1")
        .is_refused(1, &["no answer"]);
}

#[cfg(unix)]
#[test]
fn a_token_that_others_may_read_is_warned_of() {
    let text = "current: a\ncontexts:\n  a: { url: http://127.0.0.1:1, tokenFile: token }\n  b: { url: http://127.0.0.1:1, token: x }\n";
    let run = with_file(text);
    let token = file(&run, "token");
    keep_secret(&token, "secret");
    let silent = run.run("search").stderr;
    assert!(!silent.contains("warning"), "{silent}");
    set_mode(&token, 0o640);
    let warned = run.run("search").stderr;
    assert!(
        warned.contains("warning: ") && warned.contains(token.to_str().unwrap()),
        "{warned}"
    );
    assert!(!warned.contains("secret"), "{warned}");
    set_mode(&file(&run, "contexts.yml"), 0o644);
    let warned = run.run("search --context b").stderr;
    assert!(warned.contains("contexts.yml holds a token"), "{warned}");
    keep_secret(&token, " \n");
    run.run("search").is_refused(2, &["holds no token"]);
}
