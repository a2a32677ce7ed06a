//! Names and their addresses, as a test wants them.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use executor::outbound::Lookup;

/// A table instead of the resolver. A name that is not in it does not exist.
#[derive(Clone, Default)]
pub struct Dns(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    answers: HashMap<String, Vec<Vec<IpAddr>>>,
    asked: Vec<String>,
}

impl Dns {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more answer for `name`: look-ups get the answers in turn, the last one again and again.
    ///
    /// # Panics
    /// When an address is none.
    #[must_use]
    pub fn answer(self, name: &str, addresses: &[&str]) -> Self {
        let addresses = addresses
            .iter()
            .map(|address| address.parse().expect("an IP address"))
            .collect();
        self.table(|table| {
            table
                .answers
                .entry(name.to_owned())
                .or_default()
                .push(addresses)
        });
        self
    }

    /// Which names were looked up, in order, without the dot at the end.
    pub fn asked(&self) -> Vec<String> {
        self.table(|table| table.asked.clone())
    }

    /// The table as the way out takes it.
    pub fn lookup(&self) -> Lookup {
        let dns = self.clone();
        Lookup::new(move |name| {
            let found = dns.next(name.trim_end_matches('.'));
            Box::pin(async move {
                found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such name"))
            })
        })
    }

    fn next(&self, name: &str) -> Option<Vec<IpAddr>> {
        self.table(|table| {
            table.asked.push(name.to_owned());
            let queue = table.answers.get_mut(name)?;
            match queue.len() {
                0 | 1 => queue.first().cloned(),
                _ => Some(queue.remove(0)),
            }
        })
    }

    fn table<T>(&self, work: impl FnOnce(&mut Table) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
