//! What becomes of an order.

/// What becomes of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// A courier brings two parcels.
    Delivered,
    /// Three parcels, wrapped as gifts.
    Gift,
    /// The post brings two parcels.
    ByPost,
    /// No courier takes the order: the goods go back.
    CarrierRefuses,
    /// No carrier answers: one branch is stuck, the other goes on.
    CarrierSilent,
    /// One parcel of three is lost: a child fails, and the order waits.
    ParcelLost,
}

impl Course {
    /// Each once.
    pub const ALL: [Self; 6] = [
        Self::Delivered,
        Self::Gift,
        Self::ByPost,
        Self::CarrierRefuses,
        Self::CarrierSilent,
        Self::ParcelLost,
    ];

    /// How many parcels it is sent in, if it is.
    #[must_use]
    pub const fn parcels(self) -> u32 {
        match self {
            Self::Gift | Self::ParcelLost => 3,
            _ => 2,
        }
    }
}
