//! The built binary under load, killed and stopped at any moment; and what its logs never say.

mod crash;
mod failover;
mod load;
mod logs;
mod process;
mod rows;
mod shutdown;
mod start;
