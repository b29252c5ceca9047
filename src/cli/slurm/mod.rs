//! `hyperslab slurm`: a batch script from the plan of a job script, and its submission.
//!
//! [`options`] says what may be asked for, [`layout`] spreads ranks over nodes, [`render`] writes the script with the words of
//! [`quote`], [`command`] does it all in order and hands the script to sbatch.

mod array;
mod command;
mod layout;
mod options;
mod quote;
mod render;
mod submit;
mod walltime;

pub(super) use command::slurm;
pub(super) use options::SlurmArgs;
