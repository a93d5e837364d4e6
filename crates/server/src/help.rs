//! The help of each command: its own options, and where the settings are explained. Settings are options of every command, and
//! their two hundred lines would hide the few that are the command's.

use clap::{Arg, Command};

const SETTINGS: &str = "Every setting is an option here too: `chainbill --help` explains them.";

/// The command line with the settings hidden from the help of all commands but the program's own.
pub(crate) fn own(root: Command) -> Command {
    let settings = root.get_arguments().filter(|argument| argument.get_env().is_some());
    let hidden: Vec<Arg> = settings.map(|argument| argument.clone().hide(true)).collect();
    below(root, &hidden)
}

/// Gives every command below one the hidden options, instead of those that it would have from above.
fn below(command: Command, hidden: &[Arg]) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |command| {
            let more = command.get_after_help().map(ToString::to_string);
            let after = more.map_or_else(|| SETTINGS.to_owned(), |more| format!("{more}\n\n{SETTINGS}"));
            below(command.args(hidden).after_help(after), hidden)
        })
    })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::*;
    use crate::cli::Cli;

    fn help(names: &[&str]) -> String {
        let mut root = own(Cli::command());
        root.build();
        let command = names.iter().fold(&mut root, |command, name| command.find_subcommand_mut(name).expect(name));
        command.render_long_help().to_string()
    }

    #[test]
    fn the_help_of_a_command_is_its_own() {
        for (names, expected) in [
            (&["demo"][..], "--invoices"),
            (&["migrate", "down"], "--steps"),
            (&["sync"], "<MODEL> [ID] [--since <SPAN>]"),
            (&["sync", "verify"], "--deep"),
            (&["serve"], "chainbill --help"),
        ] {
            let help = help(names);
            assert!(help.contains(expected) && !help.contains("DATABASE_TIMEOUT"), "{names:?}: {help}");
            assert!(help.lines().count() < 60, "{names:?}: {help}");
        }
        assert!(help(&[]).contains("DATABASE_TIMEOUT"));
    }

    #[test]
    fn settings_are_options_before_and_after_a_command_all_the_same() {
        for words in [["chainbill", "--port", "4000", "serve"], ["chainbill", "serve", "--port", "4000"]] {
            let matches = own(Cli::command()).try_get_matches_from(words).expect("accepted");
            assert_eq!(Cli::from_arg_matches(&matches).expect("read").settings.port, 4000, "{words:?}");
        }
        let deep = ["chainbill", "migrate", "down", "--steps", "2", "--data-dir", "x", "--json"];
        let cli =
            Cli::from_arg_matches(&own(Cli::command()).try_get_matches_from(deep).expect("accepted")).expect("read");
        assert_eq!((cli.settings.data_dir.to_str(), cli.json), (Some("x"), true));
    }
}
