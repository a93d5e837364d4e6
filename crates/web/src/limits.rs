//! Rate limits per address.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use chainbill_app::network_of;
use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};

use crate::Problem;

type Limiter = RateLimiter<IpAddr, DashMapStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>;

/// Requests a minute from one address.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Logins and registrations.
    pub login: u32,
    /// Searches.
    pub search: u32,
    /// Probes of supervisors and monitors: health, readiness, metrics.
    pub probe: u32,
    /// All other requests.
    pub all: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { login: 20, search: 120, probe: 6000, all: 6000 }
    }
}

/// The kinds of requests that are counted separately.
#[derive(Clone)]
pub(crate) struct Gate {
    login: Arc<Class>,
    search: Arc<Class>,
    probe: Arc<Class>,
    all: Arc<Class>,
}

struct Class {
    name: &'static str,
    a_minute: u32,
    policy: Option<HeaderValue>,
    limiter: Limiter,
}

impl Class {
    fn new(name: &'static str, a_minute: u32) -> Arc<Self> {
        let quota = Quota::per_minute(NonZeroU32::new(a_minute).unwrap_or(NonZeroU32::MIN));
        let limiter = RateLimiter::keyed(quota).with_middleware();
        let policy = HeaderValue::try_from(format!("\"{name}\";q={a_minute};w=60")).ok();
        Arc::new(Self { name, a_minute, policy, limiter })
    }
}

impl Gate {
    pub fn new(rates: Rates) -> Self {
        Self {
            login: Class::new("login", rates.login),
            search: Class::new("search", rates.search),
            probe: Class::new("probe", rates.probe),
            all: Class::new("all", rates.all),
        }
    }

    fn class(&self, path: &str) -> &Class {
        match path {
            "/api/auth/login" | "/api/auth/register" => &self.login,
            path if path.starts_with("/api/search/") => &self.search,
            path if is_probe(path) => &self.probe,
            _ => &self.all,
        }
    }

    /// Counts a request: the remaining quota, or a refusal.
    pub fn pass(&self, path: &str, client: IpAddr) -> Result<Passed, Box<Response>> {
        let class = self.class(path);
        match class.limiter.check_key(&network_of(client)) {
            Ok(state) => Ok(Passed {
                policy: class.policy.clone(),
                left: format!("\"{}\";r={}", class.name, state.remaining_burst_capacity()),
            }),
            Err(until) => {
                let wait = until.wait_time_from(DefaultClock::default().now()).max(Duration::from_secs(1));
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let detail = format!("more than {} requests a minute of this kind", class.a_minute);
                let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many", detail).retry_after(seconds);
                let mut response = problem.into_response();
                let left = format!("\"{}\";r=0;t={seconds}", class.name);
                Passed { policy: class.policy.clone(), left }.write(&mut response);
                Err(Box::new(response))
            }
        }
    }

    /// Drops the state of idle addresses.
    pub fn forget(&self) {
        for class in [&self.login, &self.search, &self.probe, &self.all] {
            class.limiter.retain_recent();
        }
    }
}

/// Whether it is a probe. Probes are counted separately: a flood from an address must not make a healthy process look dead to a
/// supervisor behind the same address. Their reads are coalesced (see [`crate::coalesced`]).
fn is_probe(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz" | "/metrics" | "/api/health") || path.starts_with("/api/health/")
}

/// The rate-limit headers of a counted request.
pub(crate) struct Passed {
    policy: Option<HeaderValue>,
    left: String,
}

impl Passed {
    pub fn write(self, response: &mut Response) {
        for (name, value) in [("ratelimit-policy", self.policy), ("ratelimit", self.left.try_into().ok())] {
            if let Some(value) = value {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_not_counted_with_a_flood_from_the_same_address() {
        let gate = Gate::new(Rates { all: 2, probe: 3, ..Rates::default() });
        let address = IpAddr::from([192, 0, 2, 1]);
        let passes = |path: &str| gate.pass(path, address).is_ok();
        assert_eq!([(); 3].map(|()| passes("/api/invoices")), [true, true, false]);
        assert_eq!(["/livez", "/api/health", "/metrics", "/readyz"].map(passes), [true, true, true, false]);
        assert!(!passes("/api/healthy"), "only probes");
        assert!(gate.pass("/livez", IpAddr::from([192, 0, 2, 2])).is_ok(), "another address");
    }
}
