//! `chainbill serve`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use chainbill_app::{
    App,
    jobs::{JobRunner, kinds},
};
use chainbill_domain::SystemRandom;
use chainbill_records::migrations;
use chainbill_sync::Replicator;
use chainbill_web::{Serving, State};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Went, admin};
use crate::{
    alerts::{Alerts, Conditions},
    chain, descriptors, first_password,
    logs::{self, Lines},
    metrics::describe,
    monitor, open,
    provider::provider,
    settings::Settings,
    slot::Slot,
    sync_admin::ServerSyncAdmin,
    test_mode::SharedClock,
};

/// How often idle state in memory is dropped.
const UPKEEP_EVERY: Duration = Duration::from_secs(600);

pub(super) async fn serve(settings: &Settings, lines: Lines, stop: CancellationToken) -> anyhow::Result<Went> {
    let prometheus = recorder()?;
    let connections = descriptors::connections(settings);
    let (records, test_clock) = open::serving(settings).await?;
    migrations::up(&records, None).await.context("the tables could not be brought up to date")?;
    let test_clock = test_clock.map(|clock| SharedClock::new(clock, records.clone()));
    let mirror = open::secondary(settings).await?;
    let provider = provider(settings, records.clock().clone(), Arc::new(SystemRandom))?;
    let chain = chain::chain(settings, records.clock().clone(), Arc::new(SystemRandom))?;
    let app = App::new(records.clone(), settings.app()).with_provider(provider).with_chain(chain);
    let first = first_admin(&app, settings).await?;
    let address = SocketAddr::new(settings.bind_address, settings.port);
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("BIND_ADDRESS and PORT: {address} cannot be listened at; another address or a free port is accepted")
    })?;
    let address = listener.local_addr()?;
    let alerts = Alerts::new(settings, &settings.public_urls(address))?;
    let metrics = metrics_listener(settings).await?;

    let slot = Slot::take(&settings.data_dir);
    let owner = slot.as_ref().map(|slot| slot.name.clone());
    let worker = owner.clone().unwrap_or_else(|| records.new_id());
    let sync_settings = chainbill_sync::Settings { owner, ..settings.sync() };
    let sync = Replicator::new(open::beside(&records, settings).await?, mirror.clone(), sync_settings);
    let running = sync.start();
    let background = CancellationToken::new();
    let sync_admin = ServerSyncAdmin::new(sync.clone(), background.clone());
    let state = State::new(
        app.clone(),
        mirror.clone(),
        Arc::new(sync_admin.clone()),
        Some(prometheus.clone()),
        Serving { test_clock: test_clock.clone().map(|clock| clock as _), ..settings.serving(address) },
    );
    let mut tasks = JoinSet::new();
    if let Some(clock) = test_clock {
        tracing::warn!("test mode: operators can advance the clock at /api/test/clock");
        tasks.spawn(clock.follow(background.clone()));
    }
    tasks.spawn(logs::write(lines, mirror.clone(), background.clone()));
    let conditions = Conditions::new(settings.sync_late_after);
    tasks.spawn(monitor::watch(sync.clone(), conditions, alerts, background.clone()));
    tasks.spawn(first_password::forget_when_used(app.clone(), settings.data_dir.clone(), background.clone()));
    tasks.spawn(JobRunner::new(app, kinds(), worker).run(background.clone()));
    tasks.spawn(upkeep(state.clone(), prometheus, background.clone()));
    if let Some(listener) = metrics {
        let (router, few) = (chainbill_web::metrics_router(state.clone()), descriptors::few(settings));
        tracing::info!("metrics at http://{}/metrics", listener.local_addr()?);
        let served = chainbill_web::serve(listener, router, few, background.clone());
        tasks.spawn(async move {
            if let Err(error) = served.await {
                tracing::error!("metrics are no longer served: {error}");
            }
        });
    }
    tracing::info!("serving at http://{address}, the API's description at http://{address}/docs");
    if let Some(text) = first {
        tasks.spawn(show_last(text, sync, background.clone()));
    }

    let served = chainbill_web::serve(listener, chainbill_web::router(state), connections, stop).await;
    tracing::info!("stopping: running requests and batches of the synchronisation are finished");
    running.stop().await;
    background.cancel();
    sync_admin.close().await;
    while tasks.join_next().await.is_some() {}
    open::close(&records, Some(&mirror)).await;
    served?;
    Ok(Went::Fine)
}

fn recorder() -> anyhow::Result<PrometheusHandle> {
    const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .install_recorder()?;
    describe();
    Ok(handle)
}

/// The separate metrics listener, if there is one.
async fn metrics_listener(settings: &Settings) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = settings.metrics_bind_address else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    listener.map(Some).with_context(|| {
        format!("METRICS_BIND_ADDRESS: {address} cannot be listened at; another address or a free port is accepted")
    })
}

/// Creates the first operator, if there is none; the text that shows a generated password.
async fn first_admin(app: &App, settings: &Settings) -> anyhow::Result<Option<String>> {
    if app.has_admin().await? {
        return Ok(None);
    }
    let made = admin::make(app, settings, "Administrator").await?;
    Ok(made.kept.map(|kept| admin::shown(&settings.admin_email, &kept)))
}

/// How long a first start may log before the password is shown all the same.
const FIRST_LINES: Duration = Duration::from_secs(10);

/// Prints a generated password to the standard output, never to the log, after the other lines of a first start: those end when
/// every model is live.
async fn show_last(text: String, sync: Replicator, stop: CancellationToken) {
    let all_live = async {
        while !sync.pulse().await.models.iter().all(|model| model.state == Some("LIVE")) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        _ = tokio::time::timeout(FIRST_LINES, all_live) => {}
        () = stop.cancelled() => {}
    }
    let shown = crate::output::Output { json: false }.result(&(), || text);
    if let Err(error) = shown {
        tracing::warn!("the first operator's password could not be printed, its file in DATA_DIR has it: {error}");
    }
}

/// Drops the state of idle addresses, and compacts the histograms.
async fn upkeep(state: State, prometheus: PrometheusHandle, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        prometheus.run_upkeep();
        state.forget_idle();
    }
}
