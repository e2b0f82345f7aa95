//! The C entry of a plugin in this process, called as a C program calls it.

mod callbacks;
mod calls;
mod layout;
mod places;
mod plugin;
mod refusals;
