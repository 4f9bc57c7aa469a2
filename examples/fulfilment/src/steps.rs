//! The names of the steps.

use saga_sdk::{StepName, step};

macro_rules! steps {
    ($($name:ident)*) => {
        $(pub(crate) const $name: StepName = step!(stringify!($name));)*
    };
}

steps! {
    FULFILMENT_STARTED GOODS_PICKED GIFT_WRAPPED COURIER_BOOKED POST_BOOKED SHIPMENTS_SENT FULFILMENT_COMPLETED
    CARRIER_REFUSED GOODS_RETURNED
    PARCEL_PACKED PARCEL_HANDED_OVER PARCEL_DELIVERED PARCEL_LOST
}
