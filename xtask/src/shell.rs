//! Running programs.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

/// Prints a line.
pub fn say(text: &str) {
    // A failure cannot be reported.
    let _ = writeln!(std::io::stderr(), "xtask: {text}");
}

/// Runs cargo in the foreground.
pub fn cargo(arguments: &[&str], variables: &[(&str, String)]) -> anyhow::Result<()> {
    say(&format!("cargo {}", arguments.join(" ")));
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(program);
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    // Package variables that `cargo run` sets for this program do not concern the build. Build scripts that read them
    // (ring's) would run again, and their dependants be rebuilt, after each manual cargo call.
    let of_this_program = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(of_this_program) {
            command.env_remove(name);
        }
    }
    let status = command.status()?;
    if status.success() { Ok(()) } else { bail!("cargo {} failed", arguments.first().unwrap_or(&"")) }
}

/// Runs a program with its output in a log file; the last lines become part of the error.
pub fn run(log: &Path, command: &mut Command) -> anyhow::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(log).with_context(|| log.display().to_string())?;
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .with_context(|| format!("{name} cannot be run"))?;
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let last: Vec<&str> = text.lines().rev().take(5).collect();
    bail!("{name} failed ({status}); {}: {}", log.display(), last.into_iter().rev().collect::<Vec<_>>().join(" / "))
}

/// Whether a program is in the path.
pub fn is_there(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Starts a server in its own process group and writes its pid file.
pub fn start(log: &Path, pid_file: &Path, command: &mut Command) -> anyhow::Result<()> {
    let file = File::create(log)?;
    let child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .process_group(0)
        .spawn()
        .with_context(|| format!("{} cannot be started", command.get_program().to_string_lossy()))?;
    let born = birth(child.id()).unwrap_or_default();
    fs::write(pid_file, format!("{} {born}", child.id()))?;
    Ok(())
}

/// A process's start time, which distinguishes reused pids.
fn birth(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    // A zombie counts as gone once its last thread has closed its files and sockets.
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    let gone = fields.first() == Some(&"Z") && threads <= 1;
    if gone { None } else { fields.get(19).map(|&born| born.to_owned()) }
}

/// The process of a pid file, if it still runs.
pub fn running(pid_file: &Path) -> Option<u32> {
    let text = fs::read_to_string(pid_file).ok()?;
    let (pid, born) = text.split_once(' ')?;
    let pid = pid.parse().ok()?;
    (birth(pid)? == born).then_some(pid)
}

/// Whether a process runs.
pub fn lives(pid: u32) -> bool {
    birth(pid).is_some()
}

/// These processes and their descendants.
pub fn family(parents: &[u32]) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids: Vec<u32> = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let known: Vec<(u32, u32)> = pids.into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut family: Vec<u32> = parents.iter().copied().filter(|pid| lives(*pid)).collect();
    let mut looked_at = 0;
    while let Some(&elder) = family.get(looked_at) {
        family.extend(known.iter().filter(|(_, parent)| *parent == elder).map(|(pid, _)| *pid));
        looked_at += 1;
    }
    family
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Sends a signal to each.
pub fn send(signal: &str, pids: &[u32]) -> anyhow::Result<()> {
    // An ended process is no failure; `kill` continues with the others.
    Command::new("kill").arg(signal).args(pids.iter().map(u32::to_string)).stderr(Stdio::null()).status()?;
    Ok(())
}

/// Ends a pid file's process group: SIGTERM, then SIGKILL.
pub fn stop(pid_file: &Path) -> anyhow::Result<()> {
    for signal in ["-TERM", "-KILL"] {
        let Some(pid) = running(pid_file) else { break };
        Command::new("kill").args([signal, "--", &format!("-{pid}")]).status()?;
        let until = Instant::now() + Duration::from_secs(15);
        while running(pid_file).is_some() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    match fs::remove_file(pid_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Whether a loopback port is open.
pub fn listens(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_millis(300)).is_ok()
}

/// Polls a condition.
pub fn wait(what: &str, bound: Duration, mut is_so: impl FnMut() -> bool) -> anyhow::Result<()> {
    let until = Instant::now() + bound;
    while !is_so() {
        if Instant::now() >= until {
            bail!("{what}: timeout after {} s", bound.as_secs());
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
