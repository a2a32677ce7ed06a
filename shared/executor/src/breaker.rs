//! Circuit breakers: a host that fails call after call is left alone for a while, one for each workspace.
//!
//! A call fails here when no connection was made, no answer came in time or at all, or the answer was a 5xx. Ten
//! such calls in a row (attempts of one call count once) open the breaker: for five seconds nothing is sent. Then one
//! call is let through; an answer closes the breaker, another failure opens it for twice as long, a minute at most.
//! Breakers live in the process: another process finds out by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::failure::{Failure, FailureCode};
use domain::ids::WorkspaceId;
use tokio::time::Instant;

use crate::outbound::{Answer, Cause, Stopped};

/// Failed calls in a row that open a breaker.
const OPENS_AFTER: u32 = 10;
/// The first pause.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Hosts remembered at most; only those that fail are.
const MAX_HOSTS: usize = 1024;

/// What a call says about its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// It answered.
    Alive,
    /// It did not, or with a 5xx.
    Failing,
    /// Nothing was learnt.
    Unknown,
}

impl Health {
    /// As the last attempt of a call says.
    pub(crate) const fn of(result: &Result<Answer, Stopped>) -> Self {
        match result {
            Ok(answer) if answer.status >= 500 => Self::Failing,
            Ok(_) => Self::Alive,
            Err(stopped) => match stopped.cause {
                Cause::Connect { .. } | Cause::Lost => Self::Failing,
                Cause::Timeout if stopped.sent => Self::Failing,
                Cause::Timeout | Cause::Blocked(_) => Self::Unknown,
                Cause::TooLarge(_) | Cause::Invalid { .. } => Self::Alive,
            },
        }
    }
}

/// One host's breaker; pure: time comes in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Breaker {
    /// Calls are made; so many failed in a row.
    Closed { failures: u32 },
    /// No call is made until then.
    Open { until: Instant, pause: Duration },
    /// One call is under way to see whether the host is back.
    Probing { pause: Duration },
}

/// How a call was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    Usual,
    Probe,
}

impl Breaker {
    /// Whether a call may be made now; else how long to wait.
    fn enter(&mut self, now: Instant) -> Result<Pass, Duration> {
        match *self {
            Self::Closed { .. } => Ok(Pass::Usual),
            Self::Open { until, .. } if now < until => Err(until - now),
            Self::Open { pause, .. } => {
                *self = Self::Probing { pause };
                Ok(Pass::Probe)
            }
            Self::Probing { .. } => Err(Duration::from_secs(1)),
        }
    }

    /// What came of a call that was let through. A call from before the breaker opened can close it, since the host
    /// did answer, but not keep it open longer.
    fn report(&mut self, pass: Pass, health: Health, now: Instant) {
        *self = match (*self, pass, health) {
            (_, _, Health::Alive) => Self::Closed { failures: 0 },
            (Self::Closed { failures }, _, Health::Failing) if failures + 1 >= OPENS_AFTER => {
                Self::Open {
                    until: now + PAUSE,
                    pause: PAUSE,
                }
            }
            (Self::Closed { failures }, _, Health::Failing) => Self::Closed {
                failures: failures + 1,
            },
            (Self::Probing { pause }, Pass::Probe, Health::Failing) => {
                let pause = (2 * pause).min(MAX_PAUSE);
                Self::Open {
                    until: now + pause,
                    pause,
                }
            }
            // The probe ended before it learnt anything: the next call is one.
            (Self::Probing { pause }, Pass::Probe, Health::Unknown) => {
                Self::Open { until: now, pause }
            }
            (
                unmoved @ (Self::Closed { .. } | Self::Open { .. } | Self::Probing { .. }),
                Pass::Usual | Pass::Probe,
                Health::Failing | Health::Unknown,
            ) => unmoved,
        };
    }

    /// Whether forgetting it changes nothing.
    const fn is_idle(&self) -> bool {
        matches!(self, Self::Closed { failures: 0 })
    }
}

type Host = (WorkspaceId, String);

/// All breakers of a process. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Breakers(Arc<Mutex<HashMap<Host, Breaker>>>);

/// A call that was let through; dropped without a report, nothing was learnt.
pub(crate) struct Passage {
    breakers: Breakers,
    host: Host,
    pass: Pass,
    reported: bool,
}

impl Breakers {
    /// Lets a call through to `host` (`host:port`), unless its breaker is open.
    ///
    /// # Errors
    /// What the call fails with: nothing was sent.
    pub(crate) fn pass(&self, workspace: WorkspaceId, host: String) -> Result<Passage, Failure> {
        let host = (workspace, host);
        let passed = match self.all().get_mut(&host) {
            Some(breaker) => breaker.enter(Instant::now()),
            None => Ok(Pass::Usual),
        };
        match passed {
            Ok(pass) => Ok(Passage {
                breakers: self.clone(),
                host,
                pass,
                reported: false,
            }),
            Err(wait) => Err(paused(&host.1, wait)),
        }
    }

    fn report(&self, host: &Host, pass: Pass, health: Health) {
        let now = Instant::now();
        let mut all = self.all();
        if let Some(breaker) = all.get_mut(host) {
            breaker.report(pass, health, now);
            if breaker.is_idle() {
                all.remove(host);
            }
        } else if health == Health::Failing {
            if all.len() >= MAX_HOSTS {
                make_room(&mut all);
            }
            all.insert(host.clone(), Breaker::Closed { failures: 1 });
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Host, Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets what matters least: the closed ones, or else everything.
fn make_room(all: &mut HashMap<Host, Breaker>) {
    all.retain(|_, breaker| !matches!(breaker, Breaker::Closed { .. }));
    if all.len() >= MAX_HOSTS {
        all.clear();
    }
}

impl Passage {
    /// What came of the call.
    pub(crate) fn report(mut self, health: Health) {
        self.reported = true;
        self.breakers.report(&self.host, self.pass, health);
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if !self.reported {
            self.breakers.report(&self.host, self.pass, Health::Unknown);
        }
    }
}

fn paused(host: &str, wait: Duration) -> Failure {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Failure::new(
        FailureCode::ConnectFailed,
        format!("{host} failed too often; calls to it are paused and nothing was sent."),
        "Call again after details.retry_after_s seconds; the failures before this one say what is wrong.",
    )
    .detail("breaker", "open")
    .detail("host", host)
    .detail("retry_after_s", seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Tells of so many failures of this host in a row.
    fn fails(breakers: &Breakers, workspace: WorkspaceId, host: &str, times: u32) {
        for _ in 0..times {
            breakers.report(&(workspace, host.to_owned()), Pass::Usual, Health::Failing);
        }
    }

    #[test]
    fn however_many_hosts_fail_its_memory_is_bounded() {
        let (breakers, workspace) = (Breakers::default(), WorkspaceId(uuid::Uuid::nil()));
        fails(&breakers, workspace, "down.example:443", 10);
        for host in 0..2 * MAX_HOSTS {
            fails(&breakers, workspace, &format!("{host}.example:443"), 1);
            assert!(breakers.all().len() <= MAX_HOSTS);
        }
        // The open one is not forgotten for those that failed once.
        assert!(
            breakers
                .pass(workspace, "down.example:443".to_owned())
                .is_err()
        );
        for host in 0..2 * MAX_HOSTS {
            fails(&breakers, workspace, &format!("{host}.example:443"), 10);
            assert!(breakers.all().len() <= MAX_HOSTS);
        }
        let last = format!("{}.example:443", 2 * MAX_HOSTS - 1);
        assert!(breakers.pass(workspace, last).is_err());
    }

    /// A breaker after so many failures in a row.
    fn after(failures: u32, now: Instant) -> Breaker {
        let mut breaker = Breaker::Closed { failures: 0 };
        for _ in 0..failures {
            breaker.report(Pass::Usual, Health::Failing, now);
        }
        breaker
    }

    #[test]
    fn ten_failures_in_a_row_open_it() {
        let now = Instant::now();
        assert_eq!(after(9, now).enter(now), Ok(Pass::Usual));
        assert_eq!(after(10, now).enter(now), Err(PAUSE));
        let mut mixed = after(9, now);
        mixed.report(Pass::Usual, Health::Alive, now);
        mixed.report(Pass::Usual, Health::Failing, now);
        assert_eq!(mixed.enter(now), Ok(Pass::Usual));
        let mut unsure = after(9, now);
        unsure.report(Pass::Usual, Health::Unknown, now);
        assert_eq!(unsure, Breaker::Closed { failures: 9 });
    }

    #[test]
    fn one_probe_after_the_pause_decides() {
        let now = Instant::now();
        let later = now + PAUSE;
        for (health, next) in [
            (Health::Alive, Breaker::Closed { failures: 0 }),
            (
                Health::Failing,
                Breaker::Open {
                    until: later + 2 * PAUSE,
                    pause: 2 * PAUSE,
                },
            ),
            (
                Health::Unknown,
                Breaker::Open {
                    until: later,
                    pause: PAUSE,
                },
            ),
        ] {
            let mut breaker = after(10, now);
            assert_eq!(breaker.enter(later - SECOND), Err(SECOND));
            assert_eq!(breaker.enter(later), Ok(Pass::Probe));
            assert_eq!(breaker.enter(later), Err(SECOND), "one probe at a time");
            breaker.report(Pass::Probe, health, later);
            assert_eq!(breaker, next, "{health:?}");
        }
    }

    #[test]
    fn the_pause_doubles_up_to_a_minute() {
        let mut now = Instant::now();
        let mut breaker = after(10, now);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let pause = breaker.enter(now).unwrap_err();
            pauses.push(pause.as_secs());
            now += pause;
            assert_eq!(breaker.enter(now), Ok(Pass::Probe));
            breaker.report(Pass::Probe, Health::Failing, now);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
    }

    #[test]
    fn a_call_from_before_it_opened_closes_it_or_changes_nothing() {
        let now = Instant::now();
        let open = after(10, now);
        let mut still = open;
        still.report(Pass::Usual, Health::Failing, now + SECOND);
        assert_eq!(still, open);
        let mut closed = open;
        closed.report(Pass::Usual, Health::Alive, now + SECOND);
        assert_eq!(closed.enter(now + SECOND), Ok(Pass::Usual));
        let mut probing = Breaker::Probing { pause: PAUSE };
        probing.report(Pass::Usual, Health::Failing, now);
        assert_eq!(probing, Breaker::Probing { pause: PAUSE });
    }

    #[test]
    fn what_a_result_says_of_its_host() {
        let connect = Cause::Connect {
            message: String::new(),
            hint: String::new(),
        };
        for (stopped, health) in [
            (Stopped::unsent(connect), Health::Failing),
            (Stopped::sent(Cause::Timeout), Health::Failing),
            (Stopped::unsent(Cause::Timeout), Health::Unknown),
            (Stopped::sent(Cause::Lost), Health::Failing),
            (
                Stopped::unsent(Cause::Blocked(String::new())),
                Health::Unknown,
            ),
            (Stopped::answered(Cause::TooLarge(1), 200), Health::Alive),
            (Stopped::sent(Cause::invalid("", "")), Health::Alive),
        ] {
            assert_eq!(Health::of(&Err(stopped.clone())), health, "{stopped:?}");
        }
    }

    #[test]
    fn workspaces_share_no_breaker() {
        let breakers = Breakers::default();
        let workspace = |number| WorkspaceId(uuid::Uuid::from_u128(number));
        let pass = |number| breakers.pass(workspace(number), "api.example.com:443".to_owned());
        for _ in 0..OPENS_AFTER {
            pass(1).unwrap().report(Health::Failing);
        }
        let failure = pass(1).err().unwrap();
        assert_eq!(failure.code, FailureCode::ConnectFailed);
        assert!(failure.retryable);
        assert_eq!(failure.details["breaker"], "open");
        assert_eq!(failure.details["retry_after_s"], 5);
        assert!(pass(2).is_ok());
        assert!(
            breakers
                .pass(workspace(1), "other.example.com:443".to_owned())
                .is_ok()
        );
    }

    #[test]
    fn healthy_hosts_are_not_remembered() {
        let breakers = Breakers::default();
        let host = || {
            breakers.pass(
                WorkspaceId(uuid::Uuid::nil()),
                "api.example.com:443".to_owned(),
            )
        };
        host().unwrap().report(Health::Failing);
        drop(host());
        assert_eq!(breakers.all().len(), 1);
        host().unwrap().report(Health::Alive);
        assert_eq!(breakers.all().len(), 0);
    }
}
