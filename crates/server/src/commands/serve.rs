//! `chainbill serve`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use chainbill_app::{AdminOutcome, App};
use chainbill_records::migrations;
use chainbill_sync::Sync;
use chainbill_web::State;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Went, admin};
use crate::{
    alerts::{Alerts, Conditions},
    desk::ServerDesk,
    jobs,
    logs::{self, Lines},
    monitor, open,
    settings::Settings,
    slot::Slot,
};

/// How often what this process keeps in memory is looked through.
const UPKEEP_EVERY: Duration = Duration::from_secs(600);

pub(super) async fn serve(settings: &Settings, lines: Lines, stop: CancellationToken) -> anyhow::Result<Went> {
    let figures = recorder()?;
    let alerts = Alerts::new(settings)?;
    let records = open::primary(settings).await?;
    migrations::up(records.db(), records.dialect(), None)
        .await
        .context("the tables could not be brought up to date")?;
    let mirror = open::secondary(settings).await?;
    let app = App::new(records.clone(), settings.app());
    first_admin(&app, settings).await?;
    let address = SocketAddr::new(settings.bind_address, settings.port);
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("BIND_ADDRESS and PORT: {address} cannot be listened at; another address or a free port is accepted")
    })?;
    let address = listener.local_addr()?;

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
    tasks.spawn(logs::write(lines, mirror, background.clone()));
    let conditions = Conditions::new(settings.sync_late_after);
    tasks.spawn(monitor::watch(sync, conditions, alerts, background.clone()));
    tasks.spawn(jobs::work(app, worker, background.clone()));
    tasks.spawn(upkeep(state.clone(), figures, background.clone()));
    tracing::info!("serving at http://{address}, the API's description at http://{address}/docs");

    let served = chainbill_web::serve(listener, chainbill_web::router(state), stop).await;
    tracing::info!("stopping: answers are given, the synchronisation finishes its batches");
    running.stop().await;
    background.cancel();
    desk.close().await;
    while tasks.join_next().await.is_some() {}
    served?;
    Ok(Went::Fine)
}

fn recorder() -> anyhow::Result<PrometheusHandle> {
    const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .install_recorder()?)
}

/// A password that was made is printed to the standard output, once, and never to the log.
async fn first_admin(app: &App, settings: &Settings) -> anyhow::Result<()> {
    if app.has_admin().await? {
        return Ok(());
    }
    let made = admin::make(app, settings, "Administrator").await?;
    if let (AdminOutcome::Created(_), Some(password)) = (made.outcome, made.password) {
        let out = crate::output::Output { json: false };
        out.result(&(), || {
            format!(
                "First operator: {} with the password {password}\nIt is shown this once: keep it now.",
                settings.admin_email
            )
        })?;
    }
    Ok(())
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
