//! One file per command. Each answers how it went; what could not run is printed here.

mod admin;
mod check;
mod demo;
mod health;
mod jobs;
mod migrate;
mod notary;
mod proof;
mod reputation;
mod serve;
mod sync;

use std::process::ExitCode;

use clap::Parser as _;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::{Cli, Command, OneModel, SyncCommand},
    logs,
    output::{Output, complain},
    redact::redacted,
    settings::Settings,
};

/// How a command went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Went {
    /// Fine.
    Fine,
    /// It found something wrong.
    Wrong,
    /// It could not do all of it; the output names what.
    Unable,
}

impl Went {
    const fn fine_if(fine: bool) -> Self {
        if fine { Self::Fine } else { Self::Wrong }
    }
}

/// Runs what the command line asks for.
pub async fn run(cli: Cli) -> ExitCode {
    let Cli { command, settings, json } = cli;
    let command = command.unwrap_or(Command::Serve);
    let mut out = Output { json };
    // Arguments after a model's name are parsed separately.
    let mut one_model = None;
    if let Command::Sync(SyncCommand::Model(words)) = &command {
        let one = OneModel::try_parse_from(words).unwrap_or_else(|error| error.exit());
        out.json |= one.json;
        one_model = Some(one);
    }
    if let Err(error) = settings.check() {
        return failed(out, &settings, &error);
    }
    let mut quiet = settings.clone();
    if !matches!(command, Command::Serve) {
        quiet.log_level = crate::settings::Level::Warn;
    }
    let lines = logs::start(&quiet);
    let stop = stop_on_signal();
    let went = match command {
        Command::Serve => serve::serve(&settings, lines, stop).await,
        Command::Migrate(request) => migrate::migrate(&settings, out, request).await,
        Command::Sync(request) => sync::sync(&settings, out, request, one_model, &stop).await,
        Command::Admin(crate::cli::Admin::Create { name }) => admin::create(&settings, out, &name).await,
        Command::Demo(request) => demo::demo(&settings, out, request, &stop).await,
        Command::Check => check::check(&settings, out).await,
        Command::Jobs(request) => jobs::jobs(&settings, out, request).await,
        Command::Reputation(crate::cli::Reputation::Recompute { user }) => {
            reputation::recompute(&settings, out, user.as_deref()).await
        }
        Command::Proof(crate::cli::Proof::Check { file, certificate, chain }) => {
            proof::check(out, &file, certificate.as_deref(), &chain)
        }
        Command::Notary(crate::cli::Notary::Verify) => notary::check(&settings, out),
        Command::Health { url } => health::health(&settings, out, url).await,
    };
    match went {
        Ok(Went::Fine) => ExitCode::SUCCESS,
        Ok(Went::Wrong) => ExitCode::from(1),
        Ok(Went::Unable) => ExitCode::from(2),
        Err(error) => failed(out, &settings, &error),
    }
}

fn failed(out: Output, settings: &Settings, error: &anyhow::Error) -> ExitCode {
    let text = redacted(&once(error), &settings.secrets());
    complain(&format!("error: {text}"));
    if out.json {
        // Scripts read the standard output; a closed one is no further error.
        let _ = out.result(&serde_json::json!({"error": text}), String::new);
    }
    ExitCode::from(2)
}

/// An error with its causes, without repetitions: many errors contain the text of their cause already.
fn once(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// A token that ends with Ctrl-C or a termination signal.
fn stop_on_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let ended = stop.clone();
    tokio::spawn(async move {
        signal().await;
        ended.cancel();
        // A second signal means now.
        signal().await;
        std::process::exit(130);
    });
    stop
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(error) => {
            tracing::warn!("termination signals cannot be received: {error}");
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn signal() {
    // Without a handler the system ends the process itself.
    let _ = tokio::signal::ctrl_c().await;
}
