//! What names a saga and its order, so that the two cannot be swapped unnoticed.

use std::{borrow::Cow, fmt, rc::Rc, sync::Arc};

use saga_types::{OrderId, SagaId};
use uuid::Uuid;

use crate::InputError;

/// What names a saga: a [`SagaId`], a text, a number or a UUID. An [`OrderId`] does not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name a saga",
    label = "not the saga's id",
    note = "give a `SagaId`, a text, a number or a UUID; anything else by its `to_string()`",
    note = "a saga begins by `tracker.order(order_id).saga(saga_type, saga_id)`"
)]
pub trait IntoSagaId {
    /// The saga's id.
    ///
    /// # Errors
    ///
    /// [`InputError::SagaId`] when it is empty, longer than 100 characters or holds a control character.
    fn into_saga_id(self) -> Result<SagaId, InputError>;
}

/// What names the order that a saga is about, its business key: an [`OrderId`], a text, a number or a UUID. A
/// [`SagaId`] does not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name an order",
    label = "not the order's id",
    note = "give an `OrderId`, a text, a number or a UUID; anything else by its `to_string()`",
    note = "a saga begins by `tracker.order(order_id).saga(saga_type, saga_id)`"
)]
pub trait IntoOrderId {
    /// The order's id.
    ///
    /// # Errors
    ///
    /// [`InputError::OrderId`] when it is empty, longer than 100 characters or holds a control character.
    fn into_order_id(self) -> Result<OrderId, InputError>;
}

impl IntoSagaId for SagaId {
    fn into_saga_id(self) -> Result<SagaId, InputError> {
        Ok(self)
    }
}

impl IntoSagaId for &SagaId {
    fn into_saga_id(self) -> Result<SagaId, InputError> {
        Ok(self.clone())
    }
}

impl IntoOrderId for OrderId {
    fn into_order_id(self) -> Result<OrderId, InputError> {
        Ok(self)
    }
}

impl IntoOrderId for &OrderId {
    fn into_order_id(self) -> Result<OrderId, InputError> {
        Ok(self.clone())
    }
}

/// Both ids by their text.
macro_rules! texts {
    ($($text:ty),+ $(,)?) => {$(
        impl IntoSagaId for $text {
            fn into_saga_id(self) -> Result<SagaId, InputError> {
                SagaId::new(self.to_string()).map_err(InputError::SagaId)
            }
        }

        impl IntoOrderId for $text {
            fn into_order_id(self) -> Result<OrderId, InputError> {
                OrderId::new(self.to_string()).map_err(InputError::OrderId)
            }
        }
    )+};
}

texts!(
    &str,
    &&str,
    String,
    &String,
    Cow<'_, str>,
    &Cow<'_, str>,
    Box<str>,
    Arc<str>,
    Rc<str>
);
texts!(fmt::Arguments<'_>, char, Uuid, &Uuid);
texts!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);
texts!(&u32, &u64, &u128, &usize, &i32, &i64, &i128, &isize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_given_as_they_are_or_as_text() {
        let saga_id: SagaId = "saga-1".parse().unwrap();
        assert_eq!((&saga_id).into_saga_id(), Ok(saga_id.clone()));
        assert_eq!("saga-1".into_saga_id(), Ok(saga_id));
        assert_eq!(4711.into_order_id(), Ok("4711".parse().unwrap()));
        assert_eq!(
            Uuid::nil().into_order_id().unwrap(),
            "00000000-0000-0000-0000-000000000000"
        );
        assert!(matches!("".into_saga_id(), Err(InputError::SagaId(_))));
        assert!(matches!("\n".into_order_id(), Err(InputError::OrderId(_))));
    }
}
