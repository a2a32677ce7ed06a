//! Connections: tokens that tools' auth obtains, given by people or got by secrets.

mod consent;
mod grants;
mod hosts;
mod lost_answers;
mod owners;
mod refresh;
mod single_flight;
mod stand;
mod upstream_refuses;
