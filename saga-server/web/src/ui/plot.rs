//! Where the drawings along time are.

/// Where the bars are, in a drawing of 960 by 220; names are to the left and below.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

pub(super) const AREA: Area = Area {
    left: 44.0,
    right: 956.0,
    top: 8.0,
    bottom: 196.0,
};

/// Less than a tenth of a pixel is not visible.
pub(super) fn tenths(place: f64) -> f64 {
    (place * 10.0).round() / 10.0
}
