//! Whether a plugin's file may be loaded: what was checked is what is loaded.

mod sealed_image;

pub(crate) use sealed_image::{SealedImage, open_regular, unreadable};
