//! Constraints of fields in the description of the API: enums, patterns, lengths, examples. Each is written once for all schemas
//! with a field of the name; a test demands one of every string.

use chainbill_domain::{
    models,
    states::{
        AccountKind, AnchorStatus, CheckoutStatus, Custody, DisputeOutcome, DisputeResolver, DisputeStatus,
        EscrowStatus, InvoiceStatus, MilestoneStatus, MintStatus, NumberKind, PaymentChannel, PaymentMethod,
        PaymentState, PaymentStatus, PayoutStatus, Period, ProjectStatus, ProposalKind, ProposalStatus, QuoteStatus,
        RecurrenceMode, RecurrenceStatus, RefundStatus, ReviewStatus, Role, Rounding, SkillLevel, TaxCategory,
        TaxIdKind, TransferKind, UserStatus, VerificationStatus, VoteChoice,
    },
};
use serde_json::{Map, Value, json};

use crate::api::logs::LEVELS;

/// A constraint of a string or a number.
enum Shape {
    /// One of these words.
    Words(&'static [&'static str]),
    /// So many characters.
    Length(u32, u32),
    /// A format that JSON Schema names, and an example.
    Format(&'static str, &'static str),
    /// A regular expression, and an example.
    Pattern(&'static str, &'static str),
    /// A number from one to another.
    Range(i64, i64),
}

use Shape::{Format, Length, Pattern, Range, Words};

const ID: Shape = Format("uuid", "01890a5d-ac96-774b-bcce-b302099a8057");
const MOMENT: Shape = Format("date-time", "2026-11-24T12:00:00.000Z");
const DAY: Shape = Format("date", "2028-02-29");
const DECIMAL: &str = r"^(0|[1-9][0-9]*)(\.[0-9]+)?$";
const SIGNED: &str = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$";
const SERIES: Shape = Pattern("^(built-in|[0-9a-f-]{36})$", "built-in");
const HASH: &str = "^[0-9a-f]{64}$";
/// Who may register.
const NEWCOMERS: &[&str] = &["CLIENT", "FREELANCER"];

/// Sides of an invoice.
const SIDES: &[&str] = &["CLIENT", "FREELANCER"];

/// States of durable jobs.
const JOB_STATES: &[&str] = &["QUEUED", "RUNNING", "DEAD"];

/// Fields of one schema, where the name alone does not decide.
const OF_ONE: &[(&str, &str, Shape)] = &[
    ("UserView", "status", Words(UserStatus::WORDS)),
    ("ProjectView", "status", Words(ProjectStatus::WORDS)),
    ("MilestoneView", "status", Words(MilestoneStatus::WORDS)),
    ("MilestoneView", "description", Length(1, 10_000)),
    ("NewMilestone", "description", Length(0, 10_000)),
    ("PatchMilestone", "description", Length(0, 10_000)),
    ("MilestoneView", "proposedBy", ID),
    ("MilestoneView", "replaces", ID),
    ("NewMilestone", "replaces", ID),
    ("CancelProject", "heldMoney", Words(&["REFUND", "RELEASE"])),
    ("ProposalView", "kind", Words(ProposalKind::WORDS)),
    ("ProposalView", "status", Words(ProposalStatus::WORDS)),
    ("ProposalView", "message", Length(1, 10_000)),
    ("NewApplication", "message", Length(1, 10_000)),
    ("NewInvitation", "message", Length(1, 10_000)),
    ("PatchProposal", "message", Length(1, 10_000)),
    ("InvoiceView", "status", Words(InvoiceStatus::WORDS)),
    ("InvoiceView", "feeRate", Pattern(DECIMAL, "2.50")),
    ("InvoiceView", "workNote", Length(1, 5000)),
    ("InvoiceView", "workReturnReason", Length(1, 500)),
    ("SubmitWork", "note", Length(0, 5000)),
    ("PayoutView", "status", Words(PayoutStatus::WORDS)),
    ("PayoutView", "destination", Length(1, 500)),
    ("NewPayout", "destination", Length(1, 500)),
    ("AnchorCheckView", "network", Length(1, 32)),
    ("MintView", "chain", Length(1, 200)),
    ("MintView", "network", Length(1, 32)),
    ("MintView", "status", Words(MintStatus::WORDS)),
    ("NotarisedView", "reference", Length(1, 200)),
    ("CheckoutView", "status", Words(CheckoutStatus::WORDS)),
    ("StripeEvent", "id", Length(1, 255)),
    ("StripeEvent", "type", Length(1, 100)),
    ("PaymentView", "status", Words(PaymentState::WORDS)),
    ("PaymentView", "channel", Words(PaymentChannel::WORDS)),
    ("RefundView", "status", Words(RefundStatus::WORDS)),
    ("TransferView", "kind", Words(TransferKind::WORDS)),
    ("StatementEntry", "kind", Words(TransferKind::WORDS)),
    ("StatementEntry", "id", Length(36, 36)),
    ("BookView", "book", Words(&["MONEY", "CLAIMS"])),
    ("CreditNoteView", "number", Pattern("^[A-Za-z0-9_/.#:-]{1,32}$", "CN-2026-000001")),
    ("InvoiceHit", "status", Words(InvoiceStatus::WORDS)),
    ("QuoteView", "status", Words(QuoteStatus::WORDS)),
    ("RecurrenceView", "status", Words(RecurrenceStatus::WORDS)),
    ("ReviewView", "status", Words(ReviewStatus::WORDS)),
    ("VerificationView", "status", Words(VerificationStatus::WORDS)),
    ("VerificationView", "links", Length(1, 2000)),
    ("NewVerification", "links", Length(1, 2000)),
    ("VerificationView", "text", Length(1, 5000)),
    ("NewVerification", "text", Length(0, 5000)),
    ("ReasonView", "name", Words(&["skills", "reputation", "rate", "availability"])),
    ("ReasonView", "points", Pattern(DECIMAL, "25.00")),
    ("MatchView", "points", Pattern(DECIMAL, "62.24")),
    ("MatchedSkill", "name", Length(1, 100)),
    ("PatchSkill", "name", Length(1, 100)),
    ("PatchSkill", "description", Length(0, 2000)),
    ("MergeSkill", "into", ID),
    ("SkillView", "aliases", Length(1, 100)),
    ("ComponentView", "name", Words(&["reviews", "onTime", "volume", "disputes"])),
    ("ComponentView", "percent", Pattern(DECIMAL, "61.80")),
    ("ComponentView", "points", Pattern(DECIMAL, "30.90")),
    ("ReviewFacts", "average", Pattern(DECIMAL, "4.25")),
    ("ReviewFacts", "quality", Pattern(DECIMAL, "4.50")),
    ("ReviewFacts", "communication", Pattern(DECIMAL, "4.50")),
    ("ReviewFacts", "timeliness", Pattern(DECIMAL, "3.50")),
    ("ReviewFacts", "professionalism", Pattern(DECIMAL, "4.50")),
    ("RecurrenceView", "mode", Words(RecurrenceMode::WORDS)),
    ("NewRecurrence", "mode", Words(RecurrenceMode::WORDS)),
    ("PatchRecurrence", "mode", Words(RecurrenceMode::WORDS)),
    ("PatchRecurrence", "until", DAY),
    ("ScheduleView", "period", Words(Period::WORDS)),
    ("ScheduleView", "start", DAY),
    ("ScheduleView", "until", DAY),
    ("ScheduleView", "at", Pattern("^([01][0-9]|2[0-3]):[0-5][0-9]$", "09:00")),
    ("OccurrenceView", "day", DAY),
    ("NewSeries", "kind", Words(NumberKind::WORDS)),
    ("SeriesView", "kind", Words(NumberKind::WORDS)),
    ("SeriesView", "id", SERIES),
    ("DeclineInvoice", "reason", Length(1, 1000)),
    ("DisputeView", "status", Words(DisputeStatus::WORDS)),
    ("DisputeView", "openedBy", Words(SIDES)),
    ("DisputeView", "reason", Length(1, 200)),
    ("DisputeView", "description", Length(1, 10_000)),
    ("DisputeView", "answer", Length(1, 10_000)),
    ("DisputeView", "outcome", Words(DisputeOutcome::WORDS)),
    ("DisputeView", "resolvedBy", Words(DisputeResolver::WORDS)),
    ("DisputeView", "decisionReason", Length(1, 1000)),
    ("EvidenceView", "by", Words(SIDES)),
    ("AppealView", "by", Words(SIDES)),
    ("AppealView", "reason", Length(1, 1000)),
    ("OfferView", "by", Words(SIDES)),
    ("DeadlineView", "of", Words(&["ANSWER", "VOTE", "DECISION", "EXECUTION"])),
    ("NewDisputeRequest", "reason", Length(1, 200)),
    ("NewDisputeRequest", "description", Length(1, 10_000)),
    ("AnswerDispute", "text", Length(1, 10_000)),
    ("DecideDispute", "outcome", Words(&["FOR", "AGAINST"])),
    ("DecideDispute", "reason", Length(1, 1000)),
    ("AppealDispute", "reason", Length(1, 1000)),
    ("FieldChange", "field", Length(1, 100)),
    ("HistoryEntry", "by", Words(&["FREELANCER", "CLIENT", "OPERATOR", "SYSTEM"])),
    ("HistoryEntry", "address", Length(1, 64)),
    ("Registration", "role", Words(NEWCOMERS)),
    ("ProblemBody", "title", Length(1, 100)),
    (
        "ProblemBody",
        "type",
        Pattern("^https://chainbill\\.dev/problems/[a-z-]+$", "https://chainbill.dev/problems/stale"),
    ),
    ("ProblemBody", "status", Range(400, 599)),
    ("NewProject", "description", Length(1, 20_000)),
    ("PatchProject", "description", Length(1, 20_000)),
    ("ProjectView", "description", Length(1, 20_000)),
    ("NewSkill", "description", Length(0, 2000)),
    ("SkillView", "description", Length(1, 2000)),
    ("AddressView", "lines", Length(1, 100)),
    ("TaxIdView", "kind", Words(TaxIdKind::WORDS)),
    ("TaxIdView", "value", Length(1, 50)),
    ("BankView", "text", Length(1, 1000)),
    ("NewDiscount", "amount", Pattern(DECIMAL, "50.00")),
    ("TaxView", "category", Words(TaxCategory::WORDS)),
    ("NewLine", "description", Length(1, 500)),
    ("LineView", "description", Length(1, 500)),
    ("NewUserSkill", "name", Length(1, 100)),
    ("UserSkillView", "name", Length(1, 100)),
    ("ProjectSkillView", "name", Length(1, 100)),
    ("NewSkill", "name", Length(1, 100)),
    ("SkillView", "name", Length(1, 100)),
    ("UnreadableRow", "id", Length(1, 512)),
    ("Verification", "model", Words(&[])),
    ("LogEntry", "level", Words(LEVELS)),
    ("LogEntry", "target", Length(1, 200)),
    ("LogEntry", "message", Length(0, 4000)),
    ("JobView", "kind", Length(1, 32)),
    ("JobView", "key", Length(1, 200)),
    ("JobView", "state", Words(JOB_STATES)),
    ("JobView", "error", Length(1, 4000)),
    ("LogEntry", "id", Length(1, 64)),
    ("LogEntry", "fields", Length(0, 4000)),
    ("ClockChange", "advance", Pattern("^(P.+|[0-9]+(ms|s|m|h|d))$", "P14D")),
    ("ClockChange", "to", MOMENT),
    ("ClockView", "now", MOMENT),
    ("Health", "testClock", MOMENT),
    ("HealthWithSync", "testClock", MOMENT),
    ("RecentEvent", "details", Length(0, 4000)),
    ("RecentEvent", "event", Length(1, 100)),
    ("DayStatistics", "day", DAY),
    ("PeriodStatistics", "unreadableCurrencies", Length(1, 16)),
    ("PeriodStatistics", "since", MOMENT),
    ("RecentRepair", "since", MOMENT),
    ("ProjectHit", "description", Length(1, 20_000)),
    ("ProjectHit", "status", Words(ProjectStatus::WORDS)),
    ("UserHitSkill", "name", Length(1, 100)),
    ("ProjectHitSkill", "name", Length(1, 100)),
    ("PrimaryHealth", "status", Words(HEALTH)),
    ("MirrorHealth", "status", Words(HEALTH)),
    ("Health", "status", Words(&["healthy", "degraded", "unhealthy"])),
    ("HealthWithSync", "status", Words(SYNC_HEALTH)),
    ("SyncHealth", "status", Words(SYNC_HEALTH)),
    ("SyncStatus", "status", Words(SYNC_HEALTH)),
    ("ModelHealth", "state", Words(MODEL_STATES)),
    ("ModelSyncStatus", "state", Words(MODEL_STATES)),
    ("ModelHealth", "lastRun", MOMENT),
    ("ModelSyncStatus", "lastRun", MOMENT),
    ("ModelSyncStatus", "lastResult", Length(0, 4000)),
    ("ModelSyncStatus", "lastVerified", MOMENT),
    ("ModelSyncStatus", "lastVerification", Words(RUN_OUTCOMES)),
    ("Running", "state", Words(&["running"])),
    ("RunReport", "level", Words(RUN_LEVELS)),
    ("RunRecord", "level", Words(RUN_LEVELS)),
    ("RunReport", "outcome", Words(&["equal", "repaired", "behind", "drift"])),
    ("FailedRun", "outcome", Words(&["failed", "breaker"])),
    ("RunRecord", "outcome", Words(RUN_OUTCOMES)),
    ("RunRecord", "kind", Length(1, 32)),
    ("RunRecord", "certificate", HASH_OF),
    ("Certified", "certificate", HASH_OF),
    ("ProofView", "format", Length(1, 32)),
    ("ProofStep", "side", Words(&["left", "right"])),
    ("DeadLetter", "operation", Words(&["upsert", "delete"])),
    ("Difference", "id", ENTITY_ID),
    ("EntityDiagnosis", "id", ENTITY_ID),
    ("UnreadableEntity", "id", ENTITY_ID),
    ("DeadLetter", "id", ENTITY_ID),
    ("ProofView", "id", ENTITY_ID),
    ("RepairEvidence", "entityId", ENTITY_ID),
];

/// Health of a database.
const HEALTH: &[&str] = &["healthy", "unhealthy"];
/// Health of the synchronisation.
const SYNC_HEALTH: &[&str] = &["healthy", "behind", "stalled", "faulted", "unreachable"];
/// States of a model.
const MODEL_STATES: &[&str] = &["PENDING", "COPYING", "BACKFILLING", "CATCHING_UP", "LIVE", "FAULTED"];
/// Levels of a comparison.
const RUN_LEVELS: &[&str] = &["fast", "deep"];
/// Outcomes of a run, and what it is before it has one.
const RUN_OUTCOMES: &[&str] = &["running", "equal", "repaired", "behind", "drift", "breaker", "failed", "interrupted"];
/// Classes of drift.
const DRIFT: &[&str] = &["lost", "stale", "phantom", "mutated", "ahead"];
const HASH_OF: Shape = Pattern(HASH, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
/// Rows that other programs wrote may have any id.
const ENTITY_ID: Shape = Length(1, 512);

/// Fields of every schema, and parameters, by their names.
const BY_NAME: &[(&str, Shape)] = &[
    ("id", ID),
    ("at", MOMENT),
    ("amount", Pattern(SIGNED, "1250.00")),
    ("currency", Pattern("^[A-Z]{3}$", "EUR")),
    ("quantity", Pattern(SIGNED, "1.5")),
    ("unit", Length(1, 50)),
    ("taxRate", Pattern(DECIMAL, "19")),
    ("taxCategory", Words(TaxCategory::WORDS)),
    ("taxReason", Length(1, 500)),
    ("rounding", Words(Rounding::WORDS)),
    ("percent", Pattern(DECIMAL, "10")),
    ("discountPercent", Pattern(DECIMAL, "10")),
    ("withholdingRate", Pattern(DECIMAL, "15")),
    ("rate", Pattern(DECIMAL, "8.875")),
    ("number", Pattern("^[A-Za-z0-9_/.#:-]{1,32}$", "INV-2026-000001")),
    ("series", SERIES),
    ("pattern", Length(1, 64)),
    ("freelancerName", Length(1, 200)),
    ("clientName", Length(1, 200)),
    ("declineReason", Length(1, 1000)),
    ("returnReason", Length(1, 500)),
    ("pausedBecause", Length(1, 1000)),
    ("validUntil", DAY),
    ("nextDay", DAY),
    ("role", Words(Role::WORDS)),
    ("choice", Words(VoteChoice::WORDS)),
    ("comment", Length(1, 1000)),
    ("note", Length(1, 500)),
    ("level", Words(SkillLevel::WORDS)),
    ("method", Words(PaymentMethod::WORDS)),
    ("custody", Words(Custody::WORDS)),
    ("account", Words(AccountKind::WORDS)),
    ("successUrl", Format("uri", "https://example.org/paid")),
    ("cancelUrl", Format("uri", "https://example.org/invoices")),
    ("url", Format("uri", "https://checkout.example.org/c/1")),
    ("Stripe-Signature", Length(1, 2000)),
    ("asOf", MOMENT),
    ("from", MOMENT),
    ("paymentStatus", Words(PaymentStatus::WORDS)),
    ("escrow", Words(EscrowStatus::WORDS)),
    ("anchorStatus", Words(AnchorStatus::WORDS)),
    ("dueDate", DAY),
    ("deadline", DAY),
    ("email", Format("email", "ada@example.org")),
    ("password", Length(10, 128)),
    ("name", Length(1, 200)),
    ("comment", Length(0, 5000)),
    ("explanation", Length(1, 500)),
    ("ids", ID),
    ("verifiedLevel", Words(SkillLevel::WORDS)),
    ("quality", Range(1, 5)),
    ("communication", Range(1, 5)),
    ("timeliness", Range(1, 5)),
    ("professionalism", Range(1, 5)),
    ("skills", Length(1, 100)),
    ("title", Length(1, 200)),
    ("bio", Length(1, 10_000)),
    ("notes", Length(1, 10_000)),
    ("location", Length(1, 200)),
    ("category", Length(1, 100)),
    ("legalName", Length(1, 200)),
    ("postalCode", Length(1, 20)),
    ("city", Length(1, 100)),
    ("region", Length(1, 100)),
    ("country", Pattern("^[A-Z]{2}$", "DE")),
    ("accountHolder", Length(1, 200)),
    ("iban", Pattern("^[A-Z]{2}[0-9]{2}[A-Z0-9 ]{11,38}$", "DE89370400440532013000")),
    ("bic", Pattern("^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$", "DEUTDEFF")),
    ("defaultCurrency", Pattern("^[A-Z]{3}$", "EUR")),
    ("paymentTermsDays", Range(0, 365)),
    ("locale", Pattern("^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$", "de-AT")),
    ("timeZone", Pattern("^[A-Za-z0-9_+/-]{1,64}$", "Europe/Berlin")),
    ("walletAddress", Length(1, 80)),
    ("externalRef", Length(1, 200)),
    ("token", Length(1, 100)),
    ("csrfToken", Length(1, 100)),
    ("canonicalHash", HASH_OF),
    ("hash", HASH_OF),
    ("root", HASH_OF),
    ("previous", HASH_OF),
    ("digest", HASH_OF),
    ("expectedDigest", HASH_OF),
    ("storedDigest", HASH_OF),
    ("revision", Pattern("^[0-9a-f]+$", "9f86d081884c7d65")),
    ("cut", MOMENT),
    ("engine", Length(1, 100)),
    ("version", Length(1, 64)),
    ("topology", Length(1, 500)),
    ("collections", Length(1, 255)),
    ("reason", Length(1, 4000)),
    ("hint", Length(1, 4000)),
    ("waitingFor", Length(1, 4000)),
    ("waiting", Length(1, 1000)),
    ("trouble", Length(1, 4000)),
    ("error", Length(1, 4000)),
    ("cause", Length(1, 4000)),
    ("journal", Length(1, 65_535)),
    ("action", Length(1, 100)),
    ("class", Words(DRIFT)),
    ("fields", Length(1, 255)),
    ("verdict", Length(1, 32)),
    ("evidence", ID),
    ("metadataHash", Length(1, 64)),
    ("ipfsHash", Length(1, 100)),
    ("tokenId", Length(1, 100)),
    ("txHash", Length(1, 100)),
    ("filename", Length(1, 255)),
    ("contentType", Length(1, 100)),
    ("code", Pattern("^[a-z-]+$", "wrong-state")),
    ("detail", Length(1, 2000)),
    ("pointer", Pattern("^(/.*)?$", "/lines/0/quantity")),
    ("requestId", Length(0, 64)),
    ("nextCursor", Pattern("^[A-Za-z0-9_-]+$", "dXNlcnM8MDE4OTBhNWQ")),
    ("cursor", Pattern("^[A-Za-z0-9_-]+$", "dXNlcnM8MDE4OTBhNWQ")),
    ("freshAfter", Pattern("^[A-Za-z0-9_-]*\\.[A-Za-z0-9_-]+$", "dXNlcnM6MDE4OTow.c2VhbGVkLXNlYWxlZC0x")),
    ("q", Length(1, 200)),
    ("model", Words(&[])),
    ("limit", Range(1, 100)),
    ("days", Range(1, 365)),
    ("years", Range(0, 80)),
];

/// Examples of request bodies. A test parses each as its request is parsed.
fn example(schema: &str) -> Option<Value> {
    let euros = |amount: &str| json!({"amount": amount, "currency": "EUR"});
    let line = json!({"description": "Audit", "quantity": "1.5", "unitPrice": euros("600.00"), "taxRate": "19"});
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let offered = json!({"clientId": id, "title": "Audit", "currency": "EUR", "lines": [&line]});
    let link = json!({"url": "https://example.org/thread/7", "note": "What was agreed"});
    let schedule = json!({"every": 1, "period": "MONTH", "start": "2028-01-31", "dayOfMonth": 31, "at": "09:00"});
    Some(match schema {
        "MoneyView" => euros("1250.00"),
        "NewLine" => line,
        "NewDiscount" => euros("50.00"),
        "NewLineDiscount" => json!({"percent": "10"}),
        "Registration" => {
            json!({"email": "ada@example.org", "password": "correct horse battery", "name": "Ada Lovelace", "role": "FREELANCER"})
        }
        "Credentials" => json!({"email": "ada@example.org", "password": "correct horse battery"}),
        "PatchProfile" => json!({"title": "Web3 developer", "hourlyRate": euros("80.00"), "timeZone": "Europe/Berlin"}),
        "AddressView" => json!({"lines": ["Hauptstraße 1"], "postalCode": "10115", "city": "Berlin", "country": "DE"}),
        "TaxIdView" => json!({"kind": "VAT", "value": "DE123456789"}),
        "BankView" => json!({"accountHolder": "Ada Lovelace", "iban": "DE89370400440532013000", "bic": "DEUTDEFF"}),
        "PutBillingProfile" => {
            json!({"legalName": "Ada Lovelace", "taxId": {"kind": "VAT", "value": "DE123456789"}, "defaultCurrency": "EUR",
                "paymentTermsDays": 14, "locale": "de-DE", "rounding": "PER_RATE",
                "address": {"lines": ["Hauptstraße 1"], "postalCode": "10115", "city": "Berlin", "country": "DE"},
                "bank": {"iban": "DE89370400440532013000"}})
        }
        "NewUserSkill" => json!({"name": "Rust", "level": "EXPERT", "years": 7}),
        "NewSkill" => json!({"name": "Rust", "category": "Languages"}),
        "NewProject" => {
            json!({"title": "Smart contract audit", "description": "Two contracts, one week.", "budget": euros("2000.00"),
                "deadline": "2028-02-29", "skills": ["Rust"]})
        }
        "PatchProject" => json!({"deadline": null, "skills": ["Rust", "Solidity"]}),
        "StartProject" => json!({"freelancerId": id}),
        "CancelProject" => json!({"heldMoney": "REFUND"}),
        "NewMilestone" => json!({"title": "Design", "amount": euros("600.00"), "deadline": "2028-02-15"}),
        "PatchMilestone" => json!({"amount": euros("650.00")}),
        "NewApplication" => json!({"message": "I have audited forty contracts.", "amount": euros("1900.00")}),
        "NewInvitation" => json!({"freelancerId": id, "message": "Your audits are what we need."}),
        "PatchProposal" => json!({"amount": euros("1950.00")}),
        "NewInvoice" => {
            json!({"clientId": id, "title": "Audit", "currency": "EUR", "dueDate": "2028-02-29", "lines": [line]})
        }
        "PatchInvoice" => json!({"title": "Audit, second part", "notes": null}),
        "DeclineInvoice" => json!({"reason": "Two days were agreed, not three"}),
        "NewSeries" => {
            json!({"name": "Retainers", "pattern": "R{YY}-{SEQ:4}", "yearlyRestart": true, "start": 57, "default": false})
        }
        "PatchSeries" => json!({"name": "Retainers of 2026", "default": true}),
        "NewQuote" => json!({"invoice": offered, "validUntil": "2028-02-29", "dueInDays": 14}),
        "PatchQuote" => json!({"validUntil": null, "dueInDays": 30}),
        "ScheduleView" => schedule,
        "NewRecurrence" => json!({"invoice": offered, "schedule": schedule, "mode": "SEND", "dueInDays": 14}),
        "PatchRecurrence" => json!({"mode": "DRAFT", "until": "2028-12-31"}),
        "ReminderRules" => json!({"offsets": [-3, 0, 7]}),
        "NewLink" => link,
        "NewDisputeRequest" => {
            json!({"invoiceId": id, "reason": "Not delivered", "description": "The second part never came.",
                "toClientOnFor": euros("600.00"), "toClientOnAgainst": euros("0.00"), "evidence": [link]})
        }
        "NewEvidence" => json!({"evidence": [link]}),
        "AnswerDispute" => json!({"text": "It was delivered on Monday.", "evidence": [link]}),
        "CastVote" => json!({"choice": "FOR", "comment": "The thread shows no delivery."}),
        "DecideDispute" => json!({"toClient": euros("300.00"), "reason": "Half of it was delivered"}),
        "AppealDispute" => json!({"reason": "The delivery was overlooked"}),
        "OfferSettlement" => json!({"toClient": euros("200.00")}),
        "NewPayment" => {
            json!({"amount": euros("100.00"), "method": "BANK_TRANSFER", "externalRef": "SEPA-2026-11-24-7"})
        }
        "NewTransfer" => {
            json!({"amount": euros("100.00"), "method": "BANK_TRANSFER", "externalRef": "SEPA-2026-11-24-8",
                "allocations": [{"invoiceId": id, "amount": euros("60.00")}]})
        }
        "Reason" => json!({"reason": "No such transfer has arrived"}),
        "ApplyCredit" => json!({"amount": euros("40.00")}),
        "NewCreditNote" => json!({"amount": euros("20.00"), "reason": "One hour less"}),
        "NewRefund" => {
            json!({"clientId": id, "custody": "FREELANCER", "amount": euros("40.00"), "method": "BANK_TRANSFER"})
        }
        "RefundInvoice" => json!({"method": "BANK_TRANSFER", "reason": "The project was cancelled"}),
        "RefundDone" => json!({"externalRef": "SEPA-2026-11-25-1"}),
        "NewReview" => {
            json!({"quality": 5, "communication": 4, "timeliness": 5, "professionalism": 5, "comment": "Early and exact"})
        }
        "PatchReview" => json!({"quality": 4}),
        "PatchSkill" => json!({"category": "Programming"}),
        "MergeSkill" => json!({"into": id}),
        "NewVerification" => json!({"links": ["https://example.org/work"], "text": "Three years of it, in the open"}),
        "SubmitWork" => json!({"note": "All of it is done; the samples are in the repository"}),
        "ReleaseInvoice" => json!({"amount": euros("30.00")}),
        "NewPayout" => {
            json!({"amount": euros("90.00"), "method": "BANK_TRANSFER", "destination": "DE89 3704 0044 0532 0130 00"})
        }
        "PayoutDone" => json!({"externalRef": "SEPA-2026-11-26-1"}),
        "NewCheckout" => {
            json!({"successUrl": "https://example.org/paid", "cancelUrl": "https://example.org/invoices"})
        }
        "StripeEvent" => json!({"id": "evt_1", "type": "checkout.session.completed"}),
        "ClockChange" => json!({"advance": "P14D"}),
        "Verification" => json!({"model": "invoices", "deep": true}),
        _ => return None,
    })
}

/// Writes the constraints into every field and parameter, and an example into every body.
pub(crate) fn shape(description: &mut Value) {
    for (name, schema) in description["components"]["schemas"].as_object_mut().into_iter().flatten() {
        fields(name, schema);
        // Fields beside those of another schema.
        for part in schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
            fields(name, part);
        }
        // A page holds its rows' schema within its own.
        if let Some(rows) = schema.pointer_mut("/properties/data/items") {
            fields(name.trim_start_matches("Page_"), rows);
        }
        if let Some(example) = example(name) {
            schema["example"] = example;
        }
    }
    let paths = description["paths"].as_object_mut().into_iter().flatten();
    for (path, operation) in paths
        .flat_map(|(path, all)| all.as_object_mut().into_iter().flatten().map(move |(_, operation)| (path, operation)))
    {
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            of_parameter(path, parameter);
        }
    }
}

fn fields(schema: &str, body: &mut Value) {
    // What holds another's fields names them beside its own.
    for part in body.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        fields(schema, part);
    }
    for (name, field) in body.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        // What is absent stays as it is: that is no null.
        if let Some(field) = field.as_object_mut().filter(|field| field.get("default").is_some_and(Value::is_null)) {
            field.remove("default");
        }
        let of_one = OF_ONE.iter().find(|(of, field, _)| *of == schema && field == name).map(|(_, _, shape)| shape);
        if let Some(shape) = of_one.or_else(|| named(name)) {
            // The items of a list and the values of a map have its shape.
            let inner = ["items", "additionalProperties"].into_iter().find(|inner| field.get(*inner).is_some());
            match inner.and_then(|inner| field.get_mut(inner)) {
                Some(inner) => apply(shape, name, inner),
                None => apply(shape, name, field),
            }
        }
    }
}

fn named(name: &str) -> Option<&'static Shape> {
    if let Some((_, shape)) = BY_NAME.iter().find(|(known, _)| *known == name) {
        return Some(shape);
    }
    match name {
        name if name.ends_with("Id") => Some(&ID),
        name if name.ends_with("At") => Some(&MOMENT),
        _ => None,
    }
}

fn of_parameter(path: &str, parameter: &mut Value) {
    let name = parameter["name"].as_str().unwrap_or("").to_owned();
    let shape = match (path, name.as_str()) {
        ("/api/payouts", "status") => Some(&Words(PayoutStatus::WORDS)),
        ("/api/mints", "status") => Some(&Words(MintStatus::WORDS)),
        ("/api/invoices", "status") => Some(&Words(InvoiceStatus::WORDS)),
        ("/api/payments", "status") => Some(&Words(PaymentState::WORDS)),
        ("/api/ledger/statement", "until") => Some(&MOMENT),
        ("/api/disputes", "status") => Some(&Words(DisputeStatus::WORDS)),
        ("/api/disputes", "role") => Some(&Words(&["party", "voter", "voted"])),
        ("/api/quotes", "status") => Some(&Words(QuoteStatus::WORDS)),
        ("/api/invoices", "minTotal" | "maxTotal") => Some(&Pattern(DECIMAL, "100.00")),
        ("/api/invoices", "createdFrom" | "createdTo" | "sentFrom" | "sentTo") => {
            Some(&Pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$", "2026-11-24"))
        }
        ("/api/invoices", "dueFrom" | "dueTo") => Some(&DAY),
        ("/api/invoices", "numberPrefix") => Some(&Length(1, 32)),
        ("/api/invoices", "sort") => Some(&Pattern("^-?(created|sent|due|total|number)$", "-due")),
        ("/api/projects", "status") => Some(&Words(ProjectStatus::WORDS)),
        ("/api/proposals" | "/api/projects/{id}/proposals", "status") => Some(&Words(ProposalStatus::WORDS)),
        ("/api/proposals" | "/api/projects/{id}/proposals", "kind") => Some(&Words(ProposalKind::WORDS)),
        ("/api/logs", "level") => Some(&Words(LEVELS)),
        ("/api/logs", "target" | "text") => Some(&Length(1, 200)),
        ("/api/skill-verifications", "status") => Some(&Words(VerificationStatus::WORDS)),
        ("/api/skills", "category" | "name") => Some(&Length(1, 100)),
        ("/api/jobs", "kind") => Some(&Length(1, 32)),
        ("/api/jobs", "state") => Some(&Words(JOB_STATES)),
        (_, "since" | "until") => Some(&Pattern("^([0-9]+(ms|s|m|h|d)|[0-9]{4}-.+)$", "1h")),
        // What is asked about may have any id.
        (path, "id" | "entityId") if path.starts_with("/api/sync/") => Some(&Length(1, 512)),
        (_, "Idempotency-Key") => Some(&Pattern("^[!-~]{1,200}$", "2f1c6a0e-pay-1")),
        (_, "If-Match") => Some(&Pattern("^(\\*|(\"[0-9]+(-[a-z]+)?\"(, *)?)+)$", "\"3\"")),
        (_, "If-None-Match") => Some(&Pattern("^(\\*|((W/)?\"[^\"]*\"(, *)?)+)$", "\"3\"")),
        (_, "If-Fresh") => named("freshAfter"),
        (_, name) => named(name),
    };
    if let Some(shape) = shape {
        apply(shape, &name, &mut parameter["schema"]);
    }
}

/// Writes a shape into a field's schema.
fn apply(shape: &Shape, name: &str, field: &mut Value) {
    let Some(field) = field.as_object_mut() else { return };
    let kind = field.get("type").cloned().unwrap_or(Value::Null);
    let is = |word: &str| kind == word || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == word));
    let fits = is("string") || is("integer") && matches!(shape, Range(..));
    if !fits {
        return;
    }
    match shape {
        Words(words) => {
            let words: Vec<&str> = match name {
                "model" => models::ALL.iter().map(|model| model.name).collect(),
                _ => words.to_vec(),
            };
            // What may be null is one of the words or null.
            let null = is("null").then_some(Value::Null);
            field.insert("enum".to_owned(), words.into_iter().map(Value::from).chain(null).collect());
        }
        Length(least, most) => {
            field.insert("minLength".to_owned(), json!(least));
            field.insert("maxLength".to_owned(), json!(most));
        }
        Format(format, example) => with(field, "format", format, example),
        Pattern(pattern, example) => with(field, "pattern", pattern, example),
        Range(least, most) => {
            field.insert("minimum".to_owned(), json!(least));
            field.insert("maximum".to_owned(), json!(most));
        }
    }
}

fn with(field: &mut Map<String, Value>, keyword: &str, value: &str, example: &str) {
    field.insert(keyword.to_owned(), json!(value));
    field.insert("example".to_owned(), json!(example));
}
