//! What the plugin measures is what the server saw.

#![allow(clippy::cast_sign_loss, clippy::float_cmp, reason = "small whole numbers")]

mod calls;
mod levels;
mod recorder;
