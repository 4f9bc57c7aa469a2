//! `migrate`, and what cannot be distributed.

use crate::command::Run;

#[test]
fn a_file_of_sqlite_is_migrated_and_not_distributed() {
    let run = Run::new();
    let done = run.run("migrate --database-url sqlite:sagas.db");
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (0, "the database is at the newest version\n")
    );
    for flag in ["--distributed", "--undistributed"] {
        let refused = run.run(&format!("migrate {flag} --database-url sqlite:sagas.db"));
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains("only PostgreSQL's"), "{}", refused.stderr);
    }
    let both = run.run("migrate --distributed --undistributed --database-url sqlite:sagas.db");
    assert_eq!(both.code, 2, "{}", both.stderr);
}
