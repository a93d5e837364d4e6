//! End-to-end tests: the real program on real databases, over HTTP and on the command line.

#![allow(clippy::unwrap_used, clippy::missing_docs_in_private_items, reason = "tests")]

mod accounts;
mod alarms;
mod bad_input;
mod command_line;
mod contracts;
mod copies;
mod crowds;
mod disk_full;
mod disputes;
mod embedded;
mod escrow;
mod events;
mod faults;
mod files;
mod first_contact;
mod foreign;
mod fuzz;
mod history;
mod invoices;
mod killed_at;
mod last_words;
mod matching;
mod matrix;
mod money;
mod notary;
mod odd_rows;
mod operators;
mod parties;
mod primary_connections;
mod primary_faults;
mod projects;
mod provider;
mod quotes;
mod recurring;
mod reviews;
mod searching;
mod secrets;
mod series;
mod silence;
mod strict;
mod test_mode;
mod texts;
mod totals;
mod world;
