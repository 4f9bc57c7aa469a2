//! What is made of the commands: completions of shells, and manual pages.

use crate::command::Run;

const NAMES: [&str; 4] = ["search", "tail", "healthcheck", "--context"];

#[test]
fn every_shell_gets_all_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let done = Run::new().run(&format!("completions {shell}"));
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{shell}");
        for name in NAMES {
            let name = name.trim_start_matches("--");
            assert!(done.stdout.contains(name), "{name} for {shell}");
        }
    }
    assert_eq!(Run::new().run("completions csh").code, 2);
}

#[cfg(unix)]
#[test]
fn bash_completes_with_it() {
    let script = Run::new().run("completions bash").stdout;
    let run = Run::new().file("completions", &script);
    let asked = "source ./completions; COMP_WORDS=(saga-server sea); COMP_CWORD=1; _saga__server saga-server sea saga-server; \
                 echo \"${COMPREPLY[@]}\"";
    let output = std::process::Command::new("bash")
        .args(["--norc", "-c", asked])
        .current_dir(run.folder())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "search\n");
}

#[test]
fn a_manual_page_says_what_the_help_says() {
    let page = Run::new().run("man search").stdout;
    for words in [
        ".TH",
        "saga\\-server search",
        "filter bar",
        "\\-\\-limit",
        "SAGA_TRACKER_URL",
    ] {
        assert!(page.contains(words), "{words} in {page}");
    }
    assert!(Run::new().run("man").stdout.contains("saga\\-server"));
    assert!(
        Run::new()
            .run("man dlt list")
            .stdout
            .contains("\\-\\-origin\\-topic")
    );
    Run::new().run("man nonsense").is_refused(2, &["nonsense"]);
}

#[test]
fn the_pages_of_all_commands_are_written_to_a_folder() {
    let run = Run::new();
    std::fs::create_dir(run.folder().join("pages")).unwrap();
    let done = run.run("man --dir pages");
    assert_eq!((done.code, done.stdout.as_str()), (0, ""), "{done:?}");
    for page in ["saga-server.1", "saga-server-search.1", "saga-server-dlt-list.1"] {
        assert!(run.folder().join("pages").join(page).is_file(), "{page}");
    }
    run.run("man --dir gone").is_refused(1, &["gone"]);
}
