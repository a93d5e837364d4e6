//! The metrics of requests. Their series are looked up by label once, and then kept: building labels and searching the recorder
//! for each request costs more than counting.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use axum::http::StatusCode;
use metrics::{Counter, Histogram, counter, histogram};

/// Requests of one method, path and status.
#[derive(Clone)]
struct Series {
    count: Counter,
    seconds: Histogram,
}

/// The series by method and status, then by path. There are few: methods and paths are those of the routes.
type All = HashMap<(&'static str, u16), HashMap<String, Series>>;

/// The series that requests have had so far.
#[derive(Default)]
pub(crate) struct Measured(RwLock<All>);

impl Measured {
    /// Counts a request.
    pub fn record(&self, method: &'static str, path: &str, status: StatusCode, took: Duration) {
        let series = self.known(method, path, status).unwrap_or_else(|| self.added(method, path, status));
        series.count.increment(1);
        series.seconds.record(took.as_secs_f64());
    }

    fn known(&self, method: &'static str, path: &str, status: StatusCode) -> Option<Series> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&(method, status.as_u16()))?.get(path).cloned()
    }

    fn added(&self, method: &'static str, path: &str, status: StatusCode) -> Series {
        let labels =
            [("method", method.to_owned()), ("path", path.to_owned()), ("status", status.as_u16().to_string())];
        let series = Series {
            count: counter!("chainbill_http_requests_total", &labels),
            seconds: histogram!("chainbill_http_request_seconds", &labels),
        };
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.entry((method, status.as_u16())).or_default().entry(path.to_owned()).or_insert(series).clone()
    }
}
