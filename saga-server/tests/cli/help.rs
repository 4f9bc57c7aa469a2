//! `--help`, and unknown arguments.

use saga_server::config::{NOT_SET, REQUIRED, defaults, keys};

use crate::command::Run;

const COMMANDS: [&str; 29] = [
    "dev",
    "serve",
    "migrate",
    "topics",
    "topics create",
    "dlt list",
    "dlt replay",
    "fold",
    "get",
    "search",
    "tail",
    "compare",
    "ack saga",
    "ack letter",
    "ack group",
    "ack list",
    "gateway",
    "map",
    "mcp",
    "config check",
    "definitions check",
    "definitions show",
    "definitions infer",
    "healthcheck",
    "token",
    "completions",
    "man",
    "webhooks pending",
    "webhooks test",
];

#[test]
fn every_command_explains_itself() {
    let all = Run::new().run("--help");
    for command in COMMANDS {
        let done = Run::new().run(&format!("{command} --help"));
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{command}");
        assert!(done.stdout.contains("Usage: saga-server"), "{command}");
        let name = command.split(' ').next().unwrap();
        assert!(
            all.stdout.contains(&format!("\n  {name} ")),
            "{name} in {}",
            all.stdout
        );
    }
}

#[test]
fn every_key_stands_in_the_help_with_its_variable_and_default() {
    let help = Run::new().run("serve --help").stdout;
    let defaults = defaults();
    for key in keys() {
        assert!(
            help.contains(&format!("{} <", key.flag)) || help.contains(&format!("{}[=", key.flag)),
            "{}",
            key.flag
        );
        assert!(
            help.contains(&format!("[env: {}]", key.variable)),
            "{}",
            key.variable
        );
        let shown = match defaults[key.path.as_str()].as_str() {
            NOT_SET => key.meaning.clone(),
            REQUIRED => format!("{} [required]", key.meaning),
            default => format!("{} [default: {default}]", key.meaning),
        };
        assert!(help.contains(&shown), "{shown} in {help}");
    }
}

#[test]
fn wrong_arguments_are_exit_code_2() {
    for arguments in [
        "",
        "nonsense",
        "serve --nonsense",
        "fold",
        "serve --listen here",
        "topics create --partitions 0",
    ] {
        let done = Run::new().run(arguments);
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{arguments}");
        assert!(!done.stderr.is_empty(), "{arguments}");
    }
}

#[test]
fn the_version_is_that_of_the_crate() {
    assert_eq!(
        Run::new().run("--version").stdout,
        format!("saga-server {}\n", env!("CARGO_PKG_VERSION"))
    );
}
