//! A component whose requests are counted and timed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, StatusCode};

use super::super::chain::{Answer, NextHop};
use super::{Booked, Running};
use crate::Body;
use crate::metrics::ComponentTraffic;

/// A running component, and what is known of its requests.
pub(in super::super) struct Counted {
    inner: Arc<dyn Running>,
    traffic: Arc<ComponentTraffic>,
}

impl Counted {
    pub(in super::super) fn new(inner: Arc<dyn Running>, traffic: ComponentTraffic) -> Self {
        let traffic = Arc::new(traffic);
        Self { inner, traffic }
    }
}

impl Running for Counted {
    fn call(&self, request: Request<Body>, next: NextHop) -> Answer {
        let began = Instant::now();
        let traffic = Arc::clone(&self.traffic);
        let answer = self.inner.call(request, next);
        Box::pin(async move {
            let response = answer.await;
            traffic.answered(response.status(), began.elapsed());
            response
        })
    }

    fn passes(&self) -> bool {
        self.inner.passes()
    }

    fn passed(&self, status: StatusCode, waited: Duration) {
        self.traffic.answered(status, waited);
    }

    fn is_metered(&self) -> bool {
        self.inner.is_metered()
    }

    fn book(&self, booked: Booked) {
        self.inner.book(booked);
    }
}
