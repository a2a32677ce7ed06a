//! Whether the product is well, and its documentation.

mod docs;
mod health;
mod openapi;
