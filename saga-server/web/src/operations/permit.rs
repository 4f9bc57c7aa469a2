//! What shows that a change is an operation.

/// Shows that a change is an operation. Nothing outside of this folder can make one, so nothing else can write.
pub(crate) struct Permit(());

impl Permit {
    pub(super) const fn new() -> Self {
        Self(())
    }
}
