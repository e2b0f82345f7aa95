//! What the plugin measures is what the server saw.

mod calls;
mod levels;
mod recorder;
