//! `chainbill serve`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use chainbill_app::{
    App,
    jobs::{JobRunner, kinds},
};
use chainbill_records::migrations;
use chainbill_sync::Sync;
use chainbill_web::State;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Went, admin};
use crate::{
    alerts::{Alerts, Conditions},
    descriptors,
    desk::ServerDesk,
    figures::describe,
    first_password,
    logs::{self, Lines},
    monitor, open,
    settings::Settings,
    slot::Slot,
};

/// How often what this process keeps in memory is looked through.
const UPKEEP_EVERY: Duration = Duration::from_secs(600);

pub(super) async fn serve(settings: &Settings, lines: Lines, stop: CancellationToken) -> anyhow::Result<Went> {
    let figures = recorder()?;
    let connections = descriptors::connections(settings);
    let alerts = Alerts::new(settings)?;
    let records = open::primary(settings).await?;
    migrations::up(&records, None).await.context("the tables could not be brought up to date")?;
    let mirror = open::secondary(settings).await?;
    let app = App::new(records.clone(), settings.app());
    let first = first_admin(&app, settings).await?;
    let address = SocketAddr::new(settings.bind_address, settings.port);
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("BIND_ADDRESS and PORT: {address} cannot be listened at; another address or a free port is accepted")
    })?;
    let address = listener.local_addr()?;
    let metrics = metrics_listener(settings).await?;

    let slot = Slot::take(&settings.data_dir);
    let owner = slot.as_ref().map(|slot| slot.name.clone());
    let worker = owner.clone().unwrap_or_else(|| records.new_id());
    let wish = chainbill_sync::Settings { owner, ..settings.sync() };
    let sync = Sync::new(open::beside(&records, settings).await?, mirror.clone(), wish);
    let running = sync.start();
    let background = CancellationToken::new();
    let desk = ServerDesk::new(sync.clone(), background.clone());
    let state = State::new(
        app.clone(),
        Arc::new(mirror.clone()),
        Arc::new(desk.clone()),
        Some(figures.clone()),
        settings.serving(),
    );
    let mut tasks = JoinSet::new();
    tasks.spawn(logs::write(lines, mirror.clone(), background.clone()));
    let conditions = Conditions::new(settings.sync_late_after);
    tasks.spawn(monitor::watch(sync.clone(), conditions, alerts, background.clone()));
    tasks.spawn(first_password::forget_when_used(app.clone(), settings.data_dir.clone(), background.clone()));
    tasks.spawn(JobRunner::new(app, kinds(), worker).run(background.clone()));
    tasks.spawn(upkeep(state.clone(), figures, background.clone()));
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
    tracing::info!("stopping: answers are given, the synchronisation finishes its batches");
    running.stop().await;
    background.cancel();
    desk.close().await;
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

/// Where metrics are served apart, if anywhere.
async fn metrics_listener(settings: &Settings) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = settings.metrics_bind_address else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    listener.map(Some).with_context(|| {
        format!("METRICS_BIND_ADDRESS: {address} cannot be listened at; another address or a free port is accepted")
    })
}

/// Makes the first operator, if there is none; what is to be said of a password that was made.
async fn first_admin(app: &App, settings: &Settings) -> anyhow::Result<Option<String>> {
    if app.has_admin().await? {
        return Ok(None);
    }
    let made = admin::make(app, settings, "Administrator").await?;
    Ok(made.kept.map(|kept| admin::shown(&settings.admin_email, &kept)))
}

/// How long a first start may have more to say before the password is shown all the same.
const FIRST_WORDS: Duration = Duration::from_secs(10);

/// Prints a password that was made to the standard output, never to the log, and last: what a first start has to say has been
/// said when every model is live.
async fn show_last(text: String, sync: Sync, stop: CancellationToken) {
    let all_live = async {
        while !sync.pulse().await.models.iter().all(|model| model.state == Some("LIVE")) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        _ = tokio::time::timeout(FIRST_WORDS, all_live) => {}
        () = stop.cancelled() => {}
    }
    let shown = crate::output::Output { json: false }.result(&(), || text);
    if let Err(error) = shown {
        tracing::warn!("the first operator's password could not be printed, its file in DATA_DIR has it: {error}");
    }
}

/// Forgets addresses that ask no more, and lets the figures' sketches rest.
async fn upkeep(state: State, figures: PrometheusHandle, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(UPKEEP_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        figures.run_upkeep();
        state.forget_idle();
    }
}
