//! Whether the database refuses what it is given, or is unavailable: by whether others pass.
//!
//! A policy, a trigger or an encoding refuses with any SQLSTATE, also with those of an outage. So when the same one comes again and
//! again, an event that nothing is wrong with is tried: if that could be stored, what was given is at fault.

use saga_store::Store;

/// After how many tries with the same SQLSTATE another event is tried.
const TRIES: u32 = 4;

/// Classes of SQLSTATEs that are about time, contention, resources or connections, and never about what is stored: lost
/// connections, rollbacks such as deadlocks, resources, locks, an operator's or a deadline's cancellation, system errors.
const NEVER_ABOUT_DATA: [&str; 6] = ["08", "40", "53", "55", "57", "58"];

/// Remembers what the tries of one piece of work came to.
#[derive(Debug, Default)]
pub(crate) struct RefusalDetector {
    sqlstate: Option<String>,
    tries: u32,
}

impl RefusalDetector {
    /// Another try failed with this. Says whether what was given is at fault.
    pub(crate) async fn is_refusal(&mut self, store: &dyn Store, reason: &str) -> bool {
        self.is_suspect(reason) && store.probe_write().await.is_ok()
    }

    fn is_suspect(&mut self, reason: &str) -> bool {
        let sqlstate = sqlstate(reason).filter(|code| !NEVER_ABOUT_DATA.contains(&&code[..2]));
        let is_same = sqlstate.is_some() && self.sqlstate.as_deref() == sqlstate;
        self.tries = match (is_same, sqlstate) {
            (true, _) => self.tries + 1,
            (false, Some(_)) => 1,
            (false, None) => 0,
        };
        self.sqlstate = sqlstate.map(str::to_owned);
        self.tries >= TRIES
    }
}

/// The store puts it at the end of the server's message.
fn sqlstate(reason: &str) -> Option<&str> {
    let (_, code) = reason.rsplit_once("SQLSTATE ")?;
    let code = code.get(..5)?;
    code.bytes()
        .all(|byte| byte.is_ascii_alphanumeric())
        .then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspects(reasons: &[&str]) -> Vec<bool> {
        let mut detector = RefusalDetector::default();
        reasons.iter().map(|reason| detector.is_suspect(reason)).collect()
    }

    #[test]
    fn the_same_code_again_and_again_is_suspect() {
        let policy = "new row violates row-level security policy (SQLSTATE 42501)";
        let trigger = "no such customer (SQLSTATE P0001)";
        assert_eq!(suspects(&[policy; 5]), [false, false, false, true, true]);
        let changing = [policy, trigger, policy, trigger, policy];
        assert_eq!(suspects(&changing), [false; 5]);
    }

    #[test]
    fn time_and_connections_are_never_about_what_is_stored() {
        let lock = "canceling statement due to lock timeout (SQLSTATE 55P03)";
        let shutdown = "terminating connection (SQLSTATE 57P01)";
        for reason in [lock, shutdown, "no connection in time", "SQLSTATE 4"] {
            assert_eq!(suspects(&[reason; 9]), [false; 9], "{reason}");
        }
    }
}
