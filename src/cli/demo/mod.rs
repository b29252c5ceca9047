//! `hyperslab demo`: a small synthetic satellite cube, the NDVI job over it, and a picture of its four seasons.

mod command;
mod cube;
mod landscape;
mod noise;
mod picture;

pub(super) use command::demo;
